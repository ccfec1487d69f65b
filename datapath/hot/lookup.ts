// Lookup: finds each packet's megaflow. Megaflows never overlap, so the first match is the only one and the order of
// tries is free: first the flow of the packet before, then (with several subtables) the cache, then the subtables.
//
// The cache (EMC) holds no keys: a set is two (hash, flow) pairs, and a hit is proven against the flow's own masked
// words. Flow records live in a fixed table and are only reused for other flows, so a stale entry is harmless: it
// points at a record that is dead or whose words are compared anyway.

import {
  CLS_DENSE_MASK,
  CLS_HASH_KEYS,
  CLS_NARROW,
  CLS_SUBTABLES,
  CLS_UNION_COUNT,
  CLS_UNION_MASKS,
  CLS_UNION_OFFSETS,
  FLOW_WORDS,
  SUB_DENSE_MASK,
  SUB_HASH_KEYS,
  SUB_MASKS,
  SUB_NARROW,
  SUB_OFFSETS,
  SUB_WORD_COUNT,
} from '../layout/flow.ts';
import { EMC_SETS, FLOW_BUCKET_TABLE, FLOW_BUCKETS, PKT_SIZE, T_EMC } from '../layout/memory-map.ts';
import {
  RUN_SIZE,
  TB_RUNS,
  TC_EMC_HITS,
  TC_MEGAFLOW_HITS,
  TC_MISSES,
  TC_SUBTABLE_LOOKUPS,
} from '../layout/thread-block.ts';
import { count } from './counters.ts';
import { packetAt } from './vhost-rx.ts';
import { Flow, PKT_KEY, Packet, Run, Thread } from './views.ts';

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

function mix(h: u64, word: u64): u64 {
  const x = (h ^ word) * MULTIPLIER;
  return x ^ (x >> 32);
}

function finish(h: u64): u32 {
  const x = h * MULTIPLIER;
  return <u32>(x >> 32);
}

/**
 * Keys of a narrow mask: their first 64 bytes are masked, hashed and compared whole, without a loop over words. The hash
 * is NH (Black et al., UMAC, 1999) with keys drawn at start, so that a guest cannot choose packets that collide.
 */
export class Narrow {
  /** OR of all differences between the masked key and the flow: zero on a match. */
  @inline static differs(flow: u32, key: u32, mask: u32): bool {
    const a = v128.xor(v128.and(v128.load(key), v128.load(mask)), v128.load(flow, FLOW_WORDS));
    const b = v128.xor(v128.and(v128.load(key, 16), v128.load(mask, 16)), v128.load(flow, FLOW_WORDS + 16));
    const c = v128.xor(v128.and(v128.load(key, 32), v128.load(mask, 32)), v128.load(flow, FLOW_WORDS + 32));
    const d = v128.xor(v128.and(v128.load(key, 48), v128.load(mask, 48)), v128.load(flow, FLOW_WORDS + 48));
    return v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)));
  }

  @inline static hash(key: u32, mask: u32, keys: u32): u32 {
    return Narrow.hashMasked(
      v128.and(v128.load(key), v128.load(mask)),
      v128.and(v128.load(key, 16), v128.load(mask, 16)),
      v128.and(v128.load(key, 32), v128.load(mask, 32)),
      v128.and(v128.load(key, 48), v128.load(mask, 48)),
      keys,
    );
  }

  @inline static hashMasked(first: v128, second: v128, third: v128, fourth: v128, keys: u32): u32 {
    const a = i32x4.add(first, v128.load(keys));
    const b = i32x4.add(second, v128.load(keys, 16));
    const c = i32x4.add(third, v128.load(keys, 32));
    const d = i32x4.add(fourth, v128.load(keys, 48));
    const low = i64x2.add(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_low_i32x4_u(c, d));
    const high = i64x2.add(i64x2.extmul_high_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(c, d));
    const sum = i64x2.add(low, high);
    return finish(<u64>i64x2.extract_lane(sum, 0) + <u64>i64x2.extract_lane(sum, 1));
  }
}

