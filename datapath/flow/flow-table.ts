// Megaflows in the arena: records, the bucket chains that readers follow, and which subtables each port's packets try.
// The control thread is the only writer. A record is complete before its bucket points at it; a removed record is
// marked dead, unlinked, and its place reused only after every thread has been quiescent.

import { assert } from '../../lib/assert.ts';
import type { DpAction } from '../actions.ts';
import type { Arena } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import type { Offset } from '../arena/offset.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import type { FlowCounts, FlowPut, FlowStats } from '../dpif.ts';
import {
  FLOW_ACTIONS,
  FLOW_ALIVE,
  FLOW_FAST_OUT,
  FLOW_HASH,
  FLOW_INDEX,
  FLOW_NEXT,
  FLOW_SUBTABLE,
  FLOW_WORD_COUNT,
  FLOW_WORD_MAX,
  FLOW_WORDS,
  FS_BYTES,
  FS_PACKETS,
  FS_TCP_FLAGS,
  FS_USED_MS,
  NARROW_SIZE,
  NO_PORT,
} from '../layout/flow.ts';
import { KEY_IN_PORT, KEY_RECIRC_ID, KEY_SIZE } from '../layout/flow-key.ts';
import {
  FLOW_BUCKET_TABLE,
  FLOW_BUCKETS,
  FLOW_MAX,
  FLOW_SLOT_SIZE,
  FLOW_STATS_SIZE,
  FLOW_TABLE,
  T_FLOW_STATS,
} from '../layout/memory-map.ts';
import type { HotExports } from '../pmd/hot-module.ts';
import { type ActionList, ActionLists } from './action-lists.ts';
import { Classifiers, type Scope, scopeOf } from './classifiers.ts';
import { type FlowHome, InstalledFlow } from './installed-flow.ts';
import type { Subtable } from './subtable.ts';

const TWO_32 = 2 ** 32;

/** Who is told of every change, before readers see it. */
export interface FlowObserver {
  installed(flow: InstalledFlow): void;
  /** It is about to have other actions. */
  changing(flow: InstalledFlow): void;
  removing(flow: InstalledFlow): void;
}

/** A word of the key as the number that it holds. */
const bigEndian = (word: number): number =>
  ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;

export class FlowTable implements FlowHome {
  readonly #arena: Arena;
  readonly #quiescence: Quiescence;
  readonly #hot: HotExports;
  readonly #threads: ReadonlySet<number>;
  readonly #classifiers: Classifiers;
  readonly lists: ActionLists;
  /** By index. */
  readonly #flows: (InstalledFlow | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  /** Taken back, but a thread may still look at them. */
  #retired: { flows: InstalledFlow[]; lists: ActionList[] } | undefined;
  /** The key and mask of the flow at hand in the arena, for hashing with the hot path's own function. */
  readonly #scratchKey: Offset;
  readonly #scratchMask: Offset;
  /** Views on them: making one takes longer than filling it. */
  readonly #scratchKeyBytes: Uint8Array;
  readonly #scratchMaskBytes: Uint8Array;
  readonly #scratchMaskWords: Uint32Array;
  size = 0;
  limit = FLOW_MAX;
  observer: FlowObserver | undefined;

  /** `threads`: indexes of the datapath threads that keep statistics. */
  constructor(arena: Arena, heap: Heap, quiescence: Quiescence, hot: HotExports, threads: ReadonlySet<number>) {
    this.#arena = arena;
    this.#quiescence = quiescence;
    this.#hot = hot;
    this.#threads = threads;
    this.lists = new ActionLists(arena.views, heap);
    this.#classifiers = new Classifiers(arena, heap, quiescence);
    this.#scratchKey = heap.alloc(KEY_SIZE);
    this.#scratchMask = heap.alloc(KEY_SIZE);
    const { u8, u32 } = arena.views;
    this.#scratchKeyBytes = u8.subarray(this.#scratchKey, this.#scratchKey + KEY_SIZE);
    this.#scratchMaskBytes = u8.subarray(this.#scratchMask, this.#scratchMask + KEY_SIZE);
    this.#scratchMaskWords = u32.subarray(this.#scratchMask >> 2, (this.#scratchMask + KEY_SIZE) >> 2);
  }

