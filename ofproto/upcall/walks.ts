// When the megaflows that changes may concern are looked at: one walk at a time, soon after a change, with pauses of the
// walks' own length in between; at once for a barrier, which waits for a walk that began after it. While somebody pauses
// them (revalidator/pause) there are none, and no rounds.

import { closedGate, type Gate } from '../../lib/gate.ts';

export class Walks {
  readonly #walkOnce: () => Promise<void>;
  /** Whether there is anything to look at. */
  readonly #isDue: () => boolean;
  #walk: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #isRunning = false;
  #lastMs = 0;
  #soon = false;
  #closed = false;
  #paused: Gate | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(walkOnce: () => Promise<void>, isDue: () => boolean) {
    this.#walkOnce = walkOnce;
    this.#isDue = isDue;
  }

  /** Nothing has to be looked at, or whoever paused wants it left. */
  get isCurrent(): boolean {
    return !this.#isRunning && (this.#paused !== undefined || !this.#isDue());
  }

  /** Megaflows stay as they are from when this resolves until resume(). */
  async pause(): Promise<void> {
    this.#paused ??= closedGate();
    await this.run();
    await this.#round;
  }

  resume(): void {
    this.#paused?.open();
    this.#paused = undefined;
    this.soon();
  }

  /** A round is `work`, when nobody pauses. */
  async round(work: () => Promise<void>): Promise<void> {
    while (this.#paused) await this.#paused.opened;
    this.#round = work();
    await this.#round;
  }

  close(): void {
    this.#closed = true;
  }

  /** A walk begins soon, for all changes of this turn of the event loop at once. */
  soon(): void {
    if (this.#soon || this.#closed) return;
    this.#soon = true;
    const walk = () => {
      this.#soon = false;
      void this.run();
    };
    if (this.#lastMs < 1) setImmediate(walk);
    else setTimeout(walk, this.#lastMs).unref();
  }

  /** Resolves when all that was due at the call has been looked at. */
  run(): Promise<void> {
    if (this.#paused || !this.#isDue()) return this.#next ?? this.#walk;
    this.#next ??= this.#walk.then(() => {
      this.#next = undefined;
      this.#walk = this.#timed();
      return this.#walk;
    });
    return this.#next;
  }

  async #timed(): Promise<void> {
    const startMs = performance.now();
    this.#isRunning = true;
    try {
      await this.#walkOnce();
    } finally {
      this.#isRunning = false;
      this.#lastMs = performance.now() - startMs;
    }
  }
}
