// Drop reasons of the datapath as coverage counters: one `drop_...` line for each in coverage/show.

import type { Dpif } from '../../datapath/dpif.ts';
import { coverage } from '../../lib/coverage.ts';

export class DropCounters {
  readonly #dpif: Dpif;

  constructor(dpif: Dpif) {
    this.#dpif = dpif;
  }

  /** Brings the counters up to the datapath's totals; totals that were cleared since count from zero. */
  update(): void {
    const totals = new Map<string, bigint>();
    for (const { drops } of this.#dpif.pmdStats()) {
      for (const [reason, count] of Object.entries(drops)) totals.set(reason, (totals.get(reason) ?? 0n) + count);
    }
    for (const [reason, total] of totals) {
      const counter = coverage(`drop_${reason.replaceAll('-', '_')}`);
      const more = Number(total) - counter.total;
      if (more > 0) counter.inc(more);
    }
  }
}
