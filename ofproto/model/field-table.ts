// The table of match fields (ovs-fields(7)) and where a Flow keeps each one. Tunnel metadata,
// which is where a bridge says, is not in it (tun-metadata.ts). Long because it is one table, a row a field.

import type { FieldFormat, MaskRule, Prerequisite } from './field.ts';
import * as F from './flow.ts';

/** One row; members left out take the defaults that fields.ts names. */
export interface FieldRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly size: number;
  readonly bits?: number;
  readonly valid?: bigint;
  readonly range?: readonly [min: number, max: number];
  readonly offset: number;
  readonly width?: number;
  readonly shift?: number;
  readonly maskedWhole?: readonly [from: number, to: number];
  readonly mask?: MaskRule;
  readonly format?: FieldFormat;
  readonly needs?: Prerequisite;
  readonly readOnly?: boolean;
  /** Name and number of the NXM code point. */
  readonly nxm?: readonly [name: string, number: number];
  /** Name, number and first OpenFlow version of the OXM code point. */
  readonly oxm?: readonly [name: string, number: number, version: number];
  readonly onf?: number;
  readonly tlvSlot?: number;
}

const OF12 = 0x03;
const OF13 = 0x04;
const OF15 = 0x06;
const EXACT: MaskRule = 'none';

const registers = Array.from(
  { length: 16 },
  (_, i): FieldRow => ({
    name: `reg${i}`,
    size: 4,
    offset: F.FLOW_REG0 + 4 * i,
    format: 'hexadecimal',
    nxm: [`NXM_NX_REG${i}`, i],
  }),
);
const xregisters = Array.from(
  { length: 8 },
  (_, i): FieldRow => ({
    name: `xreg${i}`,
    size: 8,
    offset: F.FLOW_REG0 + 8 * i,
    format: 'hexadecimal',
    oxm: [`OXM_OF_PKT_REG${i}`, i, OF13],
  }),
);
const xxregisters = Array.from(
  { length: 4 },
  (_, i): FieldRow => ({
    name: `xxreg${i}`,
    size: 16,
    offset: F.FLOW_REG0 + 16 * i,
    format: 'hexadecimal',
    nxm: [`NXM_NX_XXREG${i}`, 111 + i],
  }),
);

const HEX = { format: 'hexadecimal' } as const;
const ETHER = { size: 6, format: 'ethernet' } as const;
const IPV4 = { size: 4, format: 'ipv4' } as const;
const IPV6 = { size: 16, format: 'ipv6' } as const;

