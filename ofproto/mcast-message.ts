// What an IGMP or MLD message in a frame says (RFC 2236, 3376, 2710, 3810). The bytes are a guest's: what does not hold
// together, checksum included, says nothing.

export type McastEvent =
  | { readonly kind: 'join' | 'leave'; readonly group: Uint8Array }
  /** Somebody asks for members: behind that port is a router. */
  | { readonly kind: 'query'; readonly source: Uint8Array };

const ETH_HEADER_SIZE = 14;
const VLAN_TYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8]);
const IPPROTO_IGMP = 2;
const IPPROTO_ICMPV6 = 58;
const HOP_BY_HOP = 0;

export function mcastEvents(frame: Uint8Array): McastEvent[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let at = ETH_HEADER_SIZE;
  if (frame.length < at) return [];
  while (at <= frame.length && VLAN_TYPES.has(view.getUint16(at - 2))) {
    at += 4;
    if (at > frame.length) return [];
  }
  const type = view.getUint16(at - 2);
  if (type === 0x0800) return igmpEvents(frame.subarray(at));
  return type === 0x86dd ? mldEvents(frame.subarray(at)) : [];
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function igmpEvents(ip: Uint8Array): McastEvent[] {
  if (ip.length < 20) return [];
  const header = (ip[0]! & 15) * 4;
  const size = viewOf(ip).getUint16(2);
  if (header < 20 || ip[9] !== IPPROTO_IGMP || size > ip.length || size < header + 8) return [];
  const message = ip.subarray(header, size);
  if (onesComplementSum(message, 0) !== 0xffff) return [];
  const group = message.subarray(4, 8);
  switch (message[0]) {
    case 0x12:
    case 0x16:
      return [{ kind: 'join', group }];
    case 0x17:
      return [{ kind: 'leave', group }];
    case 0x11:
      return queryFrom(ip.subarray(12, 16));
    case 0x22:
      return recordEvents(message, 4);
    default:
      return [];
  }
}

/** Nobody's address is a host's that has none yet, not a router's. */
function queryFrom(source: Uint8Array): McastEvent[] {
  return source.every((byte) => byte === 0) ? [] : [{ kind: 'query', source }];
}

const MODE_IS_INCLUDE = 1;
const CHANGE_TO_INCLUDE_MODE = 3;
const BLOCK_OLD_SOURCES = 6;

/** The group records of an IGMPv3 or MLDv2 report: to include no source is to leave. */
function recordEvents(message: Uint8Array, addressSize: number): McastEvent[] {
  const view = viewOf(message);
  const events: McastEvent[] = [];
  let at = 8;
  for (let left = view.getUint16(6); left > 0; left--) {
    if (at + 4 + addressSize > message.length) break;
    const type = message[at]!;
    const sources = view.getUint16(at + 2);
    const group = message.subarray(at + 4, at + 4 + addressSize);
    at += 4 + addressSize * (1 + sources) + 4 * message[at + 1]!;
    if (at > message.length) break;
    if (type < MODE_IS_INCLUDE || type > BLOCK_OLD_SOURCES) continue;
    const isLeave = sources === 0 && (type === MODE_IS_INCLUDE || type === CHANGE_TO_INCLUDE_MODE);
    events.push({ kind: isLeave ? 'leave' : 'join', group });
  }
  return events;
}

function mldEvents(ip: Uint8Array): McastEvent[] {
  if (ip.length < 40) return [];
  const end = 40 + viewOf(ip).getUint16(4);
  let next = ip[6]!;
  let at = 40;
  // Routers' attention is asked for by an option in front of the message (RFC 2710, 3).
  if (next === HOP_BY_HOP && ip.length >= 48) {
    next = ip[40]!;
    at += 8 * (1 + ip[41]!);
  }
  if (next !== IPPROTO_ICMPV6 || end > ip.length || end < at + 8) return [];
  const message = ip.subarray(at, end);
  const pseudoHeader = onesComplementSum(ip.subarray(8, 40), message.length + IPPROTO_ICMPV6);
  if (onesComplementSum(message, pseudoHeader) !== 0xffff) return [];
  return mldMessage(message, ip.subarray(8, 24));
}

function mldMessage(message: Uint8Array, source: Uint8Array): McastEvent[] {
  if (message[0] === 143) return recordEvents(message, 16);
  if (message.length < 24) return [];
  const group = message.subarray(8, 24);
  switch (message[0]) {
    case 130:
      return queryFrom(source);
    case 131:
      return [{ kind: 'join', group }];
    case 132:
      return [{ kind: 'leave', group }];
    default:
      return [];
  }
}

/** The Internet checksum before its last complement (RFC 1071). */
function onesComplementSum(bytes: Uint8Array, start: number): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
