// Matches as Open vSwitch prints them: the order of fields, protocol names in place of dl_type and nw_proto, and the
// abbreviations are those of ovs-ofctl dump-flows, which scripts read.

import { bigintOf, type Field, field, fieldMask, getField } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { OFP_DEFAULT_PRIORITY } from '../model/flow-mod.ts';
import * as P from '../model/prerequisites.ts';
import { matchedTunMetadata } from '../model/tun-metadata.ts';
import { formatFieldValue } from './field-values.ts';
import { formatFlagsMasked, TUNNEL_FLAGS } from './flags.ts';
import { hex } from './lexer.ts';
import type { Names } from './ports.ts';

/** Rules without a priority of their own have this one, which is not printed. */
export { OFP_DEFAULT_PRIORITY };

/** `priority=5,tcp,in_port=1,tp_dst=80`; empty for a match on everything at the default priority. */
export function formatMatch(match: F.Match, priority: number = OFP_DEFAULT_PRIORITY, names: Names = {}): string {
  const out: string[] = [];
  if (priority !== OFP_DEFAULT_PRIORITY) out.push(`priority=${priority}`);
  pushFields(out, match, METADATA_FIRST, names);
  pushPacketType(out, match);
  const protocol = protocolOf(match);
  if (protocol) out.push(protocol.name);
  pushFields(out, match, REGISTERS, names);
  pushFields(out, match, TUNNEL, names);
  pushErspan(out, match, names);
  pushFields(out, match, TUNNEL_LAST, names);
  for (const f of matchedTunMetadata(match)) out.push(tunMetadataText(match, f));
  pushFields(out, match, METADATA_LAST, names);
  pushVlan(out, match, F.KEY_VLAN0_TCI, '');
  // As Open vSwitch has it: no word of an inner tag without one of the outer.
  if (match.mask.u16(F.KEY_VLAN0_TCI) !== 0) pushVlan(out, match, F.KEY_VLAN1_TCI, '1');
  pushFields(out, match, ['eth_src', 'eth_dst'], names);
  if (!protocol && match.mask.u16(F.KEY_ETH_TYPE) !== 0) {
    out.push(`dl_type=0x${match.flow.u16(F.KEY_ETH_TYPE).toString(16).padStart(4, '0')}`);
  }
  pushNsh(out, match, names);
  pushNetwork(out, match, protocol?.impliesProto ?? false, names);
  pushTransport(out, match, names);
  return out.join(',');
}

const METADATA_FIRST = [
  'pkt_mark',
  'recirc_id',
  'dp_hash',
  'conj_id',
  'skb_priority',
  'actset_output',
  'ct_state',
  'ct_zone',
  'ct_mark',
  'ct_label',
  'ct_nw_src',
  'ct_nw_dst',
  'ct_ipv6_src',
  'ct_ipv6_dst',
  'ct_nw_proto',
  'ct_tp_src',
  'ct_tp_dst',
];
const REGISTERS = Array.from({ length: 16 }, (_, i) => `reg${i}`);
const TUNNEL = [
  'tun_id',
  'tun_src',
  'tun_dst',
  'tun_ipv6_src',
  'tun_ipv6_dst',
  'tun_gbp_id',
  'tun_gbp_flags',
  'tun_tos',
  'tun_ttl',
];
const TUNNEL_LAST = ['tun_gtpu_flags', 'tun_gtpu_msgtype', 'tun_flags'];
const METADATA_LAST = ['metadata', 'in_port_oxm'];

/** An option that is only asked to be there has no value. */
function tunMetadataText({ flow, mask }: F.Match, f: Field): string {
  const bits = getField(mask, f);
  if (bits.every((byte) => byte === 0)) return f.name;
  return `${f.name}=${formatFieldValue(f, getField(flow, f), bits)}`;
}

