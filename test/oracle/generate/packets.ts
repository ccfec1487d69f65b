// Packets of all kinds from a seed, with the values of their fields, so that flows can be made that they match.
import type { Random } from '../../support/random-frames.ts';
import type { OraclePacket } from '../oracle-case.ts';

export interface GeneratedPacket extends OraclePacket {
  /** Values by field name, as far as the packet has them. */
  readonly fields: ReadonlyMap<string, bigint>;
}

type Fields = Map<string, bigint>;
interface Payload {
  readonly ethertype: number;
  readonly bytes: Buffer;
}
type Maker = (random: Random, fields: Fields) => Payload;

const u16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const toBig = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);

const MACS = ['000000000001', '000000000002', '0a5500aa0003', '01005e000001', '333300000001', 'ffffffffffff'];
const IPS = ['0a000001', '0a000002', '0a000101', 'c0a80101', 'e0000001', '0a00017f'];
const IPV6S = [
  '20010db8000000000000000000000001',
  '20010db8000000000000000000000002',
  '20010db8000100000000000000000001',
  'fe800000000000000200000000000001',
  'ff020000000000000000000000000001',
];
const L4_PORTS = [80, 443, 53, 1024, 0, 40000];

function noted(fields: Fields, name: string, hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  fields.set(name, toBig(bytes));
  return bytes;
}

function number(fields: Fields, name: string, value: number): number {
  fields.set(name, BigInt(value));
  return value;
}

