// Later IPv4 fragments of ICMP messages have no ICMP header (RFC 791, 3.2). Open vSwitch 3.1 takes the payload's first bytes
// for one all the same, and writes type, code and checksum into it when a flow sets one of them, so that what receivers
// put together is damaged; weft leaves the payload alone.

const ETH_TYPE_AT = 12;
const VLAN_TPIDS: ReadonlySet<number> = new Set([0x8100, 0x88a8]);
const ETH_TYPE_IPV4 = 0x0800;
const FRAGMENT_OFFSET = 0x1fff;
const IPPROTO_ICMP = 1;
/** Type, code and checksum. */
const WRITTEN_SIZE = 4;

/** The frame without the first bytes of such a fragment's payload. */
export function withoutIcmpOfFragments(hex: string): string {
  const frame = Buffer.from(hex, 'hex');
  let at = ETH_TYPE_AT;
  while (at + 6 < frame.length && VLAN_TPIDS.has(frame.readUInt16BE(at))) at += 4;
  const ipAt = at + 2;
  if (ipAt + 20 > frame.length || frame.readUInt16BE(at) !== ETH_TYPE_IPV4) return hex;
  const isLater = (frame.readUInt16BE(ipAt + 6) & FRAGMENT_OFFSET) !== 0;
  if (!isLater || frame[ipAt + 9] !== IPPROTO_ICMP) return hex;
  const payloadAt = ipAt + 4 * (frame[ipAt]! & 0xf);
  frame.subarray(payloadAt, payloadAt + WRITTEN_SIZE).fill(0);
  return frame.toString('hex');
}
