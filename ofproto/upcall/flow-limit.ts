// How many megaflows the slow path lets be: fewer when keeping them right takes long (ovs-vswitchd.conf.db(5),
// other_config:flow-limit).

import { DEFAULT_SETTINGS } from './settings.ts';

const FLOW_LIMIT_MIN = 1000;
/** A round over all megaflows should not take longer. */
const ROUND_LONG_MS = 1300;
const ROUND_TOO_LONG_MS = 2000;
const ROUND_SHORT_MS = 1000;
/** Fewer megaflows say nothing about how long more would take, unless the limit itself keeps them few. */
const FEW = 2000;
/** Growth from one round to the next, where the time that a round takes allows it. */
const GROWTH = 4;

export class FlowLimit {
  #max = DEFAULT_SETTINGS.flowLimit;
  #current = 10_000;

  get current(): number {
    return this.#current;
  }

  /** other_config:flow-limit. */
  set max(value: number) {
    this.#max = Math.max(FLOW_LIMIT_MIN, value);
    this.#current = Math.min(this.#current, this.#max);
  }

  /** Adapts after a round over `flows` megaflows that took `durationMs`. */
  adapt(durationMs: number, flows: number): void {
    if (durationMs > ROUND_TOO_LONG_MS) this.#current = Math.floor((this.#current * 1000) / durationMs);
    else if (durationMs > ROUND_LONG_MS) this.#current = Math.floor((this.#current * 3) / 4);
    else if (durationMs < ROUND_SHORT_MS && flows > Math.min(FEW, this.#current / 2)) {
      // As many as a round would manage in ROUND_SHORT_MS.
      const affordable = Math.floor((flows * ROUND_SHORT_MS) / Math.max(durationMs, 1));
      this.#current = Math.max(this.#current, Math.min(this.#current * GROWTH, affordable));
    }
    this.#current = Math.min(this.#max, Math.max(FLOW_LIMIT_MIN, this.#current));
  }
}