/** True when `key` masked by the flow's subtable equals the flow. */
export function matches(flow: Flow, key: u32): bool {
  const subtable = flow.subtable;
  if (load<u32>(subtable, SUB_NARROW)) {
    return !Narrow.differs(changetype<u32>(flow), key, subtable + SUB_DENSE_MASK) && flow.alive != 0;
  }
  const words = flow.wordCount;
  let difference: u64 = 0;
  for (let i: u32 = 0; i < words; i++) {
    const at = load<u32>(subtable + (i << 2), SUB_OFFSETS);
    difference |=
      (load<u64>(key + at) & load<u64>(subtable + (i << 3), SUB_MASKS)) ^
      load<u64>(changetype<u32>(flow) + (i << 3), FLOW_WORDS);
  }
  return difference == 0 && flow.alive != 0;
}

/** Hash of the key under a subtable's mask: what the control thread computes too when it installs a flow. */
export function subtableHash(subtable: u32, key: u32): u32 {
  if (load<u32>(subtable, SUB_NARROW)) return Narrow.hash(key, subtable + SUB_DENSE_MASK, subtable + SUB_HASH_KEYS);
  const words = load<u32>(subtable, SUB_WORD_COUNT);
  let h: u64 = <u64>load<u32>(subtable);
  for (let i: u32 = 0; i < words; i++) {
    const at = load<u32>(subtable + (i << 2), SUB_OFFSETS);
    h = mix(h, load<u64>(key + at) & load<u64>(subtable + (i << 3), SUB_MASKS));
  }
  return finish(h);
}

export function lookupSubtable(subtable: u32, key: u32): u32 {
  const hash = subtableHash(subtable, key);
  return walk(load<u32>(FLOW_BUCKET_TABLE + ((hash & (FLOW_BUCKETS - 1)) << 2)), hash, subtable, key);
}

/** The flow in the chain from `at` that `key` matches, or 0. */
function walk(at: u32, hash: u32, subtable: u32, key: u32): u32 {
  while (at != 0) {
    const flow = changetype<Flow>(at);
    if (flow.hash == hash && flow.subtable == subtable && matches(flow, key)) return at;
    at = flow.next;
  }
  return 0;
}

function unionHash(classifier: u32, key: u32): u32 {
  if (load<u32>(classifier, CLS_NARROW))
    return Narrow.hash(key, classifier + CLS_DENSE_MASK, classifier + CLS_HASH_KEYS);
  const words = load<u32>(classifier, CLS_UNION_COUNT);
  let h: u64 = 0x57656674;
  for (let i: u32 = 0; i < words; i++) {
    const at = load<u32>(classifier + (i << 2), CLS_UNION_OFFSETS);
    h = mix(h, load<u64>(key + at) & load<u64>(classifier + (i << 3), CLS_UNION_MASKS));
  }
  return finish(h);
}

/** Appends packet `i` to the burst's runs: to the last one when it has the same flow. */
export class Runs {
  @inline static add(t: Thread, current: Run, i: u32, p: Packet, flow: u32): Run {
    const len = p.len;
    if (t.runCount > 0 && current.flow == flow) {
      current.count++;
      current.bytes += len;
      current.longest = max<u32>(current.longest, len);
      current.tcpFlags |= p.tcpFlags;
      return current;
    }
    const run = changetype<Run>(changetype<u32>(t) + TB_RUNS + t.runCount * RUN_SIZE);
    t.runCount++;
    run.flow = flow;
    run.first = i;
    run.count = 1;
    run.bytes = len;
    run.longest = len;
    run.tcpFlags = p.tcpFlags;
    return run;
  }
}

