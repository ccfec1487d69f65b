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

/** Longest idle time when there are as many megaflows as the limit: new ones need the room more. */
export const MAX_IDLE_CROWDED_MS = 100;

export class FlowLimit {
  #max = DEFAULT_SETTINGS.flowLimit;
  #current = 10_000;
  /** As many as a round would manage in ROUND_SHORT_MS, by the last one that told. */
  #affordable = Number.POSITIVE_INFINITY;

  get current(): number {
    return this.#current;
  }

  /** other_config:flow-limit. */
  set max(value: number) {
    this.#max = Math.max(FLOW_LIMIT_MIN, value);
    this.#current = Math.min(this.#current, this.#max);
  }

  /** `upcall/set-flow-limit`: what holds until a round adapts it. */
  set(limit: number): void {
    this.#current = limit;
  }

  /**
   * Whether idle megaflows have to make room: there are as many as there may be, and the limit will not grow. A limit that
   * still can is no reason to throw out what is in use now and then.
   */
  isCrowded(flows: number): boolean {
    return flows >= this.#current && this.#current >= Math.min(this.#max, this.#affordable);
  }

  /** Adapts after a round over `flows` megaflows that was `durationMs` of work. */
  adapt(durationMs: number, flows: number): void {
    const tells = flows > Math.min(FEW, this.#current / 2);
    if (tells) this.#affordable = Math.floor((flows * ROUND_SHORT_MS) / Math.max(durationMs, 1));
    if (durationMs > ROUND_TOO_LONG_MS) this.#current = Math.floor((this.#current * 1000) / durationMs);
    else if (durationMs > ROUND_LONG_MS) this.#current = Math.floor((this.#current * 3) / 4);
    else if (durationMs < ROUND_SHORT_MS && tells) {
      this.#current = Math.max(this.#current, Math.min(this.#current * GROWTH, this.#affordable));
    }
    this.#current = Math.min(this.#max, Math.max(FLOW_LIMIT_MIN, this.#current));
  }
}