/** Version 1 has an index, version 2 a direction and the hardware's identifier. */
function pushErspan(out: string[], match: F.Match, names: Names): void {
  if (match.mask.u8(F.FLOW_TUN_ERSPAN_VER) === 0) return;
  const version = match.flow.u8(F.FLOW_TUN_ERSPAN_VER);
  pushFields(out, match, ['tun_erspan_ver'], names);
  if (version === 1) pushFields(out, match, ['tun_erspan_idx'], names);
  else if (version === 2) pushFields(out, match, ['tun_erspan_dir', 'tun_erspan_hwid'], names);
}

/** The context headers are only known of fixed-length metadata (RFC 8300, 2.4). */
function pushNsh(out: string[], match: F.Match, names: Names): void {
  if (P.etherTypeOf(match.flow) !== P.ETH_TYPE_NSH) return;
  pushFields(out, match, ['nsh_flags', 'nsh_ttl', 'nsh_mdtype', 'nsh_np', 'nsh_spi', 'nsh_si'], names);
  if (match.flow.u8(F.KEY_NSH_MDTYPE) === 1) pushFields(out, match, ['nsh_c1', 'nsh_c2', 'nsh_c3', 'nsh_c4'], names);
}

/** Names that dump-flows prints where they differ from the field's own. */
const PRINTED: Readonly<Record<string, string>> = {
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  ip_src: 'nw_src',
  ip_dst: 'nw_dst',
  ip_frag: 'nw_frag',
  in_port_oxm: 'in_port',
  tcp_src: 'tp_src',
  tcp_dst: 'tp_dst',
  tun_gtpu_flags: 'gtpu_flags',
  tun_gtpu_msgtype: 'gtpu_msgtype',
};

const hex0x = (value: bigint, mask: bigint, exact: boolean) =>
  `0x${value.toString(16)}${exact ? '' : `/0x${mask.toString(16)}`}`;

const padded = (digits: number) => (value: bigint | number) => `0x${value.toString(16).padStart(digits, '0')}`;
const [hex2, hex5, hex8] = [padded(2), padded(5), padded(8)] as const;
const byte = (value: bigint, mask: bigint, exact: boolean) => (exact ? String(value) : `${hex2(value)}/${hex2(mask)}`);

/** Fields whose printed form in a match is not the field's general one. */
const FORMATS: Readonly<Record<string, (value: bigint, mask: bigint, exact: boolean) => string>> = {
  recirc_id: (value) => hex(value),
  ct_zone: (value) => String(value),
  // Without its mask, as Open vSwitch prints it.
  tun_erspan_idx: (value) => `0x${value.toString(16)}`,
  ...Object.fromEntries(['nsh_spi', 'nsh_c1', 'nsh_c2', 'nsh_c3', 'nsh_c4'].map((name) => [name, hex0x])),
  // Always with signs: that the bit is clear is worth saying.
  tun_flags: (value, mask) => formatFlagsMasked(Number(value), Number(mask) & 1, TUNNEL_FLAGS),
  ...Object.fromEntries(['nsh_flags', 'nsh_ttl', 'nsh_mdtype', 'nsh_np', 'nsh_si'].map((name) => [name, byte])),
  // These never with their masks.
  ...Object.fromEntries(['nw_ttl', 'mpls_label', 'mpls_tc', 'mpls_ttl', 'mpls_bos'].map((name) => [name, String])),
  ipv6_label: (value, mask, exact) => (exact ? hex5(value) : `${hex5(value)}/${hex5(mask)}`),
  nd_reserved: (value, mask, exact) => (exact ? String(value) : `${hex8(value)}/${hex8(mask)}`),
};

function pushFields(out: string[], match: F.Match, fields: readonly string[], names: Names): void {
  for (const name of fields) pushField(out, match, field(name), names);
}

