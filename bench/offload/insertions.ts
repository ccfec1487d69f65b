// How fast megaflows move into a card, seen from outside: its count of insertions, again and again.

import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../harness/probe.ts';

const LOOK_MS = 2;
const TIMEOUT_MS = 10_000;

/** Runs `begin`, and waits for `wanted` more insertions; insertions per second, NaN when they do not come. */
export async function insertionRate(unixctl: string, wanted: number, begin: () => Promise<void>): Promise<number> {
  const before = (await inserted(unixctl)) ?? 0;
  const begun = begin();
  const deadlineMs = performance.now() + TIMEOUT_MS;
  let startMs = performance.now();
  while (performance.now() < deadlineMs) {
    const nowMs = performance.now();
    const count = ((await inserted(unixctl)) ?? before) - before;
    if (count === 0) startMs = nowMs;
    if (count >= wanted) {
      const seconds = (performance.now() - startMs) / 1000;
      await begun;
      return count / seconds;
    }
    await sleep(LOOK_MS);
  }
  await begun;
  return Number.NaN;
}

async function inserted(unixctl: string): Promise<number | undefined> {
  const answer = await ask(unixctl, 'offload/stats', []);
  const count = /inserted: (\d+)/.exec(answer ?? '')?.[1];
  return count === undefined ? undefined : Number(count);
}
