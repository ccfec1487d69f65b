// The fields of ovs-fields(7), conntrack and tunnels excepted: how their values are written, what must be matched with
// them, and which an action may set. Written from the manual page, not from weft's own table.
import type { Feature } from '../features.ts';

export type Format = 'dec' | 'hex' | 'eth' | 'ip' | 'ipv6' | 'port' | 'frag' | 'packet_type';

export interface FieldSpec {
  readonly name: string;
  readonly bits: number;
  readonly format: Format;
  /** Shorthand that has to be matched with it: `tcp`. Several are alternatives. */
  readonly needs?: readonly string[];
  readonly maskable?: boolean;
  readonly settable?: boolean;
  /** Values that are likely to be met; others are random. */
  readonly pool?: readonly bigint[];
  /** In Flow text but not a match that ovs-ofctl sends. */
  readonly matchable?: boolean;
  readonly feature?: Feature;
  /** Only since this version. */
  readonly since?: 'OpenFlow13' | 'OpenFlow15';
}

const MASK = { maskable: true } as const;
const SET = { settable: true } as const;
const BOTH = { ...MASK, ...SET } as const;
const small = [0n, 1n, 2n, 3n];

const numbered = (prefix: string, count: number, bits: number): FieldSpec[] =>
  Array.from({ length: count }, (_, i) => ({ name: `${prefix}${i}`, bits, format: 'hex', ...BOTH, pool: small }));

const metadata: FieldSpec[] = [
  { name: 'conj_id', bits: 32, format: 'dec', pool: small, feature: 'conjunction' },
  { name: 'in_port', bits: 16, format: 'port', pool: [1n, 2n, 3n, 4n, 5n, 6n], ...SET },
  { name: 'in_port_oxm', bits: 32, format: 'port', pool: [1n, 2n, 3n, 4n, 5n, 6n] },
  { name: 'pkt_mark', bits: 32, format: 'hex', pool: small, ...BOTH },
  { name: 'actset_output', bits: 32, format: 'port', pool: [1n, 2n, 3n], since: 'OpenFlow13' },
  { name: 'packet_type', bits: 32, format: 'packet_type', pool: [0n], since: 'OpenFlow15', feature: 'packet_type' },
  { name: 'dp_hash', bits: 32, format: 'hex', pool: small, ...MASK },
  { name: 'recirc_id', bits: 32, format: 'hex', pool: small },
  { name: 'metadata', bits: 64, format: 'hex', pool: small, ...BOTH },
  ...numbered('reg', 16, 32),
  ...numbered('xreg', 8, 64),
  ...numbered('xxreg', 4, 128),
];

const ethernet: FieldSpec[] = [
  { name: 'eth_src', bits: 48, format: 'eth', ...BOTH },
  { name: 'eth_dst', bits: 48, format: 'eth', ...BOTH },
  { name: 'eth_type', bits: 16, format: 'hex', pool: [0x88b5n, 0x0800n, 0x86ddn, 0x0806n, 0x05ffn, 0x8847n] },
  { name: 'vlan_tci', bits: 16, format: 'hex', ...BOTH },
  { name: 'dl_vlan', bits: 12, format: 'dec' },
  { name: 'dl_vlan_pcp', bits: 3, format: 'dec' },
  { name: 'vlan_vid', bits: 13, format: 'hex', ...BOTH },
  { name: 'vlan_pcp', bits: 3, format: 'dec', needs: ['vlan_tci=0x1000/0x1000'], ...SET },
];

const MPLS = { needs: ['mpls', 'mplsm'], feature: 'mpls' } as const;
const mpls: FieldSpec[] = [
  { name: 'mpls_label', bits: 20, format: 'dec', ...SET, ...MPLS },
  { name: 'mpls_tc', bits: 3, format: 'dec', ...SET, ...MPLS },
  { name: 'mpls_bos', bits: 1, format: 'dec', ...MPLS },
  { name: 'mpls_ttl', bits: 8, format: 'dec', ...SET, ...MPLS },
];

const IP = ['ip', 'tcp', 'udp', 'icmp'] as const;
const IPV6 = ['ipv6', 'tcp6', 'udp6', 'icmp6'] as const;
const ANY_IP = ['ip', 'ipv6'] as const;
const ip: FieldSpec[] = [
  { name: 'nw_src', bits: 32, format: 'ip', needs: IP, ...BOTH },
  { name: 'nw_dst', bits: 32, format: 'ip', needs: IP, ...BOTH },
  { name: 'ipv6_src', bits: 128, format: 'ipv6', needs: IPV6, ...BOTH },
  { name: 'ipv6_dst', bits: 128, format: 'ipv6', needs: IPV6, ...BOTH },
  { name: 'ipv6_label', bits: 20, format: 'hex', needs: ['ipv6'], ...BOTH },
  { name: 'nw_proto', bits: 8, format: 'dec', needs: ANY_IP },
  { name: 'nw_ttl', bits: 8, format: 'dec', needs: ANY_IP, ...SET },
  { name: 'ip_frag', bits: 2, format: 'frag', needs: ANY_IP },
  { name: 'nw_tos', bits: 8, format: 'dec', needs: ANY_IP },
  { name: 'ip_dscp', bits: 6, format: 'dec', needs: ANY_IP, ...SET },
  { name: 'nw_ecn', bits: 2, format: 'dec', needs: ANY_IP, ...SET },
];

