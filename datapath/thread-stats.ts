// A datapath thread's counters as dpif-netdev/pmd-stats-show wants them. Counters only grow in the arena; clearing
// remembers where they stood.

import type { Arena } from './arena/arena.ts';
import type { PmdStats } from './dpif.ts';
import { DROP_REASONS } from './drop-reasons.ts';
import {
  TB_COUNTERS,
  TB_DROPS,
  TC_BUSY_NS,
  TC_EMC_HITS,
  TC_IDLE_NS,
  TC_MEGAFLOW_HITS,
  TC_MISSES,
  TC_PASSES,
  TC_RECIRCULATIONS,
  TC_RX_PACKETS,
  TC_SLEEPS,
  TC_SUBTABLE_LOOKUPS,
  TC_TX_BURSTS,
  TC_TX_PACKETS,
  TC_UPCALLS_FAILED,
  TC_UPCALLS_LOST,
  TC_UPCALLS_OK,
} from './layout/thread-block.ts';

const COUNTER_BYTES = TB_DROPS - TB_COUNTERS + DROP_REASONS.length * 8;

export class ThreadStats {
  readonly #arena: Arena;
  readonly #baselines = new Map<number, BigUint64Array>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  clear(threads: Iterable<number>): void {
    for (const thread of threads) this.#baselines.set(thread, this.#snapshot(thread));
  }

  read(thread: number, name: string, core: number | undefined, restarts: number): PmdStats {
    const now = this.#snapshot(thread);
    const baseline = this.#baselines.get(thread);
    const at = (offset: number) => now[(offset - TB_COUNTERS) >> 3]! - (baseline?.[(offset - TB_COUNTERS) >> 3] ?? 0n);
    return {
      name,
      core,
      numa: 0,
      packetsReceived: at(TC_RX_PACKETS),
      recirculations: at(TC_RECIRCULATIONS),
      emcHits: at(TC_EMC_HITS),
      megaflowHits: at(TC_MEGAFLOW_HITS),
      subtableLookups: at(TC_SUBTABLE_LOOKUPS),
      upcallsOk: at(TC_UPCALLS_OK),
      upcallsFailed: at(TC_UPCALLS_FAILED) + at(TC_UPCALLS_LOST),
      txPackets: at(TC_TX_PACKETS),
      txBursts: at(TC_TX_BURSTS),
      iterations: at(TC_PASSES),
      sleepIterations: at(TC_SLEEPS),
      busyNs: at(TC_BUSY_NS),
      idleNs: at(TC_IDLE_NS),
      drops: Object.fromEntries(DROP_REASONS.map(([reason], i) => [reason, at(TB_DROPS + i * 8)])),
      restarts,
    };
  }

  /** Totals since the thread area exists, for the datapath's own statistics. */
  totals(thread: number): { hit: bigint; missed: bigint; lost: bigint } {
    const now = this.#snapshot(thread);
    const at = (offset: number) => now[(offset - TB_COUNTERS) >> 3]!;
    return { hit: at(TC_EMC_HITS) + at(TC_MEGAFLOW_HITS), missed: at(TC_MISSES), lost: at(TC_UPCALLS_LOST) };
  }

  #snapshot(thread: number): BigUint64Array {
    const start = (this.#arena.threadArea(thread) + TB_COUNTERS) >> 3;
    return this.#arena.views.u64.slice(start, start + (COUNTER_BYTES >> 3));
  }
}
