// What the slow path knows of one megaflow: from which packet and tables it was made, and what to credit when it is used.

import type { DpFlow } from '../../datapath/dpif.ts';
import { type Flow, KEY_IN_PORT } from '../model/flow.ts';
import { flowOfKey } from '../odp-text/format-key.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import type { Effects } from '../xlate/snapshot.ts';

/** Numbers in actions that somebody must give back (cookies.ts, recirc-table.ts). */
export interface Held {
  readonly cookies: readonly number[];
  readonly recircs: readonly number[];
}

/** What a recirculated packet goes on with. */
export interface Resume {
  readonly id: number;
  readonly state: FrozenState;
}

export interface Ukey<Owner> {
  readonly owner: Owner;
  readonly dpFlow: DpFlow;
  /** The first packet's whole key, KEY_SIZE bytes, and where it came in. */
  readonly key: Uint8Array;
  readonly ofPort: number;
  effects: Effects;
  /** Datapath text of the actions: equal text, equal actions. */
  actionsText: string;
  held: Held;
  /** Absent for packets as received. */
  readonly resume: Resume | undefined;
  /** What was already credited. */
  packets: bigint;
  bytes: bigint;
  readonly createdMs: number;
  /** versionOf(effects) when the translation was made. */
  version: number;
}

/** The versions of all that a translation depends on, summed: they only grow, so the sum stays only when all stay. */
export function versionOf({ bridges }: Effects): number {
  let sum = 0;
  for (const { bridge, usedMacs } of bridges) sum += bridge.version + (usedMacs ? bridge.macVersion : 0);
  return sum;
}

export function isStale({ effects, version }: Ukey<unknown>): boolean {
  return version !== versionOf(effects);
}

/** The first packet as OpenFlow sees it. */
export function flowOf(key: Uint8Array, ofPort: number): Flow {
  const flow = flowOfKey(key);
  flow.setU32(KEY_IN_PORT, ofPort);
  return flow;
}

/** The part of a translation that is worth keeping: a ukey is one of many. */
export function effectsOf({ visits, hops, bridges }: Effects): Effects {
  return { visits, hops, bridges };
}

/** A copy without the rest of what `held` may be: a ukey lives long. */
export function heldBy({ cookies, recircs }: Held): Held {
  return { cookies, recircs };
}
