// What the slow path knows of one megaflow: from which packet and tables it was made, and what to credit when it is used.

import type { DpFlow } from '../../datapath/dpif.ts';
import { type Flow, KEY_IN_PORT } from '../model/flow.ts';
import { flowOfKey } from '../odp-text/format-key.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import type { Effects } from '../xlate/snapshot.ts';

/** The bridge as ukeys use it. */
export interface UkeyOwner {
  /** Raised by every change that can alter a translation. */
  readonly version: number;
  /** Raised when a MAC address is learned, moves or is forgotten. */
  readonly macVersion: number;
  /** Counts packets that took a translation's path, and learns from them. */
  credit(effects: Effects, packets: number, bytes: number, usedMs: number): void;
}

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

export interface Ukey<Owner extends UkeyOwner> {
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
  /** Owner's versions that the translation saw. */
  version: number;
  macVersion: number;
}

export function isStale<Owner extends UkeyOwner>(ukey: Ukey<Owner>): boolean {
  const { owner, effects } = ukey;
  return ukey.version !== owner.version || (effects.usedMacs && ukey.macVersion !== owner.macVersion);
}

/** The first packet as OpenFlow sees it. */
export function flowOf(key: Uint8Array, ofPort: number): Flow {
  const flow = flowOfKey(key);
  flow.setU32(KEY_IN_PORT, ofPort);
  return flow;
}

/** The part of a translation that is worth keeping: a ukey is one of many. */
export function effectsOf({ visits, macs, learned, usedMacs }: Effects): Effects {
  return { visits, macs, learned, usedMacs };
}

/** A copy without the rest of what `held` may be: a ukey lives long. */
export function heldBy({ cookies, recircs }: Held): Held {
  return { cookies, recircs };
}
