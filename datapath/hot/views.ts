// Struct views of the shared records: a view is its record's address, fields are loads and stores at constant offsets.
// Drawings of the records are in datapath/layout; the checks at the end hold view and layout together.

import {
  FLOW_ACTIONS,
  FLOW_ALIVE,
  FLOW_FAST_OUT,
  FLOW_INDEX,
  FLOW_SUBTABLE,
  PORT_FRAME_MAX,
  PORT_MISS,
  PORT_POLICER,
  PORT_RECIRC_CLASSIFIER,
  PORT_TXQ_COUNT,
} from '../layout/flow.ts';
import { BROKEN_AVAIL_INDEX } from '../layout/drop-reasons.ts';
import { KEY_SIZE } from '../layout/flow-key.ts';
import { PKT_SIZE } from '../layout/memory-map.ts';
import {
  TB_BURST_COUNT,
  TB_CLONE_NEXT,
  TB_FROM_CONTROL_HEAD,
  TB_GUARD_VRING,
  TB_HELD_LOCK,
  TB_NOW_MS,
  TB_NOW_US,
  TB_PENDING_COUNT,
  TB_SLOT_FREE,
  TB_SLOW_TX_TAIL,
  TB_STATE,
  RUN_SIZE,
  TB_SENT_BYTES,
  TB_TX_TOUCHED,
} from '../layout/thread-block.ts';
import {
  REGION_CHUNK_TABLE,
  REGION_FILE_OFFSET,
  REGION_OFFSET,
  VRING_CALL_FD,
  VRING_CALLS,
  VRING_DEVICE,
  VRING_DOORBELL_VALUE,
  VRING_LAST_USED,
  VRING_LOCK,
  VRING_LOG,
  VRING_WANT_CHUNK,
} from '../layout/vring.ts';

@unmanaged
export class Vring {
  state: u32;
  num: u32;
  desc: u32;
  avail: u32;
  used: u32;
  lastAvail: u32;
  usedIdx: u32;
  device: u32;
  hdrSize: u32;
  flags: u32;
  callFd: i32;
  lock: u32;
  port: u32;
  brokenReason: u32;
  index: u32;
  regionHint: u32;
  faultAddr: u64;
  calls: u64;
  wantChunk: u32;
  lastUsed: u32;
  availIdx: u32;
  buffers: u32;
  bufferSize: u32;
  marks: u32;
  turn: u32;
  freeCount: u32;
  free: u32;
  doorbell: u32;
  doorbellValue: u32;
  log: u32;

  /** Marks the queue broken: nothing touches it again until the control thread restarts it. */
  fail(reason: u32): void {
    this.brokenReason = reason;
    atomic.store<u32>(changetype<usize>(this), 3);
  }

  /** Chains made available since `lastAvail`; 0 also when the index jumped past the ring, which breaks the queue. */
  waiting(lastAvail: u32): u32 {
    // Acquire: the descriptors behind this index must not be read before it (virtio 1.2, 2.7.13.3).
    const count = (<u32>atomic.load<u16>(this.avail + 2) - lastAvail) & 0xffff;
    if (count <= this.num) return count;
    this.fail(BROKEN_AVAIL_INDEX);
    return 0;
  }
}

@unmanaged
export class Region {
  guestAddr: u64;
  size: u64;
  offset: u32;
  chunkTable: u32;
  fileOffset: u64;
  id: u32;
  pad: u32;
}

@unmanaged
export class Thread {
  index: u32;
  stop: u32;
  pollList: u32;
  state: u32;
  quiesce: u32;
  /** Slots holding pieces of this burst's packets, linked; freed when the burst ends. */
  spillHead: u32;
  generation: u32;
  sleepWord: u32;
  nowMs: u64;
  sleepUsMax: u32;
  testHook: u32;
  nowUs: u64;
  pad2: u64;
  guardVring: u32;
  guardSrc: u32;
  heldLock: u32;
  burstCount: u32;
  burstVring: u32;
  txTouched: u32;
  cloneNext: u32;
  slotFree: u32;
  slotFreeCount: u32;
  pendingCount: u32;
  toControlHead: u32;
  toControlTail: u32;
  fromControlHead: u32;
  fromControlTail: u32;
  slowTxHead: u32;
  slowTxTail: u32;
  /** Bytes that the last vhostEnqueue() wrote. */
  sentBytes: u64;
  runCount: u32;
  /** From this packet on flows are in Packet.flow, not in runs; and the bytes of those frames. */
  mixedFrom: u32;
  mixedBytes: u32;
  /** Of the generator that chooses packets for samples. */
  randomState: u32;
  /** The innermost copy whose actions run, linked by Packet.outer; 0: none. */
  running: u32;
}

