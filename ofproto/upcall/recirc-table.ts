// The numbers that stand for frozen translations in `recirc` actions. Equal states share an id, so that translating again
// gives equal actions. An id lives as long as a megaflow that sends packets to it, and a little longer: packets that are
// on their way round must find it.

import { type FrozenState, stateText } from '../xlate/freeze.ts';

interface Entry {
  readonly text: string;
  readonly state: FrozenState;
  users: number;
  /** When the last user went. */
  idleMs: number;
}

/** How long a packet may take to come back. */
const GRACE_MS = 1000;

export class RecircTable {
  readonly #byText = new Map<string, number>();
  readonly #byId = new Map<number, Entry>();
  /** Those without users. */
  readonly #idle = new Set<number>();
  #last = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** The id of this state; the caller gives it back with release(). */
  acquire(state: FrozenState): number {
    const text = stateText(state);
    const known = this.#byText.get(text);
    // A bridge that was made anew has the texts of the old one.
    if (known !== undefined && this.#byId.get(known)!.state.bridge === state.bridge) {
      this.hold(known);
      return known;
    }
    // After four billion states the numbers begin again; 0 is for packets that were not recirculated.
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#last === 0 || this.#byId.has(this.#last));
    this.#byText.set(text, this.#last);
    this.#byId.set(this.#last, { text, state, users: 1, idleMs: 0 });
    return this.#last;
  }

  /** One more user of an id that is alive. */
  hold(id: number): void {
    const entry = this.#byId.get(id);
    if (!entry) return;
    entry.users++;
    this.#idle.delete(id);
  }

  release(id: number, nowMs: number): void {
    const entry = this.#byId.get(id);
    if (!entry || --entry.users > 0) return;
    entry.idleMs = nowMs;
    this.#idle.add(id);
  }

  get(id: number): FrozenState | undefined {
    return this.#byId.get(id)?.state;
  }

  /** Forgets the ids that nobody has used for a while. */
  expire(nowMs: number): void {
    for (const id of this.#idle) {
      const entry = this.#byId.get(id)!;
      if (nowMs - entry.idleMs < GRACE_MS) continue;
      this.#idle.delete(id);
      this.#byId.delete(id);
      if (this.#byText.get(entry.text) === id) this.#byText.delete(entry.text);
    }
  }
}
