// Frames that are for the switch itself and go no further: the slow path hands them to their protocol.

import * as F from '../model/flow.ts';
import type { XlateContext } from './context.ts';
import type { XlatePort } from './snapshot.ts';

/** Slow protocols (IEEE 802.3, annex 57A): LACP is one. */
const ETH_TYPE_SLOW = 0x8809;
/** The type of frames that have a length in its place. */
const ETH_TYPE_LLC = 0x05ff;
const BRIDGE_GROUP_ADDRESS = Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, 0);

/** True when the packet, as it came in by `port`, is such a frame. */
export function xlateSpecial(ctx: XlateContext, port: XlatePort): boolean {
  const { flow, wc, bridge } = ctx;
  if (flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_SLOW && port.bundle?.runsLacp) {
    ctx.slow.add('lacp');
    ctx.here.lacpPort = port.ofPort;
    return true;
  }
  if (!bridge.tree) return false;
  // A bridge in a spanning tree takes every BPDU, whatever the port.
  wc.bytes.fill(0xff, F.KEY_ETH_DST, F.KEY_ETH_DST + 6);
  if (!isBpdu(flow)) return false;
  ctx.slow.add('stp');
  ctx.here.bpduFrom = port.ofPort;
  return true;
}

/** IEEE 802.1D-2004, 9.3 and 7.12.3. */
export function isBpdu(flow: F.Flow): boolean {
  if (flow.u16(F.KEY_ETH_TYPE) !== ETH_TYPE_LLC) return false;
  return BRIDGE_GROUP_ADDRESS.every((byte, i) => flow.u8(F.KEY_ETH_DST + i) === byte);
}
