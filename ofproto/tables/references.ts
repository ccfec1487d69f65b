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

export class References {
  readonly #rules: Readonly<Record<Kind, Map<number, Set<Rule>>>> = { group: new Map(), meter: new Map() };

  /** Rules that name the group or meter. */
  of(kind: Kind, id: number): ReadonlySet<Rule> {
    return this.#rules[kind].get(id) ?? new Set();
  }

  /** Call with the actions that the rule has from now on. */
  add(rule: Rule): void {
    for (const [kind, id] of referencesOf(rule.actions)) {
      const rules = this.#rules[kind].get(id);
      if (rules) rules.add(rule);
      else this.#rules[kind].set(id, new Set([rule]));
    }
  }

  /** Call with the actions that the rule had. */
  delete(rule: Rule): void {
    for (const [kind, id] of referencesOf(rule.actions)) {
      const rules = this.#rules[kind].get(id);
      if (rules?.delete(rule) && rules.size === 0) this.#rules[kind].delete(id);
    }
  }
}
