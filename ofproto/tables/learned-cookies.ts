// Which (table, cookie) pairs learn actions with delete_learned name: when the last rule with such an action goes, the flows
// that were learned with it go too (ovs-actions(7), "learn").

import type { OfAction } from '../model/actions.ts';
import { NX_LEARN_F_DELETE_LEARNED } from '../model/nicira.ts';

interface Learned {
  readonly tableId: number;
  readonly cookie: bigint;
  users: number;
}

export class LearnedCookies {
  readonly #byKey = new Map<string, Learned>();
  #orphans: Learned[] = [];

  get hasOrphans(): boolean {
    return this.#orphans.length > 0;
  }

  /** A rule with these actions is in a table now. */
  add(actions: readonly OfAction[]): void {
    if (!mayLearn(actions)) return;
    for (const { tableId, cookie } of deletes(actions)) {
      const key = `${tableId} ${cookie}`;
      const known = this.#byKey.get(key);
      if (known) known.users++;
      else this.#byKey.set(key, { tableId, cookie, users: 1 });
    }
  }

  /** It left its table, or has other actions now. */
  remove(actions: readonly OfAction[]): void {
    if (!mayLearn(actions)) return;
    for (const { tableId, cookie } of deletes(actions)) {
      const key = `${tableId} ${cookie}`;
      const known = this.#byKey.get(key);
      if (!known || --known.users > 0) continue;
      this.#byKey.delete(key);
      this.#orphans.push(known);
    }
  }

  /** The pairs that lost their last rule since this was asked, but for those that have one again. */
  takeOrphans(): Learned[] {
    if (this.#orphans.length === 0) return this.#orphans;
    const orphans = this.#orphans.filter(({ tableId, cookie }) => !this.#byKey.has(`${tableId} ${cookie}`));
    this.#orphans = [];
    return orphans;
  }
}

/** Most flows learn nothing: asked before anything is made to walk over their actions. */
function mayLearn(actions: readonly OfAction[]): boolean {
  for (const { type } of actions) if (type === 'learn' || type === 'clone') return true;
  return false;
}

function* deletes(actions: readonly OfAction[]): Generator<{ tableId: number; cookie: bigint }> {
  for (const action of actions) {
    if (action.type === 'clone') yield* deletes(action.actions);
    if (action.type === 'learn' && action.spec.flags & NX_LEARN_F_DELETE_LEARNED) yield action.spec;
  }
}