const arp: FieldSpec[] = [
  { name: 'arp_op', bits: 16, format: 'dec', needs: ['arp', 'rarp'], pool: [1n, 2n, 3n], ...SET },
  { name: 'arp_spa', bits: 32, format: 'ip', needs: ['arp', 'rarp'], ...BOTH },
  { name: 'arp_tpa', bits: 32, format: 'ip', needs: ['arp', 'rarp'], ...BOTH },
  { name: 'arp_sha', bits: 48, format: 'eth', needs: ['arp', 'rarp'], ...BOTH },
  { name: 'arp_tha', bits: 48, format: 'eth', needs: ['arp', 'rarp'], ...BOTH },
];

const NSH = { needs: ['eth_type=0x894f'], feature: 'nsh' } as const;
const nsh: FieldSpec[] = [
  { name: 'nsh_flags', bits: 8, format: 'dec', ...BOTH, ...NSH },
  { name: 'nsh_ttl', bits: 8, format: 'dec', ...BOTH, ...NSH },
  { name: 'nsh_mdtype', bits: 8, format: 'dec', ...NSH },
  { name: 'nsh_np', bits: 8, format: 'dec', ...NSH },
  { name: 'nsh_spi', bits: 24, format: 'hex', ...BOTH, ...NSH },
  { name: 'nsh_si', bits: 8, format: 'dec', ...BOTH, ...NSH },
  ...[1, 2, 3, 4].map((n): FieldSpec => ({ name: `nsh_c${n}`, bits: 32, format: 'hex', ...BOTH, ...NSH })),
];

const transport: FieldSpec[] = [
  { name: 'tcp_src', bits: 16, format: 'dec', needs: ['tcp', 'tcp6'], ...BOTH },
  { name: 'tcp_dst', bits: 16, format: 'dec', needs: ['tcp', 'tcp6'], ...BOTH },
  { name: 'tcp_flags', bits: 12, format: 'hex', needs: ['tcp', 'tcp6'], ...MASK },
  { name: 'udp_src', bits: 16, format: 'dec', needs: ['udp', 'udp6'], ...BOTH },
  { name: 'udp_dst', bits: 16, format: 'dec', needs: ['udp', 'udp6'], ...BOTH },
  { name: 'sctp_src', bits: 16, format: 'dec', needs: ['sctp', 'sctp6'], ...BOTH },
  { name: 'sctp_dst', bits: 16, format: 'dec', needs: ['sctp', 'sctp6'], ...BOTH },
  { name: 'icmp_type', bits: 8, format: 'dec', needs: ['icmp'], ...SET },
  { name: 'icmp_code', bits: 8, format: 'dec', needs: ['icmp'], ...SET },
  { name: 'icmpv6_type', bits: 8, format: 'dec', needs: ['icmp6'], ...SET },
  { name: 'icmpv6_code', bits: 8, format: 'dec', needs: ['icmp6'], ...SET },
];

const SOLICIT = 'icmp6,icmpv6_type=135,icmpv6_code=0';
const ADVERT = 'icmp6,icmpv6_type=136,icmpv6_code=0';
const discovery: FieldSpec[] = [
  { name: 'nd_target', bits: 128, format: 'ipv6', needs: [SOLICIT, ADVERT], ...BOTH },
  { name: 'nd_sll', bits: 48, format: 'eth', needs: [SOLICIT], ...BOTH },
  { name: 'nd_tll', bits: 48, format: 'eth', needs: [ADVERT], ...BOTH },
  { name: 'nd_reserved', bits: 32, format: 'hex', needs: [SOLICIT, ADVERT], ...BOTH },
  { name: 'nd_options_type', bits: 8, format: 'dec', needs: [SOLICIT, ADVERT], ...SET },
];

export const FIELDS: readonly FieldSpec[] = [
  ...metadata,
  ...ethernet,
  ...mpls,
  ...ip,
  ...arp,
  ...nsh,
  ...transport,
  ...discovery,
];

/** Other names that mean the same field, and count as it. */
export const ALIASES: Readonly<Record<string, string>> = {
  dl_src: 'eth_src',
  dl_dst: 'eth_dst',
  dl_type: 'eth_type',
  ip_src: 'nw_src',
  ip_dst: 'nw_dst',
  ip_proto: 'nw_proto',
  ip_ecn: 'nw_ecn',
  nw_frag: 'ip_frag',
  tp_src: 'tcp_src',
  tp_dst: 'tcp_dst',
  nsp: 'nsh_spi',
  nsi: 'nsh_si',
};

const ones = (bits: number) => (1n << BigInt(bits)) - 1n;
const groups = (value: bigint, bits: number, size: number) =>
  Array.from({ length: bits / size }, (_, i) => Number((value >> BigInt(bits - size * (i + 1))) & ones(size)));

/** A value as the field's text. */
export function formatValue(field: FieldSpec, value: bigint): string {
  switch (field.format) {
    case 'eth':
      return groups(value, 48, 8)
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join(':');
    case 'ip':
      return groups(value, 32, 8).join('.');
    case 'ipv6':
      return groups(value, 128, 16)
        .map((word) => word.toString(16))
        .join(':');
    case 'frag':
      return (['no', 'first', 'later', 'later'] as const)[Number(value)]!;
    case 'packet_type':
      return `(${value >> 16n},0x${(value & 0xffffn).toString(16)})`;
    case 'hex':
      return `0x${value.toString(16)}`;
    default:
      return String(value);
  }
}

/** `name=value`, `name=value/mask`. */
export function formatMatch(field: FieldSpec, value: bigint, mask: bigint): string {
  if (mask === ones(field.bits)) return `${field.name}=${formatValue(field, value)}`;
  const hex = field.format === 'dec' ? ({ ...field, format: 'hex' } as const) : field;
  return `${field.name}=${formatValue(hex, value & mask)}/${formatValue(hex, mask)}`;
}

export const fieldOnes = (field: FieldSpec): bigint => ones(field.bits);
