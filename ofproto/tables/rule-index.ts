// The rules of a subtable by the hash of their values, and in the order in which they came. Rules of one hash are chained
// through Rule.next, highest priority first. The chains' heads lie in an open hash whose keys are numbers side by side: to
// find that a rule is new, and to grow, takes no look at other rules, which are all over the memory.

import type { Rule } from './rule.ts';

const FIRST_SIZE = 16;

/** 0 means that a place is empty: rules with that hash share the chain of 1. */
const keyOf = (hash: number): number => (hash === 0 ? 1 : hash);

export class RuleIndex {
  #keys = new Int32Array(FIRST_SIZE);
  #heads: (Rule | undefined)[] = new Array(FIRST_SIZE).fill(undefined);
  #chains = 0;
  #first: Rule | undefined;
  #last: Rule | undefined;
  count = 0;

  /** The head of the chain in which rules with this hash are; others may be in it. */
  chain(hash: number): Rule | undefined {
    const at = this.#find(keyOf(hash));
    return this.#keys[at] === 0 ? undefined : this.#heads[at];
  }

  /** Adds a rule, whose hash is set. */
  insert(rule: Rule): void {
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

  /** The oldest rule; Rule.after leads to the others. */
  get first(): Rule | undefined {
    return this.#first;
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

  /** Where the key is, or would be. */
  #find(key: number): number {
    const mask = this.#keys.length - 1;
    let at = key & mask;
    while (this.#keys[at] !== 0 && this.#keys[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #chain(rule: Rule): void {
    const key = keyOf(rule.hash);
    const at = this.#find(key);
    if (this.#keys[at] === 0) {
      this.#keys[at] = key;
      this.#heads[at] = rule;
      rule.next = undefined;
      if (2 * ++this.#chains > this.#keys.length) this.#resize(2 * this.#keys.length);
      return;
    }
    const head = this.#heads[at]!;
    if (head.priority < rule.priority) {
      rule.next = head;
      this.#heads[at] = rule;
      return;
    }
    let before = head;
    while (before.next && before.next.priority >= rule.priority) before = before.next;
    rule.next = before.next;
    before.next = rule;
  }

  #unchain(rule: Rule): void {
    const at = this.#find(keyOf(rule.hash));
    const head = this.#heads[at];
    if (head !== rule) {
      let before = head;
      while (before && before.next !== rule) before = before.next;
      if (before) before.next = rule.next;
    } else if (rule.next) {
      this.#heads[at] = rule.next;
    } else {
      this.#chains--;
      this.#closeGap(at);
    }
    rule.next = undefined;
  }

  /** Moves back those after an emptied place that had to go past it. */
  #closeGap(emptied: number): void {
    const [keys, heads] = [this.#keys, this.#heads];
    const mask = keys.length - 1;
    let gap = emptied;
    for (let at = (gap + 1) & mask; keys[at] !== 0; at = (at + 1) & mask) {
      if (((at - keys[at]!) & mask) < ((at - gap) & mask)) continue;
      keys[gap] = keys[at]!;
      heads[gap] = heads[at];
      gap = at;
    }
    keys[gap] = 0;
    heads[gap] = undefined;
  }

  #resize(size: number): void {
    const [keys, heads] = [this.#keys, this.#heads];
    this.#keys = new Int32Array(size);
    this.#heads = new Array(size).fill(undefined);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const at = this.#find(keys[i]!);
      this.#keys[at] = keys[i]!;
      this.#heads[at] = heads[i];
    }
  }
}