  *[Symbol.iterator](): Generator<InstalledFlow> {
    for (const flow of this.#flows) if (flow) yield flow;
  }

  /** Installs a megaflow; one with the same key and mask gets the actions. Undefined when the table is full. */
  put(put: FlowPut): InstalledFlow | undefined {
    const flow = this.prepare(put);
    if (flow) this.publish(flow);
    return flow;
  }

  /** The first half of put(): the record of a new flow is complete, and no reader can reach it before publish(). */
  prepare(put: FlowPut): InstalledFlow | undefined {
    assert(put.key.length === KEY_SIZE && put.mask.length === KEY_SIZE, 'flow key size');
    this.#scratchKeyBytes.set(put.key);
    this.#scratchMaskBytes.set(put.mask);
    const scope = this.#scratchScope();
    const subtable = this.#classifiers.acquire(scope, this.#scratchMaskWords);
    this.#maskScratchKey(subtable);
    const hash = this.#hot.subtableHash(subtable.offset, this.#scratchKey) >>> 0;
    const existing = this.#find(subtable, hash);
    if (existing) {
      this.#classifiers.release(scope, subtable);
      this.setActions(existing, put.actions);
      return existing;
    }
    const index = this.size < this.limit ? this.takeIndex() : undefined;
    if (index === undefined) {
      this.#classifiers.release(scope, subtable);
      return undefined;
    }
    const list = this.lists.acquire(put.actions);
    const actions = list.fastOutput === NO_PORT ? put.actions : list.actions;
    const flow = new InstalledFlow(this, index, subtable, hash, scope, actions, list);
    this.#write(flow);
    return flow;
  }

  /** Lets readers see a prepared flow. */
  publish(flow: InstalledFlow): void {
    if (this.#flows[flow.index] === flow) return;
    // Publication: the record is complete before a reader can reach it.
    Atomics.store(this.#arena.views.u32, this.#bucket(flow.hash), flow.offset);
    this.#flows[flow.index] = flow;
    this.size++;
    this.observer?.installed(flow);
  }

  #scratchScope(): Scope {
    const { u32 } = this.#arena.views;
    const inPort = bigEndian(u32[(this.#scratchKey + KEY_IN_PORT) >> 2]!);
    return scopeOf(inPort, u32[(this.#scratchKey + KEY_RECIRC_ID) >> 2]!);
  }

  #maskScratchKey({ maskWords }: Subtable): void {
    const { u32 } = this.#arena.views;
    const key = this.#scratchKey >> 2;
    for (let i = 0; i < maskWords.length; i++) u32[key + i]! &= maskWords[i]!;
  }

  /** Swaps the actions: readers see the old list or the new one, each whole. */
  setActions(flow: InstalledFlow, actions: readonly DpAction[]): void {
    const { u32 } = this.#arena.views;
    const list = this.lists.acquire(actions);
    if (list !== flow.list) this.observer?.changing(flow);
    this.#retire().lists.push(flow.list);
    flow.list = list;
    flow.actions = actions;
    Atomics.store(u32, (flow.offset + FLOW_ACTIONS) >> 2, flow.list.offset);
    Atomics.store(u32, (flow.offset + FLOW_FAST_OUT) >> 2, flow.list.fastOutput);
  }

  remove(flow: InstalledFlow): void {
    if (!flow.alive) return;
    this.observer?.removing(flow);
    flow.alive = false;
    Atomics.store(this.#arena.views.u32, (flow.offset + FLOW_ALIVE) >> 2, 0);
    this.#unlink(flow);
    this.#flows[flow.index] = undefined;
    this.size--;
    this.#classifiers.release(flow.scope, flow.subtable);
    this.#retire().flows.push(flow);
  }

  /** What this turn of the event loop takes back: freed together, once every thread was quiescent after the last of it. */
  #retire(): { flows: InstalledFlow[]; lists: ActionList[] } {
    if (this.#retired) return this.#retired;
    const batch = { flows: [] as InstalledFlow[], lists: [] as ActionList[] };
    this.#retired = batch;
    queueMicrotask(() => {
      this.#retired = undefined;
      this.#quiescence.defer(() => {
        for (const list of batch.lists) this.lists.release(list);
        for (const { list, index } of batch.flows) {
          this.lists.release(list);
          this.#freeIndexes.push(index);
        }
      });
    });
    return batch;
  }

  /** The flow that the full key at `key` in the arena, of a packet from `inPort`, matches. */
  lookup(inPort: number, key: Offset): InstalledFlow | undefined {
    const at = this.#hot.findFlow(inPort, key);
    return at === 0 ? undefined : this.#flowAt(at);
  }

  #flowAt(offset: number): InstalledFlow | undefined {
    return this.#flows[(offset - FLOW_TABLE) / FLOW_SLOT_SIZE];
  }

  flowStats(flow: InstalledFlow): FlowStats {
    const software = this.statsOf(flow.index);
    const { hardware } = flow;
    if (!hardware) return software;
    const usedMs = Math.max(software.usedMs ?? 0, hardware.usedMs);
    return {
      packets: software.packets + BigInt(hardware.packets),
      bytes: software.bytes + BigInt(hardware.bytes),
      usedMs: usedMs === 0 ? undefined : usedMs,
      tcpFlags: software.tcpFlags | hardware.tcpFlags,
    };
  }

  /** What the record at `index` counted. */
  statsOf(index: number): FlowStats {
    const { u64, u32 } = this.#arena.views;
    let packets = 0n;
    let bytes = 0n;
    let usedMs = 0n;
    let tcpFlags = 0;
    for (const thread of this.#threads) {
      const at = this.#statsAt(thread, index);
      packets += u64[(at + FS_PACKETS) >> 3]!;
      bytes += u64[(at + FS_BYTES) >> 3]!;
      const used = u64[(at + FS_USED_MS) >> 3]!;
      if (used > usedMs) usedMs = used;
      tcpFlags |= u32[(at + FS_TCP_FLAGS) >> 2]!;
    }
    return { packets, bytes, usedMs: usedMs === 0n ? undefined : Number(usedMs), tcpFlags };
  }

  readCounts(flow: InstalledFlow, into: FlowCounts): void {
    into.packets = 0;
    into.bytes = 0;
    into.usedMs = 0;
    for (const thread of this.#threads) {
      const at = this.#statsAt(thread, flow.index);
      into.packets += this.#count(at + FS_PACKETS);
      into.bytes += this.#count(at + FS_BYTES);
      into.usedMs = Math.max(into.usedMs, this.#count(at + FS_USED_MS));
    }
    const { hardware } = flow;
    if (!hardware) return;
    into.packets += hardware.packets;
    into.bytes += hardware.bytes;
    into.usedMs = Math.max(into.usedMs, hardware.usedMs);
  }

  /**
   * A counter that its thread goes on counting, never more than it is. A high half of 0 says that nothing was carried
   * before it was read; otherwise it is read first, so that a carry in between gives less.
   */
  #count(at: number): number {
    const { u32 } = this.#arena.views;
    const alone = u32[at >> 2]!;
    if (u32[(at + 4) >> 2] === 0) return alone;
    const high = Atomics.load(u32, (at + 4) >> 2);
    return high * TWO_32 + Atomics.load(u32, at >> 2);
  }

  #statsAt(thread: number, index: number): number {
    return this.#arena.threadArea(thread) + T_FLOW_STATS + index * FLOW_STATS_SIZE;
  }

  /** A record for a flow that is in no table: its counters are 0. */
  takeIndex(): number | undefined {
    const index =
      this.#freeIndexes.pop() ?? (this.#flows.length < FLOW_MAX ? this.#flows.push(undefined) - 1 : undefined);
    if (index !== undefined) this.#clearStats(index);
    return index;
  }

  /** Only after no thread can count on the record. */
  returnIndex(index: number): void {
    this.#freeIndexes.push(index);
  }

  #clearStats(index: number): void {
    const { u32 } = this.#arena.views;
    for (const thread of this.#threads) {
      const stats = this.#statsAt(thread, index) >> 2;
      for (let i = 0; i < FLOW_STATS_SIZE / 4; i++) u32[stats + i] = 0;
    }
  }

  #bucket(hash: number): number {
    return (FLOW_BUCKET_TABLE >> 2) + (hash & (FLOW_BUCKETS - 1));
  }

  /** Writes the flow's record; its key is the one in #scratchKey. */
  #write(flow: InstalledFlow): void {
    const { u32 } = this.#arena.views;
    const { subtable, list, index, offset: at } = flow;
    const words = subtable.wordOffsets;
    assert(words.length <= FLOW_WORD_MAX, 'flow words');
    const [from, to] = [this.#scratchKey >> 2, (at + FLOW_WORDS) >> 2];
    if (subtable.narrow) {
      for (let i = 0; i < NARROW_SIZE / 4; i++) u32[to + i] = u32[from + i]!;
    } else {
      for (let i = 0; i < words.length; i++) {
        const word = from + words[i]! / 4;
        u32[to + i * 2] = u32[word]!;
        u32[to + i * 2 + 1] = u32[word + 1]!;
      }
    }
    u32[(at + FLOW_NEXT) >> 2] = u32[this.#bucket(flow.hash)]!;
    u32[(at + FLOW_HASH) >> 2] = flow.hash;
    u32[(at + FLOW_SUBTABLE) >> 2] = subtable.offset;
    u32[(at + FLOW_ACTIONS) >> 2] = list.offset;
    u32[(at + FLOW_INDEX) >> 2] = index;
    u32[(at + FLOW_FAST_OUT) >> 2] = list.fastOutput;
    u32[(at + FLOW_WORD_COUNT) >> 2] = words.length;
    u32[(at + FLOW_ALIVE) >> 2] = 1;
  }

  /** The masked key, put together from the record. */
  keyOf({ subtable, offset }: InstalledFlow): Uint8Array {
    const { u8 } = this.#arena.views;
    const key = new Uint8Array(KEY_SIZE);
    const words = offset + FLOW_WORDS;
    if (subtable.narrow) key.set(u8.subarray(words, words + NARROW_SIZE));
    else
      for (const [i, at] of subtable.wordOffsets.entries()) key.set(u8.subarray(words + i * 8, words + i * 8 + 8), at);
    return key;
  }

  #unlink(flow: InstalledFlow): void {
    const { u32 } = this.#arena.views;
    const next = u32[(flow.offset + FLOW_NEXT) >> 2]!;
    let link = this.#bucket(flow.hash);
    for (let at = u32[link]!; at !== 0; at = u32[link]!) {
      if (at === flow.offset) {
        Atomics.store(u32, link, next);
        return;
      }
      link = (at + FLOW_NEXT) >> 2;
    }
    assert(false, 'flow is in no bucket');
  }

  /** The flow of `subtable` whose key is the one in #scratchKey. */
  #find(subtable: Subtable, hash: number): InstalledFlow | undefined {
    const { u32 } = this.#arena.views;
    for (let at = u32[this.#bucket(hash)]!; at !== 0; at = u32[(at + FLOW_NEXT) >> 2]!) {
      if (u32[(at + FLOW_HASH) >> 2] !== hash || u32[(at + FLOW_SUBTABLE) >> 2] !== subtable.offset) continue;
      const flow = this.#flowAt(at);
      if (flow && this.#hasScratchKey(flow)) return flow;
    }
    return undefined;
  }

  #hasScratchKey({ subtable, offset }: InstalledFlow): boolean {
    const { u32 } = this.#arena.views;
    const { wordOffsets, narrow } = subtable;
    for (let i = 0; i < wordOffsets.length; i++) {
      const mine = (offset + FLOW_WORDS + (narrow ? wordOffsets[i]! : i * 8)) >> 2;
      const other = (this.#scratchKey + wordOffsets[i]!) >> 2;
      if (u32[mine] !== u32[other] || u32[mine + 1] !== u32[other + 1]) return false;
    }
    return true;
  }
}