/** Fields of the pipeline and of the tunnel a packet came from. */
const metadata: readonly FieldRow[] = [
  { name: 'dp_hash', size: 4, offset: F.KEY_DP_HASH, ...HEX, readOnly: true, nxm: ['NXM_NX_DP_HASH', 35] },
  { name: 'recirc_id', size: 4, offset: F.KEY_RECIRC_ID, mask: EXACT, readOnly: true, nxm: ['NXM_NX_RECIRC_ID', 36] },
  {
    name: 'packet_type',
    size: 4,
    offset: F.KEY_PACKET_TYPE,
    mask: EXACT,
    format: 'packet_type',
    readOnly: true,
    oxm: ['OXM_OF_PACKET_TYPE', 44, OF15],
  },
  { name: 'conj_id', size: 4, offset: F.FLOW_CONJ_ID, mask: EXACT, readOnly: true, nxm: ['NXM_NX_CONJ_ID', 37] },
  {
    name: 'tun_id',
    aliases: ['tunnel_id'],
    size: 8,
    offset: F.FLOW_TUN_ID,
    ...HEX,
    nxm: ['NXM_NX_TUN_ID', 16],
    oxm: ['OXM_OF_TUNNEL_ID', 38, OF13],
  },
  { name: 'tun_src', ...IPV4, offset: F.FLOW_TUN_SRC, nxm: ['NXM_NX_TUN_IPV4_SRC', 31] },
  { name: 'tun_dst', ...IPV4, offset: F.FLOW_TUN_DST, nxm: ['NXM_NX_TUN_IPV4_DST', 32] },
  { name: 'tun_ipv6_src', ...IPV6, offset: F.FLOW_TUN_IPV6_SRC, nxm: ['NXM_NX_TUN_IPV6_SRC', 109] },
  { name: 'tun_ipv6_dst', ...IPV6, offset: F.FLOW_TUN_IPV6_DST, nxm: ['NXM_NX_TUN_IPV6_DST', 110] },
  {
    name: 'tun_flags',
    size: 2,
    bits: 1,
    offset: F.FLOW_TUN_FLAGS,
    format: 'tnl_flags',
    nxm: ['NXM_NX_TUN_FLAGS', 104],
  },
  { name: 'tun_ttl', size: 1, offset: F.FLOW_TUN_TTL, mask: EXACT },
  { name: 'tun_tos', size: 1, offset: F.FLOW_TUN_TOS, mask: EXACT },
  { name: 'tun_gbp_id', size: 2, offset: F.FLOW_TUN_GBP_ID, nxm: ['NXM_NX_TUN_GBP_ID', 38] },
  { name: 'tun_gbp_flags', size: 1, offset: F.FLOW_TUN_GBP_FLAGS, ...HEX, nxm: ['NXM_NX_TUN_GBP_FLAGS', 39] },
  ...(
    [
      ['tun_erspan_ver', 1, 4, F.FLOW_TUN_ERSPAN_VER, 12, 'decimal'],
      ['tun_erspan_idx', 4, 20, F.FLOW_TUN_ERSPAN_IDX, 11, 'hexadecimal'],
      ['tun_erspan_dir', 1, 1, F.FLOW_TUN_ERSPAN_DIR, 13, 'decimal'],
      ['tun_erspan_hwid', 1, 6, F.FLOW_TUN_ERSPAN_HWID, 14, 'hexadecimal'],
      ['tun_gtpu_flags', 1, 8, F.FLOW_TUN_GTPU_FLAGS, 15, 'hexadecimal'],
      ['tun_gtpu_msgtype', 1, 8, F.FLOW_TUN_GTPU_MSGTYPE, 16, 'decimal'],
    ] as const
  ).map(
    ([name, size, bits, offset, number, format]): FieldRow => ({
      name,
      size,
      bits,
      offset,
      format,
      readOnly: name.startsWith('tun_gtpu'),
      nxm: [`NXOXM_ET_${name.slice('tun_'.length).toUpperCase()}`, number],
    }),
  ),
  { name: 'metadata', size: 8, offset: F.FLOW_METADATA, ...HEX, oxm: ['OXM_OF_METADATA', 2, OF12] },
  {
    name: 'in_port',
    size: 2,
    width: 4,
    offset: F.KEY_IN_PORT,
    mask: EXACT,
    format: 'port',
    nxm: ['NXM_OF_IN_PORT', 0],
  },
  {
    name: 'in_port_oxm',
    size: 4,
    offset: F.KEY_IN_PORT,
    mask: EXACT,
    format: 'port',
    oxm: ['OXM_OF_IN_PORT', 0, OF12],
  },
  {
    name: 'actset_output',
    size: 4,
    offset: F.FLOW_ACTSET_OUTPUT,
    mask: EXACT,
    format: 'port',
    readOnly: true,
    oxm: ['OXM_OF_ACTSET_OUTPUT', 43, OF15],
    onf: 43,
  },
  { name: 'skb_priority', size: 4, offset: F.KEY_SKB_PRIORITY, mask: EXACT, ...HEX, readOnly: true },
  { name: 'pkt_mark', size: 4, offset: F.KEY_PKT_MARK, ...HEX, nxm: ['NXM_NX_PKT_MARK', 33] },
];

