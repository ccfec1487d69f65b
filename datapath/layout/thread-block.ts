// One datapath thread's block: its words towards the control thread, private state of the hot path, and counters.
//
//    0 thread index   4 stop          8 poll_list (offset)   12 state (RUNNING, ASLEEP, DEAD)     control / thread
//   16 quiesce count 20 bell wanted   24 generation          28 sleep word (Atomics.wait)
//   32 now_ms u64, 48 now_us u64                            thread's JavaScript      40 sleep_us_max  56 gives_way      control
//   64 guard_vring   68 guard_src     72 held_lock           76 burst_count  80 burst_vring        hot, for recovery
//   84 tx_touched_head  88 clone_next 92 slot_free_head      96 slot_free_count  100 pending_count
//  104 to_control head/tail, 112 from_control head/tail, 120 slow_tx head/tail                    ring indexes, u32
//  128 sent_bytes u64  136 run_count u32  140 mixed_from  144 mixed_bytes  148 random  152 running  192 chain (hot/descriptor-chain.ts, 32 bytes)
//  256.. counters u64;  512.. drops u64[DROP_REASON_COUNT];  1024.. runs of the burst (hot/views.ts, Run)

export const TB_INDEX = 0;
export const TB_STOP = 4;
export const TB_POLL_LIST = 8;
export const TB_STATE = 12;
export const TB_QUIESCE = 16;
export const TB_GENERATION = 24;
export const TB_SLEEP_WORD = 28;
export const TB_NOW_MS = 32;
export const TB_SLEEP_US_MAX = 40;
export const TB_TEST_HOOK = 44;
export const TB_NOW_US = 48;
export const TB_GIVES_WAY = 56;

export const TB_GUARD_VRING = 64;
export const TB_GUARD_SRC = 68;
export const TB_HELD_LOCK = 72;
export const TB_BURST_COUNT = 76;
export const TB_BURST_VRING = 80;
export const TB_TX_TOUCHED = 84;
export const TB_CLONE_NEXT = 88;
export const TB_SLOT_FREE = 92;
export const TB_SLOT_FREE_COUNT = 96;
export const TB_PENDING_COUNT = 100;
export const TB_TO_CONTROL_HEAD = 104;
export const TB_TO_CONTROL_TAIL = 108;
export const TB_FROM_CONTROL_HEAD = 112;
export const TB_FROM_CONTROL_TAIL = 116;
export const TB_SLOW_TX_HEAD = 120;
export const TB_SLOW_TX_TAIL = 124;
export const TB_SENT_BYTES = 128;
export const TB_RUN_COUNT = 136;

export const TB_CHAIN = 192;

export const TB_COUNTERS = 256;
export const TC_RX_PACKETS = 256;
export const TC_EMC_HITS = 264;
export const TC_MEGAFLOW_HITS = 272;
export const TC_SUBTABLE_LOOKUPS = 280;
export const TC_MISSES = 288;
export const TC_UPCALLS_SENT = 296;
export const TC_UPCALLS_LOST = 304;
export const TC_TX_PACKETS = 312;
export const TC_TX_BURSTS = 320;
export const TC_PASSES = 328;
export const TC_BUSY_PASSES = 336;
export const TC_SLEEPS = 344;
export const TC_BUSY_NS = 352;
export const TC_IDLE_NS = 360;
export const TC_UPCALLS_OK = 368;
export const TC_UPCALLS_FAILED = 376;
export const TC_RX_BURSTS = 384;
export const TC_RECIRCULATIONS = 392;
export const TB_COUNTERS_END = 400;
export const TB_DROPS = 512;
export const TB_RUNS = 1024;
export const RUN_SIZE = 32;

export const THREAD_DEAD = 0;
export const THREAD_RUNNING = 1;
export const THREAD_ASLEEP = 2;

// Control block (CONTROL_BLOCK): the bell that datapath threads ring when they queued work; wishes: 1 when a queue wants
// a chunk of its guest's memory mapped (VRING_WANT_CHUNK); VLAN tags that parsing looks at, 0 for all that a key holds.
export const CB_BELL = 0;
export const CB_ASLEEP = 4;
export const CB_WISHES = 8;
export const CB_VLAN_LIMIT = 12;

// Poll list: 0 count u32, 4 how many of them, the last ones, are cards' rings (VRING_FLAG_DRIVER); then entries of 8 bytes:
// vring offset u32, port u32.
export const POLL_LIST_COUNT = 0;
export const POLL_LIST_DRIVERS = 4;
export const POLL_LIST_ENTRIES = 8;
export const POLL_ENTRY_SIZE = 8;

// Verdicts on the from_control ring: entry = slot index u32, verdict u32, actions offset u32, megaflow offset u32 (0: none).
// EXECUTE: the translation has counted the slot's own packet; those that waited behind it are the megaflow's.
// EXECUTE_KNOWN: the megaflow was there already, and the slot's own packet is one of its hits too.
export const VERDICT_FREE = 0;
export const VERDICT_EXECUTE = 1;
export const VERDICT_EXECUTE_KNOWN = 2;

// Slot header: a packet that outlives its burst.
export const SLOT_NEXT = 0;
export const SLOT_KIND = 4;
export const SLOT_IN_PORT = 8;
export const SLOT_LEN = 12;
export const SLOT_HASH = 16;
export const SLOT_COOKIE = 20;
export const SLOT_OUT_PORT = 24;
export const SLOT_WAIT_HEAD = 28;
export const SLOT_WAIT_TAIL = 32;
export const SLOT_CHAIN = 36;
export const SLOT_CHARGED_PORT = 40;
export const SLOT_FRAME_SIZE = 44;
/** The packet's metadata (hot/views.ts, PKT_META), 16 bytes, and how often it was recirculated. */
export const SLOT_META = 48;
export const SLOT_FLAGS = 64;
export const SLOT_ETH_TYPE = 66;
export const SLOT_KEY = 128;

export const SLOT_KIND_MISS = 1;
export const SLOT_KIND_ACTION = 2;
export const SLOT_KIND_OUTPUT = 3;
export const SLOT_KIND_WAITING = 4;
