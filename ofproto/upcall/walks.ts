// When the megaflows that changes may concern are looked at: one walk at a time, soon after a change, with pauses of the
// walks' own length in between; at once for a barrier, which waits for a walk that began after it.

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

  constructor(walkOnce: () => Promise<void>, isDue: () => boolean) {
    this.#walkOnce = walkOnce;
    this.#isDue = isDue;
  }

  get isRunning(): boolean {
    return this.#isRunning;
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
    if (!this.#isDue()) return this.#next ?? this.#walk;
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
