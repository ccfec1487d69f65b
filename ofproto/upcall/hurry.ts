// When a walk over megaflows takes long, or is sure to, it deletes those that few packets use instead of translating them
// again (ovs-vswitchd.conf.db(5), other_config:min-revalidate-pps): somebody waits for its end, and a storm of new flows
// leaves little but megaflows that no second packet will ask for.

import type { SlowPathSettings } from './settings.ts';

/** So many megaflows tell what one takes. */
export const MANY = 1000;

export class Hurry {
  readonly #fromMs: number;
  readonly #minPps: number;
  /** Megaflows that had to go. */
  removed = 0;

  /** A walk begins that may translate `count` megaflows, which takes `renewalMs` for each (0: nobody knows). */
  constructor({ maxRevalidatorMs, minRevalidatePps }: SlowPathSettings, count: number, renewalMs: number) {
    const longMs = maxRevalidatorMs / 2;
    this.#fromMs = count * renewalMs > longMs ? 0 : performance.now() + longMs;
    this.#minPps = minRevalidatePps;
  }

  get isOn(): boolean {
    return performance.now() >= this.#fromMs;
  }

  /** Whether a megaflow that so many packets per second use is deleted. Counts it. */
  deletes(pps: number): boolean {
    if (pps >= this.#minPps) return false;
    this.removed++;
    return true;
  }
}
