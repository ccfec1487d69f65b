// The generator guest's control block: what the host program and the wasm ring loop share. Plain integer
// literals only, imported by both. One block per guest at CONTROL_BASE + index * CONTROL_SIZE, little-endian.
//
//   offset  field                 written by   meaning
//     0     flags u32             host         CONTROL_TX | CONTROL_RX | CONTROL_TOUCHING
//     4     ringSize u32          host         entries of both virtqueues, a power of two
//     8     frameSize u32         host         bytes of a transmitted frame, without FCS
//    12     flowCount u32         host         distinct flows sent round robin; also bounds received flow ids
//    16     txDesc, txAvail, txUsed, rxDesc, rxAvail, rxUsed   u32 each, offsets in the linear memory
//    40     txPosted u32          wasm         transmit buffers made available so far
//    44     txSeen u32            wasm         used entries of the transmit ring handled so far
//    48     rxPosted u32          wasm
//    52     rxSeen u32            wasm
//    56     ramOffset u32         host         where guest RAM starts in the linear memory
//    60     nextFlow u32          wasm
//    64     ramGuestAddr u64      host         guest-physical address of the first byte of RAM
//    72     txBuffers u32         host         first transmit buffer, an offset in the linear memory
//    76     txStride u32          host         bytes from one transmit buffer to the next
//    80     txBufferCount u32     host         the ring's size, or more when a pool is rotated through the ring
//    84     nextBuffer u32        wasm         next pool buffer to post
//    88     txCredit u32          both         packets still allowed; CREDIT_UNLIMITED is never used up
//    92     txSequences u32       host         offset of u32[flowCount]: next sequence number per flow
//    96     rxExpected u32        host         offset of u32[flowCount]: next sequence number expected
//   100     template u32          host         offset of the frame template, padded to 16 bytes
//   104     srcAddr u32, dstAddr u32           host order addresses of flow 0
//   112     ipSum u32, udpSum u32              one's-complement sums of what is the same in every frame
//   120     kick u32              wasm         bit 0: the back-end wants a kick on tx, bit 1: on rx
//   124     broken u32            wasm         1: the back-end's used index or id was impossible
//   128     counters u64 each: txPackets, rxPackets, rxBytes, gaps, late, badChecksum, foreign

export const CONTROL_BASE = 0x100000;
export const CONTROL_SIZE = 4096;
export const GUESTS_MAX = 2;

export const CONTROL_TX = 1;
export const CONTROL_RX = 2;
export const CONTROL_TOUCHING = 4;
export const CREDIT_UNLIMITED = 0xffffffff;

export const FLAGS = 0;
export const RING_SIZE = 4;
export const FRAME_SIZE = 8;
export const FLOW_COUNT = 12;
export const TX_DESC = 16;
export const TX_AVAIL = 20;
export const TX_USED = 24;
export const RX_DESC = 28;
export const RX_AVAIL = 32;
export const RX_USED = 36;
export const TX_POSTED = 40;
export const TX_SEEN = 44;
export const RX_POSTED = 48;
export const RX_SEEN = 52;
export const RAM_OFFSET = 56;
export const NEXT_FLOW = 60;
export const RAM_GUEST_ADDR = 64;
export const TX_BUFFERS = 72;
export const TX_STRIDE = 76;
export const TX_BUFFER_COUNT = 80;
export const NEXT_BUFFER = 84;
export const TX_CREDIT = 88;
export const TX_SEQUENCES = 92;
export const RX_EXPECTED = 96;
export const TEMPLATE = 100;
export const SRC_ADDR = 104;
export const DST_ADDR = 108;
export const IP_SUM = 112;
export const UDP_SUM = 116;
export const KICK = 120;
export const BROKEN = 124;
export const COUNTERS = 128;
export const COUNTER_COUNT = 7;

// A transmit or receive buffer: the virtio-net header ends where the frame starts, on a cache line of its own,
// as DPDK's and most kernels' drivers place it.
export const FRAME_OFFSET = 64;
export const NET_HDR_SIZE = 12;
export const RX_ROOM = 2048;
export const RX_STRIDE = 2176;

// The generator's frame: Ethernet, IPv4, UDP, then a tag. Offsets from the first byte of the frame.
export const FRAME_SIZE_MIN = 60;
export const FRAME_SIZE_MAX = 2020;
export const OFF_ETH_DST_LOW = 2;
export const OFF_ETH_SRC_LOW = 8;
export const OFF_ETH_TYPE = 12;
export const OFF_IP = 14;
export const OFF_IP_CHECKSUM = 24;
export const OFF_IP_SRC = 26;
export const OFF_IP_DST = 30;
export const OFF_UDP = 34;
export const OFF_UDP_CHECKSUM = 40;
export const OFF_MAGIC = 42;
export const OFF_FLOW = 46;
export const OFF_SEQUENCE = 50;
export const OFF_FILL = 54;
export const MAGIC = 0x74666577;
export const UDP_PORT_FIRST = 1024;
export const UDP_PORT_MASK = 0x7fff;

// Linear memory: control blocks and flow tables first, then each guest's RAM.
export const FLOWS_MAX = 1048576;
export const TABLES_BASE = 0x200000;
export const TABLES_SIZE = 0x900000;
export const TEMPLATE_BASE = 0x1800000;
export const TEMPLATE_SIZE = 4096;
export const RAM_BASE = 0x10000000;
export const RAM_SPACING = 0x30000000;
