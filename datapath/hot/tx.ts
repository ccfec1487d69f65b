// Transmit: packets wait in one list for each port until the burst has run its actions, then every touched port is
// flushed once. Lists keep the order of arrival. A list record is 16 bytes: head, tail, count, next touched port + 1.

import {
  DROP_SLOW_TX_FULL,
  DROP_TX_LOCK,
  DROP_TX_NO_PORT,
  DROP_TX_PORT_DOWN,
  DROP_TX_RING_FULL,
  DROP_TX_TOO_LONG,
} from '../layout/drop-reasons.ts';
import {
  PORT_KIND_DOWN,
  PORT_KIND_SLOW,
  PORT_KIND_VHOST,
  PORT_KIND_VIRTIO,
  PORT_TXQS,
  PS_TX_BYTES,
  PS_TX_DOWN,
  PS_TX_DROPPED,
  PS_TX_PACKETS,
  PS_TX_RING_FULL,
} from '../layout/flow.ts';
import { PORT_MAX, PORT_SIZE, PORT_TABLE, T_TX_HEADS } from '../layout/memory-map.ts';
import { SLOT_KIND_OUTPUT, TC_TX_BURSTS, TC_TX_PACKETS } from '../layout/thread-block.ts';
import { VRING_FLAG_E1000E, VRING_STATE_ENABLED } from '../layout/vring.ts';
import { addStat, count, countDrop, portStats } from './counters.ts';
import { clonePacket, reclaimClones } from './packet.ts';
import { sendFrames } from './e1000e.ts';
import { queueToControl } from './upcall.ts';
import { frameLen, vhostEnqueue } from './vhost-tx.ts';
import { Packet, Port, Thread, Vring } from './views.ts';
import { guardDoorbell } from './virtio-ring.ts';
import { virtioSend } from './virtio-tx.ts';
import { packetAt } from './vhost-rx.ts';

const LOCK_SPINS: u32 = 100000;

function listAt(t: Thread, port: u32): u32 {
  return changetype<u32>(t) + T_TX_HEADS + (port << 4);
}

/** Appends `p` to the port's list; `p` must not be in another one. */
export function stage(t: Thread, port: u32, p: Packet): void {
  if (port >= <u32>PORT_MAX) {
    countDrop(t, DROP_TX_NO_PORT, 1);
    return;
  }
  if (frameLen(p) > changetype<Port>(PORT_TABLE + port * PORT_SIZE).frameMax) {
    dropRest(t, portStats(t, port), DROP_TX_TOO_LONG, 1);
    return;
  }
  append(t, port, changetype<u32>(p), changetype<u32>(p), 1);
}

/** Appends `n` neighbours of the burst, which are linked already: one splice. `longest`: bytes of their longest frame. */
export function stageRange(t: Thread, port: u32, first: u32, n: u32, longest: u32): void {
  if (port < <u32>PORT_MAX && longest <= changetype<Port>(PORT_TABLE + port * PORT_SIZE).frameMax) {
    append(t, port, changetype<u32>(packetAt(t, first)), changetype<u32>(packetAt(t, first + n - 1)), n);
    return;
  }
  for (let i: u32 = 0; i < n; i++) stage(t, port, packetAt(t, first + i));
}

/** Lists are counted, not ended: the last packet's link is whatever it was. */
function append(t: Thread, port: u32, first: u32, last: u32, count: u32): void {
  const list = listAt(t, port);
  const n = load<u32>(list, 8);
  if (n == 0) {
    store<u32>(list, first);
    store<u32>(list, t.txTouched, 12);
    t.txTouched = port + 1;
  } else changetype<Packet>(load<u32>(list, 4)).next = first;
  store<u32>(list, last, 4);
  store<u32>(list, n + count, 8);
}

/** A copy of `p`. Out of descriptors, everything staged is sent first: lists nest far less deep than there are descriptors. */
function takeClone(t: Thread, p: Packet): Packet {
  const clone = clonePacket(t, p);
  if (clone !== null) return clone;
  flushAll(t);
  reclaimClones(t);
  return changetype<Packet>(clonePacket(t, p));
}

/** Stages a copy of `p`, which goes on. */
export function stageClone(t: Thread, port: u32, p: Packet): void {
  stage(t, port, takeClone(t, p));
}

/** A copy of `p` for a list of actions within the list that runs; leaveClone() when that list has ended. */
export function enterClone(t: Thread, p: Packet): Packet {
  const clone = takeClone(t, p);
  clone.outer = t.running;
  t.running = changetype<u32>(clone);
  return clone;
}

export function leaveClone(t: Thread): void {
  t.running = changetype<Packet>(t.running).outer;
}

/** Sends every list and leaves none. */
export function flushAll(t: Thread): void {
  while (t.txTouched != 0) {
    const port = t.txTouched - 1;
    const list = listAt(t, port);
    const first = load<u32>(list);
    const n = load<u32>(list, 8);
    t.txTouched = load<u32>(list, 12);
    store<u32>(list, 0, 8);
    flushPort(t, port, first, n);
  }
}

