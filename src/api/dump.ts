// Dumps: replies of some items each, as fast as the client reads them.

import type { Call } from './call.ts';
import { CallError } from './errors.ts';

/** A dump holds what it has still to send, however slowly it is read. */
const DUMPS_MAX = 2;
/** A reader that takes nothing of a dump for so long is taken for dead. */
const DUMP_STALL_MS = 60_000;
const ITEMS_PER_REPLY = 64;

/** Items that are turned into messages piece by piece. */
export interface Dumped {
  readonly length: number;
  slice(start: number, end: number): object[];
}

export function dumped<T>(items: readonly T[], toMessage: (item: T) => object): Dumped {
  return { length: items.length, slice: (start, end) => items.slice(start, end).map(toMessage) };
}

/** Sends what `collect` finds, as `member` of replies. Throws CallError RESOURCE_EXHAUSTED and what `collect` throws. */
export async function dump(call: Call, member: string, collect: () => Dumped): Promise<void> {
  const { client } = call;
  if (client.dumps >= DUMPS_MAX) {
    throw new CallError('RESOURCE_EXHAUSTED', `${DUMPS_MAX} dumps are under way on this connection`);
  }
  client.dumps++;
  try {
    await send(call, member, collect());
  } finally {
    client.dumps--;
  }
}

async function send(call: Call, member: string, items: Dumped): Promise<void> {
  for (let at = 0; at < items.length && !call.ended; at += ITEMS_PER_REPLY) {
    const isTaken = call.send({ [member]: items.slice(at, at + ITEMS_PER_REPLY) });
    if (isTaken) await new Promise((resolve) => setImmediate(resolve));
    else await drainedInTime(call, member);
  }
}

async function drainedInTime(call: Call, member: string): Promise<void> {
  let cancel = () => {};
  const stalled = new Promise<boolean>((resolve) => {
    cancel = call.client.switch.clock.after(DUMP_STALL_MS, () => resolve(true));
  });
  const isStalled = await Promise.race([stalled, call.drained()]);
  cancel();
  if (isStalled === true) throw new CallError('DEADLINE_EXCEEDED', `the ${member} were not read`);
}
