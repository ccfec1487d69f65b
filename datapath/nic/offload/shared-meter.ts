// A meter as the offload engine knows it: who names it, and where it is measured.

import { type DpAction, nestedLists } from '../../actions.ts';
import type { DpMeterBand, DpMeterStats } from '../../dpif.ts';
import { noMeterCounts, sumOfMeters } from '../../meter-counts.ts';
import type { OffloadFlow } from './entry.ts';

/** A card, as far as it measures (hardware-meters.ts). */
export interface MeterHome {
  /** Why the card cannot measure it. */
  problem(meter: SharedMeter): string | undefined;
  /** It is measured here from now on, or is another one than it was. */
  add(meter: SharedMeter): void;
  remove(meter: SharedMeter): void;
}

export class SharedMeter {
  readonly id: number;
  /** Undefined while there is no such meter, only flows that name it. */
  bands: readonly DpMeterBand[] | undefined;
  /** Of all meters' bands there ever were, which these are. */
  edition = 0;
  /** Megaflows that name it. */
  readonly users = new Set<OffloadFlow>();
  /** Those of them that have to stay in software, whatever becomes of the meter. */
  readonly blockers = new Set<OffloadFlow>();
  /** Cards that users are on, and how many of them. */
  readonly cards = new Map<MeterHome, number>();
  /** Meters that flows name together with this one, and how many do. */
  readonly links = new Map<SharedMeter, number>();
  /** Where it is measured; undefined: in software. */
  home: MeterHome | undefined;
  /** When it had to leave a card for want of room. */
  leftMs = Number.NEGATIVE_INFINITY;
  /** Why a card did not have it as it is. */
  refusal: string | undefined;
  /** What cards counted since it has these bands. */
  counts = noMeterCounts();

  constructor(id: number) {
    this.id = id;
  }

  /** A flow names it, and `others`; or (-1) does so no more. */
  use(by: 1 | -1, hardware: MeterHome | undefined, others: readonly SharedMeter[]): void {
    if (hardware) add(this.cards, hardware, by);
    for (const other of others) if (other !== this) add(this.links, other, by);
  }

  add(more: DpMeterStats): void {
    this.counts = sumOfMeters(more, this.counts);
  }
}

function add<T>(counts: Map<T, number>, key: T, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

/** Meters that flows tie to this one, directly or by others: all of them are in one place. */
export function tiedTo(meter: SharedMeter): ReadonlySet<SharedMeter> {
  const tied = new Set([meter]);
  // A set is walked to its end, also to what is added meanwhile.
  for (const one of tied) for (const other of one.links.keys()) tied.add(other);
  return tied;
}

/** The meters of a list of actions, each once. */
export function metersOf(actions: readonly DpAction[]): readonly number[] {
  const ids = new Set<number>();
  collect(actions, ids);
  return ids.size === 0 ? NONE : [...ids];
}

const NONE: readonly number[] = [];

function collect(actions: readonly DpAction[], ids: Set<number>): void {
  for (const action of actions) {
    if (action.type === 'meter') ids.add(action.id);
    for (const list of nestedLists(action)) collect(list, ids);
  }
}
