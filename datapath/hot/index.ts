// The hot module's exports: everything the host calls, each with the thread area it works on. The module has no static
// data and no runtime: every instance over the shared memory is the same code on another thread area.

import { DROP_BURST_ABORTED } from '../layout/drop-reasons.ts';
import { CLS_SUBTABLES, DEPTH_ALL, PORT_CLASSIFIER, PORT_RECIRC_CLASSIFIER } from '../layout/flow.ts';
import { KEY_RECIRC_ID, KEY_SIZE } from '../layout/flow-key.ts';
import { BURST_MAX, PORT_MAX, PORT_SIZE, PORT_TABLE, THREAD_AREA_SIZE, THREAD_BASE } from '../layout/memory-map.ts';
import {
  POLL_ENTRY_SIZE,
  POLL_LIST_DRIVERS,
  POLL_LIST_ENTRIES,
  SLOT_IN_PORT,
  SLOT_KEY,
  SLOT_META,
  SLOT_ETH_TYPE,
  SLOT_FLAGS,
  TC_BUSY_PASSES,
  TC_PASSES,
} from '../layout/thread-block.ts';
import { VRING_FLAG_DRIVER, VRING_FLAG_E1000E } from '../layout/vring.ts';
import { copyBytes } from './copy.ts';
import { count, countDrop } from './counters.ts';
import { resetDescriptors } from './e1000e.ts';
import { subtableHash as hashUnderMask, lookupSubtable } from './lookup.ts';
import { packetFromSlot, resetClones } from './packet.ts';
import { parse } from './parse.ts';
import { completeBurst, processBurst, serveQueue } from './pipeline.ts';
import { slotAlloc as allocSlot, slotFree as freeSlot, freeSpilled, slotAddress, slotsReset } from './slots.ts';
import { forgetAll } from './tx.ts';
import { pendingReset } from './upcall.ts';
import { drainVerdicts, executeSlot as runSlot } from './verdicts.ts';
import { packetAt } from './vhost-rx.ts';
import { PKT_KEY, Thread, Vring } from './views.ts';
import { resetRing } from './virtio-ring.ts';
import { giveBack, serveDriverQueue } from './virtio-rx.ts';

function threadAt(index: u32): Thread {
  return changetype<Thread>(THREAD_BASE + index * THREAD_AREA_SIZE);
}

/** Makes a thread's slots, pending table and lists new. Only while that thread does not run. */
export function reset(index: u32): void {
  const t = threadAt(index);
  t.index = index;
  slotsReset(t);
  pendingReset(t);
  resetClones(t);
  forgetAll(t);
  t.burstCount = 0;
  t.guardVring = 0;
  t.guardSrc = 0;
}

function listed(list: u32, i: u32): Vring {
  return changetype<Vring>(load<u32>(list + POLL_LIST_ENTRIES + i * POLL_ENTRY_SIZE));
}

/**
 * Polls the thread's queues until `budget` is used up: an idle pass over the list costs 1, a packet 4. Returns the
 * packets taken; the passes are in the thread's counters.
 */
export function poll(index: u32, budget: i32): u32 {
  const t = threadAt(index);
  const list = t.pollList;
  const entries: u32 = list == 0 ? 0 : load<u32>(list);
  const guests: u32 = list == 0 ? 0 : entries - load<u32>(list, POLL_LIST_DRIVERS);
  let passes: u32 = 0;
  let busy: u32 = 0;
  let packets: u32 = 0;
  while (budget > 0) {
    if (t.fromControlTail != atomic.load<u32>(changetype<usize>(t) + offsetof<Thread>('fromControlHead')))
      drainVerdicts(t);
    let taken: u32 = 0;
    for (let i: u32 = 0; i < guests; i++) taken += serveQueue(t, listed(list, i));
    for (let i = guests; i < entries; i++) taken += serveDriverQueue(t, listed(list, i));
    passes++;
    if (taken > 0) busy++;
    packets += taken;
    budget -= <i32>(1 + (taken << 2));
  }
  count(t, TC_PASSES, passes);
  count(t, TC_BUSY_PASSES, busy);
  return packets;
}

/** Runs the verdicts waiting for a thread that has no poll loop (the control thread's own instance). */
export function settle(index: u32): void {
  drainVerdicts(threadAt(index));
}

