// Names and numbers of Nicira's extensions that the text form and the codecs share.

/** Which fields multipath and bundle hash, in the order of their NX_HASH_FIELDS_* numbers. */
export const HASH_FIELDS = [
  'eth_src',
  'symmetric_l4',
  'symmetric_l3l4',
  'symmetric_l3l4+udp',
  'nw_src',
  'nw_dst',
  'symmetric_l3',
] as const;

/** In the order of their NX_MP_ALG_* numbers. */
export const MULTIPATH_ALGORITHMS = ['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'] as const;

/** In the order of their NX_BD_ALG_* numbers. */
export const BUNDLE_ALGORITHMS = ['active_backup', 'hrw'] as const;

/** Bits of LearnSpec.flags. */
export const NX_LEARN_F_SEND_FLOW_REM = 1;
export const NX_LEARN_F_DELETE_LEARNED = 2;
export const NX_LEARN_F_WRITE_RESULT = 4;

/** Reasons of packet-ins and of the controller action, by number (OFPR_*). */
export const PACKET_IN_REASONS = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const;

/** Bits of NatSpec.flags. */
export const NX_NAT_F_SRC = 1;
export const NX_NAT_F_DST = 2;
export const NX_NAT_F_PERSISTENT = 4;
export const NX_NAT_F_PROTO_HASH = 8;
export const NX_NAT_F_PROTO_RANDOM = 16;

/** Header types that encap and decap name: `namespace << 16 | type` (OpenFlow 1.5, 7.2.3.11; EXT-382). */
export const PT_ETHERNET = 0;
export const PT_NSH = 0x1894f;
export const PT_MPLS = 0x18847;
export const PT_MPLS_MC = 0x18848;

/** Property class of encap(nsh(...)) and its types. */
export const OFPPPC_NSH = 4;
export const OFPPPT_PROP_NSH_MDTYPE = 1;
export const OFPPPT_PROP_NSH_TLV = 2;
export const NSH_MD1_TYPE = 1;
export const NSH_MD2_TYPE = 2;
