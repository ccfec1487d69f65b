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
  SHORT_SIZE,
  SUB_DENSE_MASK,
  SUB_HASH_KEYS,
  SUB_MASKS,
  SUB_NARROW,
  SUB_OFFSETS,
  SUB_WORD_COUNT,
} from '../layout/flow.ts';
import { EMC_SETS, FLOW_BUCKET_TABLE, FLOW_BUCKETS, T_EMC } from '../layout/memory-map.ts';
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
 * is NH (Black et al., UMAC, 1999) over 16-bit words, twice with other partners, with keys drawn at start: a guest
 * cannot choose packets that collide.
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
    const a = i16x8.add(first, v128.load(keys));
    const b = i16x8.add(second, v128.load(keys, 16));
    const c = i16x8.add(third, v128.load(keys, 32));
    const d = i16x8.add(fourth, v128.load(keys, 48));
    const x = i32x4.add(i32x4.dot_i16x8_s(a, b), i32x4.dot_i16x8_s(c, d));
    const y = i32x4.add(i32x4.dot_i16x8_s(a, c), i32x4.dot_i16x8_s(b, d));
    const sum = v128.xor(x, v128.shuffle<i32>(y, y, 1, 2, 3, 0));
    return finish((<u64>i64x2.extract_lane(sum, 0) * MULTIPLIER) ^ <u64>i64x2.extract_lane(sum, 1));
  }

  /** The live flow with these masked words in the chain from `at`, or 0; `whole`: the fourth vector matters too. */
  @inline static find(at: u32, subtable: u32, a: v128, b: v128, c: v128, d: v128, whole: bool): u32 {
    while (at != 0) {
      const flow = changetype<Flow>(at);
      const ab = v128.or(v128.xor(a, v128.load(at, FLOW_WORDS)), v128.xor(b, v128.load(at, FLOW_WORDS + 16)));
      let cd = v128.xor(c, v128.load(at, FLOW_WORDS + 32));
      if (whole) cd = v128.or(cd, v128.xor(d, v128.load(at, FLOW_WORDS + 48)));
      if (!v128.any_true(v128.or(ab, cd)) && flow.subtable == subtable && flow.alive != 0) break;
      at = flow.next;
    }
    return at;
  }

  /**
   * The rest of a burst whose flows change: every packet is looked up, and its flow kept with it rather than in runs.
   * First all chains, then all flows, so that the latencies of neighbours overlap. Returns the misses.
   */
  @inline static mixed(t: Thread, subtable: u32, from: u32, n: u32, whole: bool): u32 {
    const m0 = v128.load(subtable, SUB_DENSE_MASK);
    const m1 = v128.load(subtable, SUB_DENSE_MASK + 16);
    const m2 = v128.load(subtable, SUB_DENSE_MASK + 32);
    const m3 = v128.load(subtable, SUB_DENSE_MASK + 48);
    const keys = subtable + SUB_HASH_KEYS;
    let missed: u32 = 0;
    let bytes: u32 = 0;
    for (let i = from; i < n; i++) {
      const at = changetype<u32>(packetAt(t, i));
      const a = v128.and(v128.load(at, PKT_KEY), m0);
      const b = v128.and(v128.load(at, PKT_KEY + 16), m1);
      const c = v128.and(v128.load(at, PKT_KEY + 32), m2);
      const d = whole ? v128.and(v128.load(at, PKT_KEY + 48), m3) : m3;
      changetype<Packet>(at).flow = chainOf(Narrow.hashMasked(a, b, c, d, keys));
    }
    for (let i = from; i < n; i++) {
      const at = changetype<u32>(packetAt(t, i));
      const a = v128.and(v128.load(at, PKT_KEY), m0);
      const b = v128.and(v128.load(at, PKT_KEY + 16), m1);
      const c = v128.and(v128.load(at, PKT_KEY + 32), m2);
      const d = whole ? v128.and(v128.load(at, PKT_KEY + 48), m3) : m3;
      const flow = Narrow.find(changetype<Packet>(at).flow, subtable, a, b, c, d, whole);
      changetype<Packet>(at).flow = flow;
      bytes += changetype<Packet>(at).len;
      if (flow == 0) missed++;
    }
    t.mixedFrom = from;
    t.mixedBytes = bytes;
    return missed;
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

/**
 * Finds the megaflows of the burst's first `n` packets, 0 for none: as runs, and from Thread.mixedFrom on, where
 * neighbours seldom have the same, each in Packet.flow. Returns the misses.
 */
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

/** One subtable decides: no cache would be faster. While the burst repeats one flow a comparison finds it. */
function lookupOne(t: Thread, subtable: u32, n: u32): u32 {
  if (load<u32>(subtable, SUB_NARROW)) return lookupNarrow(t, subtable, n);
  let run = changetype<Run>(changetype<u32>(t) + TB_RUNS);
  let flow: u32 = 0;
  let tried: u32 = 0;
  let missed: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const p = packetAt(t, i);
    const key = changetype<u32>(p) + PKT_KEY;
    if (flow == 0 || !matches(changetype<Flow>(flow), key)) {
      tried++;
      flow = lookupSubtable(subtable, key);
      if (flow == 0) missed++;
    }
    run = Runs.add(t, run, i, p, flow);
  }
  countLookups(t, n - missed, tried, missed);
  return missed;
}

