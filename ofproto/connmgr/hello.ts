// Version negotiation (OpenFlow 1.3.5, 6.3.1 and 7.5.1): the one exchange that is spoken before a version is known.

import { ProtocolError } from '../../lib/errors.ts';

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
    if (isBitmap && length >= ELEMENT_HEADER_SIZE + 4) return view.getUint32(offset + ELEMENT_HEADER_SIZE) & ~1;
    offset += Math.ceil(length / 8) * 8;
  }
  return bitmapUpTo(view.getUint8(0));
}

/** The highest version both sides have, undefined when there is none. */
export function negotiate(ours: readonly WireVersion[], theirs: number): WireVersion | undefined {
  const common = ours.filter((version) => theirs & (1 << version));
  return common.length > 0 ? Math.max(...common) : undefined;
}

/** OFPT_ERROR with OFPET_HELLO_FAILED / OFPHFC_INCOMPATIBLE, both zero in every version, and a text. */
export function encodeHelloFailed(ours: readonly WireVersion[], theirs: number): Buffer {
  const text = Buffer.from(
    `no common version: this switch speaks ${names(ours)}, you offer ${names(versionsIn(theirs))}`,
  );
  const message = Buffer.alloc(HEADER_SIZE + 4 + text.length);
  message.writeUInt8(Math.max(1, ...versionsIn(theirs)), 0);
  message.writeUInt8(OFPT_ERROR, 1);
  message.writeUInt16BE(message.length, 2);
  text.copy(message, HEADER_SIZE + 4);
  return message;
}

function bitmapUpTo(version: number): number {
  return version >= 31 ? ~1 : (2 << version) - 2;
}

function versionsIn(bitmap: number): WireVersion[] {
  return Array.from({ length: 32 }, (_, version) => version).filter((version) => bitmap & (1 << version));
}

function names(versions: readonly WireVersion[]): string {
  return versions.length > 0 ? versions.map((version) => `0x0${version.toString(16)}`).join(', ') : 'none';
}
