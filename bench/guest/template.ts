// The frame every generated one is copied from, with the sums of what never changes in it (hot/frame.ts adds the
// rest). Guest A's flow f is 02:0a:f -> 02:0b:f, 10.0.0.1+f -> 10.16.0.1+f, UDP; guest B's is the same reversed.

import { assert } from '../../lib/assert.ts';
import {
  FRAME_SIZE_MAX,
  FRAME_SIZE_MIN,
  MAGIC,
  OFF_ETH_TYPE,
  OFF_FILL,
  OFF_IP,
  OFF_IP_DST,
  OFF_IP_SRC,
  OFF_MAGIC,
  OFF_UDP,
} from './hot/layout.ts';

const ETH_TYPE_IP = 0x0800;
const IPPROTO_UDP = 17;
const IP_HEADER_SIZE = 20;
const UDP_HEADER_SIZE = 8;
const TTL = 64;
export const UDP_DST_PORT = 5001;

/** IPv4 addresses of flow 0, in host order. */
export const GUEST_ADDRS = [0x0a000001, 0x0a100001] as const;
const GUEST_MAC_BYTES = [0x0a, 0x0b] as const;

export interface FrameTemplate {
  /** The frame with everything that depends on flow and sequence number left zero. */
  readonly bytes: Buffer;
  readonly srcAddr: number;
  readonly dstAddr: number;
  /** Unfolded sums of native (little-endian) 16-bit words: IPv4 header, UDP header with pseudo header and payload. */
  readonly ipSum: number;
  readonly udpSum: number;
}

/** Sum of little-endian 16-bit words; an odd last byte is padded with zero (RFC 1071). */
export function sumWords(bytes: Buffer, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at + 2 <= end; at += 2) sum += bytes.readUInt16LE(at);
  return (end - start) & 1 ? sum + bytes.readUInt8(end - 1) : sum;
}

const swap16 = (value: number) => ((value & 0xff) << 8) | (value >> 8);

/** MAC address of flow `flow` at guest 0 or 1, as text. */
export function guestMac(guest: 0 | 1, flow = 0): string {
  const bytes = [0x02, GUEST_MAC_BYTES[guest], flow >>> 24, (flow >>> 16) & 255, (flow >>> 8) & 255, flow & 255];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** IPv4 address of flow `flow` at guest 0 or 1, as text. */
export function guestIp(guest: 0 | 1, flow = 0): string {
  const address = GUEST_ADDRS[guest] + flow;
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
}

/** Builds the template of frames sent by guest 0 or 1; `size` is the frame without FCS. */
export function buildTemplate(guest: 0 | 1, size: number): FrameTemplate {
  assert(size >= FRAME_SIZE_MIN && size <= FRAME_SIZE_MAX, `frame size ${size}`);
  const peer = guest === 0 ? 1 : 0;
  const bytes = Buffer.alloc(size);
  bytes.set([0x02, GUEST_MAC_BYTES[peer]], 0);
  bytes.set([0x02, GUEST_MAC_BYTES[guest]], 6);
  bytes.writeUInt16BE(ETH_TYPE_IP, OFF_ETH_TYPE);
  bytes.writeUInt8(0x45, OFF_IP);
  bytes.writeUInt16BE(size - OFF_IP, OFF_IP + 2);
  bytes.writeUInt8(TTL, OFF_IP + 8);
  bytes.writeUInt8(IPPROTO_UDP, OFF_IP + 9);
  bytes.writeUInt16BE(UDP_DST_PORT, OFF_UDP + 2);
  bytes.writeUInt16BE(size - OFF_UDP, OFF_UDP + 4);
  bytes.writeUInt32LE(MAGIC, OFF_MAGIC);
  for (let at = OFF_FILL; at < size; at++) bytes.writeUInt8((at * 7) & 255, at);
  const pseudo = swap16(IPPROTO_UDP) + swap16(size - OFF_UDP);
  return {
    bytes,
    srcAddr: GUEST_ADDRS[guest],
    dstAddr: GUEST_ADDRS[peer],
    ipSum: sumWords(bytes, OFF_IP, OFF_IP + IP_HEADER_SIZE),
    udpSum: sumWords(bytes, OFF_UDP, size) + pseudo,
  };
}

/** What the receiver of a frame checks; null when both checksums and the addresses' places are right. */
export function frameProblem(frame: Buffer): string | null {
  const fold = (sum: number) => {
    let folded = sum;
    while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
    return folded;
  };
  if (fold(sumWords(frame, OFF_IP, OFF_IP + IP_HEADER_SIZE)) !== 0xffff) return 'IPv4 checksum';
  const udpSize = frame.length - OFF_UDP;
  const pseudo = swap16(IPPROTO_UDP) + swap16(udpSize) + sumWords(frame, OFF_IP_SRC, OFF_IP_DST + 4);
  if (fold(sumWords(frame, OFF_UDP, frame.length) + pseudo) !== 0xffff) return 'UDP checksum';
  if (frame.readUInt16BE(OFF_UDP + 4) !== udpSize || udpSize < UDP_HEADER_SIZE) return 'UDP length';
  if (frame.readUInt32LE(OFF_MAGIC) !== MAGIC) return 'tag';
  return null;
}
