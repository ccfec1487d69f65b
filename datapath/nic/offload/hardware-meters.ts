// The meters of one card as weft uses them: which are there, which have to be told to it, and what it counted. A meter is told
// before the flows that name it, and taken out after them; the conversation is card.ts's.

import type { DpMeterStats } from '../../dpif.ts';
import { moreThan, noMeterCounts } from '../../meter-counts.ts';
import type { NicProvider } from '../provider.ts';
import type { MeterHome, SharedMeter } from './shared-meter.ts';

/** Meters of one question. */
const BATCH = 256;

interface Held {
  readonly id: number;
  /** Undefined: it is to be taken out. */
  meter: SharedMeter | undefined;
  /** The card has one of this number. */
  isThere: boolean;
  /** What the card was told last, and whose its counts are. */
  told: { readonly meter: SharedMeter; readonly edition: number } | undefined;
  /** What the card had counted when it was last asked. */
  seen: DpMeterStats;
}

export interface HardwareMeterServices {
  /** Asks the card; undefined when it failed. */
  ask<T>(question: () => Promise<T>): Promise<T | undefined>;
  /** There is something to tell the card. */
  news(): void;
  /** The card will not have the meter as it is. */
  refused(meter: SharedMeter, reason: string): void;
  /** The card has counted more of it, as it is. */
  counted(meter: SharedMeter, more: DpMeterStats): void;
}

export class HardwareMeters implements MeterHome {
  readonly #provider: NicProvider;
  readonly #services: HardwareMeterServices;
  readonly #held = new Map<number, Held>();
  #waiters: (() => void)[] = [];
  #resets = 0;
  /** The card may have to be told of some. */
  hasNews = false;

  constructor(provider: NicProvider, services: HardwareMeterServices) {
    this.#provider = provider;
    this.#services = services;
  }

  get card(): string {
    return this.#provider.name;
  }

  /** The card has some that are not as they are to be. */
  get isUnsettled(): boolean {
    for (const held of this.#held.values()) if (held.isThere && isStale(held)) return true;
    return false;
  }

  /** Why the card cannot measure it. */
  problem({ bands = [], id }: SharedMeter): string | undefined {
    const { max, bandMax, bandTypes } = this.#provider.capabilities.meters;
    if (max === 0) return 'the card has no meters';
    if (this.#held.size >= max && !this.#held.has(id)) return 'the card has no more meters';
    if (bands.length > bandMax) return `its meter has ${bands.length} bands: the card does ${bandMax} at most`;
    const odd = bands.find(({ type }) => !bandTypes.has(type));
    return odd && `the card cannot do ${odd.type} bands`;
  }

  /** It is measured here from now on, or is another one than it was. */
  add(meter: SharedMeter): void {
    const { id } = meter;
    const held = this.#held.get(id);
    if (held) held.meter = meter;
    else this.#held.set(id, { id, meter, isThere: false, told: undefined, seen: noMeterCounts() });
    this.hasNews = true;
    this.#services.news();
  }

  remove({ id }: SharedMeter): void {
    const held = this.#held.get(id);
    if (!held) return;
    held.meter = undefined;
    this.#services.news();
  }

  /** The card has forgotten them. */
  reset(): void {
    this.#resets++;
    for (const held of this.#held.values()) {
      forgotten(held);
      if (!held.meter) this.#held.delete(held.id);
      else this.hasNews = true;
    }
    this.wake(false);
  }

  /** Resolves when the card measures by nothing that is not so any more. */
  settled(): Promise<void> {
    return this.isUnsettled ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve();
  }

  wake(isOutOfOrder: boolean): void {
    if (!isOutOfOrder && this.isUnsettled) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  // Questions: each asks one, and says whether there was one that was answered.

  async tellSome(): Promise<boolean> {
    const batch = this.#some((held) => held.meter !== undefined && isStale(held));
    this.hasNews = batch.length === BATCH;
    if (batch.length === 0) return false;
    const telling = batch.map(({ meter }) => ({ meter: meter!, edition: meter!.edition }));
    const meters = telling.map(({ meter }) => ({ id: meter.id, bands: meter.bands ?? [] }));
    const resets = this.#resets;
    const answers = await this.#services.ask(() => this.#provider.setMeters(meters));
    if (!answers) return false;
    if (resets === this.#resets) {
      for (const [i, held] of batch.entries()) this.#answered(held, telling[i]!, answers[i]);
    }
    this.wake(false);
    return true;
  }

  #answered(held: Held, told: NonNullable<Held['told']>, refusal: string | undefined): void {
    held.seen = noMeterCounts();
    held.told = refusal === undefined ? told : undefined;
    if (refusal === undefined) held.isThere = true;
    else if (held.meter === told.meter) this.#services.refused(told.meter, refusal);
  }

  /** Of flows that name them there are none any more. */
  async removeSome(): Promise<boolean> {
    for (const { id } of this.#some(({ meter, isThere }) => !meter && !isThere)) this.#held.delete(id);
    const batch = this.#some(({ meter }) => !meter);
    if (batch.length === 0) return false;
    const answers = await this.#services.ask(() => this.#provider.removeMeters(batch.map(({ id }) => id)));
    if (!answers) return false;
    batch.forEach((held, i) => {
      this.#count(held, answers[i]);
      forgotten(held);
      // It may be wanted again by now.
      if (held.meter) this.hasNews = true;
      else this.#held.delete(held.id);
    });
    this.wake(false);
    return true;
  }

  async read(): Promise<void> {
    const all = this.#some(({ isThere }) => isThere, Number.POSITIVE_INFINITY);
    for (let at = 0; at < all.length; at += BATCH) {
      const batch = all.slice(at, at + BATCH);
      const answers = await this.#services.ask(() => this.#provider.queryMeters(batch.map(({ id }) => id)));
      if (!answers) return;
      batch.forEach((held, i) => {
        if (answers[i]) this.#count(held, answers[i]);
        else {
          forgotten(held);
          this.hasNews = true;
        }
      });
    }
  }

  #some(isMeant: (held: Held) => boolean, count = BATCH): Held[] {
    const some: Held[] = [];
    for (const held of this.#held.values()) {
      if (some.length === count) break;
      if (isMeant(held)) some.push(held);
    }
    return some;
  }

  #count(held: Held, now: DpMeterStats | undefined): void {
    const { told, seen } = held;
    if (!now) return;
    held.seen = now;
    // Of a meter that is another one by now nobody wants to know.
    if (told && told.edition === told.meter.edition) this.#services.counted(told.meter, moreThan(now, seen));
  }
}

function isStale({ meter, told }: Held): boolean {
  return !meter || told?.meter !== meter || told.edition !== meter.edition;
}

function forgotten(held: Held): void {
  held.isThere = false;
  held.told = undefined;
  held.seen = noMeterCounts();
}
