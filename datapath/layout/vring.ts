// Virtqueue and guest-memory records: what the control thread writes when a ring starts and the polling thread reads.
//
//   VRING (128 bytes)                                       written by
//    0 state  4 size  8 desc  12 avail  16 used             control (state also by the poller: broken)
//   20 last_avail  24 used_idx                              poller (rx) or lock holder (tx)
//   28 device  32 hdr_size  36 flags  40 call_fd            control
//   44 lock  48 port  52 broken_reason  56 index            lock: cmpxchg by whoever transmits
//   60 region_hint  64 fault_addr u64  72 calls u64         poller
//   80 want_chunk u32                                      poller: WANTED; control: MAPPING, then NOTHING
//  124 log                                                 control: a LOG record (VRING_FLAG_LOG)
//
//   A card's ring, of which weft is the driver (VRING_FLAG_DRIVER), uses the same record without last_avail, used_idx
//   and region_hint, and from here on:
//   84 last_used  88 avail_idx                             poller (rx) or lock holder (tx)
//   92 buffers  96 buffer_size  100 marks                  control; marks: u32 for each descriptor, not seen by the card
//  104 turn (rx)  108 free_count (tx)                      poller / lock holder
//  112 free u16[] (tx)  116 doorbell  120 doorbell_value   control
//
//   LOG (32 bytes): where the pages that a ring writes are noted while its guest migrates, a bit for each 4 KiB of guest
//   address: 0 offset u32  4 size u32, bytes of it  8 used_addr u64, the used ring's guest address  16 file_end u64
//   24 fd u32  28 has_used u32: the used ring's own pages are noted too
//
//   DEVICE (16 + 64 * 40 bytes): 0 region_count, then regions sorted by guest address:
//    0 guest_addr u64  8 size u64  16 offset u32  20 chunk_table u32  24 file_offset u64  32 region id u32
//   A region with a chunk table is not mapped whole: chunk_table points at u32 offsets, one for each 2 MiB of the file
//   from file_offset rounded down; 0 means not mapped yet, bit 0 (CHUNK_HAS_NEXT) that the file's next 2 MiB lie behind.

export const VRING_SIZE = 128;
export const VRING_STATE = 0;
export const VRING_NUM = 4;
export const VRING_DESC = 8;
export const VRING_AVAIL = 12;
export const VRING_USED = 16;
export const VRING_LAST_AVAIL = 20;
export const VRING_USED_IDX = 24;
export const VRING_DEVICE = 28;
export const VRING_HDR_SIZE = 32;
export const VRING_FLAGS = 36;
export const VRING_CALL_FD = 40;
export const VRING_LOCK = 44;
export const VRING_PORT = 48;
export const VRING_BROKEN_REASON = 52;
export const VRING_INDEX = 56;
export const VRING_REGION_HINT = 60;
export const VRING_FAULT_ADDR = 64;
export const VRING_CALLS = 72;
export const VRING_WANT_CHUNK = 80;
export const VRING_LAST_USED = 84;
export const VRING_AVAIL_IDX = 88;
/** Descriptor `i` names the bytes at buffers + i * buffer_size, always. */
export const VRING_BUFFERS = 92;
export const VRING_BUFFER_SIZE = 96;
export const VRING_MARKS = 100;
export const VRING_TURN = 104;
export const VRING_FREE_COUNT = 108;
export const VRING_FREE = 112;
/** Where the card wants to be told of new buffers: an arena offset (a mapped BAR), 0 when it polls. */
export const VRING_DOORBELL = 116;
export const VRING_DOORBELL_VALUE = 120;
export const VRING_LOG = 124;

export const WANT_NOTHING = 0;
export const WANT_WANTED = 1;
export const WANT_MAPPING = 2;

export const VRING_STATE_STOPPED = 0;
/** Started but not enabled: what the guest transmits is consumed and discarded (vhost-user, "Ring states"). */
export const VRING_STATE_DISABLED = 1;
export const VRING_STATE_ENABLED = 2;
export const VRING_STATE_BROKEN = 3;

export const VRING_FLAG_MRG_RXBUF = 1;
export const VRING_FLAG_INDIRECT = 2;
/** weft is the driver, the device is a card. */
export const VRING_FLAG_DRIVER = 4;
/** A driver's ring that the card takes frames from. */
export const VRING_FLAG_TRANSMIT = 8;
/** The doorbell is 32 bits wide, else 16. */
export const VRING_FLAG_DOORBELL_32 = 16;
/** A driver's ring that is not virtio's but an 82574L's (hot/e1000e.ts). */
export const VRING_FLAG_E1000E = 32;
/** What is written for the guest is noted in the ring's log. */
export const VRING_FLAG_LOG = 64;

export const LOG_SIZE = 32;
export const LOG_OFFSET = 0;
export const LOG_BYTES = 4;
export const LOG_USED_ADDR = 8;
/** Where it ends in its file. */
export const LOG_FILE_END = 16;
export const LOG_FD = 24;
export const LOG_HAS_USED = 28;

export const DEVICE_REGION_MAX = 64;
export const DEVICE_REGION_COUNT = 0;
export const DEVICE_REGIONS = 16;
export const REGION_SIZE = 40;
export const REGION_GUEST_ADDR = 0;
export const REGION_BYTES = 8;
export const REGION_OFFSET = 16;
export const REGION_CHUNK_TABLE = 20;
export const REGION_FILE_OFFSET = 24;
export const REGION_ID = 32;
export const DEVICE_SIZE = 2576;
export const CHUNK_SIZE = 2097152;
export const CHUNK_HAS_NEXT = 1;