function pushField(out: string[], match: F.Match, f: Field, names: Names): void {
  const mask = fieldMask(match.mask, f);
  if (mask.every((byte) => byte === 0)) return;
  const value = getField(match.flow, f);
  const special = FORMATS[f.name];
  const bits = bigintOf(mask);
  const exact = bits === f.valid && isMaskedWhole(match.mask, f);
  const text = special
    ? special(bigintOf(value), bits, exact)
    : f.format === 'decimal' && !exact
      ? `0x${bigintOf(value).toString(16)}/0x${bits.toString(16)}`
      : formatFieldValue(f, value, mask, names);
  out.push(`${PRINTED[f.name] ?? f.name}=${text}`);
}

function isMaskedWhole({ bytes }: F.Flow, { maskedWhole }: Field): boolean {
  if (maskedWhole) for (let at = maskedWhole[0]; at < maskedWhole[1]; at++) if (bytes[at] !== 0xff) return false;
  return true;
}

/** Ethernet is only worth saying in datapath flows, which are known by their recirc_id. */
function pushPacketType(out: string[], { flow, mask }: F.Match): void {
  const type = flow.u32(F.KEY_PACKET_TYPE);
  if (type !== 0) out.push(`packet_type=(${type >>> 16},${hex(type & 0xffff)})`);
  else if (mask.u32(F.KEY_RECIRC_ID) !== 0 && matchesEthernet(mask)) out.push('eth');
}

function matchesEthernet(mask: F.Flow): boolean {
  const bits = mask.u32(F.KEY_PACKET_TYPE) | mask.u16(F.KEY_ETH_TYPE) | mask.u16(F.KEY_VLAN0_TCI);
  return bits !== 0 || mask.bytes.subarray(F.KEY_ETH_DST, F.KEY_ETH_SRC + 6).some((byte) => byte !== 0);
}

const IP_NAMES: Readonly<Record<number, string>> = {
  [P.IPPROTO_ICMP]: 'icmp',
  [P.IPPROTO_TCP]: 'tcp',
  [P.IPPROTO_UDP]: 'udp',
  [P.IPPROTO_SCTP]: 'sctp',
};
const IPV6_NAMES: Readonly<Record<number, string>> = {
  [P.IPPROTO_ICMPV6]: 'icmp6',
  [P.IPPROTO_TCP]: 'tcp6',
  [P.IPPROTO_UDP]: 'udp6',
  [P.IPPROTO_SCTP]: 'sctp6',
};
const ETHER_NAMES: Readonly<Record<number, string>> = {
  [P.ETH_TYPE_IP]: 'ip',
  [P.ETH_TYPE_IPV6]: 'ipv6',
  [P.ETH_TYPE_ARP]: 'arp',
  [P.ETH_TYPE_RARP]: 'rarp',
  [P.ETH_TYPE_MPLS]: 'mpls',
  [P.ETH_TYPE_MPLS_MCAST]: 'mplsm',
};

/** The name that stands for dl_type, and for nw_proto too when `impliesProto`. */
function protocolOf({ flow, mask }: F.Match): { name: string; impliesProto: boolean } | undefined {
  if (mask.u16(F.KEY_ETH_TYPE) === 0) return undefined;
  const etherType = flow.u16(F.KEY_ETH_TYPE);
  const byProto = etherType === P.ETH_TYPE_IP ? IP_NAMES : etherType === P.ETH_TYPE_IPV6 ? IPV6_NAMES : undefined;
  if (byProto && mask.u8(F.KEY_NW_PROTO) !== 0) {
    const name = byProto[flow.u8(F.KEY_NW_PROTO)];
    if (name) return { name, impliesProto: true };
  }
  const name = ETHER_NAMES[etherType];
  return name ? { name, impliesProto: false } : undefined;
}

