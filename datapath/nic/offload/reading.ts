// Whose counters are being read: one pass over all copies at a time, for everybody who asked before it began.

import type { Copy } from './entry.ts';

export class Reading {
  #left: Copy[] = [];
  #isWanted = false;
  #readers: (() => void)[] = [];
  #nextReaders: (() => void)[] = [];

  get hasMore(): boolean {
    return this.#left.length > 0 || this.#isWanted;
  }

  /** Asks for a pass that begins after the call; resolves at its end. */
  want(): Promise<void> {
    this.#isWanted = true;
    return new Promise((resolve) => this.#nextReaders.push(resolve));
  }

  /** The next copies of the pass; a new one begins when one is wanted. */
  take(count: number, all: Iterable<Copy>): Copy[] {
    if (this.#left.length === 0 && this.#isWanted) {
      this.#isWanted = false;
      this.#readers = this.#nextReaders.splice(0);
      this.#left = [...all];
    }
    return this.#left.splice(-count);
  }

  /** What was taken has been read. */
  done(): void {
    if (this.#left.length === 0) for (const resolve of this.#readers.splice(0)) resolve();
  }

  /** Nothing can be read. */
  stop(): void {
    this.#left = [];
    this.#isWanted = false;
    for (const resolve of [...this.#readers.splice(0), ...this.#nextReaders.splice(0)]) resolve();
  }
}
