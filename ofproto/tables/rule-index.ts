// The rules of a subtable by the hash of their values, and in the order in which they came. Rules whose hash falls into one
// bucket are chained through Rule.next, highest priority first.

import type { Rule } from './rule.ts';

const FIRST_SIZE = 8;

export class RuleIndex {
  #buckets: (Rule | undefined)[] = new Array(FIRST_SIZE).fill(undefined);
  #first: Rule | undefined;
  #last: Rule | undefined;
  count = 0;

  /** The head of the chain in which rules with this hash are; others may be in it. */
  chain(hash: number): Rule | undefined {
    return this.#buckets[hash & (this.#buckets.length - 1)];
  }

  /** Adds a rule, whose hash is set. */
  insert(rule: Rule): void {
    if (this.count >= this.#buckets.length) this.#grow();
    this.#chain(rule);
    rule.before = this.#last;
    rule.after = undefined;
    if (this.#last) this.#last.after = rule;
    else this.#first = rule;
    this.#last = rule;
    this.count++;
  }

  remove(rule: Rule): void {
    this.#unchain(rule);
    if (rule.before) rule.before.after = rule.after;
    else this.#first = rule.after;
    if (rule.after) rule.after.before = rule.before;
    else this.#last = rule.before;
    rule.before = undefined;
    rule.after = undefined;
    this.count--;
  }

  /** Every rule, oldest first. */
  *rules(): Generator<Rule> {
    for (let rule = this.#first; rule; ) {
      // The caller may remove the rule, which unlinks it.
      const { after }: Rule = rule;
      yield rule;
      rule = after;
    }
  }

  #chain(rule: Rule): void {
    const bucket = rule.hash & (this.#buckets.length - 1);
    const head = this.#buckets[bucket];
    if (!head || head.priority < rule.priority) {
      rule.next = head;
      this.#buckets[bucket] = rule;
      return;
    }
    let at = head;
    while (at.next && at.next.priority >= rule.priority) at = at.next;
    rule.next = at.next;
    at.next = rule;
  }

  #unchain(rule: Rule): void {
    const bucket = rule.hash & (this.#buckets.length - 1);
    let at = this.#buckets[bucket];
    if (at === rule) {
      this.#buckets[bucket] = rule.next;
    } else {
      while (at && at.next !== rule) at = at.next;
      if (at) at.next = rule.next;
    }
    rule.next = undefined;
  }

  #grow(): void {
    this.#buckets = new Array(2 * this.#buckets.length).fill(undefined);
    for (let rule = this.#first; rule; rule = rule.after) this.#chain(rule);
  }
}
