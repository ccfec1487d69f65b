// Rate limiting for log messages that a peer or a packet can cause: a token bucket per call site, and one line that
// says how many messages it swallowed.

import { type Clock, systemClock } from './clock.ts';
import { type Logger, loggerModule, type RecordLevel } from './log.ts';

export interface LogRate {
  /** Messages a minute that pass in the long run. */
  readonly perMinute: number;
  /** Messages that may pass at once. */
  readonly burst: number;
}

const DEFAULT_RATE: LogRate = { perMinute: 5, burst: 5 };
const unlimited = new Set<string>();

/** Lets every message of `module` pass (true), or limits it again: `vlog/disable-rate-limit`. */
export function setUnlimited(module: string, on: boolean): void {
  if (on) unlimited.add(module);
  else unlimited.delete(module);
}

class Bucket {
  readonly #rate: LogRate;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;
  #dropped = 0;
  #firstDroppedMs = 0;
  #lastDroppedMs = 0;

  constructor(rate: LogRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledMs = clock.nowMs();
  }

  /** Takes a token; when there is none the message is counted as dropped. */
  take(): boolean {
    const nowMs = this.#clock.nowMs();
    const earned = ((nowMs - this.#filledMs) / 60_000) * this.#rate.perMinute;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
    this.#filledMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return true;
    }
    if (this.#dropped++ === 0) this.#firstDroppedMs = nowMs;
    this.#lastDroppedMs = nowMs;
    return false;
  }

  /** What was dropped since the last report, as a line for the log. */
  report(): string | undefined {
    if (this.#dropped === 0) return undefined;
    const nowMs = this.#clock.nowMs();
    const seconds = (sinceMs: number) => Math.round((nowMs - sinceMs) / 1000);
    const text =
      `Dropped ${this.#dropped} log messages in last ${seconds(this.#firstDroppedMs)} seconds ` +
      `(most recently, ${seconds(this.#lastDroppedMs)} seconds ago) due to excessive rate`;
    this.#dropped = 0;
    return text;
  }
}

/** A logger that passes at most `rate` of what it is given, all levels together; make one per call site. */
export function rateLimited(log: Logger, rate: Partial<LogRate> = {}, clock: Clock = systemClock): Logger {
  const bucket = new Bucket({ ...DEFAULT_RATE, ...rate }, clock);
  const module = loggerModule(log);
  const limit = (level: RecordLevel) => (text: string) => {
    if (!unlimited.has(module)) {
      if (!bucket.take()) return;
      const report = bucket.report();
      if (report !== undefined) log[level](report);
    }
    log[level](text);
  };
  return { emer: limit('emer'), err: limit('err'), warn: limit('warn'), info: limit('info'), dbg: limit('dbg') };
}
