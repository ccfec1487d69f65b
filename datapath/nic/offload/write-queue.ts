// Megaflows that wait to be written into a card, in the order in which they came; a bounded number of them.

import type { Entry } from './entry.ts';

/** Others come by their rank. */
export const QUEUE_MAX = 4096;

/** Flows of one question to the card: as many as it can do while somebody waits for a barrier. */
const BATCH_MIN = 32;
const BATCH_MAX = 256;
const SHORT_MS = 20;
const LONG_MS = 200;

export class WriteQueue {
  #entries: Entry[] = [];
  #batch = BATCH_MIN;

  get size(): number {
    return this.#entries.length;
  }

  /** False when there is no room; one that is there already stays where it is. */
  push(entry: Entry): boolean {
    if (entry.isQueued) return true;
    if (this.#entries.length >= QUEUE_MAX) return false;
    entry.isQueued = true;
    entry.queuedMs = performance.now();
    this.#entries.push(entry);
    return true;
  }

  /** Takes entries until a batch of them is accepted; those that were withdrawn meanwhile are passed over. */
  take(accept: (entry: Entry) => boolean): void {
    let taken = 0;
    for (let accepted = 0; taken < this.#entries.length && accepted < this.#batch; taken++) {
      const entry = this.#entries[taken]!;
      if (!entry.isQueued) continue;
      entry.isQueued = false;
      if (accept(entry)) accepted++;
    }
    this.#entries = this.#entries.slice(taken);
  }

  /** How long the card took for the last batch. */
  took(ms: number): void {
    if (ms < SHORT_MS) this.#batch = Math.min(BATCH_MAX, this.#batch * 2);
    else if (ms > LONG_MS) this.#batch = Math.max(BATCH_MIN, this.#batch / 2);
  }

  clear(): void {
    for (const entry of this.#entries) entry.isQueued = false;
    this.#entries = [];
  }
}
