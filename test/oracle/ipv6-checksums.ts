// Two checksums behind IPv6 extension headers that Open vSwitch 3.1 gets wrong, so that receivers drop the packets; weft
// sends the right ones.
//
// Neighbour discovery: when nd_reserved or nd_options_type is written, ICMPv6's checksum is computed over a pseudo-header with
// the first header's next header and payload length, instead of ICMPv6's own (RFC 8200, 8.1).
// Atomic fragments (RFC 6946): when an address is written, the transport checksum stays what it was.

const ETH_TYPE_IPV6 = 0x86dd;
const IPV6_SIZE = 40;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_FRAGMENT = 44;
const IPPROTO_AH = 51;
/** Hop-by-hop, routing, fragment, authentication, destination options. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, IPPROTO_FRAGMENT, IPPROTO_AH, 60]);
/** Where TCP, UDP and ICMPv6 have their checksum. */
const CHECKSUM_AT: ReadonlyMap<number, number> = new Map([
  [6, 16],
  [17, 6],
  [IPPROTO_ICMPV6, 2],
]);
const ETH_TYPE_AT = 12;
const VLAN_TPIDS: ReadonlySet<number> = new Set([0x8100, 0x88a8]);

interface Transport {
  readonly proto: number;
  readonly at: number;
  readonly ipAt: number;
  readonly end: number;
  readonly isAtomic: boolean;
}

/** The frame with the checksum that Open vSwitch meant, if it has the one that it computes for neighbour discovery. */
export function withMeantNdChecksum(hex: string): string {
  const frame = Buffer.from(hex, 'hex');
  const transport = transportOf(frame);
  // Of any type: that may have been written after what made the checksum wrong.
  if (transport?.proto !== IPPROTO_ICMPV6) return hex;
  const { at, ipAt, end } = transport;
  const body = sum(frame.subarray(ipAt + 8, ipAt + IPV6_SIZE)) + sum(frame.subarray(at, end));
  if (folded(body + frame.readUInt16BE(ipAt + 4) + frame[ipAt + 6]!) !== 0xffff) return hex;
  const without = body - frame.readUInt16BE(at + 2);
  frame.writeUInt16BE(0xffff - folded(without + end - at + IPPROTO_ICMPV6), at + 2);
  return frame.toString('hex');
}

/** The frame with 0 for an atomic fragment's transport checksum. */
export function withoutAtomicChecksum(hex: string): string {
  const frame = Buffer.from(hex, 'hex');
  const transport = transportOf(frame);
  if (!transport?.isAtomic) return hex;
  const at = transport.at + (CHECKSUM_AT.get(transport.proto) ?? transport.end);
  if (at + 2 > transport.end) return hex;
  frame.writeUInt16BE(0, at);
  return frame.toString('hex');
}

/** What is behind the extension headers of an IPv6 frame that has some. */
function transportOf(frame: Buffer): Transport | undefined {
  let ipAt = ETH_TYPE_AT;
  while (ipAt + 6 < frame.length && VLAN_TPIDS.has(frame.readUInt16BE(ipAt))) ipAt += 4;
  ipAt += 2;
  if (ipAt + IPV6_SIZE > frame.length || frame.readUInt16BE(ipAt - 2) !== ETH_TYPE_IPV6) return undefined;
  const end = ipAt + IPV6_SIZE + frame.readUInt16BE(ipAt + 4);
  let at = ipAt + IPV6_SIZE;
  let proto = frame[ipAt + 6]!;
  if (!EXTENSIONS.has(proto)) return undefined;
  let isAtomic = false;
  while (EXTENSIONS.has(proto) && at + 8 <= frame.length) {
    // The lowest bit of what follows the offset says that more fragments come.
    if (proto === IPPROTO_FRAGMENT) isAtomic = (frame.readUInt16BE(at + 2) & 0xfff9) === 0;
    const size = extensionSize(proto, frame[at + 1]!);
    proto = frame[at]!;
    at += size;
  }
  return at + 4 <= end && end <= frame.length ? { proto, at, ipAt, end, isAtomic } : undefined;
}

function extensionSize(type: number, length: number): number {
  if (type === IPPROTO_FRAGMENT) return 8;
  return type === IPPROTO_AH ? 4 * (length + 2) : 8 * (length + 1);
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  return total;
}

function folded(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest >>> 16) + (rest & 0xffff);
  return rest;
}
