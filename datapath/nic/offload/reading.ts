// Whose counters are being read: one pass over all copies at a time, for everybody who asked before it began.

import type { Copy } from './entry.ts';

export class Reading {
  #left: Copy[] = [];
  /** Whose counters somebody asked for since the pass began. */
  #wanted: Set<Copy> | 'all' | undefined;
  #readers: (() => void)[] = [];
  #nextReaders: (() => void)[] = [];

  get hasMore(): boolean {
    return this.#left.length > 0 || this.#wanted !== undefined;
  }

  /** Asks for a pass over these copies, or all, that begins after the call; resolves at its end. */
  want(copies?: readonly Copy[]): Promise<void> {
    if (!copies) this.#wanted = 'all';
    else if (this.#wanted !== 'all') this.#wanted = new Set([...(this.#wanted ?? []), ...copies]);
    return new Promise((resolve) => this.#nextReaders.push(resolve));
  }

  /** The next copies of the pass; a new one begins when one is wanted. */
  take(count: number, all: Iterable<Copy>): Copy[] {
    if (this.#left.length === 0 && this.#wanted) {
      this.#left = [...(this.#wanted === 'all' ? all : this.#wanted)];
      this.#wanted = undefined;
      this.#readers = this.#nextReaders.splice(0);
    }
    return this.#left.splice(-count);
  }

  /** Of a pass that somebody waits for nothing is left to be taken. */
  get isEnding(): boolean {
    return this.#left.length === 0 && this.#readers.length > 0;
  }

  /** What was taken has been read. */
  done(): void {
    if (this.#left.length === 0) for (const resolve of this.#readers.splice(0)) resolve();
  }

  /** Nothing can be read. */
  stop(): void {
    this.#left = [];
    this.#wanted = undefined;
    for (const resolve of [...this.#readers.splice(0), ...this.#nextReaders.splice(0)]) resolve();
  }
}