const conntrack: readonly FieldRow[] = [
  {
    name: 'ct_state',
    size: 4,
    offset: F.KEY_CT_STATE,
    format: 'ct_state',
    readOnly: true,
    nxm: ['NXM_NX_CT_STATE', 105],
  },
  {
    name: 'ct_zone',
    size: 2,
    offset: F.KEY_CT_ZONE,
    mask: EXACT,
    ...HEX,
    readOnly: true,
    nxm: ['NXM_NX_CT_ZONE', 106],
  },
  { name: 'ct_mark', size: 4, offset: F.KEY_CT_MARK, ...HEX, nxm: ['NXM_NX_CT_MARK', 107] },
  { name: 'ct_label', size: 16, offset: F.KEY_CT_LABEL, ...HEX, nxm: ['NXM_NX_CT_LABEL', 108] },
  {
    name: 'ct_nw_proto',
    size: 1,
    offset: F.KEY_CT_NW_PROTO,
    mask: EXACT,
    needs: 'ct',
    readOnly: true,
    nxm: ['NXM_NX_CT_NW_PROTO', 119],
  },
  {
    name: 'ct_nw_src',
    ...IPV4,
    offset: F.KEY_CT_NW_SRC,
    needs: 'ct',
    readOnly: true,
    nxm: ['NXM_NX_CT_NW_SRC', 120],
  },
  {
    name: 'ct_nw_dst',
    ...IPV4,
    offset: F.KEY_CT_NW_DST,
    needs: 'ct',
    readOnly: true,
    nxm: ['NXM_NX_CT_NW_DST', 121],
  },
  {
    name: 'ct_ipv6_src',
    ...IPV6,
    offset: F.KEY_CT_IPV6_SRC,
    needs: 'ct',
    readOnly: true,
    nxm: ['NXM_NX_CT_IPV6_SRC', 122],
  },
  {
    name: 'ct_ipv6_dst',
    ...IPV6,
    offset: F.KEY_CT_IPV6_DST,
    needs: 'ct',
    readOnly: true,
    nxm: ['NXM_NX_CT_IPV6_DST', 123],
  },
  { name: 'ct_tp_src', size: 2, offset: F.KEY_CT_TP_SRC, needs: 'ct', readOnly: true, nxm: ['NXM_NX_CT_TP_SRC', 124] },
  { name: 'ct_tp_dst', size: 2, offset: F.KEY_CT_TP_DST, needs: 'ct', readOnly: true, nxm: ['NXM_NX_CT_TP_DST', 125] },
];

const ETH = { needs: 'ethernet' } as const;

const layer2: readonly FieldRow[] = [
  {
    name: 'eth_src',
    aliases: ['dl_src'],
    ...ETHER,
    offset: F.KEY_ETH_SRC,
    ...ETH,
    nxm: ['NXM_OF_ETH_SRC', 2],
    oxm: ['OXM_OF_ETH_SRC', 4, OF12],
  },
  {
    name: 'eth_dst',
    aliases: ['dl_dst'],
    ...ETHER,
    offset: F.KEY_ETH_DST,
    ...ETH,
    nxm: ['NXM_OF_ETH_DST', 1],
    oxm: ['OXM_OF_ETH_DST', 3, OF12],
  },
  {
    name: 'eth_type',
    aliases: ['dl_type'],
    size: 2,
    offset: F.KEY_ETH_TYPE,
    mask: EXACT,
    ...HEX,
    ...ETH,
    readOnly: true,
    nxm: ['NXM_OF_ETH_TYPE', 3],
    oxm: ['OXM_OF_ETH_TYPE', 5, OF12],
  },
  { name: 'vlan_tci', size: 2, offset: F.KEY_VLAN0_TCI, ...HEX, ...ETH, nxm: ['NXM_OF_VLAN_TCI', 4] },
  // OpenFlow 1.0's VLAN fields: text only, 0xffff is "no tag".
  { name: 'dl_vlan', size: 2, bits: 12, offset: F.KEY_VLAN0_TCI, mask: EXACT, ...ETH },
  {
    name: 'vlan_vid',
    size: 2,
    bits: 12,
    valid: 0x1fffn,
    offset: F.KEY_VLAN0_TCI,
    ...ETH,
    oxm: ['OXM_OF_VLAN_VID', 6, OF12],
  },
  { name: 'dl_vlan_pcp', size: 1, bits: 3, offset: F.KEY_VLAN0_TCI, shift: 5, mask: EXACT, ...ETH },
  {
    name: 'vlan_pcp',
    size: 1,
    bits: 3,
    offset: F.KEY_VLAN0_TCI,
    shift: 5,
    mask: EXACT,
    needs: 'vlan',
    oxm: ['OXM_OF_VLAN_PCP', 7, OF12],
  },
];

// The label stack entry is label 20 | tc 3 | bos 1 | ttl 8: the narrow ones lie in its third and fourth byte.
const mpls: readonly FieldRow[] = [
  {
    name: 'mpls_label',
    size: 4,
    bits: 20,
    offset: F.KEY_MPLS_LSE0,
    shift: 12,
    mask: EXACT,
    needs: 'mpls',
    oxm: ['OXM_OF_MPLS_LABEL', 34, OF12],
  },
  {
    name: 'mpls_tc',
    size: 1,
    bits: 3,
    offset: F.KEY_MPLS_LSE0 + 2,
    shift: 1,
    mask: EXACT,
    needs: 'mpls',
    oxm: ['OXM_OF_MPLS_TC', 35, OF12],
  },
  {
    name: 'mpls_bos',
    size: 1,
    bits: 1,
    offset: F.KEY_MPLS_LSE0 + 2,
    mask: EXACT,
    needs: 'mpls',
    readOnly: true,
    oxm: ['OXM_OF_MPLS_BOS', 36, OF13],
  },
  { name: 'mpls_ttl', size: 1, offset: F.KEY_MPLS_LSE0 + 3, mask: EXACT, needs: 'mpls', nxm: ['NXM_NX_MPLS_TTL', 30] },
];

