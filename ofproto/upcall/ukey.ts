// What the slow path knows of one megaflow: from which packet and tables it was made, and what to credit when it is used.

import type { DpFlow } from '../../datapath/dpif.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import type { Effects } from '../xlate/snapshot.ts';
import { effectsOf, type Path, type PathUser } from './paths.ts';

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

/** What a translation leaves with its megaflow. */
export interface Made<Owner> {
  readonly owner: Owner;
  /** Where the first packet came in. */
  readonly ofPort: number;
  /** Absent for packets as received. */
  readonly resume: Resume | undefined;
  readonly effects: Effects;
  readonly held: Held;
  /** Number of the last change (changes.ts) that the translation has seen. */
  readonly version: number;
  /** When the first packet came. */
  readonly nowMs: number;
}

const PPS_OF_NEW = 2 ** 30;
/** How long a megaflow is new: then what it forwarded so far says how much it is used. */
const NEW_MS = 250;

export class Ukey<Owner> implements PathUser<Ukey<Owner>> {
  readonly owner: Owner;
  readonly dpFlow: DpFlow;
  readonly ofPort: number;
  /** The first packet's whole key is in the KeyStore there. */
  readonly keyPlace: number;
  /** Whole milliseconds: a fraction would be an object of its own. */
  readonly createdMs: number;
  readonly resume: Resume | undefined;
  path: Path<Ukey<Owner>>;
  nextOnPath: Ukey<Owner> | undefined;
  previousOnPath: Ukey<Owner> | undefined;
  effects: Effects;
  held: Held;
  version: number;
  /** What was already credited. */
  packets = 0;
  bytes = 0;
  /** Whole packets per second between the last two rounds; new ones are taken to be worth their while. */
  pps = PPS_OF_NEW;
  /** Its place in the list of all, -1 when it is in there no more. */
  place = -1;
  /** A rule or an address that it was made with has changed. */
  isDirty = false;

  constructor(dpFlow: DpFlow, made: Made<Owner>, path: Path<Ukey<Owner>>, keyPlace: number) {
    this.owner = made.owner;
    this.dpFlow = dpFlow;
    this.ofPort = made.ofPort;
    this.keyPlace = keyPlace;
    this.createdMs = Math.floor(made.nowMs);
    this.path = path;
    this.nextOnPath = undefined;
    this.previousOnPath = undefined;
    this.effects = effectsOf(made.effects, path.effects);
    this.resume = made.resume;
    this.held = made.held;
    this.version = made.version;
  }

  /** Packets per second, as far as its statistics were read. */
  ppsAt(nowMs: number): number {
    const ageMs = nowMs - this.createdMs;
    return this.pps === PPS_OF_NEW && ageMs > NEW_MS ? (this.packets * 1000) / ageMs : this.pps;
  }
}

const NOTHING: Held = { cookies: [], recircs: [] };

/** A copy without the rest of what `held` may be: a ukey lives long. */
export function heldBy({ cookies, recircs }: Held): Held {
  return cookies.length + recircs.length === 0 ? NOTHING : { cookies, recircs };
}

/** All ukeys, in an order that lets a walk go on while some come and go. */
export class UkeyList<Owner> {
  readonly #list: Ukey<Owner>[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** The record of a megaflow; nothing else notes anything at one. */
  ofFlow(dpFlow: DpFlow): Ukey<Owner> | undefined {
    return dpFlow.note as Ukey<Owner> | undefined;
  }

  add(ukey: Ukey<Owner>): void {
    ukey.place = this.#list.push(ukey) - 1;
    ukey.dpFlow.note = ukey;
  }

  remove(ukey: Ukey<Owner>): void {
    const last = this.#list.pop()!;
    if (last !== ukey) {
      this.#list[ukey.place] = last;
      last.place = ukey.place;
    }
    ukey.place = -1;
    if (ukey.dpFlow.note === ukey) ukey.dpFlow.note = undefined;
  }

  /** From the end: what is removed meanwhile is replaced by what the walk has seen, what comes is behind it. */
  *backwards(): Generator<Ukey<Owner>> {
    for (let i = this.#list.length; i > 0; ) {
      i = Math.min(i, this.#list.length);
      if (i === 0) return;
      yield this.#list[--i]!;
    }
  }
}
