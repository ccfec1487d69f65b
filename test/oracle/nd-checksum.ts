// Neighbour discovery behind IPv6 extension headers: when Open vSwitch 3.1 writes nd_reserved or nd_options_type there, it
// computes the ICMPv6 checksum over a pseudo-header with the first header's next header and payload length, instead of
// ICMPv6's own (RFC 8200, 8.1). Receivers drop such packets. weft sends the right checksum.

const ETH_TYPE_IPV6 = 0x86dd;
const IPV6_SIZE = 40;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_FRAGMENT = 44;
/** Hop-by-hop, routing, fragment, destination options. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, IPPROTO_FRAGMENT, 60]);
const ND_TYPES: ReadonlySet<number> = new Set([135, 136]);
const ETH_TYPE_AT = 12;
const VLAN_TPIDS: ReadonlySet<number> = new Set([0x8100, 0x88a8]);

/** The frame with the checksum that Open vSwitch meant, if it has the one that is described above. */
export function withMeantNdChecksum(hex: string): string {
  const frame = Buffer.from(hex, 'hex');
  let at = ETH_TYPE_AT;
  while (at + 6 < frame.length && VLAN_TPIDS.has(frame.readUInt16BE(at))) at += 4;
  at += 2;
  if (at + IPV6_SIZE > frame.length || frame.readUInt16BE(at - 2) !== ETH_TYPE_IPV6) return hex;
  const payloadSize = frame.readUInt16BE(at + 4);
  const icmp = icmpv6Of(frame, at, payloadSize);
  if (!icmp || !ND_TYPES.has(frame[icmp.at]!)) return hex;
  const next = frame[at + 6]!;
  const body = sum(frame.subarray(at + 8, at + IPV6_SIZE)) + sum(frame.subarray(icmp.at, icmp.at + icmp.size));
  if (folded(body + payloadSize + next) !== 0xffff) return hex;
  const without = body - frame.readUInt16BE(icmp.at + 2);
  frame.writeUInt16BE(0xffff - folded(without + icmp.size + IPPROTO_ICMPV6), icmp.at + 2);
  return frame.toString('hex');
}

/** Where ICMPv6 begins behind at least one extension header, and its size. */
function icmpv6Of(frame: Buffer, ipAt: number, payloadSize: number): { at: number; size: number } | undefined {
  const end = ipAt + IPV6_SIZE + payloadSize;
  let at = ipAt + IPV6_SIZE;
  let next = frame[ipAt + 6]!;
  if (!EXTENSIONS.has(next)) return undefined;
  while (EXTENSIONS.has(next) && at + 8 <= frame.length) {
    const size = next === IPPROTO_FRAGMENT ? 8 : 8 * (frame[at + 1]! + 1);
    next = frame[at]!;
    at += size;
  }
  return next === IPPROTO_ICMPV6 && at + 4 <= end && end <= frame.length ? { at, size: end - at } : undefined;
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
