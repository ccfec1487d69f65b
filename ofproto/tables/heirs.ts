// Which rule a replaced one left its counts to: packets that took the old one, and are heard of later, are the new one's too.

import type { Rule } from './rule.ts';

const heirs = new WeakMap<Rule, Rule>();

export function inherit(old: Rule, rule: Rule): void {
  // Of one without megaflows nothing more will be heard.
  if (old.users !== undefined) heirs.set(old, rule);
}

/** The last in the line of succession; a rule that left nothing to anybody itself. */
export function heirOf(rule: Rule): Rule {
  let last = rule;
  for (let next = heirs.get(last); next; next = heirs.get(last)) last = next;
  return last;
}