// The service path identifier is the upper 24 bits of a word whose low byte is the service index (RFC 8300, 2.3).
const nsh: readonly FieldRow[] = [
  { name: 'nsh_flags', size: 1, offset: F.KEY_NSH_FLAGS, needs: 'nsh', nxm: ['NXOXM_NSH_FLAGS', 1] },
  {
    name: 'nsh_ttl',
    size: 1,
    range: [0, 63],
    offset: F.KEY_NSH_TTL,
    mask: EXACT,
    needs: 'nsh',
    nxm: ['NXOXM_NSH_TTL', 10],
  },
  {
    name: 'nsh_mdtype',
    size: 1,
    range: [1, 2],
    offset: F.KEY_NSH_MDTYPE,
    mask: EXACT,
    needs: 'nsh',
    readOnly: true,
    nxm: ['NXOXM_NSH_MDTYPE', 2],
  },
  {
    name: 'nsh_np',
    size: 1,
    offset: F.KEY_NSH_NP,
    mask: EXACT,
    needs: 'nsh',
    readOnly: true,
    nxm: ['NXOXM_NSH_NP', 3],
  },
  {
    name: 'nsh_spi',
    aliases: ['nsp'],
    size: 4,
    bits: 24,
    offset: F.KEY_NSH_PATH,
    shift: 8,
    mask: EXACT,
    ...HEX,
    needs: 'nsh',
    nxm: ['NXOXM_NSH_SPI', 4],
  },
  {
    name: 'nsh_si',
    aliases: ['nsi'],
    size: 1,
    offset: F.KEY_NSH_PATH + 3,
    mask: EXACT,
    needs: 'nsh',
    nxm: ['NXOXM_NSH_SI', 5],
  },
  ...Array.from(
    { length: 4 },
    (_, i): FieldRow => ({
      name: `nsh_c${i + 1}`,
      aliases: [`nshc${i + 1}`],
      size: 4,
      offset: F.KEY_NSH_C1 + 4 * i,
      ...HEX,
      needs: 'nsh',
      nxm: [`NXOXM_NSH_C${i + 1}`, 6 + i],
    }),
  ),
];

const ip: readonly FieldRow[] = [
  {
    name: 'ip_src',
    aliases: ['nw_src'],
    ...IPV4,
    offset: F.KEY_NW_SRC,
    needs: 'ipv4',
    nxm: ['NXM_OF_IP_SRC', 7],
    oxm: ['OXM_OF_IPV4_SRC', 11, OF12],
  },
  {
    name: 'ip_dst',
    aliases: ['nw_dst'],
    ...IPV4,
    offset: F.KEY_NW_DST,
    needs: 'ipv4',
    nxm: ['NXM_OF_IP_DST', 8],
    oxm: ['OXM_OF_IPV4_DST', 12, OF12],
  },
  {
    name: 'ipv6_src',
    ...IPV6,
    offset: F.KEY_IPV6_SRC,
    needs: 'ipv6',
    nxm: ['NXM_NX_IPV6_SRC', 19],
    oxm: ['OXM_OF_IPV6_SRC', 26, OF12],
  },
  {
    name: 'ipv6_dst',
    ...IPV6,
    offset: F.KEY_IPV6_DST,
    needs: 'ipv6',
    nxm: ['NXM_NX_IPV6_DST', 20],
    oxm: ['OXM_OF_IPV6_DST', 27, OF12],
  },
  {
    name: 'ipv6_label',
    size: 4,
    bits: 20,
    offset: F.KEY_IPV6_LABEL,
    maskedWhole: [F.KEY_IPV6_LABEL, F.KEY_IPV6_LABEL + 4],
    ...HEX,
    needs: 'ipv6',
    nxm: ['NXM_NX_IPV6_LABEL', 27],
    oxm: ['OXM_OF_IPV6_FLABEL', 28, OF12],
  },
  {
    name: 'nw_proto',
    aliases: ['ip_proto'],
    size: 1,
    offset: F.KEY_NW_PROTO,
    mask: EXACT,
    needs: 'ip',
    readOnly: true,
    nxm: ['NXM_OF_IP_PROTO', 6],
    oxm: ['OXM_OF_IP_PROTO', 10, OF12],
  },
  {
    name: 'nw_tos',
    size: 1,
    valid: 0xfcn,
    offset: F.KEY_NW_TOS,
    mask: EXACT,
    needs: 'ip',
    nxm: ['NXM_OF_IP_TOS', 5],
  },
  {
    name: 'ip_dscp',
    size: 1,
    bits: 6,
    offset: F.KEY_NW_TOS,
    shift: 2,
    mask: EXACT,
    needs: 'ip',
    oxm: ['OXM_OF_IP_DSCP', 8, OF12],
  },
  {
    name: 'nw_ecn',
    aliases: ['ip_ecn'],
    size: 1,
    bits: 2,
    offset: F.KEY_NW_TOS,
    mask: EXACT,
    needs: 'ip',
    nxm: ['NXM_NX_IP_ECN', 28],
    oxm: ['OXM_OF_IP_ECN', 9, OF12],
  },
  { name: 'nw_ttl', size: 1, offset: F.KEY_NW_TTL, mask: EXACT, needs: 'ip', nxm: ['NXM_NX_IP_TTL', 29] },
  {
    name: 'ip_frag',
    aliases: ['nw_frag'],
    size: 1,
    bits: 2,
    offset: F.KEY_NW_FRAG,
    format: 'frag',
    needs: 'ip',
    readOnly: true,
    nxm: ['NXM_NX_IP_FRAG', 26],
  },
];

