// Monotonic time behind one interface, so that tests can run the switch on a virtual clock.

export interface Clock {
  /** Monotonic time in milliseconds. */
  nowMs(): number;
  /** Calls `fn` once after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, fn: () => void): () => void;
}

/** The machine's clock. Timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

interface PendingTimer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** A clock that only moves when told to: timers run in due order inside warp(). */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<PendingTimer>();

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fn: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves time forward by `ms`, running every timer that falls due on the way. */
  warp(ms: number): void {
    const targetMs = this.#nowMs + ms;
    for (let next = this.#nextDue(targetMs); next; next = this.#nextDue(targetMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fn();
    }
    this.#nowMs = targetMs;
  }

  #nextDue(limitMs: number): PendingTimer | undefined {
    let best: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= limitMs && (!best || timer.dueMs < best.dueMs)) best = timer;
    }
    return best;
  }
}
