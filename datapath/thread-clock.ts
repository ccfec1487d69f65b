// The time that the control thread's datapath instance reads in its thread block, as PMD threads write theirs.

import type { Arena } from './arena/arena.ts';
import type { Offset } from './arena/offset.ts';
import { TB_NOW_MS, TB_NOW_US } from './layout/thread-block.ts';

/** How late the clock may be: telling the time for every frame would be felt. */
const STEP_MS = 0.05;

export class ThreadClock {
  readonly #arena: Arena;
  readonly #area: Offset;
  readonly #now: () => number;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** `area`: the thread's; `now`: milliseconds. */
  constructor(arena: Arena, area: Offset, now: () => number) {
    this.#arena = arena;
    this.#area = area;
    this.#now = now;
  }

  /** Tells the time for what follows. */
  touch(): void {
    const nowMs = this.#now();
    const sinceMs = nowMs - this.#toldMs;
    if (sinceMs >= 0 && sinceMs < STEP_MS) return;
    this.#toldMs = nowMs;
    const { u64 } = this.#arena.views;
    u64[(this.#area + TB_NOW_MS) >> 3] = BigInt(Math.round(nowMs));
    u64[(this.#area + TB_NOW_US) >> 3] = BigInt(Math.round(nowMs * 1000));
  }
}
