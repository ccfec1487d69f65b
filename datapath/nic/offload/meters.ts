// Where meters are measured. A meter's packets are measured in one place, so that its rate is that of all of them together: by
// a card when all megaflows that name it are flows that this card can forward, else in software. One that has to stay in
// software so keeps the others there. What holds for one meter holds for those that flows name together with it.
//
// First packets are in software all the same, and so is each flow until it is written. Software's bucket is charged with what
// a card passed while the card's ran dry (Meters.charge), so that both together let no more pass than the rate.

import type { Clock } from '../../../lib/clock.ts';
import type { DpMeterBand, DpMeterStats } from '../../dpif.ts';
import { noMeterCounts } from '../../meter-counts.ts';
import type { OffloadFlow } from './entry.ts';
import { type MeterHome, metersOf, SharedMeter, tiedTo } from './shared-meter.ts';

/** A meter that had no room in a card is not tried again before. */
export const REST_MS = 10_000;

const GONE = 'its meter is gone';
const SHARED = 'flows that stay in software share its meter';
const SCATTERED = 'flows of another card share its meter';

export interface MeterServices {
  readonly clock: Clock;
  /** Software forwards the flow from now on. */
  withdraw(flow: OffloadFlow): void;
  /** Looks at it anew. */
  offer(flow: OffloadFlow): void;
  /** A card has counted this. */
  charge(id: number, more: DpMeterStats): void;
}

/** What a flow names, and the meters of the card that it is on. */
interface Named {
  readonly meters: readonly SharedMeter[];
  readonly hardware: MeterHome | undefined;
}

export class MeterBook {
  readonly #services: MeterServices;
  readonly #meters = new Map<number, SharedMeter>();
  readonly #named = new Map<OffloadFlow, Named>();
  #editions = 0;

  constructor(services: MeterServices) {
    this.#services = services;
  }

  // Meters

  /** There is a meter, or it has other bands. */
  set(id: number, bands: readonly DpMeterBand[]): void {
    const meter = this.#at(id);
    this.#renew(meter, bands);
    const { home } = meter;
    if (!home) this.#offerAll(meter);
    else if (home.problem(meter) === undefined) home.add(meter);
    else this.evict(meter);
  }

  delete(id: number): void {
    const meter = this.#meters.get(id);
    if (!meter) return;
    this.#renew(meter, undefined);
    this.evict(meter);
    this.#tidy(meter);
  }