/**
 * One packet of a burst: `data` points into the private header copy (after the header's headroom), `hdrLen` bytes of it
 * are there, the rest of the frame's `len` bytes lies in `segCount` pieces of source memory (a guest's or a slot's).
 *
 *   0 meta | 128 flow key | 384 headroom 64 | 448 header copy, up to 512 | 960 tail
 */
@unmanaged
export class Packet {
  data: u32;
  hdrLen: u32;
  len: u32;
  segCount: u32;
  /** The packet behind this one in a burst or a transmit list. */
  next: u32;
  /** Bytes to send at most: what a trunc action left, else all. */
  outLen: u32;
  inPort: u32;
  l3: u16;
  l4: u16;
  tcpFlags: u16;
  nwProto: u8;
  fragLater: u8;
  ethType: u16;
  headerTooLong: u8;
  /** How often the packet was recirculated, and PKT_NO_ETHERNET. */
  flags: u8;
  /** The packet's megaflow where the burst is not sorted into runs (Thread.mixedFrom). */
  flow: u32;
  /** Of a copy whose actions run (Thread.running): the copy within whose actions they do, or 0. */
  outer: u32;
  seg0: u64;
  seg1: u64;
  seg2: u64;
  seg3: u64;
  seg4: u64;
  seg5: u64;
  seg6: u64;
  seg7: u64;
  /** What the datapath knows of the packet besides its bytes, as it lies in the key; only set while actions run. */
  dpHash: u32;
  skbPriority: u32;
  pktMark: u32;
  recircId: u32;

  /** A packet that was just received has no metadata. */
  @inline static clearMeta(p: Packet): void {
    v128.store(changetype<usize>(p), i64x2.splat(0), PKT_META);
    p.flags = 0;
  }
}

/**
 * Packets of a burst that follow each other and share a megaflow: what classification leaves for acting on. Records of
 * 32 bytes in the thread's block.
 */
@unmanaged
export class Run {
  /** 0: no megaflow. */
  flow: u32;
  first: u32;
  count: u32;
  bytes: u32;
  longest: u32;
  tcpFlags: u32;
  pad: u64;
}

/** dp_hash, skb_priority, pkt_mark, recirc_id: 16 bytes. */
export const PKT_META: usize = 112;
/** In Packet.flags: the packet begins with what Packet.ethType says, without an Ethernet header. */
export const PKT_NO_ETHERNET: u8 = 0x80;
export const SEG_MAX: u32 = 8;
/** Where a packet's pieces are: 8 bytes each, offset and length. */
const SEGS: usize = 48;
export const PKT_KEY: u32 = 128;
export const PKT_BUF: u32 = 384;
export const PKT_HEADROOM: u32 = 64;
/** First copy of a header; the parser copies on, up to HEADER_MAX, when it needs more. */
export const HEADER_COPY: u32 = 128;
export const HEADER_MAX: u32 = 512;

export function segOffset(p: Packet, i: u32): u32 {
  return load<u32>(changetype<usize>(p) + (i << 3), SEGS);
}

export function segLen(p: Packet, i: u32): u32 {
  return load<u32>(changetype<usize>(p) + (i << 3), SEGS + 4);
}

export function setSeg(p: Packet, i: u32, offset: u32, len: u32): void {
  store<u32>(changetype<usize>(p) + (i << 3), offset, SEGS);
  store<u32>(changetype<usize>(p) + (i << 3), len, SEGS + 4);
}

@unmanaged
export class Port {
  kind: u32;
  classifier: u32;
  txqCount: u32;
  frameMax: u32;
  number: u32;
  miss: u32;
  recircClassifier: u32;
  policer: u32;
}

@unmanaged
export class Flow {
  next: u32;
  hash: u32;
  subtable: u32;
  actions: u32;
  index: u32;
  alive: u32;
  fastOut: u32;
  wordCount: u32;
}

