// Quiescence: when may the control thread free what datapath threads could still read? Every thread returns to
// JavaScript at least each millisecond and counts that; memory published away before is unreachable for a thread once
// its count has moved, or while it sleeps or is dead. The writer never blocks: it defers.

import { TB_QUIESCE, TB_STATE, THREAD_RUNNING } from '../layout/thread-block.ts';
import type { Arena } from './arena.ts';

interface Deferred {
  readonly counts: Map<number, number>;
  readonly run: () => void;
}

/** How often waiting callbacks are looked at, in milliseconds. */
const CHECK_MS = 1;

export class Quiescence {
  readonly #arena: Arena;
  readonly #threads = new Set<number>();
  #waiting: Deferred[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  addThread(index: number): void {
    this.#threads.add(index);
  }

  removeThread(index: number): void {
    this.#threads.delete(index);
  }

  /** Runs `fn` once every thread has been outside the datapath since now. */
  defer(fn: () => void): void {
    const counts = new Map<number, number>();
    for (const index of this.#threads) {
      if (this.#state(index) === THREAD_RUNNING) counts.set(index, this.#count(index));
    }
    this.#waiting.push({ counts, run: fn });
    this.#schedule();
  }

  /** Resolves once every thread has been outside the datapath since now. */
  barrier(): Promise<void> {
    return new Promise((resolve) => this.defer(resolve));
  }

  /** Runs what has become safe; true when something still waits. */
  check(): boolean {
    const waiting = this.#waiting;
    if (waiting.length === 0) return false;
    this.#waiting = [];
    // Deferred in order, safe in order: the first that must wait makes all later ones wait.
    let ready = 0;
    while (ready < waiting.length && this.#isQuiet(waiting[ready]!)) ready++;
    this.#waiting = waiting.slice(ready);
    let done = 0;
    try {
      while (done < ready) waiting[done++]!.run();
    } finally {
      // One that throws does not cost the others their turn.
      if (done < ready) {
        this.#waiting = [...waiting.slice(done, ready), ...this.#waiting];
        this.#schedule();
      }
    }
    return this.#waiting.length > 0;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.check()) this.#schedule();
    }, CHECK_MS);
  }

  #isQuiet(deferred: Deferred): boolean {
    for (const [index, count] of deferred.counts) {
      if (!this.#threads.has(index) || this.#state(index) !== THREAD_RUNNING || this.#count(index) !== count) {
        deferred.counts.delete(index);
      }
    }
    return deferred.counts.size === 0;
  }

  #state(index: number): number {
    return Atomics.load(this.#arena.views.i32, (this.#arena.threadArea(index) + TB_STATE) >> 2);
  }

  #count(index: number): number {
    return Atomics.load(this.#arena.views.i32, (this.#arena.threadArea(index) + TB_QUIESCE) >> 2);
  }
}
