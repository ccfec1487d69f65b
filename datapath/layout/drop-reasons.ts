// Why a packet was not forwarded: one list of numbers for the hot path's counters. Names and help texts are in
// datapath/drop-reasons.ts, in the same order; a test holds the two together.

export const DROP_NONE = 0;
export const DROP_ACTION = 1;
export const DROP_UPCALL_FULL = 2;
export const DROP_UPCALL_REFUSED = 3;
export const DROP_TX_RING_FULL = 4;
export const DROP_TX_PORT_DOWN = 5;
export const DROP_TX_NO_PORT = 6;
export const DROP_TX_TOO_LONG = 7;
export const DROP_TX_LOCK = 8;
export const DROP_SLOW_TX_FULL = 9;
export const DROP_RX_RUNT = 10;
export const DROP_RX_TOO_LONG = 11;
export const DROP_HEADER_TOO_LONG = 12;
export const DROP_RX_DISABLED = 13;
export const DROP_BURST_ABORTED = 14;
export const DROP_TX_RING_BROKEN = 15;
export const DROP_NO_HEADROOM = 16;
export const DROP_CHUNK_UNMAPPED = 17;
export const DROP_CLONE_LIMIT = 18;
export const DROP_RECIRC_DEPTH = 19;
export const DROP_METER = 20;
export const DROP_POLICED = 21;
export const DROP_SPOOFED = 22;
export const DROP_RX_ERROR = 23;
export const DROP_REASON_COUNT = 24;

// Why a virtqueue was marked broken. Names in datapath/port/vhost-user, same order.
export const BROKEN_NONE = 0;
export const BROKEN_AVAIL_INDEX = 1;
export const BROKEN_HEAD_RANGE = 2;
export const BROKEN_DESC_RANGE = 3;
export const BROKEN_DESC_LOOP = 4;
export const BROKEN_DESC_DIRECTION = 5;
export const BROKEN_DESC_ADDRESS = 6;
export const BROKEN_INDIRECT_SIZE = 7;
export const BROKEN_INDIRECT_NESTED = 8;
export const BROKEN_INDIRECT_REFUSED = 9;
export const BROKEN_TRAP = 10;
export const BROKEN_ZERO_LENGTH = 11;
export const BROKEN_NOT_MAPPABLE = 12;
export const BROKEN_USED_INDEX = 13;
export const BROKEN_USED_ID = 14;
export const BROKEN_USED_LENGTH = 15;
export const BROKEN_SPLIT_FRAME = 16;
export const BROKEN_REGISTERS = 17;
