// The control thread's allocator for small shared records (virtqueues, subtables, action lists, poll lists): power-of-two
// size classes over HEAP_BASE. Only the control thread calls it; readers see records through published offsets.

import { assert } from '../../lib/assert.ts';
import { UserError } from '../../lib/errors.ts';
import { HEAP_BASE, HEAP_SIZE } from '../layout/memory-map.ts';
import type { ArenaViews } from './arena.ts';
import { type Offset, toOffset } from './offset.ts';

const MIN_CLASS = 5;

export class Heap {
  readonly #views: ArenaViews;
  readonly #free: Offset[][] = [];
  readonly #sizes = new Map<Offset, number>();
  #next = HEAP_BASE;

  constructor(views: ArenaViews) {
    this.#views = views;
  }

  /** A zeroed record of at least `bytes`, aligned to its class (32 bytes or more). Throws UserError when full. */
  alloc(bytes: number): Offset {
    const sizeClass = Math.max(MIN_CLASS, 32 - Math.clz32(Math.max(1, bytes) - 1));
    const size = 2 ** sizeClass;
    const at = this.#free[sizeClass]?.pop() ?? this.#grow(size);
    this.#sizes.set(at, sizeClass);
    this.#views.u8.fill(0, at, at + size);
    return at;
  }

  /** Gives a record back: only after no reader can hold it (quiesce.ts). */
  free(at: Offset): void {
    const sizeClass = this.#sizes.get(at);
    assert(sizeClass !== undefined, 'heap: free of an unknown record');
    this.#sizes.delete(at);
    this.#free[sizeClass] ??= [];
    this.#free[sizeClass].push(at);
  }

  /** Bytes ever taken from the region. */
  get usedBytes(): number {
    return this.#next - HEAP_BASE;
  }

  #grow(size: number): Offset {
    if (this.#next + size > HEAP_BASE + HEAP_SIZE) {
      throw new UserError(`the datapath's heap is full: ${size} bytes asked for, ${HEAP_SIZE} bytes in all`);
    }
    // Records of a class follow each other; the cursor only ever moves by powers of two of at least 32.
    const at = toOffset(Math.ceil(this.#next / Math.min(size, 4096)) * Math.min(size, 4096));
    if (at + size > HEAP_BASE + HEAP_SIZE) throw new UserError("the datapath's heap is full");
    this.#next = at + size;
    return at;
  }
}
