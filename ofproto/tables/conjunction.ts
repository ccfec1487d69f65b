// Conjunctive matches (ovs-fields(7), "Conjunctive Match Fields"; ovs-actions(7), "conjunction"): rules that each match one
// dimension of a product, "clause i of n of conjunction id". A packet that some rule matches for each of the n clauses, all of
// one priority, is looked up again with conj_id set.
//
// Design, as Open vSwitch has it. A look-up collects from each subtable the best rule; those with conjunctions are candidates,
// the best of the others is the hard match. Candidates above the hard match are taken by falling priority: when those of one
// priority complete a conjunction, the second look-up (without candidates) answers, whatever its priority; else they give way
// to the next rule of lower priority in their own bucket.

import type { OfAction } from '../model/actions.ts';
import { FLOW_CONJ_ID } from '../model/flow.ts';
import type { Rule } from './rule.ts';

type Clause = Extract<OfAction, { type: 'conjunction' }>;

const NONE: readonly Clause[] = [];

/** The conjunctions that a flow with these actions is part of. */
export function clausesOf(actions: readonly OfAction[]): readonly Clause[] {
  const first = actions[0]?.type;
  if (first !== 'conjunction' && first !== 'note') return NONE;
  const clauses = actions.filter((action): action is Clause => action.type === 'conjunction');
  return clauses.length === 0 ? NONE : clauses;
}

/** Whether the rule is a clause, or what all clauses of a conjunction together mean. */
export const isPartOfConjunction = ({ conjunctions, mask }: Rule): boolean =>
  conjunctions.length > 0 || mask.word.includes(FLOW_CONJ_ID / 4);

/** The first conjunction that `rules`, all of one priority, complete. */
function completed(rules: readonly Rule[]): number | undefined {
  const seen = new Map<number, { count: number; clauses: Set<number> }>();
  for (const rule of rules) {
    for (const { id, clause, nClauses } of rule.conjunctions) {
      const known = seen.get(id) ?? { count: nClauses, clauses: new Set() };
      seen.set(id, known);
      // Rules that disagree about the number of clauses are no parts of one conjunction.
      if (known.count !== nClauses) continue;
      known.clauses.add(clause);
      if (known.clauses.size === nClauses) return id;
    }
  }
  return undefined;
}

/** The next rule with the same match and a lower priority. */
function successor(rule: Rule): Rule | undefined {
  let next = rule.next;
  while (next && !next.values.every((value, i) => value === rule.values[i])) next = next.next;
  return next;
}

/**
 * Decides between `hard` and the candidates. `lookupId` is the second look-up, with that conj_id.
 */
export function resolve(
  candidates: Rule[],
  hard: Rule | undefined,
  lookupId: (id: number) => Rule | undefined,
): Rule | undefined {
  let soft = candidates;
  let best = hard;
  for (;;) {
    soft = soft.filter((rule) => rule.priority > (best?.priority ?? -1));
    if (soft.length === 0) return best;
    const priority = Math.max(...soft.map((rule) => rule.priority));
    const top = soft.filter((rule) => rule.priority === priority);
    const id = completed(top);
    const found = id === undefined ? undefined : lookupId(id);
    if (found) return found;
    soft = soft.filter((rule) => rule.priority < priority);
    for (const rule of top) {
      const next = successor(rule);
      if (!next) continue;
      if (next.conjunctions.length > 0) soft.push(next);
      else if (next.priority > (best?.priority ?? -1)) best = next;
    }
  }
}