/** Sorts the first `n` packets of the burst into runs by megaflow, 0 for none. Returns the misses. */
export function lookupBurst(t: Thread, classifier: u32, n: u32): u32 {
  const subtables: u32 = classifier == 0 ? 0 : load<u32>(classifier);
  if (subtables == 1) return lookupOne(t, load<u32>(classifier, CLS_SUBTABLES), n);
  let run = changetype<Run>(changetype<u32>(t) + TB_RUNS);
  let last: u32 = 0;
  let repeating = true;
  let cached: u32 = 0;
  let tried: u32 = 0;
  let missed: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const p = packetAt(t, i);
    const key = changetype<u32>(p) + PKT_KEY;
    let flow = last;
    // A burst whose flows alternate would pay for this comparison at every packet: the first failure ends it.
    const same = repeating && last != 0 && matches(changetype<Flow>(last), key);
    if (same) cached++;
    else {
      repeating = last == 0;
      flow = 0;
      if (subtables > 0) {
        const hash = unionHash(classifier, key);
        const set = changetype<u32>(t) + T_EMC + ((hash & (EMC_SETS - 1)) << 4);
        flow = probe(set, hash, key);
        if (flow != 0) cached++;
        for (let s: u32 = 0; s < subtables && flow == 0; s++) {
          tried++;
          flow = lookupSubtable(load<u32>(classifier + (s << 2), CLS_SUBTABLES), key);
          if (flow != 0) insert(set, hash, flow);
        }
      }
      if (flow == 0) missed++;
    }
    last = flow;
    run = Runs.add(t, run, i, p, flow);
  }
  if (cached) count(t, TC_EMC_HITS, cached);
  countLookups(t, n - cached - missed, tried, missed);
  return missed;
}

/** One packet alone, by its key in full; 0 when no flow matches. */
export function lookupSingle(t: Thread, classifier: u32, key: u32): u32 {
  const subtables = load<u32>(classifier);
  let set: u32 = 0;
  let hash: u32 = 0;
  if (subtables > 1) {
    hash = unionHash(classifier, key);
    set = changetype<u32>(t) + T_EMC + ((hash & (EMC_SETS - 1)) << 4);
    const cached = probe(set, hash, key);
    if (cached != 0) {
      count(t, TC_EMC_HITS, 1);
      return cached;
    }
  }
  let flow: u32 = 0;
  let tried: u32 = 0;
  while (tried < subtables && flow == 0) {
    flow = lookupSubtable(load<u32>(classifier + (tried << 2), CLS_SUBTABLES), key);
    tried++;
  }
  if (set != 0 && flow != 0) insert(set, hash, flow);
  countLookups(t, flow == 0 ? 0 : 1, tried, flow == 0 ? 1 : 0);
  return flow;
}

function countLookups(t: Thread, found: u32, tried: u32, missed: u32): void {
  if (found) count(t, TC_MEGAFLOW_HITS, found);
  if (tried) count(t, TC_SUBTABLE_LOOKUPS, tried);
  if (missed) count(t, TC_MISSES, missed);
}

/**
 * One subtable decides: no cache would be faster. While the burst repeats one flow a comparison does; from the first
 * other packet on, the rest is hashed first and then compared, so that the cache misses of many packets overlap.
 */
function lookupOne(t: Thread, subtable: u32, n: u32): u32 {
  if (load<u32>(subtable, SUB_NARROW)) return lookupNarrow(t, subtable, n);
  let run = changetype<Run>(changetype<u32>(t) + TB_RUNS);
  let flow = lookupSubtable(subtable, changetype<u32>(packetAt(t, 0)) + PKT_KEY);
  let i: u32 = 0;
  while (flow != 0 && i < n) {
    const p = packetAt(t, i);
    if (i > 0 && !matches(changetype<Flow>(flow), changetype<u32>(p) + PKT_KEY)) break;
    run = Runs.add(t, run, i, p, flow);
    i++;
  }
  const rest = i;
  for (; i < n; i++) {
    const p = packetAt(t, i);
    p.hash = subtableHash(subtable, changetype<u32>(p) + PKT_KEY);
    p.next = load<u32>(FLOW_BUCKET_TABLE + ((p.hash & (FLOW_BUCKETS - 1)) << 2));
  }
  let missed: u32 = 0;
  for (i = rest; i < n; i++) {
    const p = packetAt(t, i);
    flow = walk(p.next, p.hash, subtable, changetype<u32>(p) + PKT_KEY);
    p.next = changetype<u32>(p) + PKT_SIZE;
    if (flow == 0) missed++;
    run = Runs.add(t, run, i, p, flow);
  }
  countLookups(t, n - missed, 1 + n - rest, missed);
  return missed;
}

