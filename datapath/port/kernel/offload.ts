// What a network card would have done to a frame that the kernel handed over unfinished: complete its checksum, or cut
// a burst (GSO) into the packets it stands for. The frame comes from a local sender's kernel, but its bytes may be
// anything (a raw socket in a container): every offset is checked, and a frame that makes no sense is refused.

import type { PacketOffload } from '../../../lib/syscalls/net-packet.ts';

export const VIRTIO_NET_HDR_GSO_NONE = 0;
export const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
export const VIRTIO_NET_HDR_GSO_TCPV6 = 4;
export const VIRTIO_NET_HDR_GSO_UDP_L4 = 5;
/** Or-ed to the type: the burst carries a TCP CWR flag. */
const VIRTIO_NET_HDR_GSO_ECN = 0x80;

const ETH_HEADER = 14;
/** In front of every emitted frame, so that a VLAN tag can be put back. */
const VLAN_ROOM = 4;
const ETH_TYPE_IPV4 = 0x0800;
const ETH_TYPE_IPV6 = 0x86dd;
const ETH_TYPE_VLAN = 0x8100;
const ETH_TYPE_QINQ = 0x88a8;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const TCP_FIN_PSH = 0x09;
const TCP_CWR = 0x80;

/** Calls `emit` with each finished frame (only valid during the call); false when the frame makes no sense. */
export function finishOffload(frame: Uint8Array, offload: PacketOffload, emit: (frame: Uint8Array) => void): boolean {
  if ((offload.gsoType & ~VIRTIO_NET_HDR_GSO_ECN) !== VIRTIO_NET_HDR_GSO_NONE) return segment(frame, offload, emit);
  if (offload.csumStart !== undefined && !finishChecksum(frame, offload.csumStart, offload.csumOffset)) return false;
  emit(frame);
  return true;
}

