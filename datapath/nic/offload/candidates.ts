// Who comes into question for a place in a card's table: those that wait for one, and those that may lose theirs.

import type { Copy, Entry } from './entry.ts';
import type { MeterBook } from './meters.ts';

/** How long a flow stays in the card before it gives way. */
export const RESIDENCE_MS = 2000;

export function* waitingOf(entries: Iterable<Entry>): Generator<Entry> {
  for (const entry of entries) {
    if (!entry.copy && !entry.isQueued && !entry.isRefused && entry.rate > 0) yield entry;
  }
}

/** A meter comes and goes as a whole: its flows do not lose their places one by one. */
export function* replaceableOf(copies: Iterable<Copy>, book: MeterBook, nowMs: number): Generator<Entry> {
  for (const { entry, handle, sinceMs } of copies) {
    const isSettled = handle !== undefined && nowMs - sinceMs >= RESIDENCE_MS;
    if (isSettled && !book.has(entry.flow)) yield entry;
  }
}
