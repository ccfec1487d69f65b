// The pipeline of one burst: parse, look up, act, transmit, give the source buffers back. One function per stage; a
// packet's destiny after lookup is its flow's single output (the common case), its action list, or an upcall.

import { DROP_HEADER_TOO_LONG, DROP_POLICED, DROP_RX_DISABLED } from '../layout/drop-reasons.ts';
import { CLS_DEPTH, NO_PORT, PS_RX_BYTES, PS_RX_DISABLED, PS_RX_PACKETS, PS_RX_POLICED } from '../layout/flow.ts';
import { BURST_MAX, PKT_SIZE, PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import { RUN_SIZE, TB_RUNS, TC_RX_BURSTS, TC_RX_PACKETS } from '../layout/thread-block.ts';
import { VRING_STATE_BROKEN, VRING_STATE_DISABLED, VRING_STATE_ENABLED } from '../layout/vring.ts';
import { runActions } from './actions.ts';
import { classifySimple } from './classify-simple.ts';
import { addStat, count, countDrop, credit, dropReceived, portStats } from './counters.ts';
import { lookupBurst } from './lookup.ts';
import { policeBurst } from './meter.ts';
import { publishUsed } from './notify.ts';
import { resetClones } from './packet.ts';
import { adoptMisses, dropSpoofed } from './port-miss.ts';
import { parse, parseCommon } from './parse.ts';
import { freeSpilled } from './slots.ts';
import { forwardStraight } from './straight.ts';
import { flushAll, stage, stageRange } from './tx.ts';
import { joinIfPending, miss } from './upcall.ts';
import { drainVerdicts } from './verdicts.ts';
import { packetAt, vhostDequeue } from './vhost-rx.ts';
import { Flow, Packet, PKT_KEY, Port, Run, Thread, Vring } from './views.ts';

/** Serves one receive queue once. Returns the packets taken. */
export function serveQueue(t: Thread, ring: Vring): u32 {
  const state = atomic.load<u32>(changetype<usize>(ring));
  if (state != VRING_STATE_ENABLED && state != VRING_STATE_DISABLED) return 0;
  t.guardVring = changetype<u32>(ring);
  const waiting = min<u32>(ring.waiting(ring.lastAvail), BURST_MAX);
  let taken: u32 = 0;
  // Read after the avail index: a frame sent after the ring was enabled (or disabled) is never taken for one before.
  const disabled = atomic.load<u32>(changetype<usize>(ring)) == VRING_STATE_DISABLED;
  if (waiting > 0 && !disabled) taken = forwardStraight(t, ring, waiting);
  if (taken < waiting) taken += serveOrdinary(t, ring, waiting - taken, disabled);
  t.guardVring = 0;
  return taken;
}

/** Takes `waiting` chains as packets and processes them. Returns the chains taken. */
function serveOrdinary(t: Thread, ring: Vring, waiting: u32, disabled: bool): u32 {
  const n = vhostDequeue(t, ring, waiting);
  const taken = t.burstCount;
  if (taken == 0) return 0;
  t.guardSrc = changetype<u32>(ring);
  count(t, TC_RX_BURSTS, 1);
  if (disabled) discard(t, ring, n);
  else if (n > 0) processBurst(t, ring.port, n);
  t.guardVring = changetype<u32>(ring);
  t.guardSrc = 0;
  completeBurst(t, ring);
  return taken;
}

/** Started but not enabled: what the guest transmits is consumed and dropped. */
export function discard(t: Thread, ring: Vring, n: u32): void {
  dropReceived(t, ring.port, DROP_RX_DISABLED, n);
  addStat(portStats(t, ring.port), PS_RX_DISABLED, n);
}

/** Gives the burst's descriptor chains back: their used entries are written, the index makes them seen (2.7.8.2). */
export function completeBurst(t: Thread, ring: Vring): void {
  const taken = t.burstCount;
  t.burstCount = 0;
  if (ring.state == VRING_STATE_BROKEN || taken == 0) return;
  publishUsed(t, ring, ring.usedIdx + taken);
}

/** Parses, classifies and forwards the first `n` packets of the thread's burst, all received on `port`. */
export function processBurst(t: Thread, port: u32, n: u32): void {
  const record = changetype<Port>(PORT_TABLE + port * PORT_SIZE);
  const classifier = record.classifier;
  if (record.policer != 0) n = police(t, port, record.policer, n);
  const inPortWord = <u64>bswap<u32>(port);
  const depth: u32 = classifier == 0 ? 0 : load<u32>(classifier, CLS_DEPTH);
  let tooLong: u32 = 0;
  let missed: u32 = 0;
  t.runCount = 0;
  t.mixedFrom = n;
  t.mixedBytes = 0;
  const simple = classifier != 0 && depth == 0 && load<u32>(classifier) == 1;
  if (simple) missed = classifySimple(t, classifier, inPortWord, n);
  else {
    tooLong = parseBurst(t, inPortWord, depth, n);
    missed = lookupBurst(t, classifier, n);
  }
  if (missed > 0) missed = adoptMisses(t, record, missed, n);
  // Between lookup and action: who saw a new flow must first run the packets that waited for it (upcall.ts, "Order").
  if (t.fromControlTail != atomic.load<u32>(changetype<usize>(t) + offsetof<Thread>('fromControlHead')))
    drainVerdicts(t);
  countReceived(t, port, n);
  if (missed > 0 || tooLong > 0 || t.pendingCount > 0) actCarefully(t, port, inPortWord, n);
  else actAll(t, port, inPortWord, n);
  flushAll(t);
  resetClones(t);
  if (t.spillHead != 0) freeSpilled(t);
}

/** What the port sends beyond its rate is dropped here. Returns the packets that may go on. */
function police(t: Thread, port: u32, policer: u32, n: u32): u32 {
  const passed = policeBurst(t, policer, packetAt(t, 0), n, PKT_SIZE);
  if (passed < n) {
    dropReceived(t, port, DROP_POLICED, n - passed);
    addStat(portStats(t, port), PS_RX_POLICED, n - passed);
  }
  return passed;
}

/** Returns how many headers were too long to classify; actCarefully() drops those. */
function parseBurst(t: Thread, inPortWord: u64, depth: u32, n: u32): u32 {
  let tooLong: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const p = packetAt(t, i);
    const long: u8 = parseCommon(p, inPortWord, depth) || parse(p, inPortWord, depth) ? 0 : 1;
    p.headerTooLong = long;
    tooLong += long;
  }
  return tooLong;
}

