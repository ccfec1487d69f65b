// Megaflows in the arena: records, the bucket chains that readers follow, and which subtables each port's packets try.
// The control thread is the only writer. A record is complete before its bucket points at it; a removed record is
// marked dead, unlinked, and its place reused only after every thread has been quiescent.

import { randomBytes } from 'node:crypto';
import { assert } from '../../lib/assert.ts';
import { encodeActions, fastOutput } from '../action-codec.ts';
import type { DpAction } from '../actions.ts';
import type { Arena } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import { type Offset, toOffset } from '../arena/offset.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import type { DpFlow, FlowPut, FlowStats } from '../dpif.ts';
import {
  FLOW_ACTIONS,
  FLOW_ALIVE,
  FLOW_FAST_OUT,
  FLOW_HASH,
  FLOW_INDEX,
  FLOW_NEXT,
  FLOW_SUBTABLE,
  FLOW_WORDS,
  FS_BYTES,
  FS_PACKETS,
  FS_TCP_FLAGS,
  FS_USED_MS,
  NARROW_SIZE,
} from '../layout/flow.ts';
import { KEY_IN_PORT, KEY_SIZE } from '../layout/flow-key.ts';
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
import { Classifiers, type Scope, scopeOf } from './classifiers.ts';
import type { Subtable } from './subtable.ts';

const FLOW_WORD_COUNT = 28;

/** One installed megaflow and where it lies. */
export class InstalledFlow implements DpFlow {
  readonly ufid: string;
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
  readonly index: number;
  readonly subtable: Subtable;
  readonly hash: number;
  readonly inPort: number;
  readonly scope: Scope;
  actions: readonly DpAction[];
  actionsOffset: Offset;
  alive = true;
  readonly #table: FlowTable;

  constructor(table: FlowTable, put: FlowPut, index: number, subtable: Subtable, hash: number, actionsOffset: Offset) {
    this.#table = table;
    this.ufid = randomUfid();
    this.key = put.key.slice();
    this.mask = put.mask.slice();
    this.actions = put.actions;
    this.index = index;
    this.subtable = subtable;
    this.hash = hash;
    this.actionsOffset = actionsOffset;
    this.inPort = new DataView(this.key.buffer).getUint32(KEY_IN_PORT);
    this.scope = scopeOf(this.key);
  }

  get offset(): Offset {
    return toOffset(FLOW_TABLE + this.index * FLOW_SLOT_SIZE);
  }

  stats(): FlowStats {
    return this.#table.flowStats(this);
  }
}

