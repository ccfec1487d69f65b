// Which subtables packets try, and what the parser must fill for them: two published records for each in_port, one for
// packets as received and one for recirculated packets, replaced whole when their set of subtables changes.
//
// Bound. A packet that misses the cache tries every subtable of its port, and whoever chooses packets can make a rule set
// give each of them a mask of its own (address prefixes of all lengths, L. Csikor et al., "Tuple Space Explosion", CoNEXT
// 2019). So a port has SUBTABLES_MAX masks at most: after that a flow takes a finer mask that the port has, or else all
// words that any of its masks reads. A finer megaflow is right for fewer packets, never wrong.

import type { Arena } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import {
  CLS_DENSE_MASK,
  CLS_DEPTH,
  CLS_HASH_KEYS,
  CLS_NARROW,
  CLS_SUBTABLE_COUNT,
  CLS_SUBTABLES,
  CLS_UNION_COUNT,
  CLS_UNION_MASKS,
  CLS_UNION_OFFSETS,
  NARROW_SIZE,
  PORT_CLASSIFIER,
  PORT_RECIRC_CLASSIFIER,
} from '../layout/flow.ts';
import { KEY_SIZE } from '../layout/flow-key.ts';
import { PORT_MAX, PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import { createSubtable, HASH_KEYS, isNarrow, maskWords, type Subtable } from './subtable.ts';

/** Which packets a classifier is for: scopeOf() their key. */
export type Scope = number;

/** The scope of packets and flows from `inPort` with this recirc_id. */
export function scopeOf(inPort: number, recircId: number): Scope {
  return inPort * 2 + (recircId === 0 ? 0 : 1);
}

/** Masks of one port before its flows share finer ones. */
export const SUBTABLES_MAX = 128;
const MASK_WORDS = KEY_SIZE / 4;

export class Classifiers {
  readonly #arena: Arena;
  readonly #heap: Heap;
  readonly #quiescence: Quiescence;
  readonly #byMask = new MaskMap();
  #last: Subtable | undefined;
  readonly #byScope = new Map<Scope, Set<Subtable>>();

  constructor(arena: Arena, heap: Heap, quiescence: Quiescence) {
    this.#arena = arena;
    this.#heap = heap;
    this.#quiescence = quiescence;
  }

  /**
   * The subtable of the mask `words`, or of a finer one, which is then written there; made when new and published to
   * `scope`. Counts one more flow.
   */
  acquire(scope: Scope, words: Uint32Array): Subtable {
    let subtable = this.#last && sameWords(this.#last.maskWords, words) ? this.#last : this.#byMask.get(words);
    if (!subtable?.users.has(scope) && (this.#byScope.get(scope)?.size ?? 0) >= SUBTABLES_MAX) {
      subtable = this.#finer(scope, words);
    }
    if (!subtable) {
      subtable = createSubtable(this.#arena.views, this.#heap, new Uint8Array(words.slice().buffer));
      this.#byMask.add(subtable);
    }
    this.#last = subtable;
    this.#use(scope, subtable);
    return subtable;
  }

  #use(scope: Scope, subtable: Subtable): void {
    const users = subtable.users.get(scope) ?? 0;
    subtable.users.set(scope, users + 1);
    if (users > 0) return;
    const set = this.#byScope.get(scope) ?? new Set();
    set.add(subtable);
    this.#byScope.set(scope, set);
    this.#publish(scope);
  }

  /** A subtable of the port that reads all that `words` do; else widens `words` to every word that the port reads. */
  #finer(scope: Scope, words: Uint32Array): Subtable | undefined {
    const subtables = this.#byScope.get(scope)!;
    for (const subtable of subtables) {
      if (words.some((word, i) => (word & ~subtable.maskWords[i]!) !== 0)) continue;
      words.set(subtable.maskWords);
      return subtable;
    }
    for (let i = 0; i < MASK_WORDS; i++) {
      for (const { maskWords } of subtables) words[i]! |= maskWords[i]!;
      if (words[i] !== 0) words[i] = 0xffffffff;
    }
    return this.#byMask.get(words);
  }

  /** One flow less; unpublishes and frees what no flow uses. */
  release(scope: Scope, subtable: Subtable): void {
    const users = (subtable.users.get(scope) ?? 0) - 1;
    if (users > 0) {
      subtable.users.set(scope, users);
      return;
    }
    subtable.users.delete(scope);
    this.#byScope.get(scope)?.delete(subtable);
    this.#publish(scope);
    if (subtable.users.size === 0) {
      this.#byMask.delete(subtable);
      if (this.#last === subtable) this.#last = undefined;
      this.#quiescence.defer(() => this.#heap.free(subtable.offset));
    }
  }

  #publish(scope: Scope): void {
    const port = Math.floor(scope / 2);
    if (port >= PORT_MAX) return;
    const { u8, u32 } = this.#arena.views;
    const subtables = [...(this.#byScope.get(scope) ?? [])];
    const record = scope % 2 === 0 ? PORT_CLASSIFIER : PORT_RECIRC_CLASSIFIER;
    const slot = (PORT_TABLE + port * PORT_SIZE + record) >> 2;
    const old = u32[slot]!;
    let at = 0;
    if (subtables.length > 0) {
      at = this.#heap.alloc(CLS_SUBTABLES + subtables.length * 4);
      const union = new Uint8Array(KEY_SIZE);
      for (const { mask } of subtables) for (let i = 0; i < KEY_SIZE; i++) union[i]! |= mask[i]!;
      const words = maskWords(union);
      u32[(at + CLS_SUBTABLE_COUNT) >> 2] = subtables.length;
      u32[(at + CLS_DEPTH) >> 2] = subtables.reduce((depth, subtable) => depth | subtable.depth, 0);
      u32[(at + CLS_UNION_COUNT) >> 2] = words.length;
      words.forEach((word, i) => {
        u32[(at + CLS_UNION_OFFSETS + i * 4) >> 2] = word;
        u8.set(union.subarray(word, word + 8), at + CLS_UNION_MASKS + i * 8);
      });
      u32[(at + CLS_NARROW) >> 2] = isNarrow(words) ? 1 : 0;
      u8.set(union.subarray(0, NARROW_SIZE), at + CLS_DENSE_MASK);
      u8.set(HASH_KEYS, at + CLS_HASH_KEYS);
      subtables.forEach((subtable, i) => {
        u32[(at + CLS_SUBTABLES + i * 4) >> 2] = subtable.offset;
      });
    }
    Atomics.store(u32, slot, at);
    if (old !== 0) this.#quiescence.defer(() => this.#heap.free(old as never));
  }
}

/** Subtables by the words of their mask. */
class MaskMap {
  readonly #byHash = new Map<number, Subtable[]>();

  get(words: Uint32Array): Subtable | undefined {
    return this.#byHash.get(hashWords(words))?.find((subtable) => sameWords(subtable.maskWords, words));
  }

  add(subtable: Subtable): void {
    const hash = hashWords(subtable.maskWords);
    this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), subtable]);
  }

  delete(subtable: Subtable): void {
    const hash = hashWords(subtable.maskWords);
    const left = (this.#byHash.get(hash) ?? []).filter((other) => other !== subtable);
    if (left.length > 0) this.#byHash.set(hash, left);
    else this.#byHash.delete(hash);
  }
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < MASK_WORDS; i++) if (a[i] !== b[i]) return false;
  return true;
}

function hashWords(words: Uint32Array): number {
  let hash = 0;
  for (let i = 0; i < MASK_WORDS; i++) hash = Math.imul(hash ^ words[i]!, 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}
