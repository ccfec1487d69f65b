// The time that the card's firmware takes: a flow is in force no sooner than the configured latency after it
// arrived, and no faster than the configured rate.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { CardSettings } from './settings.ts';

/** Timers are late by up to a millisecond: the last two are waited for in turns of the event loop. */
const TIMER_MS = 2;
/** Flows taken without a look at other work. */
const FLOWS_PER_TURN = 64;

export class FirmwareClock {
  #freeAtMs = 0;
  #taken = 0;
  /** A flow is not due yet. */
  isWaiting = false;

  /** Waits until a flow that arrived at `arrivedMs` may be put in force. */
  async flow(arrivedMs: number, { insertLatencyUs, insertRate }: CardSettings): Promise<void> {
    const earliest = arrivedMs + insertLatencyUs / 1000;
    const startMs = Math.max(performance.now(), this.#freeAtMs);
    this.#freeAtMs = insertRate > 0 ? startMs + 1000 / insertRate : 0;
    const dueMs = Math.max(earliest, insertRate > 0 ? startMs : 0);
    if (performance.now() < dueMs) {
      this.isWaiting = true;
      await until(dueMs);
      this.isWaiting = false;
    } else if (++this.#taken % FLOWS_PER_TURN === 0) await nextTurn();
  }
}

async function until(dueMs: number): Promise<void> {
  const leftMs = dueMs - performance.now();
  if (leftMs > TIMER_MS) await sleep(leftMs - TIMER_MS);
  while (performance.now() < dueMs) await nextTurn();
}