const arp: readonly FieldRow[] = [
  {
    name: 'arp_op',
    size: 2,
    range: [0, 255],
    width: 1,
    offset: F.KEY_NW_PROTO,
    mask: EXACT,
    needs: 'arp',
    nxm: ['NXM_OF_ARP_OP', 15],
    oxm: ['OXM_OF_ARP_OP', 21, OF12],
  },
  {
    name: 'arp_spa',
    ...IPV4,
    offset: F.KEY_NW_SRC,
    needs: 'arp',
    nxm: ['NXM_OF_ARP_SPA', 16],
    oxm: ['OXM_OF_ARP_SPA', 22, OF12],
  },
  {
    name: 'arp_tpa',
    ...IPV4,
    offset: F.KEY_NW_DST,
    needs: 'arp',
    nxm: ['NXM_OF_ARP_TPA', 17],
    oxm: ['OXM_OF_ARP_TPA', 23, OF12],
  },
  {
    name: 'arp_sha',
    ...ETHER,
    offset: F.KEY_ARP_SHA,
    needs: 'arp',
    nxm: ['NXM_NX_ARP_SHA', 17],
    oxm: ['OXM_OF_ARP_SHA', 24, OF12],
  },
  {
    name: 'arp_tha',
    ...ETHER,
    offset: F.KEY_ARP_THA,
    needs: 'arp',
    nxm: ['NXM_NX_ARP_THA', 18],
    oxm: ['OXM_OF_ARP_THA', 25, OF12],
  },
];

