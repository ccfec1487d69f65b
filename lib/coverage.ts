// Coverage counters: how often rare or telling events happened, with rates, as `coverage/show` prints them.
//
// A counter is an ordinary object field, so counting costs one addition. Rates come from a tick every five seconds
// that the daemon runs: twelve of them make the last minute, sixty minutes the last hour.

import { must } from './assert.ts';

/** How often coverageTick() is to be called. */
export const COVERAGE_TICK_MS = 5000;
const TICKS_PER_MINUTE = 12;
const MINUTES_PER_HOUR = 60;

export class CoverageCounter {
  readonly name: string;
  total = 0;
  #countedBefore = 0;
  /** Events of the last minute's ticks and the last hour's minutes, as rings. */
  readonly ticks = new Array<number>(TICKS_PER_MINUTE).fill(0);
  readonly minutes = new Array<number>(MINUTES_PER_HOUR).fill(0);

  constructor(name: string) {
    this.name = name;
  }

  inc(count = 1): void {
    this.total += count;
  }

  /** Closes the five seconds that just ended. */
  tick(tickIndex: number): void {
    this.ticks[tickIndex % TICKS_PER_MINUTE] = this.total - this.#countedBefore;
    this.#countedBefore = this.total;
    const minute = Math.floor(tickIndex / TICKS_PER_MINUTE) % MINUTES_PER_HOUR;
    if (tickIndex % TICKS_PER_MINUTE === 0) this.minutes[minute] = 0;
    this.minutes[minute]! += this.ticks[tickIndex % TICKS_PER_MINUTE]!;
  }
}

const counters = new Map<string, CoverageCounter>();
let tickIndex = -1;

/** The counter of that name, made on first use. */
export function coverage(name: string): CoverageCounter {
  const known = counters.get(name);
  if (known) return known;
  const counter = new CoverageCounter(name);
  counters.set(name, counter);
  return counter;
}

/** Total of a counter, or undefined when there is none of that name. */
export function coverageTotal(name: string): number | undefined {
  return counters.get(name)?.total;
}

/** Moves every counter's rates on; call it every COVERAGE_TICK_MS. */
export function coverageTick(): void {
  tickIndex++;
  for (const counter of counters.values()) counter.tick(tickIndex);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function rateLine(counter: CoverageCounter): string {
  const last = tickIndex < 0 ? 0 : must(counter.ticks[tickIndex % TICKS_PER_MINUTE]);
  const perSecond = [
    (last / 5).toFixed(1).padStart(5),
    (sum(counter.ticks) / 60).toFixed(3).padStart(9),
    (sum(counter.minutes) / 3600).toFixed(4).padStart(13),
  ];
  return `${counter.name.padEnd(24)} ${perSecond.map((rate) => `${rate}/sec`).join(' ')}   total: ${counter.total}`;
}

/** FNV-1a over what was hit and how often in powers of two: equal for runs that did the same things. */
function hitHash(hit: readonly CoverageCounter[]): string {
  let hash = 0x811c9dc5;
  for (const counter of hit) {
    for (const char of `${counter.name}:${Math.floor(Math.log2(counter.total))};`) {
      hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
    }
  }
  return hash.toString(16).padStart(8, '0');
}

/** The text of `coverage/show`: a line per counter that was hit, then how many were not. */
export function coverageText(): string {
  const hit = [...counters.values()].filter((counter) => counter.total > 0);
  const head = `Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=${hitHash(hit)}:`;
  return [head, ...hit.map(rateLine), `${counters.size - hit.length} events never hit`].join('\n');
}