/** One tag; the inner one's fields have `1` behind their names. */
function pushVlan(out: string[], { flow, mask }: F.Match, offset: number, suffix: string): void {
  const bits = mask.u16(offset);
  if (bits === 0) return;
  const tci = flow.u16(offset);
  const [vid, pcp] = [bits & 0x0fff, bits & 0xe000];
  const whole = (vid === 0 || vid === 0xfff) && (pcp === 0 || pcp === 0xe000) && (vid | pcp) !== 0;
  if ((bits & tci & F.VLAN_CFI) !== 0 && whole) {
    if (vid) out.push(`dl_vlan${suffix}=${tci & 0xfff}`);
    if (pcp) out.push(`dl_vlan_pcp${suffix}=${tci >> 13}`);
    return;
  }
  const hex4 = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;
  out.push(`vlan_tci${suffix}=${hex4(tci)}${bits === 0xffff ? '' : `/${hex4(bits)}`}`);
}

function pushNetwork(out: string[], match: F.Match, protoNamed: boolean, names: Names): void {
  const etherType = P.etherTypeOf(match.flow);
  const isArp = etherType === P.ETH_TYPE_ARP || etherType === P.ETH_TYPE_RARP;
  if (etherType === P.ETH_TYPE_IPV6) pushFields(out, match, ['ipv6_src', 'ipv6_dst', 'ipv6_label'], names);
  else pushFields(out, match, isArp ? ['arp_spa', 'arp_tpa'] : ['ip_src', 'ip_dst'], names);
  if (!protoNamed) pushFields(out, match, [isArp ? 'arp_op' : 'nw_proto'], names);
  if (isArp) pushFields(out, match, ['arp_sha', 'arp_tha'], names);
  pushTos(out, match);
  pushFields(out, match, ['nw_ttl', 'mpls_label', 'mpls_tc', 'mpls_ttl', 'mpls_bos'], names);
  pushInnerLabels(out, match);
  pushFields(out, match, ['ip_frag'], names);
}

/** Entries below the outer one have no fields of their own. */
function pushInnerLabels(out: string[], { flow, mask }: F.Match): void {
  for (const i of [1, 2]) {
    const bits = mask.u32(F.KEY_MPLS_LSE0 + 4 * i);
    if (bits === 0) continue;
    const value = flow.u32(F.KEY_MPLS_LSE0 + 4 * i);
    out.push(`mpls_lse${i}=${bits === 0xffffffff ? value : `${hex8(value)}/${hex8(bits)}`}`);
  }
}

/** DSCP as the TOS byte that has it, then ECN. */
function pushTos(out: string[], { flow, mask }: F.Match): void {
  const [tos, bits] = [flow.u8(F.KEY_NW_TOS), mask.u8(F.KEY_NW_TOS)];
  if (bits & 0xfc) out.push(`nw_tos=${tos & 0xfc}`);
  if (bits & 3) out.push(`nw_ecn=${tos & 3}`);
}

function pushTransport(out: string[], match: F.Match, names: Names): void {
  const proto = match.flow.u8(F.KEY_NW_PROTO);
  const etherType = P.etherTypeOf(match.flow);
  if (etherType === P.ETH_TYPE_IP && proto === P.IPPROTO_ICMP) {
    pushIcmp(out, match);
  } else if (etherType === P.ETH_TYPE_IPV6 && proto === P.IPPROTO_ICMPV6) {
    pushIcmp(out, match);
    pushFields(out, match, ['nd_target', 'nd_sll', 'nd_tll', 'nd_reserved', 'nd_options_type'], names);
  } else {
    pushFields(out, match, ['tcp_src', 'tcp_dst'], names);
  }
  if (proto === P.IPPROTO_TCP) pushFields(out, match, ['tcp_flags'], names);
}

/** Type and code, bytes in fields of 16 bits. */
function pushIcmp(out: string[], { flow, mask }: F.Match): void {
  for (const [name, offset] of [['icmp_type', F.KEY_TP_SRC] as const, ['icmp_code', F.KEY_TP_DST] as const]) {
    const [value, bits] = [flow.u16(offset), mask.u16(offset)];
    if (bits === 0) continue;
    out.push(`${name}=${bits === 0xffff ? value : `0x${value.toString(16)}/0x${bits.toString(16)}`}`);
  }
}
