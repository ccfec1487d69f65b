// Ports, subtables, megaflows and action words: written by the control thread, read by every datapath thread.
//
//   PORT (256): 0 kind  4 classifier  8 txq_count  12 mtu_frame_max  16 port number  20 miss flow
//               24 classifier of recirculated packets  28 policer  32.. txq offsets u32[16]  96 source address u64
//   CLASSIFIER: 0 subtable_count  4 depth flags  8 union_word_count  12 narrow
//               16 union offsets u32[32]  144 union masks u64[32]  400 dense mask 64  464 hash keys 64
//               528 subtable offsets u32[count]
//   SUBTABLE:   0 seed  4 word_count  8 offsets u32[32]  136 masks u64[32]  392 narrow  400 dense mask 64  464 hash keys 64
//   FLOW (320): 0 next  4 hash  8 subtable  12 actions  16 index  20 alive  24 fast_out  28 word_count
//               32 masked key: 64 bytes as they lie in the key when the subtable is narrow, else its words u64[word_count]
//   narrow: 64 when the mask reads only the key's first 64 bytes (words 0-7), which are then masked, hashed and compared
//   whole; 48 when only words 0-5 (addresses, no ports); else 0
//   ACTIONS:    0 word count, then words: op | length_in_words << 16, arguments...

export const PORT_KIND = 0;
export const PORT_CLASSIFIER = 4;
export const PORT_TXQ_COUNT = 8;
export const PORT_FRAME_MAX = 12;
export const PORT_NUMBER = 16;
/** FLOW whose actions a received packet without a megaflow gets (hot/port-miss.ts); 0: it asks the control thread. */
export const PORT_MISS = 20;
/** Recirculated packets have their own: their masks read dp_hash, which received packets need not be parsed for. */
export const PORT_RECIRC_CLASSIFIER = 24;
/** Meter record (layout/meter.ts) that limits what the port may send, 0 for none. */
export const PORT_POLICER = 28;
export const PORT_TXQS = 32;
export const PORT_TXQ_MAX = 16;
/** The only source address that a packet without a megaflow may have, as its 6 bytes lie in a u64; 0: any. */
export const PORT_SOURCE = 96;

export const PORT_KIND_NONE = 0;
export const PORT_KIND_VHOST = 1;
export const PORT_KIND_SLOW = 2;
/** Exists, but nothing can be sent: link or admin state down. */
export const PORT_KIND_DOWN = 3;
/** A card's function: virtio rings that weft is the driver of. */
export const PORT_KIND_VIRTIO = 4;

export const CLS_SUBTABLE_COUNT = 0;
export const CLS_DEPTH = 4;
export const CLS_UNION_COUNT = 8;
export const CLS_UNION_OFFSETS = 16;
export const CLS_UNION_MASKS = 144;
export const CLS_NARROW = 12;
export const CLS_DENSE_MASK = 400;
export const CLS_HASH_KEYS = 464;
export const CLS_SUBTABLES = 528;

/** What the parser must fill for this port's masks. */
export const DEPTH_ADDRESSES = 1;
export const DEPTH_L4 = 2;
export const DEPTH_WIDE = 4;
export const DEPTH_ALL = 7;

export const SUB_SEED = 0;
export const SUB_WORD_COUNT = 4;
export const SUB_OFFSETS = 8;
export const SUB_MASKS = 136;
export const SUB_NARROW = 392;
export const SUB_DENSE_MASK = 400;
export const SUB_HASH_KEYS = 464;
export const SUB_SIZE = 528;
export const NARROW_SIZE = 64;
export const SHORT_SIZE = 48;

export const FLOW_NEXT = 0;
export const FLOW_HASH = 4;
export const FLOW_SUBTABLE = 8;
export const FLOW_ACTIONS = 12;
export const FLOW_INDEX = 16;
export const FLOW_ALIVE = 20;
export const FLOW_FAST_OUT = 24;
export const FLOW_WORD_COUNT = 28;
export const FLOW_WORDS = 32;
export const FLOW_WORD_MAX = 36;
export const NO_PORT = 0xffffffff;

// Flow statistics (32 bytes, one per thread and flow): packets u64, bytes u64, used_ms u64, tcp_flags u32.
export const FS_PACKETS = 0;
export const FS_BYTES = 8;
export const FS_USED_MS = 16;
export const FS_TCP_FLAGS = 24;

// Port statistics (128 bytes, one per thread and port), u64 each.
export const PS_RX_PACKETS = 0;
export const PS_RX_BYTES = 8;
export const PS_TX_PACKETS = 16;
export const PS_TX_BYTES = 24;
export const PS_RX_DROPPED = 32;
export const PS_TX_DROPPED = 40;
export const PS_RX_ERRORS = 48;
export const PS_TX_ERRORS = 56;
export const PS_COUNT = 8;
// Of the dropped ones, why; the spoofed ones were received.
export const PS_RX_POLICED = 64;
export const PS_RX_SPOOFED = 72;
export const PS_RX_DISABLED = 80;
export const PS_TX_RING_FULL = 88;
export const PS_TX_DOWN = 96;

export const ACT_OUTPUT = 1;
export const ACT_USERSPACE = 2;
export const ACT_PUSH_VLAN = 3;
export const ACT_POP_VLAN = 4;
export const ACT_SET_ETH = 5;
export const ACT_SET_IPV4 = 6;
export const ACT_SET_IPV6 = 7;
export const ACT_SET_PORTS = 8;
export const ACT_SET_ICMP = 9;
export const ACT_SET_ARP = 10;
export const ACT_SET_ND = 11;
export const ACT_TRUNC = 12;
export const ACT_CLONE = 13;
/** skb_priority */
export const ACT_SET_PRIORITY = 14;
/** algorithm (HASH_*), basis */
export const ACT_HASH = 15;
/** recirc_id */
export const ACT_RECIRC = 16;
/** pkt_mark */
/** meter id */
export const ACT_METER = 17;
export const ACT_SET_MARK = 18;
export const ACT_SET_ND_EXT = 19;
/** probability, the list for packets that are chosen */
export const ACT_SAMPLE = 20;

// Headers (hot/push-pop.ts).
export const ACT_PUSH_MPLS = 32;
export const ACT_POP_MPLS = 33;
export const ACT_SET_MPLS = 34;
export const ACT_ADD_MPLS = 35;
export const ACT_PUSH_NSH = 36;
export const ACT_POP_NSH = 37;
export const ACT_SET_NSH = 38;
export const ACT_PUSH_ETH = 39;
export const ACT_POP_ETH = 40;
/** size, words of the list for longer packets, that list, the list for the others */
export const ACT_CHECK_PKT_LEN = 48;

export const HASH_L4 = 0;
export const HASH_SYM_L4 = 1;
