// The rules of one table that share a mask: a hash of the masked words finds the rule. Look-ups go stage by stage (see
// stages.ts) and mark in the wildcards exactly what they read.

import { type Flow, KEY_TP_SRC } from '../model/flow.ts';
import { bigEndian, type Minimask, type Minivalues } from '../model/minimask.ts';
import { N_STAGES } from '../model/stages.ts';
import { HashCounts } from './hash-counts.ts';
import { LazyTrie } from './lazy-trie.ts';
import { Priorities } from './priorities.ts';
import type { Rule } from './rule.ts';
import { RuleIndex } from './rule-index.ts';
import type { TableTries } from './table-tries.ts';

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
  maxPriority = -1;
  readonly #rules = new RuleIndex();
  readonly #priorities = new Priorities();
  /** For each stage but the last: hashes of the masked words so far, with how many rules have each. */
  readonly #indexes: (HashCounts | undefined)[];
  readonly #portsTrie: LazyTrie | undefined;
  /** The slot of the ports, and a rule's ports as a bit string. */
  readonly #portsSlot: number;
  readonly #ports = [0];

  constructor(mask: Minimask, prefixLengths: readonly number[]) {
    this.mask = mask;
    this.prefixLengths = prefixLengths;
    const last = mask.stageEnd[N_STAGES - 1]!;
    this.#indexes = mask.stageEnd.map((end, stage) =>
      end > (mask.stageEnd[stage - 1] ?? 0) && end < last ? new HashCounts() : undefined,
    );
    this.#portsTrie = mask.portsPrefix > 0 ? new LazyTrie() : undefined;
    this.#portsSlot = mask.word.indexOf(PORTS_WORD);
  }

  get count(): number {
    return this.#rules.count;
  }

  insert(rule: Rule): void {
    rule.hash = this.#index(rule.values, 1);
    this.#rules.insert(rule);
    this.#portsTrie?.insert(this.#portsOf(rule), this.mask.portsPrefix);
    this.#priorities.add(rule.priority);
    this.maxPriority = this.#priorities.max;
  }

  remove(rule: Rule): void {
    this.#index(rule.values, -1);
    this.#rules.remove(rule);
    this.#portsTrie?.remove(this.#portsOf(rule), this.mask.portsPrefix);
    this.#priorities.delete(rule.priority);
    this.maxPriority = this.#priorities.max;
  }

  /** Hash of a rule's values; adds it to the stage indexes on the way (1), or takes it out of them (-1). */
  #index(values: Minivalues, change: -1 | 0 | 1): number {
    const { stageEnd } = this.mask;
    let hash = 0;
    let slot = 0;
    for (let stage = 0; stage < N_STAGES; stage++) {
      for (const end = stageEnd[stage]!; slot < end; slot++) hash = mix(hash, values[slot]!);
      const index = this.#indexes[stage];
      if (!index) continue;
      if (change > 0) index.add(hash);
      else if (change < 0) index.delete(hash);
    }
    return finish(hash);
  }

  #portsOf(rule: Rule): number[] {
    this.#ports[0] = bigEndian(rule.values[this.#portsSlot]!);
    return this.#ports;
  }

  /** The rule with exactly these values and this priority. */
  find(values: Minivalues, priority: number): Rule | undefined {
    const hash = this.#index(values, 0);
    for (let rule = this.#rules.chain(hash); rule; rule = rule.next) {
      if (rule.hash === hash && rule.priority === priority && sameValues(rule.values, values)) return rule;
    }
    return undefined;
  }

  /** The oldest rule; Rule.after leads to the others. */
  get first(): Rule | undefined {
    return this.#rules.first;
  }

  rules(): Generator<Rule> {
    return this.#rules.rules();
  }

  /**
   * The best rule that matches `flow`. Sets in `wc`, if given, the bits that decided. Most look-ups that matter find
   * something, and then all of the mask was read: only a failure asks how little would have shown it.
   */
  lookup(flow: Flow, wc: Flow | undefined, tries: TableTries): Rule | undefined {
    const { word, bits } = this.mask;
    let hash = 0;
    for (let slot = 0; slot < word.length; slot++) hash = mix(hash, flow.words[word[slot]!]! & bits[slot]!);
    const wanted = finish(hash);
    let rule = this.#rules.chain(wanted);
    while (rule && !(rule.hash === wanted && this.#matches(rule, flow))) rule = rule.next;
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

  /** Marks what a look-up reads that fails in the first stage. */
  unwildcardMetadata(wc: Flow): void {
    this.#unwildcard(wc, this.mask.stageEnd[0]!);
  }

  /** Marks the first `slots` slots of the mask as read. */
  #unwildcard(wc: Flow, slots: number): void {
    for (let i = 0; i < slots; i++) wc.words[this.mask.word[i]!]! |= this.mask.bits[i]!;
  }
}

const prefixBits = (length: number): number => (length === 0 ? 0 : (-1 << (32 - length)) >>> 0);

function sameValues(a: Minivalues, b: Minivalues): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
