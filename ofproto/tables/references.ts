// Which rules send packets to which groups and meters: deleting a group or a meter takes its rules along.

import type { OfAction } from '../model/actions.ts';
import type { Rule } from './rule.ts';

type Kind = 'group' | 'meter';

/** Every group or meter that the actions name, nested ones too. */
export function* referencesOf(actions: readonly OfAction[]): Generator<readonly [kind: Kind, id: number]> {
  for (const action of actions) {
    if (action.type === 'group') yield ['group', action.groupId];
    else if (action.type === 'meter') yield ['meter', action.meterId];
    else if (action.type === 'write_actions' || action.type === 'clone') yield* referencesOf(action.actions);
  }
}

/** Most flows name none: asked before anything is made to walk over their actions. */
export function mayRefer(actions: readonly OfAction[]): boolean {
  for (const { type } of actions) {
    if (type === 'group' || type === 'meter' || type === 'write_actions' || type === 'clone') return true;
  }
  return false;
}

export class References {
  /** How often each rule names a group or meter. */
  readonly #rules: Readonly<Record<Kind, Map<number, Map<Rule, number>>>> = { group: new Map(), meter: new Map() };

  /** Rules that name the group or meter. */
  of(kind: Kind, id: number): Rule[] {
    return [...(this.#rules[kind].get(id)?.keys() ?? [])];
  }

  /** How many actions name it, those of one rule each counted. */
  count(kind: Kind, id: number): number {
    let count = 0;
    for (const times of this.#rules[kind].get(id)?.values() ?? []) count += times;
    return count;
  }

  /** Call with the actions that the rule has from now on. */
  add(rule: Rule): void {
    if (rule.isPlain) return;
    for (const [kind, id] of referencesOf(rule.actions)) {
      const rules = this.#rules[kind].get(id);
      if (rules) rules.set(rule, (rules.get(rule) ?? 0) + 1);
      else this.#rules[kind].set(id, new Map([[rule, 1]]));
    }
  }

  /** Call with the actions that the rule had. */
  delete(rule: Rule): void {
    if (rule.isPlain) return;
    for (const [kind, id] of referencesOf(rule.actions)) {
      const rules = this.#rules[kind].get(id);
      if (rules?.delete(rule) && rules.size === 0) this.#rules[kind].delete(id);
    }
  }
}
