// Which subtables packets try, and what the parser must fill for them: two published records for each in_port, one for
// packets as received and one for recirculated packets, replaced whole when their set of subtables changes.

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
import { KEY_IN_PORT, KEY_RECIRC_ID, KEY_SIZE } from '../layout/flow-key.ts';
import { PORT_MAX, PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import { createSubtable, HASH_KEYS, isNarrow, maskWords, type Subtable } from './subtable.ts';

/** Which packets a classifier is for: scopeOf() a key. */
export type Scope = number;

/** The scope that packets and flows with this key belong to. */
export function scopeOf(key: Uint8Array): Scope {
  const view = new DataView(key.buffer, key.byteOffset);
  return view.getUint32(KEY_IN_PORT) * 2 + (view.getUint32(KEY_RECIRC_ID) === 0 ? 0 : 1);
}

export class Classifiers {
  readonly #arena: Arena;
  readonly #heap: Heap;
  readonly #quiescence: Quiescence;
  readonly #byMask = new Map<string, Subtable>();
  readonly #byScope = new Map<Scope, Set<Subtable>>();

  constructor(arena: Arena, heap: Heap, quiescence: Quiescence) {
    this.#arena = arena;
    this.#heap = heap;
    this.#quiescence = quiescence;
  }

  /** Subtables that packets of `scope` try. */
  of(scope: Scope): Iterable<Subtable> {
    return this.#byScope.get(scope) ?? [];
  }

  /** The subtable of `mask`, made when new and published to `scope`; counts one more flow. */
  acquire(scope: Scope, mask: Uint8Array): Subtable {
    const id = Buffer.from(mask).toString('latin1');
    let subtable = this.#byMask.get(id);
    if (!subtable) {
      subtable = createSubtable(this.#arena.views, this.#heap, mask);
      this.#byMask.set(id, subtable);
    }
    const users = subtable.users.get(scope) ?? 0;
    subtable.users.set(scope, users + 1);
    if (users === 0) {
      const set = this.#byScope.get(scope) ?? new Set();
      set.add(subtable);
      this.#byScope.set(scope, set);
      this.#publish(scope);
    }
    return subtable;
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
      this.#byMask.delete(Buffer.from(subtable.mask).toString('latin1'));
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
