// Megaflows that wait to be written into a card, in the order in which they came; a bounded number of them.

import type { Entry } from './entry.ts';

/** Others come by their rank. */
export const QUEUE_MAX = 4096;

export class WriteQueue {
  #entries: Entry[] = [];

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

  /** Takes entries as long as `wants` says so; those that were withdrawn meanwhile are passed over. */
  take(wants: (entry: Entry) => boolean): void {
    let taken = 0;
    for (; taken < this.#entries.length; taken++) {
      const entry = this.#entries[taken]!;
      if (!entry.isQueued) continue;
      if (!wants(entry)) break;
      entry.isQueued = false;
    }
    this.#entries = this.#entries.slice(taken);
  }

  clear(): void {
    for (const entry of this.#entries) entry.isQueued = false;
    this.#entries = [];
  }
}