// ICMP type and code lie in the low bytes of tp_src and tp_dst.
const layer4: readonly FieldRow[] = [
  {
    name: 'tcp_src',
    aliases: ['tp_src'],
    size: 2,
    offset: F.KEY_TP_SRC,
    needs: 'tcp',
    nxm: ['NXM_OF_TCP_SRC', 9],
    oxm: ['OXM_OF_TCP_SRC', 13, OF12],
  },
  {
    name: 'tcp_dst',
    aliases: ['tp_dst'],
    size: 2,
    offset: F.KEY_TP_DST,
    needs: 'tcp',
    nxm: ['NXM_OF_TCP_DST', 10],
    oxm: ['OXM_OF_TCP_DST', 14, OF12],
  },
  {
    name: 'tcp_flags',
    size: 2,
    bits: 12,
    offset: F.KEY_TCP_FLAGS,
    format: 'tcp_flags',
    needs: 'tcp',
    readOnly: true,
    nxm: ['NXM_NX_TCP_FLAGS', 34],
    oxm: ['OXM_OF_TCP_FLAGS', 42, OF15],
    onf: 42,
  },
  {
    name: 'udp_src',
    size: 2,
    offset: F.KEY_TP_SRC,
    needs: 'udp',
    nxm: ['NXM_OF_UDP_SRC', 11],
    oxm: ['OXM_OF_UDP_SRC', 15, OF12],
  },
  {
    name: 'udp_dst',
    size: 2,
    offset: F.KEY_TP_DST,
    needs: 'udp',
    nxm: ['NXM_OF_UDP_DST', 12],
    oxm: ['OXM_OF_UDP_DST', 16, OF12],
  },
  { name: 'sctp_src', size: 2, offset: F.KEY_TP_SRC, needs: 'sctp', oxm: ['OXM_OF_SCTP_SRC', 17, OF12] },
  { name: 'sctp_dst', size: 2, offset: F.KEY_TP_DST, needs: 'sctp', oxm: ['OXM_OF_SCTP_DST', 18, OF12] },
  {
    name: 'icmp_type',
    size: 1,
    offset: F.KEY_TP_SRC + 1,
    maskedWhole: [F.KEY_TP_SRC, F.KEY_TP_SRC + 2],
    mask: EXACT,
    needs: 'icmpv4',
    nxm: ['NXM_OF_ICMP_TYPE', 13],
    oxm: ['OXM_OF_ICMPV4_TYPE', 19, OF12],
  },
  {
    name: 'icmp_code',
    size: 1,
    offset: F.KEY_TP_DST + 1,
    maskedWhole: [F.KEY_TP_DST, F.KEY_TP_DST + 2],
    mask: EXACT,
    needs: 'icmpv4',
    nxm: ['NXM_OF_ICMP_CODE', 14],
    oxm: ['OXM_OF_ICMPV4_CODE', 20, OF12],
  },
  {
    name: 'icmpv6_type',
    size: 1,
    offset: F.KEY_TP_SRC + 1,
    maskedWhole: [F.KEY_TP_SRC, F.KEY_TP_SRC + 2],
    mask: EXACT,
    needs: 'icmpv6',
    nxm: ['NXM_NX_ICMPV6_TYPE', 21],
    oxm: ['OXM_OF_ICMPV6_TYPE', 29, OF12],
  },
  {
    name: 'icmpv6_code',
    size: 1,
    offset: F.KEY_TP_DST + 1,
    maskedWhole: [F.KEY_TP_DST, F.KEY_TP_DST + 2],
    mask: EXACT,
    needs: 'icmpv6',
    nxm: ['NXM_NX_ICMPV6_CODE', 22],
    oxm: ['OXM_OF_ICMPV6_CODE', 30, OF12],
  },
];

const neighborDiscovery: readonly FieldRow[] = [
  {
    name: 'nd_target',
    ...IPV6,
    offset: F.KEY_ND_TARGET,
    needs: 'nd',
    nxm: ['NXM_NX_ND_TARGET', 23],
    oxm: ['OXM_OF_IPV6_ND_TARGET', 31, OF12],
  },
  {
    name: 'nd_sll',
    ...ETHER,
    offset: F.KEY_ARP_SHA,
    needs: 'nd_solicit',
    nxm: ['NXM_NX_ND_SLL', 24],
    oxm: ['OXM_OF_IPV6_ND_SLL', 32, OF12],
  },
  {
    name: 'nd_tll',
    ...ETHER,
    offset: F.KEY_ARP_THA,
    needs: 'nd_advert',
    nxm: ['NXM_NX_ND_TLL', 25],
    oxm: ['OXM_OF_IPV6_ND_TLL', 33, OF12],
  },
  {
    name: 'nd_reserved',
    size: 4,
    offset: F.KEY_ND_RESERVED,
    mask: EXACT,
    needs: 'nd',
    nxm: ['ERICOXM_OF_ICMPV6_ND_RESERVED', 1],
  },
  {
    name: 'nd_options_type',
    size: 1,
    offset: F.KEY_ND_OPTIONS_TYPE,
    maskedWhole: [F.KEY_ND_OPTIONS_TYPE, F.KEY_ND_OPTIONS_TYPE + 2],
    mask: EXACT,
    needs: 'nd',
    nxm: ['ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE', 2],
  },
];

/** Every field, prerequisites before what needs them. */
export const FIELD_ROWS: readonly FieldRow[] = [
  ...metadata,
  ...registers,
  ...xregisters,
  ...xxregisters,
  ...conntrack,
  ...layer2,
  ...mpls,
  ...nsh,
  ...ip,
  ...arp,
  ...layer4,
  ...neighborDiscovery,
];
