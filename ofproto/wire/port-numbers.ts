// Port numbers on the wire: 16 bits in OpenFlow 1.0, 32 bits later, with the reserved ones at the top of each range.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP10_VERSION } from '../model/messages.ts';

/** Checks a 32-bit port number of 1.1+: those between 16 bits' and 32 bits' reserved ranges cannot be. */
export function checkPort(port: number, code: string): number {
  if (port >= 0xff00 && port < 0xffffff00) throw new OfError(code);
  return port;
}

/** Reads a port number of the version's size, and writes one. */
export const decodePortNumber = (r: Reader, version: number): number =>
  version === OFP10_VERSION ? portFrom16(r.u16()) : r.u32();
export const encodePortNumber = (w: Writer, port: number, version: number): Writer =>
  version === OFP10_VERSION ? w.u16(portTo16(port)) : w.u32(port);