/** Takes a free slot of the thread's pool: its address, or 0. The caller writes SLOT_LEN, SLOT_IN_PORT and the data. */
export function slotTake(index: u32): u32 {
  const slot = allocSlot(threadAt(index));
  if (slot == 0xffffffff) return 0;
  const address = slotAddress(threadAt(index), slot);
  v128.store(address, i64x2.splat(0), SLOT_META);
  store<u8>(address, 0, SLOT_FLAGS);
  store<u16>(address, 0, SLOT_ETH_TYPE);
  return address;
}

export function slotRelease(index: u32, slot: u32): void {
  freeSlot(threadAt(index), slot);
}

/** Feeds a slot's frame to the pipeline as if its port had received it; the slot is free afterwards. */
export function injectSlot(index: u32, slot: u32): void {
  const t = threadAt(index);
  packetFromSlot(t, packetAt(t, 0), slot);
  processBurst(t, load<u32>(slotAddress(t, slot) + SLOT_IN_PORT), 1);
  freeSlot(t, slot);
}

/** Runs an action list on a slot's frame; the slot is free afterwards. */
export function executeSlot(index: u32, slot: u32, actions: u32): void {
  const t = threadAt(index);
  runSlot(t, slot, actions);
  freeSlot(t, slot);
}

/** Parses a slot's frame in full and leaves the key at SLOT_KEY. Returns false when its headers are too long. */
export function extractSlot(index: u32, slot: u32): bool {
  const t = threadAt(index);
  const p = packetAt(t, BURST_MAX);
  packetFromSlot(t, p, slot);
  const ok = parse(p, <u64>bswap<u32>(p.inPort), DEPTH_ALL);
  copyBytes(slotAddress(t, slot) + SLOT_KEY, changetype<u32>(p) + PKT_KEY, KEY_SIZE);
  return ok;
}

export function subtableHash(subtable: u32, key: u32): u32 {
  return hashUnderMask(subtable, key);
}

/** The megaflow that the full key at `key`, of a packet from `port`, matches: its offset, or 0. */
export function findFlow(port: u32, key: u32): u32 {
  if (port >= <u32>PORT_MAX) return 0;
  const isReceived = load<u32>(key, KEY_RECIRC_ID) == 0;
  const record = PORT_TABLE + port * PORT_SIZE + (isReceived ? PORT_CLASSIFIER : PORT_RECIRC_CLASSIFIER);
  const classifier = load<u32>(record);
  const subtables: u32 = classifier == 0 ? 0 : load<u32>(classifier);
  for (let s: u32 = 0; s < subtables; s++) {
    const flow = lookupSubtable(load<u32>(classifier + (s << 2), CLS_SUBTABLES), key);
    if (flow != 0) return flow;
  }
  return 0;
}

/**
 * After a trap: which queue was being served is in the thread's block (guard words), read by the host before this.
 * Drops what the burst still had, releases a held lock and gives the source its descriptors back when `sourceIsWell`.
 */
export function recover(index: u32, sourceIsWell: bool): void {
  const t = threadAt(index);
  // Only our own lock: the word also names a queue that this thread was still waiting for.
  if (t.heldLock != 0 && load<u32>(t.heldLock) == t.index + 1) atomic.store<u32>(t.heldLock, 0);
  t.heldLock = 0;
  countDrop(t, DROP_BURST_ABORTED, forgetAll(t));
  resetClones(t);
  freeSpilled(t);
  const source = t.burstVring;
  if (sourceIsWell && t.burstCount > 0) {
    t.guardVring = source;
    if (changetype<Vring>(source).flags & VRING_FLAG_DRIVER) giveBack(t, changetype<Vring>(source));
    else completeBurst(t, changetype<Vring>(source));
  }
  t.burstCount = 0;
  t.guardVring = 0;
  t.guardSrc = 0;
}

/** Makes a card's ring new, as a driver does before the device starts. Only while nobody serves it. */
export function driverReset(vring: u32): void {
  const ring = changetype<Vring>(vring);
  if (ring.flags & VRING_FLAG_E1000E) resetDescriptors(ring);
  else resetRing(ring);
}

/** The index of the used ring at `used`, in guest memory: traps when that is gone. */
export function usedIndex(used: u32): u32 {
  return atomic.load<u16>(used + 2);
}

/** Test hook: a trap outside of guest access, which is weft's own bug and ends the worker. */
export function crash(): void {
  unreachable();
}
