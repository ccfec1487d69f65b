// The window of a guest memory region that is too large to be mapped whole: places for pairs of 2 MiB chunks, filled in
// turn, and the table that tells the hot path which chunk lies where (datapath/layout/vring.ts, DEVICE).
//
//   window   | chunk a | chunk a+1 | chunk b | chunk b+1 | ...        one pair in each place
//   table    a: place | CHUNK_HAS_NEXT    a+1: place + 2 MiB, unless it has a place of its own
//
// A chunk is mapped together with the one behind it, for accesses over the seam. A pair is never taken apart: another
// pair that shares a chunk with it gets a copy, so that what one access needs does not take from what another needs.

import type { Arena } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import { type Offset, toOffset } from '../arena/offset.ts';
import { CHUNK_HAS_NEXT, CHUNK_SIZE } from '../layout/vring.ts';

/** Pairs of one large region mapped at a time. */
const PLACE_COUNT = 32;
const PLACE_SIZE = 2 * CHUNK_SIZE;
export const CHUNK_WINDOW_SIZE = PLACE_COUNT * PLACE_SIZE;

export class ChunkWindow {
  readonly table: Offset;
  readonly #arena: Arena;
  readonly #window: Offset;
  /** The first chunk of the pair in each place. */
  readonly #firsts: (number | undefined)[] = [];
  #next = 0;

  constructor(arena: Arena, heap: Heap, window: Offset, chunkCount: number) {
    this.#arena = arena;
    this.#window = window;
    // One more: the chunk behind the last one has an entry that is never set.
    this.table = heap.alloc((chunkCount + 1) * 4);
  }

  /** The place that is next in turn; its chunks are gone from the table, and free to replace after quiescence. */
  clearPlace(): number {
    const place = this.#next;
    this.#next = (place + 1) % PLACE_COUNT;
    const first = this.#firsts[place];
    this.#firsts[place] = undefined;
    if (first !== undefined) {
      this.#forget(first, this.at(place));
      this.#forget(first + 1, this.at(place) + CHUNK_SIZE);
    }
    return place;
  }

  at(place: number): Offset {
    return toOffset(this.#window + place * PLACE_SIZE);
  }

  /** Publishes what was mapped at a place: `first`, and the chunk behind it when `hasNext`. */
  publish(place: number, first: number, hasNext: boolean): void {
    const at = this.at(place);
    this.#firsts[place] = first;
    this.#store(first, hasNext ? at | CHUNK_HAS_NEXT : at);
    if (hasNext && this.#entry(first + 1) === 0) this.#store(first + 1, at + CHUNK_SIZE);
  }

  #forget(chunk: number, at: number): void {
    if (this.#entry(chunk) - (this.#entry(chunk) & CHUNK_HAS_NEXT) === at) this.#store(chunk, 0);
  }

  #entry(chunk: number): number {
    return this.#arena.views.u32[(this.table >> 2) + chunk]!;
  }

  #store(chunk: number, entry: number): void {
    Atomics.store(this.#arena.views.u32, (this.table >> 2) + chunk, entry);
  }
}
