// The straight way: from one guest's buffer into another's in a single pass. A port whose only mask reads nothing behind
// key word 2 (classify-simple.ts) mostly sees one megaflow with one output, so the first packets of a burst, as long as
// they are ordinary IPv4 frames of that megaflow between plain buffers, never become packets: their headers are read
// once, into registers, compared there and stored into the other guest's buffer from there. What is not like that ends
// the pass and goes the ordinary way, with nothing of it touched yet.
//
// One pass also lets the processor overlap the cache misses of reading a frame that a guest has just written with those
// of writing into a buffer that a guest has just read; in two passes they add up.

import { CLS_DEPTH, CLS_SUBTABLES, FLOW_WORDS, PORT_KIND_VHOST, PS_RX_BYTES, PS_RX_PACKETS } from '../layout/flow.ts';
import { KEY_IN_PORT, KEY_PACKET_TYPE, KEY_VLAN0_TPID } from '../layout/flow-key.ts';
import { FRAME_MAX, PORT_MAX, PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import { TC_MEGAFLOW_HITS, TC_RX_BURSTS, TC_RX_PACKETS, TC_SUBTABLE_LOOKUPS } from '../layout/thread-block.ts';
import { DEVICE_REGIONS, VRING_STATE_ENABLED } from '../layout/vring.ts';
import { maskOf, Ordinary, ORDINARY_MIN } from './classify-simple.ts';
import { copyBytes } from './copy.ts';
import { addStat, count, credit, portStats } from './counters.ts';
import { DESC_F_WRITE } from './descriptor-chain.ts';
import { lookupSubtable } from './lookup.ts';
import { publishUsed } from './notify.ts';
import { countSent, lock, txQueue, unlock } from './tx.ts';
import { Flow, PKT_KEY, Port, Region, Thread, Vring } from './views.ts';
import { packetAt } from './vhost-rx.ts';

function portAt(port: u32): Port {
  return changetype<Port>(PORT_TABLE + port * PORT_SIZE);
}

/** The subtable that decides alone for what `port` receives, and by key words 0 to 2 only; 0 when there is none. */
function simpleSubtable(port: Port): u32 {
  const classifier = port.classifier;
  if (classifier == 0 || port.policer != 0) return 0;
  if (load<u32>(classifier) != 1 || load<u32>(classifier, CLS_DEPTH) != 0) return 0;
  return load<u32>(classifier, CLS_SUBTABLES);
}

/** The megaflow of the frame that waits first, when it is an ordinary one in a plain buffer; else 0. */
function flowOfFirst(t: Thread, ring: Vring, subtable: u32): u32 {
  const mask = ring.num - 1;
  const head = <u32>load<u16>(ring.avail + 4 + ((ring.lastAvail & mask) << 1)) & mask;
  const region = changetype<Region>(ring.device + DEVICE_REGIONS + ring.regionHint);
  const delta = load<u64>(ring.desc + (head << 4)) - region.guestAddr;
  const len = load<u32>(ring.desc + (head << 4), 8);
  const need = ring.hdrSize + ORDINARY_MIN;
  const size = region.chunkTable == 0 ? region.size : 0;
  if (len < need || delta >= size || size - delta < <u64>need) return 0;
  const at = region.offset + <u32>delta + ring.hdrSize;
  const word1 = Ordinary.word1(v128.load(at), v128.load(at, 16), len - ring.hdrSize);
  if (word1 == 0) return 0;
  const key = changetype<u32>(packetAt(t, 0)) + PKT_KEY;
  store<u64>(key, <u64>bswap<u32>(ring.port), KEY_IN_PORT);
  store<u64>(key, word1, KEY_PACKET_TYPE);
  store<u64>(key, 0, KEY_VLAN0_TPID);
  return lookupSubtable(subtable, key);
}

/** The thread's transmit queue of `port` when it is a vhost-user port that has one, else 0. */
function transmitQueue(t: Thread, port: u32): u32 {
  if (port >= <u32>PORT_MAX || portAt(port).kind != <u32>PORT_KIND_VHOST) return 0;
  return txQueue(t, portAt(port));
}

/**
 * Forwards the leading ones of the `waiting` packets of `ring` straight. Returns how many; the rest, 0 to all of them,
 * is for the ordinary way. A trap in the middle leaves both rings as they were.
 */
export function forwardStraight(t: Thread, ring: Vring, waiting: u32): u32 {
  const subtable = simpleSubtable(portAt(ring.port));
  if (subtable == 0 || t.pendingCount != 0) return 0;
  const flow = flowOfFirst(t, ring, subtable);
  if (flow == 0) return 0;
  // Who saw a new flow must first run the packets that waited for it (upcall.ts, "Order").
  if (t.fromControlTail != atomic.load<u32>(changetype<usize>(t) + offsetof<Thread>('fromControlHead'))) return 0;
  const out = changetype<Flow>(flow).fastOut;
  const target = transmitQueue(t, out);
  if (target == 0 || !lock(t, changetype<Vring>(target))) return 0;
  let taken: u32 = 0;
  // Read under the lock: the control thread stops a queue by changing its state and then waiting for quiescence.
  if (atomic.load<u32>(target) == VRING_STATE_ENABLED) {
    t.guardSrc = changetype<u32>(ring);
    t.guardVring = target;
    taken = copyAlike(t, ring, changetype<Vring>(target), changetype<Flow>(flow), waiting, portAt(out).frameMax);
    t.guardVring = changetype<u32>(ring);
    t.guardSrc = 0;
  }
  unlock(t, changetype<Vring>(target));
  if (taken == 0) return 0;
  // The source's buffers, whose used entries are written, become its guest's again.
  ring.lastAvail = (ring.lastAvail + taken) & 0xffff;
  publishUsed(t, ring, ring.usedIdx + taken);
  countStraight(t, ring.port, out, flow, taken, <u32>t.sentBytes);
  return taken;
}

/** Copies frames of `flow` as long as both guests' next buffers are plain and the target has any; publishes them there. */
function copyAlike(t: Thread, from: Vring, to: Vring, flow: Flow, waiting: u32, frameMax: u32): u32 {
  const mask1 = maskOf(flow.subtable, KEY_PACKET_TYPE);
  const word1 = load<u64>(changetype<u32>(flow) + KEY_PACKET_TYPE, FLOW_WORDS);
  const longest = min<u32>(frameMax, FRAME_MAX);
  const fromMask = from.num - 1;
  const fromHdr = from.hdrSize;
  const fromDesc = from.desc;
  const fromAvail = from.avail + 4;
  const fromUsed = from.used + 4;
  const fromRegion = changetype<Region>(from.device + DEVICE_REGIONS + from.regionHint);
  const fromBase = fromRegion.guestAddr;
  const fromSize = fromRegion.chunkTable == 0 ? fromRegion.size : 0;
  const fromWindow = fromRegion.offset + fromHdr;
  const fromFirst = from.lastAvail;
  const fromUsedIdx = from.usedIdx;
  const toMask = to.num - 1;
  const toHdr = to.hdrSize;
  const toDesc = to.desc;
  const toAvail = to.avail + 4;
  const toUsed = to.used + 4;
  const toRegion = changetype<Region>(to.device + DEVICE_REGIONS + to.regionHint);
  const toBase = toRegion.guestAddr;
  const toSize = toRegion.chunkTable == 0 ? toRegion.size : 0;
  const toWindow = toRegion.offset;
  const toFirst = to.lastAvail;
  const toUsedIdx = to.usedIdx;
  const most = min<u32>(waiting, to.waiting(toFirst));
  let bytes: u32 = 0;
  let n: u32 = 0;
  for (; n < most; n++) {
    const source = <u32>load<u16>(fromAvail + (((fromFirst + n) & fromMask) << 1));
    const target = <u32>load<u16>(toAvail + (((toFirst + n) & toMask) << 1));
    if (source > fromMask || target > toMask) break;
    const word = load<u64>(fromDesc + (source << 4), 8);
    const frame = <u32>word - fromHdr;
    const delta = load<u64>(fromDesc + (source << 4)) - fromBase;
    // No flags; not too short, not too long; inside the region.
    if (
      ((word >> 32) & 0xffff) != 0 ||
      frame < ORDINARY_MIN ||
      frame > longest ||
      delta >= fromSize ||
      fromSize - delta < <u64>(frame + fromHdr)
    )
      break;
    const at = fromWindow + <u32>delta;
    const first = v128.load(at);
    const second = v128.load(at, 16);
    const found = Ordinary.word1(first, second, frame);
    if (found == 0 || (found & mask1) != word1) break;
    const room = load<u64>(toDesc + (target << 4), 8);
    const there = load<u64>(toDesc + (target << 4)) - toBase;
    const need = frame + toHdr;
    if (((room >> 32) & 0xffff) != DESC_F_WRITE || <u32>room < need || there >= toSize || toSize - there < <u64>need)
      break;
    const dst = toWindow + <u32>there;
    store<u64>(dst, 0);
    // num_buffers = 1 in the last two bytes of a 12-byte header.
    if (toHdr == 12) store<u32>(dst, 0x10000, 8);
    else store<u16>(dst, 0, 8);
    const data = dst + toHdr;
    v128.store(data, first);
    v128.store(data, second, 16);
    if (frame == 64) {
      const third = v128.load(at, 32);
      v128.store(data, v128.load(at, 48), 48);
      v128.store(data, third, 32);
    } else copyBytes(data + 32, at + 32, frame - 32);
    store<u64>(fromUsed + (((fromUsedIdx + n) & fromMask) << 3), <u64>source);
    store<u64>(toUsed + (((toUsedIdx + n) & toMask) << 3), <u64>target | ((<u64>need) << 32));
    bytes += frame;
  }
  t.sentBytes = bytes;
  if (n == 0) return 0;
  to.lastAvail = (toFirst + n) & 0xffff;
  publishUsed(t, to, toUsedIdx + n);
  return n;
}

function countStraight(t: Thread, port: u32, out: u32, flow: u32, n: u32, bytes: u32): void {
  credit(t, flow, n, bytes, 0);
  const stats = portStats(t, port);
  addStat(stats, PS_RX_PACKETS, n);
  addStat(stats, PS_RX_BYTES, bytes);
  countSent(t, portStats(t, out), n);
  count(t, TC_RX_BURSTS, 1);
  count(t, TC_RX_PACKETS, n);
  count(t, TC_MEGAFLOW_HITS, n);
  count(t, TC_SUBTABLE_LOOKUPS, 1);
}
