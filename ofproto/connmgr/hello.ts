// Version negotiation (OpenFlow 1.3.5, 6.3.1 and 7.5.1): the one exchange that is spoken before a version is known.

import { ProtocolError } from '../../lib/errors.ts';
import { OFP15_VERSION } from '../model/messages.ts';

/** OpenFlow wire versions: 1 is 1.0, 4 is 1.3. */
export type WireVersion = number;

const OFPT_HELLO = 0;
const OFPT_ERROR = 1;
const OFPHET_VERSIONBITMAP = 1;
const HEADER_SIZE = 8;
const ELEMENT_HEADER_SIZE = 4;

/** The hello that offers `versions`; a bitmap is added only when the header's version alone would say too much. */
export function encodeHello(versions: readonly WireVersion[], xid: number): Buffer {
  const highest = Math.max(...versions);
  const bitmap = versions.reduce((bits, version) => bits | (1 << version), 0);
  const withBitmap = bitmap !== bitmapUpTo(highest);
  const message = Buffer.alloc(withBitmap ? HEADER_SIZE + 8 : HEADER_SIZE);
  message.writeUInt8(highest, 0);
  message.writeUInt8(OFPT_HELLO, 1);
  message.writeUInt16BE(message.length, 2);
  message.writeUInt32BE(xid, 4);
  if (withBitmap) {
    message.writeUInt16BE(OFPHET_VERSIONBITMAP, 8);
    message.writeUInt16BE(8, 10);
    message.writeUInt32BE(bitmap >>> 0, 12);
  }
  return message;
}

/** Bitmap of the versions a peer's hello offers. Throws ProtocolError when the message is no hello. */
export function decodeHello(message: Uint8Array): number {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const type = view.getUint8(1);
  if (type !== OFPT_HELLO) throw new ProtocolError('hello-expected', `message type ${type} while expecting a hello`);
  for (let offset = HEADER_SIZE; offset + ELEMENT_HEADER_SIZE <= message.length; ) {
    const length = view.getUint16(offset + 2);
    if (length < ELEMENT_HEADER_SIZE || offset + length > message.length) break;
    const isBitmap = view.getUint16(offset) === OFPHET_VERSIONBITMAP;
    // Words after the first are for versions from 32 on, which do not exist.
    const offered =
      isBitmap && length >= ELEMENT_HEADER_SIZE + 4 ? view.getUint32(offset + ELEMENT_HEADER_SIZE) & ~1 : 0;
    // A bitmap that offers nothing is as good as none.
    if (offered !== 0) return offered;
    offset += Math.ceil(length / 8) * 8;
  }
  return bitmapUpTo(view.getUint8(0));
}

/** The highest version both sides have, undefined when there is none. */
export function negotiate(ours: readonly WireVersion[], theirs: number): WireVersion | undefined {
  const common = ours.filter((version) => theirs & (1 << version));
  return common.length > 0 ? Math.max(...common) : undefined;
}

/** OFPT_ERROR with OFPET_HELLO_FAILED / OFPHFC_INCOMPATIBLE, both zero in every version, and Open vSwitch's text. */
export function encodeHelloFailed(ours: readonly WireVersion[], theirs: number): Buffer {
  const offered = versionsIn(theirs);
  const text = `We support ${names(ours)}, you support ${names(offered)}, no common versions.`;
  const message = Buffer.alloc(HEADER_SIZE + 4 + text.length);
  const highest = Math.max(1, ...offered);
  message.writeUInt8(highest <= OFP15_VERSION ? highest : 1, 0);
  message.writeUInt8(OFPT_ERROR, 1);
  message.writeUInt16BE(message.length, 2);
  message.write(text, HEADER_SIZE + 4, 'latin1');
  return message;
}

function bitmapUpTo(version: number): number {
  return version >= 31 ? ~1 : (2 << version) - 2;
}

function versionsIn(bitmap: number): WireVersion[] {
  return Array.from({ length: 32 }, (_, version) => version).filter((version) => bitmap & (1 << version));
}

/** `version 0x04`, `version 0x04 and earlier` or `versions 0x01, 0x04`. */
function names(versions: readonly WireVersion[]): string {
  const hex = (version: WireVersion) => `0x${version.toString(16).padStart(2, '0')}`;
  const [highest = 0] = versions.slice(-1);
  if (versions.length === 1) return `version ${hex(highest)}`;
  if (versions.length === highest) return `version ${hex(highest)} and earlier`;
  return `versions ${versions.map(hex).join(', ')}`;
}
