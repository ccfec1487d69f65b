// The memory budget: where weft's own structures lie in the 4 GiB linear memory. Offsets and sizes in bytes, shared by
// the hot module and the host; imports nothing, integer arithmetic on literals only.
//
//   0x00000000  guard            never used: offset 0 means "none" everywhere
//   SHARED_BASE control words, ports, megaflows, heap           one writer: the control thread
//   THREAD_BASE one area per datapath thread                    one writer: that thread (rings: one at each end)
//   GUEST_BASE  guest RAM windows up to 4 GiB, guard pages between
//
// Offsets below GUEST_BASE (1 GiB) stay positive as wasm i32; guest offsets are u32.

export const KIB = 1024;
export const MIB = 1048576;

/** Datapath threads: 0 is the control thread's own instance (`main`), 1.. are PMD threads. */
export const THREAD_MAX = 17;
export const PORT_MAX = 1024;
/** Megaflows at most: Open vSwitch's flow-limit default is 200000. */
export const FLOW_MAX = 262144;
/** Packets taken from a queue at once. */
export const BURST_MAX = 32;
/** Packet descriptors of one thread: a burst, then room for its clones. */
export const PKT_MAX = 512;
/** Buffers for packets that outlive their burst (upcalls, slow ports). */
export const SLOT_MAX = 2048;
/** The longest frame, without FCS: what common NICs take with jumbo frames. */
export const FRAME_MAX = 9728;
export const RING_MAX = 4096;
export const EMC_SETS = 131072;
export const FLOW_BUCKETS = 262144;
export const PENDING_BUCKETS = 4096;

// --- sizes of one element ---
export const PORT_SIZE = 256;
export const FLOW_SLOT_SIZE = 320;
export const FLOW_STATS_SIZE = 32;
export const PORT_STATS_SIZE = 128;
/** 17 cache lines: an odd number, so that equal fields of neighbours fall into different cache sets. */
export const PKT_SIZE = 1088;
export const SLOT_SIZE = 10304;
export const SLOT_DATA = 512;
export const THREAD_BLOCK_SIZE = 65536;

// --- shared area ---
export const SHARED_BASE = 2 * MIB;
export const CONTROL_BLOCK = SHARED_BASE;
export const CONTROL_BLOCK_SIZE = 64 * KIB;
export const PORT_TABLE = CONTROL_BLOCK + CONTROL_BLOCK_SIZE;
export const PORT_TABLE_SIZE = PORT_MAX * PORT_SIZE;
export const FLOW_BUCKET_TABLE = PORT_TABLE + PORT_TABLE_SIZE;
export const FLOW_BUCKET_TABLE_SIZE = FLOW_BUCKETS * 4;
export const FLOW_TABLE = FLOW_BUCKET_TABLE + FLOW_BUCKET_TABLE_SIZE;
export const FLOW_TABLE_SIZE = FLOW_MAX * FLOW_SLOT_SIZE;
export const METER_TABLE = FLOW_TABLE + FLOW_TABLE_SIZE;
export const METER_TABLE_SIZE = 262144 * 4;
export const HEAP_BASE = METER_TABLE + METER_TABLE_SIZE;
export const HEAP_SIZE = 64 * MIB;
export const SHARED_END = HEAP_BASE + HEAP_SIZE;

// --- one thread's area, offsets inside it ---
export const T_BLOCK = 0;
export const T_PKTS = T_BLOCK + THREAD_BLOCK_SIZE;
export const T_PORT_STATS = T_PKTS + PKT_MAX * PKT_SIZE;
export const T_TX_HEADS = T_PORT_STATS + PORT_MAX * PORT_STATS_SIZE;
export const T_SLOT_USE = T_TX_HEADS + PORT_MAX * 16;
export const T_TO_CONTROL = T_SLOT_USE + PORT_MAX * 4;
export const T_FROM_CONTROL = T_TO_CONTROL + RING_MAX * 4;
export const T_SLOW_TX = T_FROM_CONTROL + RING_MAX * 16;
export const T_PENDING = T_SLOW_TX + RING_MAX * 4;
export const T_EMC = T_PENDING + PENDING_BUCKETS * 4;
export const T_FLOW_STATS = T_EMC + EMC_SETS * 16;
export const T_SLOTS = T_FLOW_STATS + FLOW_MAX * FLOW_STATS_SIZE;
export const T_END = T_SLOTS + SLOT_MAX * SLOT_SIZE;
/** T_END rounded up to a whole 2 MiB page. */
export const THREAD_AREA_SIZE = 36 * MIB;

export const THREAD_BASE = 256 * MIB;
export const GUEST_BASE = 1024 * MIB;
export const GUEST_WINDOW_SIZE = 3072 * MIB;

/**
 * What a card calls the arena's first byte: offset + 4 GiB lies above what an IOMMU reserves for itself and what a PCI
 * hole hides, and is one number for everyone.
 */
export const DEVICE_ADDRESS_BASE = 0x1_0000_0000;
