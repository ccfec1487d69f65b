// The datapath flow key: what parsing a packet yields and a megaflow masks. Shared by the hot module and the
// host; imports nothing, plain integer literals only.
//
// 32 words of 8 bytes. EVERY field is big-endian (network order), metadata too, so that a mask is a byte-wise
// prefix and no field needs a table of byte orders. Words are ordered by how deep the parser must go to fill
// them: 0-2 need the Ethernet header and the first bytes of IP, 3-4 the addresses, 5-6 IPv4 and ports, and the
// rest only matter when some installed mask reads them.
//
//   word  offset
//    0      0  in_port u32 (odp)      | recirc_id u32
//    1      8  packet_type u32        | eth_type u16 | nw_frag u8 | nw_proto u8 (ARP: opcode)
//    2     16  vlan0 tpid,tci u16,u16 | vlan1 tpid,tci u16,u16     (tci carries CFI=1 when a tag is present)
//    3     24  eth_dst 6              | igmp/pad 2
//    4     32  eth_src 6              | pad 2
//    5     40  nw_src u32 (arp_spa)   | nw_dst u32 (arp_tpa)
//    6     48  tp_src u16 (icmp type) | tp_dst u16 (icmp code) | tcp_flags u16 | nw_tos u8 | nw_ttl u8
//    7-8   56  ipv6_src 16
//    9-10  72  ipv6_dst 16
//    11    88  ipv6_label u32         | igmp_group u32
//    12-13 96  nd_target 16
//    14   112  arp_sha 6 (nd_sll)     | nd_options_type u8 | pad 1
//    15   120  arp_tha 6 (nd_tll)     | pad 2
//    16   128  mpls_lse0 u32          | mpls_lse1 u32
//    17   136  mpls_lse2 u32          | nd_reserved u32
//    18   144  dp_hash u32            | skb_priority u32
//    19   152  pkt_mark u32           | ct_state u32
//    20   160  ct_mark u32            | ct_zone u16 | ct_nw_proto u8 | pad 1
//    21-22 168 ct_label 16
//    23   184  ct_nw_src u32          | ct_nw_dst u32
//    24   192  ct_tp_src u16 | ct_tp_dst u16 | pad 4
//    25   200  nsh_flags u8, nsh_ttl u8, nsh_mdtype u8, nsh_np u8 | nsh_spi 24 bits, nsh_si 8 bits
//    26-27 208 nsh_c1 u32 | nsh_c2 u32 | nsh_c3 u32 | nsh_c4 u32
//    28-29 224 ct_ipv6_src 16
//    30-31 240 ct_ipv6_dst 16

export const KEY_SIZE = 256;
export const KEY_WORDS = 32;

export const KEY_IN_PORT = 0;
export const KEY_RECIRC_ID = 4;
export const KEY_PACKET_TYPE = 8;
export const KEY_ETH_TYPE = 12;
export const KEY_NW_FRAG = 14;
export const KEY_NW_PROTO = 15;
export const KEY_VLAN0_TPID = 16;
export const KEY_VLAN0_TCI = 18;
export const KEY_VLAN1_TPID = 20;
export const KEY_VLAN1_TCI = 22;
export const KEY_ETH_DST = 24;
export const KEY_ETH_SRC = 32;
export const KEY_NW_SRC = 40;
export const KEY_NW_DST = 44;
export const KEY_TP_SRC = 48;
export const KEY_TP_DST = 50;
export const KEY_TCP_FLAGS = 52;
export const KEY_NW_TOS = 54;
export const KEY_NW_TTL = 55;
export const KEY_IPV6_SRC = 56;
export const KEY_IPV6_DST = 72;
export const KEY_IPV6_LABEL = 88;
export const KEY_IGMP_GROUP = 92;
export const KEY_ND_TARGET = 96;
export const KEY_ARP_SHA = 112;
export const KEY_ND_OPTIONS_TYPE = 118;
export const KEY_ARP_THA = 120;
export const KEY_MPLS_LSE0 = 128;
export const KEY_MPLS_LSE1 = 132;
export const KEY_MPLS_LSE2 = 136;
export const KEY_ND_RESERVED = 140;
export const KEY_DP_HASH = 144;
export const KEY_SKB_PRIORITY = 148;
export const KEY_PKT_MARK = 152;
export const KEY_CT_STATE = 156;
export const KEY_CT_MARK = 160;
export const KEY_CT_ZONE = 164;
export const KEY_CT_NW_PROTO = 166;
export const KEY_CT_LABEL = 168;
export const KEY_CT_NW_SRC = 184;
export const KEY_CT_NW_DST = 188;
export const KEY_CT_TP_SRC = 192;
export const KEY_CT_TP_DST = 194;
export const KEY_NSH_FLAGS = 200;
export const KEY_NSH_TTL = 201;
export const KEY_NSH_MDTYPE = 202;
export const KEY_NSH_NP = 203;
export const KEY_NSH_PATH = 204;
export const KEY_NSH_C1 = 208;
export const KEY_CT_IPV6_SRC = 224;
export const KEY_CT_IPV6_DST = 240;

// nw_frag bits, as Open vSwitch's flow has them: ANY for every fragment, LATER for offset > 0.
export const FLOW_NW_FRAG_ANY = 1;
export const FLOW_NW_FRAG_LATER = 2;

// vlan tci: the CFI/DEI bit is repurposed as "a tag is present", as in Open vSwitch.
export const VLAN_CFI = 0x1000;
