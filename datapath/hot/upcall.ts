// Upcalls: what a datapath thread cannot decide or send itself goes to the control thread in a slot, over one of two
// rings (misses and userspace actions; frames for slow ports), and comes back as a verdict.
//
// Order. The first packet of a flow asks; packets with the same key that follow wait behind it in its slot chain, so
// that the answer releases them in order. The control thread pushes the answer before it publishes the megaflow, and
// the thread drains answers after a lookup and before it acts on it: who saw the new flow also sees the answer. A
// packet whose key still waits joins the queue even when its megaflow exists by now.

import { DROP_UPCALL_FULL } from '../layout/drop-reasons.ts';
import { DEPTH_ALL } from '../layout/flow.ts';
import { KEY_SIZE } from '../layout/flow-key.ts';
import {
  FRAME_MAX,
  PENDING_BUCKETS,
  RING_MAX,
  SLOT_DATA,
  T_PENDING,
  T_SLOW_TX,
  T_TO_CONTROL,
} from '../layout/memory-map.ts';
import {
  SLOT_CHAIN,
  SLOT_COOKIE,
  SLOT_FRAME_SIZE,
  SLOT_HASH,
  SLOT_IN_PORT,
  SLOT_KEY,
  SLOT_KIND,
  SLOT_KIND_ACTION,
  SLOT_KIND_MISS,
  SLOT_KIND_OUTPUT,
  SLOT_KIND_WAITING,
  SLOT_LEN,
  SLOT_META,
  SLOT_NEXT,
  SLOT_OUT_PORT,
  SLOT_ETH_TYPE,
  SLOT_FLAGS,
  SLOT_WAIT_HEAD,
  SLOT_WAIT_TAIL,
  TC_UPCALLS_LOST,
  TC_UPCALLS_SENT,
} from '../layout/thread-block.ts';
import { ringBell } from './bell.ts';
import { copyBytes, zeroBytes } from './copy.ts';
import { count, countDrop } from './counters.ts';
import { linearize } from './packet.ts';
import { parse, setMetadata } from './parse.ts';
import { NO_SLOT, slotAddress, slotAllocFor, slotFree } from './slots.ts';
import { Packet, PKT_KEY, PKT_META, Thread } from './views.ts';

function push(ring: u32, headAt: usize, tail: u32, slot: u32): bool {
  const head = load<u32>(headAt);
  if (head - tail >= <u32>RING_MAX) return false;
  store<u32>(ring + ((head & (RING_MAX - 1)) << 2), slot);
  // Release: the slot's content and the entry are visible before the head moves.
  atomic.store<u32>(headAt, head + 1);
  return true;
}

/**
 * Copies a packet into a slot and queues it to the control thread. `port`: who is charged, the receiving port for
 * upcalls and the sending one for slow output. False when no slot or no room is left.
 */
export function queueToControl(t: Thread, p: Packet, kind: u32, port: u32, cookie: u32): bool {
  const slot = fillSlot(t, p, kind, port);
  if (slot == NO_SLOT) return false;
  const address = slotAddress(t, slot);
  store<u32>(address + SLOT_COOKIE, cookie);
  store<u32>(address + SLOT_OUT_PORT, port);
  const self = changetype<u32>(t);
  const queued =
    kind == SLOT_KIND_OUTPUT
      ? push(
          self + T_SLOW_TX,
          self + offsetof<Thread>('slowTxHead'),
          atomic.load<u32>(self + offsetof<Thread>('slowTxTail')),
          slot,
        )
      : push(
          self + T_TO_CONTROL,
          self + offsetof<Thread>('toControlHead'),
          atomic.load<u32>(self + offsetof<Thread>('toControlTail')),
          slot,
        );
  if (!queued) {
    slotFree(t, slot);
    return false;
  }
  ringBell();
  return true;
}

function fillSlot(t: Thread, p: Packet, kind: u32, port: u32): u32 {
  if (p.len > <u32>FRAME_MAX + 64) return NO_SLOT;
  const slot = slotAllocFor(t, port);
  if (slot == NO_SLOT) return NO_SLOT;
  const address = slotAddress(t, slot);
  const len = linearize(p, address + SLOT_DATA);
  store<u32>(address + SLOT_KIND, kind);
  store<u32>(address + SLOT_IN_PORT, p.inPort);
  store<u32>(address + SLOT_LEN, min<u32>(len, p.outLen));
  store<u32>(address + SLOT_FRAME_SIZE, len);
  store<u32>(address + SLOT_WAIT_HEAD, 0);
  store<u32>(address + SLOT_WAIT_TAIL, 0);
  store<u32>(address + SLOT_NEXT, 0);
  v128.store(address, v128.load(changetype<usize>(p), PKT_META), SLOT_META);
  store<u8>(address, p.flags, SLOT_FLAGS);
  store<u16>(address, p.ethType, SLOT_ETH_TYPE);
  return slot;
}