/** Forgets every list: what a thread does after a trap in the middle of a flush. Returns the packets lost. */
export function forgetAll(t: Thread): u32 {
  let lost: u32 = 0;
  while (t.txTouched != 0) {
    const list = listAt(t, t.txTouched - 1);
    lost += load<u32>(list, 8);
    store<u32>(list, 0, 8);
    t.txTouched = load<u32>(list, 12);
  }
  return lost;
}

function flushPort(t: Thread, number: u32, first: u32, n: u32): void {
  const port = changetype<Port>(PORT_TABLE + number * PORT_SIZE);
  const stats = portStats(t, number);
  const kind = port.kind;
  if (kind == PORT_KIND_VHOST || kind == PORT_KIND_VIRTIO) flushRing(t, port, stats, first, n);
  else if (kind == PORT_KIND_SLOW) flushSlow(t, number, stats, first, n);
  else dropRest(t, stats, kind == PORT_KIND_DOWN ? DROP_TX_PORT_DOWN : DROP_TX_NO_PORT, n);
}

function dropRest(t: Thread, stats: u32, reason: u32, n: u32): void {
  countDrop(t, reason, n);
  addStat(stats, PS_TX_DROPPED, n);
  if (reason == DROP_TX_RING_FULL) addStat(stats, PS_TX_RING_FULL, n);
  else if (reason == DROP_TX_PORT_DOWN) addStat(stats, PS_TX_DOWN, n);
}

/** The queue of a guest's or a card's port that the thread transmits on, 0 when the port has none. */
export function txQueue(t: Thread, port: Port): u32 {
  const queues = port.txqCount;
  return queues == 0 ? 0 : load<u32>(changetype<u32>(port) + ((t.index % queues) << 2), PORT_TXQS);
}

function flushRing(t: Thread, port: Port, stats: u32, first: u32, n: u32): void {
  const ring = txQueue(t, port);
  const queue = changetype<Vring>(ring);
  if (ring == 0 || !lock(t, queue)) {
    dropRest(t, stats, ring == 0 ? DROP_TX_PORT_DOWN : DROP_TX_LOCK, n);
    return;
  }
  let sent: u32 = 0;
  let reason: u32 = DROP_TX_PORT_DOWN;
  // The state is read under the lock: the control thread stops a queue by changing it and then waiting for quiescence.
  if (atomic.load<u32>(ring) == VRING_STATE_ENABLED) {
    const isGuest = port.kind == PORT_KIND_VHOST;
    const result = isGuest ? sendToGuest(t, queue, first, n) : sendToCard(t, queue, first, n);
    t.guardVring = 0;
    sent = result & 0xffff;
    reason = result >> 16;
  }
  unlock(t, queue);
  countSent(t, stats, sent);
  if (sent < n) dropRest(t, stats, reason, n - sent);
}

/** How many went in the low 16 bits, above them the drop reason of the first that did not; so for a card, too. */
function sendToGuest(t: Thread, queue: Vring, first: u32, n: u32): u32 {
  t.guardVring = changetype<u32>(queue);
  return vhostEnqueue(t, queue, first, n);
}

/** Of a card's queue only the doorbell can be gone. */
function sendToCard(t: Thread, queue: Vring, first: u32, n: u32): u32 {
  guardDoorbell(t, queue);
  return queue.flags & VRING_FLAG_E1000E ? sendFrames(t, queue, first, n) : virtioSend(t, queue, first, n);
}

export function countSent(t: Thread, stats: u32, sent: u32): void {
  if (sent == 0) return;
  addStat(stats, PS_TX_PACKETS, sent);
  addStat(stats, PS_TX_BYTES, t.sentBytes);
  count(t, TC_TX_PACKETS, sent);
  count(t, TC_TX_BURSTS, 1);
}

/** One owner at a time writes a transmit queue; with one PMD thread the lock is always free. */
export function lock(t: Thread, ring: Vring): bool {
  const at = changetype<usize>(ring) + offsetof<Vring>('lock');
  t.heldLock = <u32>at;
  for (let spins: u32 = 0; spins < LOCK_SPINS; spins++) {
    // Acquire: the ring indexes that the last owner wrote are visible after this.
    if (atomic.cmpxchg<u32>(at, 0, t.index + 1) == 0) return true;
  }
  t.heldLock = 0;
  return false;
}

export function unlock(t: Thread, ring: Vring): void {
  // Release: our ring indexes are visible before the lock is seen free.
  atomic.store<u32>(changetype<usize>(ring) + offsetof<Vring>('lock'), 0);
  t.heldLock = 0;
}

/** Slow ports are written by the control thread: each frame moves to a slot and onto the slow ring. */
function flushSlow(t: Thread, number: u32, stats: u32, first: u32, n: u32): void {
  let lost: u32 = 0;
  for (let at = first, i: u32 = 0; i < n; i++, at = changetype<Packet>(at).next) {
    if (!queueToControl(t, changetype<Packet>(at), SLOT_KIND_OUTPUT, number, 0)) lost++;
  }
  if (lost > 0) dropRest(t, stats, DROP_SLOW_TX_FULL, lost);
}