export function checksum(...parts: Buffer[]): number {
  const all = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) sum += (all[i]! << 8) | (all[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Transport headers by protocol number; `pseudo` is the pseudo header without length and protocol. */
function transport(random: Random, fields: Fields, protocol: number, pseudo: Buffer): Buffer {
  const payload = random.bytes(random.pick([0, 1, 20, 64, 300]));
  const ports = (name: string) =>
    Buffer.concat([
      u16(number(fields, `${name}_src`, random.pick(L4_PORTS))),
      u16(number(fields, `${name}_dst`, random.pick(L4_PORTS))),
    ]);
  const sealed = (bytes: Buffer, at: number, withPseudo = true) => {
    const lengthAndProtocol = Buffer.concat([u16(0), u16(bytes.length), u16(protocol)]);
    const sum = withPseudo ? checksum(pseudo, lengthAndProtocol, bytes) : checksum(bytes);
    bytes.writeUInt16BE(random.below(30) === 0 ? random.below(65536) : sum || 0xffff, at);
    return bytes;
  };
  switch (protocol) {
    case 6: {
      const flags = number(fields, 'tcp_flags', random.pick([0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0xc2, 0x100]));
      const header = Buffer.concat([
        ports('tcp'),
        random.bytes(8),
        u16(0x5000 | flags),
        random.bytes(2),
        u16(0),
        u16(0),
      ]);
      return sealed(Buffer.concat([header, payload]), 16);
    }
    case 17: {
      const udp = Buffer.concat([ports('udp'), u16(8 + payload.length), u16(0), payload]);
      return random.below(8) === 0 ? udp : sealed(udp, 6);
    }
    case 132:
      return Buffer.concat([ports('sctp'), random.bytes(8), payload]);
    case 1: {
      const type = number(fields, 'icmp_type', random.pick([8, 0, 3, 11, 13]));
      const head = Buffer.from([type, number(fields, 'icmp_code', random.below(3)), 0, 0]);
      return sealed(Buffer.concat([head, random.bytes(4), payload]), 2, false);
    }
    case 2:
      return sealed(
        Buffer.concat([Buffer.from([random.pick([0x11, 0x16, 0x17, 0x22]), 0, 0, 0]), random.bytes(4)]),
        2,
        false,
      );
    case 58:
      return sealed(icmpv6(random, fields, payload), 2);
    default:
      return payload;
  }
}

function icmpv6(random: Random, fields: Fields, payload: Buffer): Buffer {
  const type = number(fields, 'icmpv6_type', random.pick([128, 129, 135, 136, 135, 136, 1, 133]));
  const isNd = type === 135 || type === 136;
  const code = number(fields, 'icmpv6_code', isNd && random.below(8) > 0 ? 0 : random.below(2));
  const head = Buffer.from([type, code, 0, 0]);
  if (!isNd) return Buffer.concat([head, random.bytes(4), payload]);
  const reserved = noted(fields, 'nd_reserved', random.pick(['00000000', '60000000', 'e0000001']));
  const target = noted(fields, 'nd_target', random.pick(IPV6S));
  const options: Buffer[] = [];
  for (let n = random.pick([0, 1, 1, 2]); n > 0; n--) options.push(ndOption(random, fields, type));
  return Buffer.concat([head, reserved, target, ...options]);
}

function ndOption(random: Random, fields: Fields, type: number): Buffer {
  const own = type === 135 ? 1 : 2;
  const kind = random.pick([own, own, own, 3 - own, 14]);
  fields.set('nd_options_type', BigInt(kind));
  const mac = random.pick(MACS);
  if (kind === own) fields.set(type === 135 ? 'nd_sll' : 'nd_tll', BigInt(`0x${mac}`));
  const length = random.below(15) === 0 ? random.below(4) : 1;
  return Buffer.concat([Buffer.from([kind, length]), Buffer.from(mac, 'hex')]);
}

function ipv4(random: Random, fields: Fields): Payload {
  const fragment = random.pick([0, 0, 0, 0, 0x4000, 0x2000, 0x2064, 0x0064]);
  const isLater = (fragment & 0x1fff) !== 0;
  // Open vSwitch 3.1 takes the payload of later fragments for a TCP or UDP header and, when addresses are rewritten,
  // changes the bytes where a checksum would be: that is not to be copied, so such packets are not made.
  const protocols = isLater ? [1, 2, 47, 50, 132] : [6, 6, 17, 17, 1, 132, 2, 47, 50];
  const protocol = number(fields, 'nw_proto', random.pick(protocols));
  const addresses = Buffer.concat([
    noted(fields, 'nw_src', random.pick(IPS)),
    noted(fields, 'nw_dst', random.pick(IPS)),
  ]);
  fields.set('ip_frag', isLater ? 2n : fragment & 0x2000 ? 1n : 0n);
  const own: Fields = new Map();
  const body = transport(random, own, protocol, addresses);
  if (!isLater) for (const [name, value] of own) fields.set(name, value);
  const options = random.bytes(random.pick([0, 0, 0, 0, 4, 12, 40]));
  const tos = trafficClass(random, fields);
  const ttl = number(fields, 'nw_ttl', random.pick([64, 64, 255, 1, 0, 2]));
  const header = Buffer.concat([
    Buffer.from([0x40 | (5 + options.length / 4), tos]),
    u16(20 + options.length + body.length),
    random.bytes(2),
    u16(fragment),
    Buffer.from([ttl, protocol, 0, 0]),
    addresses,
    options,
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return { ethertype: 0x0800, bytes: Buffer.concat([header, body]) };
}

function trafficClass(random: Random, fields: Fields): number {
  const tos = random.pick([0, 0, 0x10, 0xb8, 0xb9, 0x03, 0xff]);
  fields.set('nw_tos', BigInt(tos & 0xfc));
  fields.set('ip_dscp', BigInt(tos >> 2));
  fields.set('nw_ecn', BigInt(tos & 3));
  return tos;
}

const EXTENSIONS = [0, 43, 60, 44, 51] as const;

function ipv6(random: Random, fields: Fields): Payload {
  const protocol = random.pick([6, 6, 17, 58, 58, 58, 132, 59, 41]);
  const addresses = Buffer.concat([
    noted(fields, 'ipv6_src', random.pick(IPV6S)),
    noted(fields, 'ipv6_dst', random.pick(IPV6S)),
  ]);
  const own: Fields = new Map();
  let bytes = transport(random, own, protocol, addresses);
  let next: number = protocol;
  let isLater = false;
  for (let n = random.pick([0, 0, 0, 1, 2]); n > 0; n--) {
    const type = random.pick(EXTENSIONS);
    const extension = extensionHeader(random, type, next);
    if (type === 44) {
      isLater = (extension.readUInt16BE(2) & 0xfff8) !== 0;
      fields.set('ip_frag', isLater ? 2n : (extension[3]! & 1) === 1 ? 1n : 0n);
    }
    bytes = Buffer.concat([extension, bytes]);
    next = type;
  }
  fields.set('nw_proto', BigInt(protocol));
  if (!fields.has('ip_frag')) fields.set('ip_frag', 0n);
  if (!isLater) for (const [name, value] of own) fields.set(name, value);
  const tclass = trafficClass(random, fields);
  const label = number(fields, 'ipv6_label', random.pick([0, 0, 0x12345, 0xfffff]));
  const header = Buffer.alloc(8);
  header.writeUInt32BE(((6 << 28) | (tclass << 20) | label) >>> 0, 0);
  header.writeUInt16BE(bytes.length, 4);
  header[6] = next;
  header[7] = number(fields, 'nw_ttl', random.pick([64, 255, 255, 1, 0]));
  return { ethertype: 0x86dd, bytes: Buffer.concat([header, addresses, bytes]) };
}

function extensionHeader(random: Random, type: number, next: number): Buffer {
  if (type === 44)
    return Buffer.concat([Buffer.from([next, 0]), u16(random.pick([0, 1, 0x0641, 0x0640])), random.bytes(4)]);
  const units = random.below(2);
  const size = type === 51 ? 8 + 4 * units : 8 + 8 * units;
  return Buffer.concat([Buffer.from([next, type === 51 ? units : units]), random.bytes(size - 2)]);
}

function arp(random: Random, fields: Fields): Payload {
  const isRarp = random.below(6) === 0;
  const op = number(fields, 'arp_op', random.pick(isRarp ? [3, 4] : [1, 2, 1, 2, 9]));
  const fixed = Buffer.from('000108000604', 'hex');
  if (random.below(20) === 0) fixed[4] = 8;
  const bytes = Buffer.concat([
    fixed,
    u16(op),
    noted(fields, 'arp_sha', random.pick(MACS)),
    noted(fields, 'arp_spa', random.pick(IPS)),
    noted(fields, 'arp_tha', random.pick(MACS)),
    noted(fields, 'arp_tpa', random.pick(IPS)),
  ]);
  return { ethertype: isRarp ? 0x8035 : 0x0806, bytes };
}

function mpls(random: Random, fields: Fields): Payload {
  const count = random.pick([1, 1, 2, 3, 4]);
  const entries: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const [label, tc, ttl] = [random.pick([0, 2, 3, 16, 100, 0xfffff]), random.below(8), random.pick([64, 1, 0, 255])];
    const bos = i === count - 1 ? 1 : 0;
    if (i === 0) {
      fields.set('mpls_label', BigInt(label));
      fields.set('mpls_tc', BigInt(tc));
      fields.set('mpls_bos', BigInt(bos));
      fields.set('mpls_ttl', BigInt(ttl));
    }
    const entry = Buffer.alloc(4);
    entry.writeUInt32BE(((label << 12) | (tc << 9) | (bos << 8) | ttl) >>> 0);
    entries.push(entry);
  }
  const inner = random.below(4) === 0 ? random.bytes(40) : random.pick([ipv4, ipv6])(random, new Map()).bytes;
  return { ethertype: random.pick([0x8847, 0x8847, 0x8848]), bytes: Buffer.concat([...entries, inner]) };
}

/** RFC 8300. */
function nsh(random: Random, fields: Fields): Payload {
  const mdtype = number(fields, 'nsh_mdtype', random.pick([1, 1, 2]));
  const np = number(fields, 'nsh_np', random.pick([1, 2, 3, 4]));
  const ttl = number(fields, 'nsh_ttl', random.pick([63, 1, 0, 30]));
  const flags = number(fields, 'nsh_flags', random.pick([0, 2]));
  const contexts = [1, 2, 3, 4].map((n) =>
    noted(fields, `nsh_c${n}`, random.pick(['00000000', '00000001', '12345678'])),
  );
  const metadata = mdtype === 1 ? Buffer.concat(contexts) : random.bytes(random.pick([0, 8]));
  if (mdtype !== 1) for (const n of [1, 2, 3, 4]) fields.delete(`nsh_c${n}`);
  const words = 2 + metadata.length / 4;
  const base = u16((flags << 12) | ((ttl & 0x3f) << 6) | words);
  const path = Buffer.concat([
    noted(fields, 'nsh_spi', random.pick(['000001', '000064', 'ffffff'])),
    Buffer.from([number(fields, 'nsh_si', random.pick([255, 1, 0, 5]))]),
  ]);
  const inner =
    np === 1
      ? ipv4(random, new Map()).bytes
      : np === 2
        ? ipv6(random, new Map()).bytes
        : Buffer.concat([
            Buffer.from(`${random.pick(MACS)}${random.pick(MACS)}0800`, 'hex'),
            ipv4(random, new Map()).bytes,
          ]);
  return { ethertype: 0x894f, bytes: Buffer.concat([base, Buffer.from([mdtype, np]), path, metadata, inner]) };
}

const other: Maker = (random) => ({
  ethertype: random.pick([0x88b5, 0x05ff, 0x88cc, 0x0600]),
  bytes: random.bytes(random.pick([0, 1, 46, 200])),
});

/** An 802.3 frame: a length, and LLC with or without SNAP. */
const llc: Maker = (random) => {
  const snap = random.below(2) === 0;
  const body = snap
    ? Buffer.concat([Buffer.from('aaaa03000000', 'hex'), u16(random.pick([0x0800, 0x88b5])), random.bytes(40)])
    : Buffer.concat([Buffer.from('424203', 'hex'), random.bytes(40)]);
  return { ethertype: body.length, bytes: body };
};

/** Kinds with how often each is taken. */
export const KINDS = { ipv4: 10, ipv6: 9, arp: 4, mpls: 4, nsh: 3, other: 2, llc: 1 } as const;
export type Kind = keyof typeof KINDS;
const MAKERS: Readonly<Record<Kind, Maker>> = { ipv4, ipv6, arp, mpls, nsh, other, llc };

/** `isWhole`: with no damage and no more tags than a switch reads. */
export function makePacket(random: Random, kind: Kind, port: number, { isWhole = false } = {}): GeneratedPacket {
  const fields: Fields = new Map();
  fields.set('in_port', BigInt(port));
  const dst = noted(fields, 'eth_dst', random.pick(MACS));
  const src = noted(fields, 'eth_src', random.pick(MACS.slice(0, 3)));
  const { ethertype, bytes } = MAKERS[kind](random, fields);
  if (ethertype >= 0x600) fields.set('eth_type', BigInt(ethertype));
  const tags: Buffer[] = [];
  for (let n = random.pick([0, 0, 0, 0, 1, 1, 1, 2, isWhole ? 0 : 3]); n > 0; n--)
    tags.push(tag(random, fields, tags.length === 0));
  if (tags.length === 0) fields.set('vlan_tci', 0n);
  let frame: Buffer = Buffer.concat([dst, src, ...tags, u16(ethertype), bytes]);
  // Cut short in a header, or with bytes behind the packet's own end.
  const damage = isWhole ? -1 : random.below(16);
  if (damage === 0) frame = frame.subarray(0, Math.max(14, random.below(frame.length)));
  else if (damage === 1) frame = Buffer.concat([frame, random.bytes(1 + random.below(20))]);
  else if (damage === 2) frame = flipped(random, frame);
  return { port, hex: frame.toString('hex'), fields };
}

function tag(random: Random, fields: Fields, isOuter: boolean): Buffer {
  const vid = random.pick([0, 1, 10, 20, 100, 4095]);
  const pcp = random.pick([0, 0, 3, 7]);
  if (isOuter) {
    fields.set('vlan_tci', BigInt(0x1000 | (pcp << 13) | vid));
    fields.set('vlan_vid', BigInt(0x1000 | vid));
    fields.set('dl_vlan', BigInt(vid));
    fields.set('dl_vlan_pcp', BigInt(pcp));
    fields.set('vlan_pcp', BigInt(pcp));
  }
  return Buffer.concat([u16(random.pick([0x8100, 0x8100, 0x88a8])), u16((pcp << 13) | vid)]);
}

/** One byte behind the addresses is another. */
function flipped(random: Random, frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  if (copy.length > 14) copy[14 + random.below(Math.min(copy.length - 14, 60))]! ^= 1 << random.below(8);
  return copy;
}
