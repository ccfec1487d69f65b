// Monotonic time behind one interface, so that tests can run the switch on a virtual clock.

export interface Clock {
  /** Monotonic time in milliseconds. */
  nowMs(): number;
  /** Calls `fn` once after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, fn: () => void): () => void;
}

/**
 * The machine's clock, until it is stopped: from then on it is a VirtualClock that goes on from that moment, for tests
 * that drive a whole daemon (time/stop, time/warp). Timers do not keep the process alive.
 */
export class MachineClock implements Clock {
  #stopped: VirtualClock | undefined;
  readonly #running = new Set<RunningTimer>();

  nowMs(): number {
    return this.#stopped?.nowMs() ?? performance.now();
  }

  after(delayMs: number, fn: () => void): () => void {
    if (this.#stopped) return this.#stopped.after(delayMs, fn);
    const timer: RunningTimer = { dueMs: performance.now() + delayMs, fn, cancel: () => clearTimeout(handle) };
    const handle = setTimeout(() => {
      this.#running.delete(timer);
      fn();
    }, delayMs);
    handle.unref();
    this.#running.add(timer);
    return () => {
      this.#running.delete(timer);
      timer.cancel();
    };
  }

  /** Time stands still until it is warped. It never runs by itself again. */
  stop(): void {
    if (this.#stopped) return;
    const nowMs = performance.now();
    this.#stopped = new VirtualClock(nowMs);
    for (const timer of this.#running) {
      timer.cancel();
      timer.cancel = this.#stopped.after(Math.max(0, timer.dueMs - nowMs), timer.fn);
    }
    this.#running.clear();
  }

  /**
   * Moves a stopped clock forward by `totalMs` in steps of `stepMs`, with a turn of the event loop after each, so that
   * what a timer starts is under way before the next one is due. Stops it first, as Open vSwitch does.
   */
  async warp(totalMs: number, stepMs = totalMs): Promise<void> {
    this.stop();
    for (let left = totalMs; left > 0; left -= stepMs) {
      this.#stopped!.warp(Math.min(left, stepMs));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

interface RunningTimer {
  readonly dueMs: number;
  readonly fn: () => void;
  cancel: () => void;
}

interface PendingTimer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** So long at least does every delay take: else a timer for what rounding left of a delay could come due for ever. */
const DELAY_LEAST_MS = 0.001;

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
    const dueMs = this.#nowMs + (delayMs > 0 ? Math.max(delayMs, DELAY_LEAST_MS) : 0);
    const timer = { dueMs, fn };
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

/** What every room of a daemon goes by. */
export const systemClock = new MachineClock();
