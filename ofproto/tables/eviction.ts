// Which flow of a full table makes room for a new one (ovs-vswitchd.conf.db(5), Flow_Table, "Eviction Policy"): of the
// largest group the least important, of those the one that expires soonest. Groups are kept while eviction is on, and
// searched when a flow has to go.

import type { Subfield } from '../model/actions.ts';
import { getSubfield } from '../model/fields.ts';
import type { Rule } from './rule.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** When a rule's time will be up, as things stand. */
export function expiresMs(rule: Rule): number {
  const hard = rule.hardTimeout > 0 ? rule.modifiedMs + rule.hardTimeout * 1000 : NEVER;
  const idle = rule.idleTimeout > 0 ? rule.usedMs + rule.idleTimeout * 1000 : NEVER;
  return Math.min(hard, idle);
}

export class EvictionGroups {
  readonly #fields: readonly Subfield[];
  readonly #groups = new Map<string, Set<Rule>>();

  constructor(fields: readonly Subfield[], rules: Iterable<Rule>) {
    this.#fields = fields;
    for (const rule of rules) this.add(rule);
  }

  add(rule: Rule): void {
    if (!mayGo(rule)) return;
    const key = this.#keyOf(rule);
    const group = this.#groups.get(key);
    if (group) group.add(rule);
    else this.#groups.set(key, new Set([rule]));
  }

  remove(rule: Rule): void {
    if (!mayGo(rule)) return;
    const key = this.#keyOf(rule);
    const group = this.#groups.get(key);
    if (group?.delete(rule) && group.size === 0) this.#groups.delete(key);
  }

  /** The flow to evict; undefined when every flow has to stay. */
  choose(): Rule | undefined {
    let most = 0;
    for (const group of this.#groups.values()) most = Math.max(most, group.size);
    let chosen: Rule | undefined;
    for (const group of this.#groups.values()) {
      if (group.size < most) continue;
      for (const rule of group) if (!chosen || goesBefore(rule, chosen)) chosen = rule;
    }
    return chosen;
  }

  #keyOf(rule: Rule): string {
    if (this.#fields.length === 0) return '';
    const { flow } = rule.match();
    return this.#fields.map((sub) => getSubfield(flow, sub)).join();
  }
}

/** Permanent flows stay, whoever asked for eviction. */
function mayGo(rule: Rule): boolean {
  return !rule.hidden && (rule.idleTimeout > 0 || rule.hardTimeout > 0);
}

function goesBefore(a: Rule, b: Rule): boolean {
  return a.importance !== b.importance ? a.importance < b.importance : expiresMs(a) < expiresMs(b);
}
