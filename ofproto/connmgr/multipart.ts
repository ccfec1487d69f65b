// Long replies, sent a slice at a time so that a dump of a large table neither blocks other connections nor piles up
// in memory towards a slow reader.

import type { OfMessage } from '../model/messages.ts';
import type { Session } from './session.ts';

/** Entries encoded in one turn: well under a millisecond of flows. */
const SLICE = 128;

/** Sends `items` as one multipart reply; `encode` makes the message of one slice. Ends early with the connection. */
export async function sendInParts<T>(
  session: Session,
  items: readonly T[],
  message: (slice: readonly T[], more: boolean) => OfMessage,
): Promise<void> {
  let start = 0;
  do {
    const end = start + SLICE;
    session.send(message(items.slice(start, end), end < items.length));
    start = end;
    if (session.output.congested) await session.output.drained();
    else if (start < items.length) await new Promise((resolve) => setImmediate(resolve));
  } while (start < items.length && session.output.open);
}
