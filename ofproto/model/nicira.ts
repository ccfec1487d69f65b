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
