// Meters: token buckets that all datapath threads share. The control thread makes a record and publishes it in METER_TABLE;
// threads fill and empty its buckets with atomic additions. Tokens are millionths of packets, or thousandths of bits, so
// that a rate (packets/s or kbit/s) is tokens for each microsecond.
//
//   METER_TABLE: record offset u32 for each meter id, 0 for none
//   METER: 0 band_count u32  8 filled_us u64 (when tokens were last added)  16 packets u64  24 bytes u64  64.. bands
//   BAND (64): 0 tokens i64  8 rate u64  16 depth i64  24 unit u32 (UNIT_*)  28 action u32 (BAND_*)  32 precedence u32
//              40 packets u64  48 bytes u64 (of what exceeded the rate)

/** As many as Open vSwitch's userspace datapath has. */
export const METER_MAX = 262144;
export const METER_BAND_MAX = 8;

export const METER_BAND_COUNT = 0;
export const METER_FILLED_US = 8;
export const METER_PACKETS = 16;
export const METER_BYTES = 24;
export const METER_BANDS = 64;

export const BAND_SIZE = 64;
export const BAND_TOKENS = 0;
export const BAND_RATE = 8;
export const BAND_DEPTH = 16;
export const BAND_UNIT = 24;
export const BAND_ACTION = 28;
export const BAND_PRECEDENCE = 32;
export const BAND_PACKETS = 40;
export const BAND_BYTES = 48;

export const UNIT_PACKETS = 0;
export const UNIT_KBITS = 1;
export const BAND_DROP = 0;
export const BAND_DSCP_REMARK = 1;

/** Tokens of one packet, and of one bit. */
export const TOKENS_PACKET = 1000000;
export const TOKENS_BIT = 1000;
/** Longest time that is filled up at once. */
export const FILL_US_MAX = 10000000;
