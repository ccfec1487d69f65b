// A pair of generator guests that sends at a steady pace while something else goes on, and is watched: what it lost, and
// whether the threads that carry its packets were kept from running just then.
//
// A queue holds RING frames. A thread that may not run for as long as the pace takes to fill half of that can lose some,
// and the switch is not to blame; a loss at a time when everybody could run is the switch's.
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestCounters } from '../../../bench/guest/guest.ts';
import { RunDelay } from '../run-delay.ts';
import { GeneratorGuest } from './generator.ts';

const RATES = [200_000, 100_000, 50_000, 20_000, 10_000, 4000, 2000];
const PROBE_MS = 700;
const LAP_MS = 20;
const RING = 1024;

/** Frames lost between two looks, and the longest that one of the threads waited for a core. */
interface Lap {
  readonly gaps: number;
  readonly waitedMs: number;
}

export interface CalmOutcome {
  readonly totals: readonly GuestCounters[];
  readonly gaps: number;
  /** Laps with a loss that nobody's waiting explains, in words. */
  readonly unexplained: readonly string[];
}

const gapsOf = (guests: readonly GuestCounters[]) => guests.reduce((sum, { gaps }) => sum + gaps, 0);

export class CalmPair {
  readonly pps: number;
  readonly #guests: GeneratorGuest;
  readonly #laps: Lap[] = [];
  readonly #delay: RunDelay;
  readonly #watching: Promise<void>;
  #gaps = 0;
  #ending = false;

  private constructor(guests: GeneratorGuest, pps: number, tids: readonly number[]) {
    this.pps = pps;
    this.#guests = guests;
    this.#delay = new RunDelay(tids);
    this.#watching = this.#watch();
  }

  /**
   * Starts at half of what the pair loses nothing at now. `sockets`: of the two ports; `tids`: the switch's threads;
   * `slower`: rates to leave out at the top, where what the test itself runs beside the pair takes too much.
   */
  static async start(sockets: readonly [string, string], tids: readonly number[], slower = 0): Promise<CalmPair> {
    const pps = (await zeroLossRate(sockets, RATES.slice(slower))) / 2;
    const guests = await startPair(sockets, pps);
    return new CalmPair(guests, pps, [guests.pid, ...tids]);
  }

  async finish(): Promise<CalmOutcome> {
    this.#guests.send('stop');
    await sleep(200);
    this.#ending = true;
    await this.#watching;
    const totals = await this.#guests.finish();
    this.#note(totals);
    return { totals, gaps: gapsOf(totals), unexplained: this.#unexplained() };
  }

  /** Ends it without a look, after another failure. */
  async kill(): Promise<void> {
    this.#ending = true;
    await this.#guests.kill();
    await this.#watching.catch(() => {});
  }

  async #watch(): Promise<void> {
    while (!this.#ending) {
      this.#note(await this.#guests.stats());
      await sleep(LAP_MS);
    }
  }

  /** A wait is counted when it ends, which is before the frames behind it show that some are missing. */
  #note(guests: readonly GuestCounters[]): void {
    const gaps = gapsOf(guests);
    this.#laps.push({ gaps: gaps - this.#gaps, waitedMs: this.#delay.lapMs() });
    this.#gaps = gaps;
  }

  #unexplained(): string[] {
    const enoughMs = (RING / 2 / this.pps) * 1000;
    return this.#laps.flatMap(({ gaps, waitedMs }, i) => {
      const waited = waitedMs + (this.#laps[i - 1]?.waitedMs ?? 0);
      if (gaps <= 0 || waited >= enoughMs) return [];
      return [
        `${gaps} frames lost at ${this.pps} pps, no thread kept waiting ${enoughMs} ms (${waited.toFixed(2)} ms)`,
      ];
    });
  }
}

async function startPair(sockets: readonly [string, string], pps: number): Promise<GeneratorGuest> {
  const words = sockets.map((path, index) => `side=${'ab'[index]},role=both,connect=${path}`);
  const guests = new GeneratorGuest(words, ['--pps', String(pps), '--flows', '8', '--ring', String(RING)]);
  await guests.ready();
  guests.send('start');
  return guests;
}

/** True when the pair lost nothing at this rate, and kept it. */
async function losesNothing(sockets: readonly [string, string], pps: number): Promise<boolean> {
  const guests = await startPair(sockets, pps);
  await sleep(PROBE_MS);
  const totals = await guests.finish();
  return totals.every(({ gaps, late, txPackets }) => gaps === 0 && late === 0 && txPackets > (pps * PROBE_MS) / 2000);
}

async function zeroLossRate(sockets: readonly [string, string], rates: readonly number[]): Promise<number> {
  for (const pps of rates) if (await losesNothing(sockets, pps)) return pps;
  return rates.at(-1)!;
}