/** RFC 1071 sum of bytes [start, end) added to `sum`; not folded, not complemented. */
export function checksumAdd(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let i = start;
  for (; i + 1 < end; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!;
  if (i < end) total += bytes[i]! << 8;
  return total;
}

/** Folds a sum to the 16-bit ones'-complement checksum. */
export function checksumFold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** The checksum field holds the pseudo header's sum; the rest of the sum runs from csumStart to the end. */
function finishChecksum(frame: Uint8Array, csumStart: number, csumOffset: number): boolean {
  const field = csumStart + csumOffset;
  if (field + 2 > frame.length) return false;
  const sum = checksumFold(checksumAdd(frame, csumStart, frame.length));
  // A UDP checksum of zero would mean "none" (RFC 768); all-ones is equal to it in ones' complement.
  writeU16(frame, field, sum === 0 ? 0xffff : sum);
  return true;
}

interface Burst {
  readonly l3: number;
  readonly l4: number;
  readonly isIpv6: boolean;
  readonly protocol: number;
  /** Bytes of all headers: what every segment repeats. */
  readonly headerSize: number;
}

function segment(frame: Uint8Array, offload: PacketOffload, emit: (frame: Uint8Array) => void): boolean {
  const burst = parseBurst(frame, offload);
  if (!burst || offload.gsoSize === 0) return false;
  const payloadSize = frame.length - burst.headerSize;
  // One segment's buffer per burst: emit's receiver copies.
  const segmentSizeMax = burst.headerSize + Math.min(offload.gsoSize, payloadSize);
  const out = new Uint8Array(new ArrayBuffer(VLAN_ROOM + segmentSizeMax), VLAN_ROOM);
  for (let done = 0, index = 0; done < payloadSize; index++) {
    const size = Math.min(offload.gsoSize, payloadSize - done);
    const packet = out.subarray(0, burst.headerSize + size);
    packet.set(frame.subarray(0, burst.headerSize));
    packet.set(frame.subarray(burst.headerSize + done, burst.headerSize + done + size), burst.headerSize);
    finishSegment(packet, burst, { index, done, isLast: done + size === payloadSize });
    emit(packet);
    done += size;
  }
  return true;
}

/** Finds the headers of a burst; undefined for tunnels and anything else whose headers do not line up with csumStart. */
function parseBurst(frame: Uint8Array, offload: PacketOffload): Burst | undefined {
  let l3 = ETH_HEADER;
  while (l3 + 4 <= frame.length && isVlan(readU16(frame, l3 - 2))) l3 += 4;
  const l4 = offload.csumStart;
  if (l4 === undefined || l3 + 20 > frame.length || l4 + 20 > frame.length) return undefined;
  const isIpv6 = readU16(frame, l3 - 2) === ETH_TYPE_IPV6;
  if (!isIpv6 && (readU16(frame, l3 - 2) !== ETH_TYPE_IPV4 || l3 + (frame[l3]! & 15) * 4 !== l4)) return undefined;
  if (isIpv6 && l3 + 40 > l4) return undefined;
  const wantsTcp = (offload.gsoType & ~VIRTIO_NET_HDR_GSO_ECN) !== VIRTIO_NET_HDR_GSO_UDP_L4;
  // Extension headers are repeated as they are; the transport is told by the burst's type.
  const protocol = wantsTcp ? IPPROTO_TCP : IPPROTO_UDP;
  if (!isIpv6 && frame[l3 + 9] !== protocol) return undefined;
  const headerSize = l4 + (wantsTcp ? (frame[l4 + 12]! >> 4) * 4 : 8);
  if (headerSize < l4 + (wantsTcp ? 20 : 8) || headerSize >= frame.length) return undefined;
  return { l3, l4, isIpv6, protocol, headerSize };
}

interface SegmentPlace {
  readonly index: number;
  /** Payload bytes in the segments before. */
  readonly done: number;
  readonly isLast: boolean;
}

function finishSegment(packet: Uint8Array, burst: Burst, place: SegmentPlace): void {
  const { l3, l4 } = burst;
  if (burst.isIpv6) {
    writeU16(packet, l3 + 4, packet.length - l3 - 40);
  } else {
    writeU16(packet, l3 + 2, packet.length - l3);
    writeU16(packet, l3 + 4, readU16(packet, l3 + 4) + place.index);
    writeU16(packet, l3 + 10, 0);
    writeU16(packet, l3 + 10, checksumFold(checksumAdd(packet, l3, l4)));
  }
  if (burst.protocol === IPPROTO_TCP) finishTcp(packet, l4, place);
  else writeU16(packet, l4 + 4, packet.length - l4);
  writeL4Checksum(packet, burst);
}

function finishTcp(packet: Uint8Array, l4: number, place: SegmentPlace): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  view.setUint32(l4 + 4, view.getUint32(l4 + 4) + place.done);
  if (!place.isLast) packet[l4 + 13]! &= ~TCP_FIN_PSH;
  if (place.index > 0) packet[l4 + 13]! &= ~TCP_CWR;
}

function writeL4Checksum(packet: Uint8Array, burst: Burst): void {
  const { l3, l4 } = burst;
  const field = l4 + (burst.protocol === IPPROTO_TCP ? 16 : 6);
  writeU16(packet, field, 0);
  const pseudo = burst.protocol + (packet.length - l4);
  const addresses = burst.isIpv6 ? checksumAdd(packet, l3 + 8, l3 + 40) : checksumAdd(packet, l3 + 12, l3 + 20);
  const sum = checksumFold(checksumAdd(packet, l4, packet.length, addresses + pseudo));
  writeU16(packet, field, sum === 0 ? 0xffff : sum);
}

function isVlan(ethType: number): boolean {
  return ethType === ETH_TYPE_VLAN || ethType === ETH_TYPE_QINQ;
}

function readU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = (value >> 8) & 0xff;
  bytes[offset + 1] = value & 0xff;
}