function fullKey(p: Packet): u32 {
  const key = changetype<u32>(p) + PKT_KEY;
  parse(p, load<u64>(key), DEPTH_ALL);
  setMetadata(p, key);
  return key;
}

function keyHash(key: u32): u32 {
  let h: u64 = 0;
  for (let at: u32 = 0; at < <u32>KEY_SIZE; at += 8) h = (h ^ load<u64>(key + at)) * 0x9e3779b97f4a7c15;
  return <u32>(h >> 32);
}

function sameKey(a: u32, b: u32): bool {
  for (let at: u32 = 0; at < <u32>KEY_SIZE; at += 8) if (load<u64>(a + at) != load<u64>(b + at)) return false;
  return true;
}

function bucketAt(t: Thread, hash: u32): u32 {
  return changetype<u32>(t) + T_PENDING + ((hash & (PENDING_BUCKETS - 1)) << 2);
}

/** The slot (+ 1) whose key waits for an answer and equals `key`, or 0. */
function findPending(t: Thread, key: u32, hash: u32): u32 {
  let at = load<u32>(bucketAt(t, hash));
  while (at != 0) {
    const address = slotAddress(t, at - 1);
    if (load<u32>(address + SLOT_HASH) == hash && sameKey(address + SLOT_KEY, key)) return at;
    at = load<u32>(address + SLOT_CHAIN);
  }
  return 0;
}

/** A packet with no megaflow: asks the control thread, or waits behind the packet that already asked. */
export function miss(t: Thread, p: Packet): void {
  const key = fullKey(p);
  const hash = keyHash(key);
  const pending = t.pendingCount == 0 ? 0 : findPending(t, key, hash);
  if (pending != 0) {
    join(t, p, pending - 1);
    return;
  }
  const slot = fillSlot(t, p, SLOT_KIND_MISS, p.inPort);
  if (slot == NO_SLOT) {
    lose(t);
    return;
  }
  const address = slotAddress(t, slot);
  copyBytes(address + SLOT_KEY, key, KEY_SIZE);
  store<u32>(address + SLOT_HASH, hash);
  store<u32>(address + SLOT_COOKIE, 0);
  const self = changetype<u32>(t);
  if (
    !push(
      self + T_TO_CONTROL,
      self + offsetof<Thread>('toControlHead'),
      atomic.load<u32>(self + offsetof<Thread>('toControlTail')),
      slot,
    )
  ) {
    slotFree(t, slot);
    lose(t);
    return;
  }
  const bucket = bucketAt(t, hash);
  store<u32>(address + SLOT_CHAIN, load<u32>(bucket));
  store<u32>(bucket, slot + 1);
  t.pendingCount++;
  count(t, TC_UPCALLS_SENT, 1);
  ringBell();
}

function lose(t: Thread): void {
  countDrop(t, DROP_UPCALL_FULL, 1);
  count(t, TC_UPCALLS_LOST, 1);
}

function join(t: Thread, p: Packet, pending: u32): void {
  const slot = fillSlot(t, p, SLOT_KIND_WAITING, p.inPort);
  if (slot == NO_SLOT) {
    lose(t);
    return;
  }
  const first = slotAddress(t, pending);
  const tail = load<u32>(first + SLOT_WAIT_TAIL);
  if (tail == 0) store<u32>(first + SLOT_WAIT_HEAD, slot + 1);
  else store<u32>(slotAddress(t, tail - 1) + SLOT_NEXT, slot + 1);
  store<u32>(first + SLOT_WAIT_TAIL, slot + 1);
}

/** While answers are out, a packet whose key waits queues behind it although its flow exists. True when it did. */
export function joinIfPending(t: Thread, p: Packet): bool {
  const key = fullKey(p);
  const pending = findPending(t, key, keyHash(key));
  if (pending == 0) return false;
  join(t, p, pending - 1);
  return true;
}

/** Sends a copy of the packet as it stands to the control thread, for a `userspace` action. */
export function userspace(t: Thread, p: Packet, cookie: u32, maxLen: u32): void {
  const saved = p.outLen;
  if (maxLen < p.outLen) p.outLen = maxLen;
  if (!queueToControl(t, p, SLOT_KIND_ACTION, p.inPort, cookie)) lose(t);
  p.outLen = saved;
}

/** Takes an answered slot out of the pending table. */
export function unlinkPending(t: Thread, slot: u32): void {
  const address = slotAddress(t, slot);
  let link = bucketAt(t, load<u32>(address + SLOT_HASH));
  while (load<u32>(link) != 0) {
    const at = load<u32>(link);
    const other = slotAddress(t, at - 1);
    if (at == slot + 1) {
      store<u32>(link, load<u32>(other + SLOT_CHAIN));
      t.pendingCount--;
      return;
    }
    link = other + SLOT_CHAIN;
  }
}

/** Empties the pending table; with slotsReset() this makes a restarted thread's upcall state new. */
export function pendingReset(t: Thread): void {
  zeroBytes(changetype<u32>(t) + T_PENDING, PENDING_BUCKETS << 2);
  t.pendingCount = 0;
}