if (offsetof<Vring>('device') != VRING_DEVICE) ERROR('Vring.device');
if (offsetof<Vring>('callFd') != VRING_CALL_FD) ERROR('Vring.callFd');
if (offsetof<Vring>('lock') != VRING_LOCK) ERROR('Vring.lock');
if (offsetof<Vring>('calls') != VRING_CALLS) ERROR('Vring.calls');
if (offsetof<Vring>('wantChunk') != VRING_WANT_CHUNK) ERROR('Vring.wantChunk');
if (offsetof<Vring>('lastUsed') != VRING_LAST_USED) ERROR('Vring.lastUsed');
if (offsetof<Vring>('doorbellValue') != VRING_DOORBELL_VALUE) ERROR('Vring.doorbellValue');
if (offsetof<Vring>('log') != VRING_LOG) ERROR('Vring.log');
if (offsetof<Region>('offset') != REGION_OFFSET) ERROR('Region.offset');
if (offsetof<Region>('chunkTable') != REGION_CHUNK_TABLE) ERROR('Region.chunkTable');
if (offsetof<Region>('fileOffset') != REGION_FILE_OFFSET) ERROR('Region.fileOffset');
if (offsetof<Thread>('state') != TB_STATE) ERROR('Thread.state');
if (offsetof<Thread>('nowMs') != TB_NOW_MS) ERROR('Thread.nowMs');
if (offsetof<Thread>('nowUs') != TB_NOW_US) ERROR('Thread.nowUs');
if (offsetof<Port>('policer') != PORT_POLICER) ERROR('Port.policer');
if (offsetof<Port>('miss') != PORT_MISS) ERROR('Port.miss');
if (offsetof<Thread>('guardVring') != TB_GUARD_VRING) ERROR('Thread.guardVring');
if (offsetof<Thread>('heldLock') != TB_HELD_LOCK) ERROR('Thread.heldLock');
if (offsetof<Thread>('burstCount') != TB_BURST_COUNT) ERROR('Thread.burstCount');
if (offsetof<Thread>('txTouched') != TB_TX_TOUCHED) ERROR('Thread.txTouched');
if (offsetof<Thread>('cloneNext') != TB_CLONE_NEXT) ERROR('Thread.cloneNext');
if (offsetof<Thread>('slotFree') != TB_SLOT_FREE) ERROR('Thread.slotFree');
if (offsetof<Thread>('pendingCount') != TB_PENDING_COUNT) ERROR('Thread.pendingCount');
if (offsetof<Thread>('fromControlHead') != TB_FROM_CONTROL_HEAD) ERROR('Thread.fromControlHead');
if (offsetof<Thread>('slowTxTail') != TB_SLOW_TX_TAIL) ERROR('Thread.slowTxTail');
if (offsetof<Packet>('seg0') != SEGS) ERROR('Packet.seg0');
if (offsetof<Run>() != RUN_SIZE) ERROR('Run');
if (offsetof<Packet>('dpHash') != PKT_META) ERROR('Packet.dpHash');
if (offsetof<Packet>() > PKT_KEY) ERROR('Packet meta');
if (PKT_KEY + KEY_SIZE > PKT_BUF) ERROR('Packet key');
if (PKT_BUF + PKT_HEADROOM + HEADER_MAX + 64 > <u32>PKT_SIZE) ERROR('Packet buffer');
if (offsetof<Thread>('sentBytes') != TB_SENT_BYTES) ERROR('Thread.sentBytes');
if (offsetof<Port>('txqCount') != PORT_TXQ_COUNT) ERROR('Port.txqCount');
if (offsetof<Port>('recircClassifier') != PORT_RECIRC_CLASSIFIER) ERROR('Port.recircClassifier');
if (offsetof<Port>('frameMax') != PORT_FRAME_MAX) ERROR('Port.frameMax');
if (offsetof<Flow>('subtable') != FLOW_SUBTABLE) ERROR('Flow.subtable');
if (offsetof<Flow>('actions') != FLOW_ACTIONS) ERROR('Flow.actions');
if (offsetof<Flow>('index') != FLOW_INDEX) ERROR('Flow.index');
if (offsetof<Flow>('alive') != FLOW_ALIVE) ERROR('Flow.alive');
if (offsetof<Flow>('fastOut') != FLOW_FAST_OUT) ERROR('Flow.fastOut');
