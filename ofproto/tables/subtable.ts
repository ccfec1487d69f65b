// The rules of one table that share a mask: a hash of the masked words finds the rule. Look-ups go stage by stage (see
// stages.ts) and mark in the wildcards exactly what they read.

import { type Flow, KEY_TP_SRC } from '../model/flow.ts';
import type { Minimask } from './minimask.ts';
import { Priorities } from './priorities.ts';
import type { Rule } from './rule.ts';
import { N_STAGES } from './stages.ts';
import type { TableTries } from './table-tries.ts';
import { PrefixTrie } from './trie.ts';

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

const finish = (hash: number): number => {
  const h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
};

const PORTS_WORD = KEY_TP_SRC / 4;

export class Subtable {
  readonly mask: Minimask;
  /** Lengths of the prefixes that the table follows in tries. */
  prefixLengths: readonly number[];
  count = 0;
  maxPriority = -1;
  readonly #buckets = new Map<number, Rule>();
  readonly #priorities = new Priorities();
  /** For each stage but the last: hash of the masked words so far, to the number of rules that have it. */
  readonly #indexes: (Map<number, number> | undefined)[];
  readonly #portsTrie: PrefixTrie | undefined;

  constructor(mask: Minimask, prefixLengths: readonly number[]) {
    this.mask = mask;
    this.prefixLengths = prefixLengths;
    const last = mask.stageEnd[N_STAGES - 1]!;
    this.#indexes = mask.stageEnd.map((end, stage) =>
      end > (mask.stageEnd[stage - 1] ?? 0) && end < last ? new Map() : undefined,
    );
    this.#portsTrie = mask.portsPrefix > 0 ? new PrefixTrie() : undefined;
  }

  insert(rule: Rule): void {
    const hash = this.#indexRule(rule.values, 1);
    const head = this.#buckets.get(hash);
    if (!head || head.priority < rule.priority) {
      rule.next = head;
      this.#buckets.set(hash, rule);
    } else {
      let at = head;
      while (at.next && at.next.priority >= rule.priority) at = at.next;
      rule.next = at.next;
      at.next = rule;
    }
    this.#portsTrie?.insert([portsOf(rule)], this.mask.portsPrefix);
    this.count++;
    this.#priorities.add(rule.priority);
    this.maxPriority = this.#priorities.max;
  }

  remove(rule: Rule): void {
    const hash = this.#indexRule(rule.values, -1);
    let at = this.#buckets.get(hash);
    if (at === rule) {
      if (rule.next) this.#buckets.set(hash, rule.next);
      else this.#buckets.delete(hash);
    } else {
      while (at && at.next !== rule) at = at.next;
      if (at) at.next = rule.next;
    }
    rule.next = undefined;
    this.#portsTrie?.remove([portsOf(rule)], this.mask.portsPrefix);
    this.count--;
    this.#priorities.delete(rule.priority);
    this.maxPriority = this.#priorities.max;
  }

  /** Hash of a rule's values; adds `delta` to its entries in the stage indexes on the way. */
  #indexRule(values: Uint32Array, delta: number): number {
    let hash = 0;
    let slot = 0;
    for (let stage = 0; stage < N_STAGES; stage++) {
      for (const end = this.mask.stageEnd[stage]!; slot < end; slot++) hash = mix(hash, values[slot]!);
      const index = this.#indexes[stage];
      if (!index || delta === 0) continue;
      const count = (index.get(hash) ?? 0) + delta;
      if (count === 0) index.delete(hash);
      else index.set(hash, count);
    }
    return finish(hash);
  }

  /** The rule with exactly these values and this priority. */
  find(values: Uint32Array, priority: number): Rule | undefined {
    for (let rule = this.#buckets.get(this.#indexRule(values, 0)); rule; rule = rule.next) {
      if (rule.priority === priority && sameValues(rule.values, values)) return rule;
    }
    return undefined;
  }

  *rules(): Generator<Rule> {
    for (const head of this.#buckets.values()) {
      for (let rule: Rule | undefined = head; rule; ) {
        // The caller may remove the rule, which unlinks it.
        const next: Rule | undefined = rule.next;
        yield rule;
        rule = next;
      }
    }
  }

  /**
   * The best rule that matches `flow`. Sets in `wc`, if given, the bits that decided. Most look-ups that matter find
   * something, and then all of the mask was read: only a failure asks how little would have shown it.
   */
  lookup(flow: Flow, wc: Flow | undefined, tries: TableTries): Rule | undefined {
    const { word, bits } = this.mask;
    let hash = 0;
    for (let slot = 0; slot < word.length; slot++) hash = mix(hash, flow.words[word[slot]!]! & bits[slot]!);
    let rule = this.#buckets.get(finish(hash));
    while (rule && !this.#matches(rule, flow)) rule = rule.next;
    if (!wc) return rule;
    if (rule) this.#unwildcard(wc, word.length);
    else this.#explainFailure(flow, wc, tries);
    return rule;
  }

  /** Marks what a look-up stage by stage reads until it knows that there is no rule. */
  #explainFailure(flow: Flow, wc: Flow, tries: TableTries): void {
    const { stageEnd, word, bits } = this.mask;
    let hash = 0;
    let slot = 0;
    for (let stage = 0; stage < N_STAGES; stage++) {
      if (tries.ruleOut(stage, this.prefixLengths, flow, wc)) {
        this.#unwildcard(wc, slot);
        return;
      }
      const index = this.#indexes[stage];
      const end = stageEnd[stage]!;
      for (; slot < end; slot++) hash = mix(hash, flow.words[word[slot]!]! & bits[slot]!);
      if (index && !index.has(hash)) {
        this.#unwildcard(wc, slot);
        return;
      }
    }
    if (!this.#portsTrie) {
      this.#unwildcard(wc, word.length);
      return;
    }
    const { portsMask } = this.mask;
    const checked = this.#portsTrie.lookup([flow.u32(KEY_TP_SRC) & portsMask]).checkedBits;
    wc.setU32(KEY_TP_SRC, (wc.u32(KEY_TP_SRC) | (portsMask & prefixBits(checked))) >>> 0);
    for (let i = 0; i < word.length; i++) if (word[i] !== PORTS_WORD) wc.words[word[i]!]! |= bits[i]!;
  }

  #matches(rule: Rule, flow: Flow): boolean {
    const { word, bits } = this.mask;
    for (let i = 0; i < word.length; i++) {
      if (((flow.words[word[i]!]! & bits[i]!) ^ rule.values[i]!) !== 0) return false;
    }
    return true;
  }

  /** Marks the first `slots` slots of the mask as read. */
  #unwildcard(wc: Flow, slots: number): void {
    for (let i = 0; i < slots; i++) wc.words[this.mask.word[i]!]! |= this.mask.bits[i]!;
  }
}

const prefixBits = (length: number): number => (length === 0 ? 0 : (-1 << (32 - length)) >>> 0);

function portsOf(rule: Rule): number {
  const index = rule.mask.word.indexOf(PORTS_WORD);
  const view = new DataView(rule.values.buffer, rule.values.byteOffset + 4 * index, 4);
  return view.getUint32(0);
}

function sameValues(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