function randomUfid(): string {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export class FlowTable {
  readonly #arena: Arena;
  readonly #heap: Heap;
  readonly #quiescence: Quiescence;
  readonly #hot: HotExports;
  readonly #threads: ReadonlySet<number>;
  readonly #classifiers: Classifiers;
  readonly #flows = new Set<InstalledFlow>();
  readonly #byOffset = new Map<Offset, InstalledFlow>();
  readonly #freeIndexes: number[] = [];
  #nextIndex = 0;
  /** A key in the arena for hashing under a subtable's mask with the hot path's own function. */
  readonly #scratchKey: Offset;
  limit = FLOW_MAX;

  /** `threads`: indexes of the datapath threads that keep statistics. */
  constructor(arena: Arena, heap: Heap, quiescence: Quiescence, hot: HotExports, threads: ReadonlySet<number>) {
    this.#arena = arena;
    this.#heap = heap;
    this.#quiescence = quiescence;
    this.#hot = hot;
    this.#threads = threads;
    this.#classifiers = new Classifiers(arena, heap, quiescence);
    this.#scratchKey = heap.alloc(KEY_SIZE);
  }

  get size(): number {
    return this.#flows.size;
  }

  [Symbol.iterator](): Iterator<InstalledFlow> {
    return this.#flows[Symbol.iterator]();
  }

  /**
   * Installs a megaflow, replacing one with the same key and mask; undefined when the table is full. `written` runs when
   * the record is complete and no reader can reach it yet.
   */
  put(put: FlowPut, written: (flow: InstalledFlow) => void = () => {}): InstalledFlow | undefined {
    assert(put.key.length === KEY_SIZE && put.mask.length === KEY_SIZE, 'flow key size');
    const scope = scopeOf(put.key);
    const subtable = this.#classifiers.acquire(scope, put.mask);
    const hash = this.#hash(subtable, put.key);
    const existing = this.#find(subtable, hash, put.key);
    if (existing) {
      this.#classifiers.release(scope, subtable);
      this.setActions(existing, put.actions);
      written(existing);
      return existing;
    }
    const index = this.#takeIndex();
    if (index === undefined) {
      this.#classifiers.release(scope, subtable);
      return undefined;
    }
    const flow = new InstalledFlow(this, put, index, subtable, hash, this.writeActions(put.actions));
    this.#write(flow);
    written(flow);
    // Publication: the record is complete before a reader can reach it.
    Atomics.store(this.#arena.views.u32, this.#bucket(hash), flow.offset);
    this.#flows.add(flow);
    this.#byOffset.set(flow.offset, flow);
    return flow;
  }

  /** Swaps the actions: readers see the old list or the new one, each whole. */
  setActions(flow: InstalledFlow, actions: readonly DpAction[]): void {
    const { u32 } = this.#arena.views;
    const old = flow.actionsOffset;
    flow.actionsOffset = this.writeActions(actions);
    flow.actions = actions;
    const fast = (flow.offset + FLOW_FAST_OUT) >> 2;
    Atomics.store(u32, (flow.offset + FLOW_ACTIONS) >> 2, flow.actionsOffset);
    Atomics.store(u32, fast, fastOutput(actions));
    this.#quiescence.defer(() => this.#heap.free(old));
  }

  remove(flow: InstalledFlow): void {
    if (!flow.alive) return;
    flow.alive = false;
    const { u32 } = this.#arena.views;
    Atomics.store(u32, (flow.offset + FLOW_ALIVE) >> 2, 0);
    this.#unlink(flow);
    this.#flows.delete(flow);
    this.#byOffset.delete(flow.offset);
    this.#classifiers.release(flow.scope, flow.subtable);
    this.#quiescence.defer(() => {
      this.#heap.free(flow.actionsOffset);
      this.#freeIndexes.push(flow.index);
    });
  }

  /** Writes an action list to the heap; the caller frees it, through quiescence when it was published. */
  writeActions(actions: readonly DpAction[]): Offset {
    const words = encodeActions(actions);
    const at = this.#heap.alloc(4 + words.length * 4);
    const { u32 } = this.#arena.views;
    u32[at >> 2] = words.length;
    u32.set(words, (at >> 2) + 1);
    return at;
  }

  /** The flow that a full key matches, if any. */
  lookup(key: Uint8Array): InstalledFlow | undefined {
    for (const subtable of this.#classifiers.of(scopeOf(key))) {
      const masked = key.map((byte, i) => byte & subtable.mask[i]!);
      const found = this.#find(subtable, this.#hash(subtable, masked), masked);
      if (found) return found;
    }
    return undefined;
  }

  flowStats(flow: InstalledFlow): FlowStats {
    const { u64, u32 } = this.#arena.views;
    let packets = 0n;
    let bytes = 0n;
    let usedMs = 0n;
    let tcpFlags = 0;
    for (const thread of this.#threads) {
      const at = this.#statsAt(thread, flow.index);
      packets += u64[(at + FS_PACKETS) >> 3]!;
      bytes += u64[(at + FS_BYTES) >> 3]!;
      const used = u64[(at + FS_USED_MS) >> 3]!;
      if (used > usedMs) usedMs = used;
      tcpFlags |= u32[(at + FS_TCP_FLAGS) >> 2]!;
    }
    return { packets, bytes, usedMs: usedMs === 0n ? undefined : Number(usedMs), tcpFlags };
  }

  #statsAt(thread: number, index: number): number {
    return this.#arena.threadArea(thread) + T_FLOW_STATS + index * FLOW_STATS_SIZE;
  }

  #takeIndex(): number | undefined {
    if (this.#flows.size >= this.limit) return undefined;
    return this.#freeIndexes.pop() ?? (this.#nextIndex < FLOW_MAX ? this.#nextIndex++ : undefined);
  }

  #hash(subtable: Subtable, key: Uint8Array): number {
    this.#arena.views.u8.set(key, this.#scratchKey);
    return this.#hot.subtableHash(subtable.offset, this.#scratchKey) >>> 0;
  }

  #bucket(hash: number): number {
    return (FLOW_BUCKET_TABLE >> 2) + (hash & (FLOW_BUCKETS - 1));
  }

  #write(flow: InstalledFlow): void {
    const { u8, u32 } = this.#arena.views;
    const at = flow.offset;
    for (const thread of this.#threads) {
      const stats = this.#statsAt(thread, flow.index);
      u8.fill(0, stats, stats + FLOW_STATS_SIZE);
    }
    u8.fill(0, at, at + FLOW_SLOT_SIZE);
    const words = flow.subtable.wordOffsets;
    assert(words.length <= FLOW_WORD_COUNT, 'flow words');
    if (flow.subtable.narrow) u8.set(flow.key.subarray(0, NARROW_SIZE), at + FLOW_WORDS);
    else for (const [i, word] of words.entries()) u8.set(flow.key.subarray(word, word + 8), at + FLOW_WORDS + i * 8);
    u32[(at + FLOW_NEXT) >> 2] = Atomics.load(u32, this.#bucket(flow.hash));
    u32[(at + FLOW_HASH) >> 2] = flow.hash;
    u32[(at + FLOW_SUBTABLE) >> 2] = flow.subtable.offset;
    u32[(at + FLOW_ACTIONS) >> 2] = flow.actionsOffset;
    u32[(at + FLOW_INDEX) >> 2] = flow.index;
    u32[(at + FLOW_FAST_OUT) >> 2] = fastOutput(flow.actions);
    u32[(at + FLOW_WORDS - 4) >> 2] = words.length;
    u32[(at + FLOW_ALIVE) >> 2] = 1;
  }

  #unlink(flow: InstalledFlow): void {
    const { u32 } = this.#arena.views;
    const next = Atomics.load(u32, (flow.offset + FLOW_NEXT) >> 2);
    let link = this.#bucket(flow.hash);
    for (let at = Atomics.load(u32, link); at !== 0; at = Atomics.load(u32, link)) {
      if (at === flow.offset) {
        Atomics.store(u32, link, next);
        return;
      }
      link = (at + FLOW_NEXT) >> 2;
    }
    assert(false, 'flow is in no bucket');
  }

  #find(subtable: Subtable, hash: number, maskedKey: Uint8Array): InstalledFlow | undefined {
    const { u32 } = this.#arena.views;
    for (let at = Atomics.load(u32, this.#bucket(hash)); at !== 0; at = Atomics.load(u32, (at + FLOW_NEXT) >> 2)) {
      const flow = this.#byOffset.get(toOffset(at));
      if (flow?.subtable === subtable && flow.hash === hash && Buffer.compare(flow.key, maskedKey) === 0) return flow;
    }
    return undefined;
  }
}
