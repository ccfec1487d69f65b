// One question at a time: asks the next one until nothing is left to ask, and begins anew when something came meanwhile.

export class Turns {
  readonly #askNext: () => Promise<boolean>;
  #isRunning = false;
  #isScheduled = false;
  /** Something came since it was last looked for. */
  #hasNews = false;

  /** `askNext` answers false when there was nothing to ask, or nobody answered. */
  constructor(askNext: () => Promise<boolean>) {
    this.#askNext = askNext;
  }

  /** Asks when the event at hand is over. */
  soon(): void {
    this.#hasNews = true;
    if (this.#isScheduled || this.#isRunning) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.now();
    });
  }

  now(): void {
    void this.#run();
  }

  async #run(): Promise<void> {
    this.#hasNews = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#hasNews) {
        this.#hasNews = false;
        while (await this.#askNext());
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