function countReceived(t: Thread, port: u32, n: u32): void {
  let bytes = <u64>t.mixedBytes;
  for (let r: u32 = 0; r < t.runCount; r++) bytes += <u64>runAt(t, r).bytes;
  const stats = portStats(t, port);
  addStat(stats, PS_RX_PACKETS, n);
  addStat(stats, PS_RX_BYTES, bytes);
  count(t, TC_RX_PACKETS, n);
}

function runAt(t: Thread, r: u32): Run {
  return changetype<Run>(changetype<u32>(t) + TB_RUNS + r * RUN_SIZE);
}

/**
 * Every packet has its flow. Neighbours that leave through the same single output, whatever their flows, go there in one
 * splice; the others run through their flow's actions.
 */
function actAll(t: Thread, port: u32, inPortWord: u64, n: u32): void {
  let out: u32 = NO_PORT;
  let first: u32 = 0;
  let longest: u32 = 0;
  for (let r: u32 = 0; r < t.runCount; r++) {
    const run = runAt(t, r);
    credit(t, run.flow, run.count, run.bytes, run.tcpFlags);
    const next = changetype<Flow>(run.flow).fastOut;
    if (next != out) {
      if (out != <u32>NO_PORT) stageRange(t, out, first, run.first - first, longest);
      out = next;
      first = run.first;
      longest = 0;
    }
    longest = max<u32>(longest, run.longest);
    if (next == <u32>NO_PORT) actEach(t, port, inPortWord, run);
  }
  for (let i = t.mixedFrom; i < n; i++) {
    const p = packetAt(t, i);
    const len = p.len;
    credit(t, p.flow, 1, len, p.tcpFlags);
    const next = changetype<Flow>(p.flow).fastOut;
    if (next != out) {
      if (out != <u32>NO_PORT) stageRange(t, out, first, i - first, longest);
      out = next;
      first = i;
      longest = 0;
    }
    longest = max<u32>(longest, len);
    if (next == <u32>NO_PORT) actOn(t, p, changetype<Flow>(p.flow), port, inPortWord);
  }
  if (out != <u32>NO_PORT) stageRange(t, out, first, n - first, longest);
}

function actEach(t: Thread, port: u32, inPortWord: u64, run: Run): void {
  const flow = changetype<Flow>(run.flow);
  for (let i = run.first; i < run.first + run.count; i++) actOn(t, packetAt(t, i), flow, port, inPortWord);
}

/** Runs the flow's list; classification in one pass leaves the header offsets to be found here. */
function actOn(t: Thread, p: Packet, flow: Flow, port: u32, inPortWord: u64): void {
  p.inPort = port;
  Packet.clearMeta(p);
  if (p.ethType == 0) parse(p, inPortWord, 0);
  runActions(t, p, flow.actions);
}

/** With misses, unclassifiable headers or answers outstanding, packets go one by one. */
function actCarefully(t: Thread, port: u32, inPortWord: u64, n: u32): void {
  for (let r: u32 = 0; r < t.runCount; r++) {
    const run = runAt(t, r);
    for (let i = run.first; i < run.first + run.count; i++) {
      actCarefullyOn(t, packetAt(t, i), run.flow, port, inPortWord);
    }
  }
  for (let i = t.mixedFrom; i < n; i++) {
    const p = packetAt(t, i);
    actCarefullyOn(t, p, p.flow, port, inPortWord);
  }
}

function actCarefullyOn(t: Thread, p: Packet, flow: u32, port: u32, inPortWord: u64): void {
  p.inPort = port;
  Packet.clearMeta(p);
  store<u64>(changetype<u32>(p) + PKT_KEY, inPortWord);
  if (p.headerTooLong) countDrop(t, DROP_HEADER_TOO_LONG, 1);
  else if (flow == 0) actOnMiss(t, p, port, inPortWord);
  else if (t.pendingCount == 0 || !joinIfPending(t, p)) follow(t, p, flow, port, inPortWord);
}

function follow(t: Thread, p: Packet, flow: u32, port: u32, inPortWord: u64): void {
  credit(t, flow, 1, p.len, p.tcpFlags);
  const out = changetype<Flow>(flow).fastOut;
  if (out != <u32>NO_PORT) stage(t, out, p);
  else actOn(t, p, changetype<Flow>(flow), port, inPortWord);
}

function actOnMiss(t: Thread, p: Packet, port: u32, inPortWord: u64): void {
  const record = changetype<Port>(PORT_TABLE + port * PORT_SIZE);
  if (dropSpoofed(t, record, p)) return;
  if (record.miss == 0) miss(t, p);
  else follow(t, p, record.miss, port, inPortWord);
}
