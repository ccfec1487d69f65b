// Whether a megaflow is written into a card now, and if not, why it stays in software.

import type { Entry } from './entry.ts';
import { problemOf, type Surroundings } from './examine.ts';
import type { HardwareMeters } from './hardware-meters.ts';
import type { MeterBook } from './meters.ts';
import { metersOf } from './shared-meter.ts';

export const FULL = "the card's table is full of busier flows";
const METER_FULL = "the card's table has no room for all flows of its meter";

export interface AdmittingCard {
  readonly around: Surroundings;
  readonly book: MeterBook;
  readonly meters: HardwareMeters;
  /** Flows that fit in still. */
  readonly room: number;
}

/** Notes the reason at the entry; true when there is none. */
export function admit(entry: Entry, { around, book, meters, room }: AdmittingCard): boolean {
  const { flow } = entry;
  const own = problemOf(flow, around);
  book.look(flow, meters, own);
  const problem = own ?? book.problem(metersOf(flow.actions), meters);
  entry.isRefused = problem !== undefined;
  entry.reason = problem;
  if (problem !== undefined) return false;
  if (!book.bring(flow, meters, room)) entry.reason = METER_FULL;
  else if (room <= 0) entry.reason = FULL;
  return entry.reason === undefined;
}