  #renew(meter: SharedMeter, bands: readonly DpMeterBand[] | undefined): void {
    meter.bands = bands;
    meter.edition = ++this.#editions;
    meter.refusal = undefined;
    meter.counts = noMeterCounts();
  }

  refused(meter: SharedMeter, reason: string): void {
    meter.refusal = reason;
    this.evict(meter);
  }

  /** A card has counted more packets of it. */
  counted(meter: SharedMeter, more: DpMeterStats): void {
    meter.add(more);
    this.#services.charge(meter.id, more);
  }

  /** What cards counted of it. */
  countsOf(id: number): DpMeterStats | undefined {
    return this.#meters.get(id)?.counts;
  }

  /** No flow is offloaded any more. */
  clear(): void {
    for (const flow of [...this.#named.keys()]) this.forget(flow);
  }

  // Flows

  /** Notes which meters a flow names, where it is, and whether it has to stay in software for reasons of its own. */
  look(flow: OffloadFlow, hardware: MeterHome | undefined, problem: string | undefined): void {
    const ids = metersOf(flow.actions);
    const before = this.#named.get(flow);
    if (ids.length === 0 && !before) return;
    const isSame = before?.hardware === hardware && before?.meters.map(({ id }) => id).join() === ids.join();
    if (!isSame) this.#name(flow, hardware, ids);
    const meters = this.#named.get(flow)?.meters ?? [];
    const [first] = meters;
    if (!first) return;
    if (problem !== undefined) {
      for (const meter of meters) meter.blockers.add(flow);
      this.evict(first);
    } else if (first.blockers.has(flow)) {
      for (const meter of meters) meter.blockers.delete(flow);
      this.#offerAll(first);
    }
  }

  forget(flow: OffloadFlow): void {
    if (this.#named.has(flow)) this.#name(flow, undefined, []);
  }

  /** Whether the flow is measured anywhere. */
  has(flow: OffloadFlow): boolean {
    return this.#named.has(flow);
  }

  #name(flow: OffloadFlow, hardware: MeterHome | undefined, ids: readonly number[]): void {
    const before = this.#named.get(flow);
    const meters = ids.map((id) => this.#at(id));
    const freed = (before?.meters ?? []).filter((meter) => isTorn(meter));
    for (const meter of before?.meters ?? []) {
      meter.blockers.delete(flow);
      meter.users.delete(flow);
      meter.use(-1, before!.hardware, before!.meters);
    }
    for (const meter of meters) {
      meter.users.add(flow);
      meter.use(1, hardware, meters);
    }
    if (meters.length > 0) this.#named.set(flow, { meters, hardware });
    else this.#named.delete(flow);
    for (const meter of before?.meters ?? []) if (meter.users.size === 0) this.#leave(meter);
    for (const meter of freed) this.#offerAll(meter);
    for (const meter of before?.meters ?? []) this.#tidy(meter);
    // Those that it ties together may be in different places, and those of flows on different cards are in none.
    const [first] = meters;
    if (first && [...tiedTo(first)].some(({ home }) => home !== hardware)) this.evict(first);
  }

  /** Why these actions cannot be carried out by the card of `hardware` because of their meters. */
  problem(ids: readonly number[], hardware: MeterHome): string | undefined {
    for (const id of ids) {
      const meter = this.#meters.get(id);
      if (meter?.bands === undefined) return GONE;
      for (const tied of tiedTo(meter)) {
        if (tied.blockers.size > 0) return SHARED;
        if (tied.cards.size > 1) return SCATTERED;
        const problem = tied.refusal ?? hardware.problem(tied);
        if (problem !== undefined) return problem;
      }
    }
    return undefined;
  }

  /**
   * The flow, which nothing speaks against, is about to be written. False when the card, which has `room` for so many, is not
   * to have it, nor others of its meter.
   */
  bring(flow: OffloadFlow, hardware: MeterHome, room: number): boolean {
    const first = this.#named.get(flow)?.meters[0];
    if (!first) return true;
    const tied = [...tiedTo(first)];
    const nowMs = this.#services.clock.nowMs();
    if (tied.every(({ home }) => home === hardware)) {
      if (room > 0) return true;
      this.noRoom(flow);
      return false;
    }
    const wanted = tied.reduce((sum, { users }) => sum + users.size, 0);
    if (wanted > room || tied.some(({ leftMs }) => nowMs - leftMs < REST_MS)) return false;
    for (const meter of tied) {
      meter.home = hardware;
      hardware.add(meter);
    }
    return true;
  }

  /** The card has none for the flow: its meters leave it. */
  noRoom(flow: OffloadFlow): void {
    const first = this.#named.get(flow)?.meters[0];
    if (!first) return;
    for (const meter of tiedTo(first)) meter.leftMs = this.#services.clock.nowMs();
    this.evict(first);
  }

  /** Software measures it from now on, with what is tied to it. */
  evict(meter: SharedMeter): void {
    const tied = [...tiedTo(meter)].filter(({ home }) => home !== undefined);
    for (const one of tied) {
      for (const flow of one.users) this.#services.withdraw(flow);
      this.#leave(one);
    }
    for (const one of tied) for (const flow of one.users) this.#services.offer(flow);
  }

  /** The card of `hardware` is out of order. */
  evictAll(hardware: MeterHome): void {
    for (const meter of this.#meters.values()) if (meter.home === hardware) this.evict(meter);
  }

  #leave(meter: SharedMeter): void {
    meter.home?.remove(meter);
    meter.home = undefined;
  }

  #offerAll(meter: SharedMeter): void {
    const tied = tiedTo(meter);
    for (const one of tied) if (isTorn(one)) return;
    for (const { users } of tied) for (const flow of users) this.#services.offer(flow);
  }

  #at(id: number): SharedMeter {
    let meter = this.#meters.get(id);
    if (!meter) {
      meter = new SharedMeter(id);
      this.#meters.set(id, meter);
    }
    return meter;
  }

  #tidy(meter: SharedMeter): void {
    if (meter.bands === undefined && meter.users.size === 0) this.#meters.delete(meter.id);
  }
}

/** Not all of its flows can be in one card. */
function isTorn({ blockers, cards }: SharedMeter): boolean {
  return blockers.size > 0 || cards.size > 1;
}