/**
 * The same for a narrow mask: mask and hash keys stay in registers, a key is masked once for comparing and for hashing,
 * and the last flow's words are compared without touching its record.
 */
function lookupNarrow(t: Thread, subtable: u32, n: u32): u32 {
  const m0 = v128.load(subtable, SUB_DENSE_MASK);
  const m1 = v128.load(subtable, SUB_DENSE_MASK + 16);
  const m2 = v128.load(subtable, SUB_DENSE_MASK + 32);
  const m3 = v128.load(subtable, SUB_DENSE_MASK + 48);
  let f0 = m0;
  let f1 = m1;
  let f2 = m2;
  let f3 = m3;
  let flow: u32 = 0;
  let tried: u32 = 0;
  let missed: u32 = 0;
  let run = changetype<Run>(changetype<u32>(t) + TB_RUNS);
  for (let i: u32 = 0; i < n; i++) {
    const p = packetAt(t, i);
    const key = changetype<u32>(p) + PKT_KEY;
    const a = v128.and(v128.load(key), m0);
    const b = v128.and(v128.load(key, 16), m1);
    const c = v128.and(v128.load(key, 32), m2);
    const d = v128.and(v128.load(key, 48), m3);
    const other = v128.or(v128.or(v128.xor(a, f0), v128.xor(b, f1)), v128.or(v128.xor(c, f2), v128.xor(d, f3)));
    if (flow == 0 || v128.any_true(other)) {
      tried++;
      flow = findNarrow(subtable, Narrow.hashMasked(a, b, c, d, subtable + SUB_HASH_KEYS), a, b, c, d);
      if (flow == 0) missed++;
      f0 = a;
      f1 = b;
      f2 = c;
      f3 = d;
    }
    run = Runs.add(t, run, i, p, flow);
  }
  countLookups(t, n - missed, tried, missed);
  return missed;
}

/** The live flow of a narrow subtable with these masked words, or 0. */
function findNarrow(subtable: u32, hash: u32, a: v128, b: v128, c: v128, d: v128): u32 {
  let at = load<u32>(FLOW_BUCKET_TABLE + ((hash & (FLOW_BUCKETS - 1)) << 2));
  while (at != 0) {
    const flow = changetype<Flow>(at);
    const ab = v128.or(v128.xor(a, v128.load(at, FLOW_WORDS)), v128.xor(b, v128.load(at, FLOW_WORDS + 16)));
    const cd = v128.or(v128.xor(c, v128.load(at, FLOW_WORDS + 32)), v128.xor(d, v128.load(at, FLOW_WORDS + 48)));
    if (!v128.any_true(v128.or(ab, cd)) && flow.subtable == subtable && flow.alive != 0) return at;
    at = flow.next;
  }
  return 0;
}

function probe(set: u32, hash: u32, key: u32): u32 {
  if (load<u32>(set) == hash) {
    const flow = load<u32>(set, 4);
    if (flow != 0 && matches(changetype<Flow>(flow), key)) return flow;
  }
  if (load<u32>(set, 8) == hash) {
    const flow = load<u32>(set, 12);
    if (flow != 0 && matches(changetype<Flow>(flow), key)) return flow;
  }
  return 0;
}

/** The newest entry takes the first place of its set, the one before it the second. */
function insert(set: u32, hash: u32, flow: u32): void {
  store<u64>(set, load<u64>(set), 8);
  store<u32>(set, hash);
  store<u32>(set, flow, 4);
}