/** The same for a narrow mask: while the burst repeats one flow, keys are compared with the first packet's. */
function lookupNarrow(t: Thread, subtable: u32, n: u32): u32 {
  const m0 = v128.load(subtable, SUB_DENSE_MASK);
  const m1 = v128.load(subtable, SUB_DENSE_MASK + 16);
  const m2 = v128.load(subtable, SUB_DENSE_MASK + 32);
  const m3 = v128.load(subtable, SUB_DENSE_MASK + 48);
  let p = packetAt(t, 0);
  let at = changetype<u32>(p);
  const a = v128.and(v128.load(at, PKT_KEY), m0);
  const b = v128.and(v128.load(at, PKT_KEY + 16), m1);
  const c = v128.and(v128.load(at, PKT_KEY + 32), m2);
  const d = v128.and(v128.load(at, PKT_KEY + 48), m3);
  const chain = chainOf(Narrow.hashMasked(a, b, c, d, subtable + SUB_HASH_KEYS));
  const flow = Narrow.find(chain, subtable, a, b, c, d, true);
  let run = changetype<Run>(changetype<u32>(t) + TB_RUNS);
  let i: u32 = 0;
  for (;;) {
    run = Runs.add(t, run, i, p, flow);
    if (++i == n) break;
    p = packetAt(t, i);
    at = changetype<u32>(p);
    const ab = v128.or(
      v128.xor(v128.and(v128.load(at, PKT_KEY), m0), a),
      v128.xor(v128.and(v128.load(at, PKT_KEY + 16), m1), b),
    );
    const cd = v128.or(
      v128.xor(v128.and(v128.load(at, PKT_KEY + 32), m2), c),
      v128.xor(v128.and(v128.load(at, PKT_KEY + 48), m3), d),
    );
    if (v128.any_true(v128.or(ab, cd))) break;
  }
  let missed: u32 = flow == 0 ? i : 0;
  const tried = 1 + n - i;
  if (i < n) {
    const short = load<u32>(subtable, SUB_NARROW) == SHORT_SIZE;
    missed += short ? Narrow.mixed(t, subtable, i, n, false) : Narrow.mixed(t, subtable, i, n, true);
  }
  countLookups(t, n - missed, tried, missed);
  return missed;
}

/** The first flow of the chain that a hash belongs to, or 0. */
function chainOf(hash: u32): u32 {
  return load<u32>(FLOW_BUCKET_TABLE + ((hash & (FLOW_BUCKETS - 1)) << 2));
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
