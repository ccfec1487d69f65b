// The address tries of one table: all prefixes of its rules, by field, and their answers for the packet at hand, which are
// asked for at most once a look-up and shared by its subtables.

import { type Flow, KEY_ETH_TYPE } from '../model/flow.ts';
import { bigEndian, expandMatch, type Minimask } from '../model/minimask.ts';
import { LazyTrie } from './lazy-trie.ts';
import { hasPrefixBits, type PrefixField, prefixLength, readPrefix, readPrefixBits } from './prefix-fields.ts';
import type { Rule } from './rule.ts';
import { TrieAnswer } from './trie.ts';

export class TableTries {
  readonly fields: readonly PrefixField[];
  readonly #tries: readonly LazyTrie[];
  readonly #answers: readonly TrieAnswer[];
  readonly #asked: boolean[];
  readonly #value: number[] = [];

  constructor(fields: readonly PrefixField[]) {
    this.fields = fields;
    this.#tries = fields.map(() => new LazyTrie());
    this.#answers = fields.map(() => new TrieAnswer());
    this.#asked = fields.map(() => false);
  }

  /** The prefix length of each field in a mask. */
  lengthsOf(mask: Minimask): readonly number[] {
    const { mask: expanded } = expandMatch(mask, new Array<number>(mask.word.length).fill(0));
    return this.fields.map((field) => prefixLength(field, expanded));
  }

  insert(rule: Rule, lengths: readonly number[]): void {
    for (let i = 0; i < lengths.length; i++) {
      if (lengths[i]! > 0) this.#tries[i]!.insert(this.#valueOf(rule, i), lengths[i]!);
    }
  }

  remove(rule: Rule, lengths: readonly number[]): void {
    for (let i = 0; i < lengths.length; i++) {
      if (lengths[i]! > 0) this.#tries[i]!.remove(this.#valueOf(rule, i), lengths[i]!);
    }
  }

  /** A rule's value of a field: its slots hold the words in the machine's order. */
  #valueOf(rule: Rule, index: number): number[] {
    const { offset, size } = this.fields[index]!;
    const { word } = rule.mask;
    if (this.#value.length !== size / 4) this.#value.length = size / 4;
    this.#value.fill(0);
    for (let i = 0; i < word.length; i++) {
      const at = word[i]! - offset / 4;
      if (at >= 0 && at < size / 4) this.#value[at]! |= bigEndian(rule.values[i]!);
    }
    return this.#value;
  }

  /** A look-up begins. */
  begin(): void {
    for (let i = 0; i < this.#asked.length; i++) this.#asked[i] = false;
  }

  /**
   * True when no rule's prefix can cover the packet's address, for subtables with these prefix lengths, and saying so
   * reads fewer bits than a look-up in the subtable would; marks them in `wc`.
   */
  ruleOut(stage: number, lengths: readonly number[], flow: Flow, wc: Flow): boolean {
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      const field = this.fields[i]!;
      if (length === 0 || field.stage !== stage) continue;
      if (field.ethType !== 0 && flow.u16(KEY_ETH_TYPE) !== field.ethType) continue;
      const answer = this.#ask(i, flow);
      if (answer.hasLength(length)) continue;
      if (answer.checkedBits > length) {
        if (hasPrefixBits(field, answer.checkedBits, wc)) return true;
        continue;
      }
      readPrefixBits(field, answer.checkedBits, wc);
      return true;
    }
    return false;
  }

  #ask(index: number, flow: Flow): TrieAnswer {
    const answer = this.#answers[index]!;
    if (!this.#asked[index]) {
      this.#tries[index]!.lookup(readPrefix(this.fields[index]!, flow, this.#value), answer);
      this.#asked[index] = true;
    }
    return answer;
  }
}
