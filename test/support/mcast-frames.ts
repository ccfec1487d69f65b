// IGMP and MLD messages as hosts and routers send them, with right checksums.

const HOST_MAC = '000000000001';

function sumOf(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Writes the checksum of `bytes` at `at`. */
function withChecksum(bytes: Buffer, at: number, start = 0): Buffer {
  bytes.writeUInt16BE(~sumOf(bytes, start) & 0xffff, at);
  return bytes;
}

export const ip4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));

/** A group record of IGMPv3 or MLDv2. */
export type GroupRecord = readonly [type: number, group: Uint8Array, ...sources: Uint8Array[]];

function recordBytes([type, group, ...sources]: GroupRecord): Buffer {
  return Buffer.concat([Buffer.of(type, 0, sources.length >> 8, sources.length & 255), group, ...sources]);
}

function ipv4Frame(src: string, dst: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[8] = 1;
  header[9] = 2;
  ip4(src).copy(header, 12);
  const group = ip4(dst);
  group.copy(header, 16);
  const mac = Buffer.of(1, 0, 0x5e, group[1]! & 127, group[2]!, group[3]!);
  return Buffer.concat([mac, Buffer.from(`${HOST_MAC}0800`, 'hex'), withChecksum(header, 10), payload]);
}

/** A message of eight bytes: query 0x11, reports 0x12 and 0x16, leave 0x17. */
export function igmp(type: number, group: string, { src = '10.0.0.1', dst = group } = {}): Buffer {
  const message = Buffer.concat([Buffer.of(type, 0, 0, 0), ip4(group)]);
  return ipv4Frame(src, dst, withChecksum(message, 2));
}

/** A version 3 report. */
export function igmp3(...records: GroupRecord[]): Buffer {
  const header = Buffer.of(0x22, 0, 0, 0, 0, 0, 0, records.length);
  return ipv4Frame('10.0.0.1', '224.0.0.22', withChecksum(Buffer.concat([header, ...records.map(recordBytes)]), 2));
}

const SOURCE6 = 'fe800000000000000000000000000001';

function ipv6Frame(dst: Uint8Array, message: Buffer, source: string): Buffer {
  const addresses = Buffer.concat([Buffer.from(source, 'hex'), dst]);
  withChecksum(message, 2, sumOf(addresses, message.length + 58));
  const header = Buffer.from([0x60, 0, 0, 0, message.length >> 8, message.length & 255, 58, 1]);
  const mac = Buffer.concat([Buffer.of(0x33, 0x33), dst.subarray(12)]);
  return Buffer.concat([mac, Buffer.from(`${HOST_MAC}86dd`, 'hex'), header, addresses, message]);
}

/** `group` is 32 hex digits. Query 130, report 131, done 132. */
export function mld(type: number, group: string, source = SOURCE6): Buffer {
  const address = Buffer.from(group, 'hex');
  return ipv6Frame(address, Buffer.concat([Buffer.of(type, 0, 0, 0, 0, 0, 0, 0), address]), source);
}

/** A version 2 report. */
export function mld2(...records: GroupRecord[]): Buffer {
  const header = Buffer.of(143, 0, 0, 0, 0, 0, 0, records.length);
  const dst = Buffer.from('ff020000000000000000000000000016', 'hex');
  return ipv6Frame(dst, Buffer.concat([header, ...records.map(recordBytes)]), SOURCE6);
}
