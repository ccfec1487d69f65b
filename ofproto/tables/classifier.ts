// Finds the highest-priority rule for a packet by tuple space search, and says which bits of the packet that took.
//
// Rules are grouped in subtables by mask. A look-up visits them in descending order of the best priority that they hold
// and stops as soon as none left can beat what it has; a subtable that was not visited adds nothing to the wildcards. A
// visit costs one hash and reads no more stages, address bits and port bits than it needs (subtable.ts, trie.ts). So a
// look-up is linear in the number of masks and independent of the number of rules.
//
// Of rules of one priority that match alike the first visited wins. OpenFlow leaves that open; it is as in Open vSwitch: a
// new subtable comes last, and one keeps its place among its equals until its own best priority asks for another.

import { FLOW_CONJ_ID, type Flow, KEY_PACKET_TYPE, type Match } from '../model/flow.ts';
import { type Minimask, type Minivalues, packMatch } from '../model/minimask.ts';
import { resolve } from './conjunction.ts';
import { DEFAULT_PREFIXES, type PrefixField } from './prefix-fields.ts';
import type { Rule } from './rule.ts';
import { Subtable } from './subtable.ts';
import { TableTries } from './table-tries.ts';

export class Classifier {
  readonly #subtables = new Map<Minimask, Subtable>();
  /** Subtables by descending priority. */
  readonly #ordered: Subtable[] = [];
  #tries = new TableTries(DEFAULT_PREFIXES);
  count = 0;

  get prefixes(): readonly PrefixField[] {
    return this.#tries.fields;
  }

  /** The fields whose prefixes are followed in tries, in the order in which they are asked. */
  set prefixes(fields: readonly PrefixField[]) {
    this.#tries = new TableTries(fields);
    for (const subtable of this.#subtables.values()) {
      subtable.prefixLengths = this.#tries.lengthsOf(subtable.mask);
      for (const rule of subtable.rules()) this.#tries.insert(rule, subtable.prefixLengths);
    }
  }

  insert(rule: Rule): void {
    let subtable = this.#subtables.get(rule.mask);
    if (!subtable) {
      subtable = new Subtable(rule.mask, this.#tries.lengthsOf(rule.mask));
      this.#subtables.set(rule.mask, subtable);
      this.#ordered.push(subtable);
    }
    const before = subtable.maxPriority;
    subtable.insert(rule);
    if (subtable.maxPriority !== before) this.#place(subtable, before);
    this.#tries.insert(rule, subtable.prefixLengths);
    this.count++;
  }

  remove(rule: Rule): void {
    const subtable = this.#subtables.get(rule.mask)!;
    const before = subtable.maxPriority;
    subtable.remove(rule);
    if (subtable.count === 0) {
      this.#subtables.delete(rule.mask);
      this.#ordered.splice(this.#placeOf(subtable, before), 1);
    } else if (subtable.maxPriority !== before) this.#place(subtable, before);
    this.#tries.remove(rule, subtable.prefixLengths);
    this.count--;
  }

  /** Moves a subtable, whose best priority is another now, up or down among the others, no further than it has to. */
  #place(subtable: Subtable, before: number): void {
    const list = this.#ordered;
    const { maxPriority } = subtable;
    const at = this.#placeOf(subtable, before);
    const isHigh = at > 0 && list[at - 1]!.maxPriority < maxPriority;
    if (!isHigh && (list[at + 1]?.maxPriority ?? -1) <= maxPriority) return;
    list.splice(at, 1);
    list.splice(firstBelow(list, isHigh ? maxPriority : maxPriority + 1), 0, subtable);
  }

  /** Where a subtable is whose best priority was `before` when it was placed. */
  #placeOf(subtable: Subtable, before: number): number {
    const list = this.#ordered;
    let at = firstBelow(list, before + 1, subtable, before);
    while (list[at] !== subtable) at++;
    return at;
  }

  /** The best rule for `flow`; ORs into `wc` every bit of the flow that the answer depends on. */
  lookup(flow: Flow, wc?: Flow): Rule | undefined {
    return this.#search(flow, wc, true);
  }

  /** `conjunctive`: rules that are clauses may make up a conjunction; else they are passed over. */
  #search(flow: Flow, wc: Flow | undefined, conjunctive: boolean): Rule | undefined {
    this.#tries.begin();
    let best: Rule | undefined;
    let soft: Rule[] | undefined;
    const isFrame = flow.u32(KEY_PACKET_TYPE) === 0;
    for (const subtable of this.#ordered) {
      if (best && subtable.maxPriority <= best.priority) break;
      if (!isFrame && subtable.mask.needsEthernet) {
        if (wc) subtable.unwildcardMetadata(wc);
        continue;
      }
      const rule = subtable.lookup(flow, wc, this.#tries);
      if (!rule || (best && rule.priority <= best.priority)) continue;
      if (rule.conjunctions.length === 0) best = rule;
      else if (conjunctive) soft = soft ? [...soft, rule] : [rule];
    }
    return soft ? resolve(soft, best, (id) => this.#searchConjunction(flow, wc, id)) : best;
  }

  #searchConjunction(flow: Flow, wc: Flow | undefined, id: number): Rule | undefined {
    const before = flow.u32(FLOW_CONJ_ID);
    flow.setU32(FLOW_CONJ_ID, id);
    const rule = this.#search(flow, wc, false);
    flow.setU32(FLOW_CONJ_ID, before);
    return rule;
  }

  /** The rule with exactly this match and priority. */
  findExact(match: Match, priority: number): Rule | undefined {
    const { minimask, values } = packMatch(match);
    return this.#subtables.get(minimask)?.find(values, priority);
  }

  /** The rule that `rule` would replace: the same match and priority. */
  findSame(rule: Rule): Rule | undefined {
    return this.#subtables.get(rule.mask)?.find(rule.values, rule.priority);
  }

  /** Rules that match a subset of what `match` does, those that a non-strict modify or delete means, if `accept` does. */
  findLoose(match: Match, accept: (rule: Rule) => boolean = () => true): Rule[] {
    const criteria = looseCriteria(match);
    const found: Rule[] = [];
    for (const subtable of this.#subtables.values()) {
      const slots = slotsOf(criteria.mask, subtable.mask);
      if (!slots) continue;
      for (let rule = subtable.first; rule; rule = rule.after) {
        if (agrees(rule, slots, criteria) && accept(rule)) found.push(rule);
      }
    }
    return found;
  }

  /** A rule of the same priority that some packet could match together with `mine`. */
  findOverlap(mine: Rule): Rule | undefined {
    for (const subtable of this.#subtables.values()) {
      if (subtable.maxPriority < mine.priority) continue;
      for (const rule of subtable.rules()) {
        if (rule.priority === mine.priority && overlaps(mine, rule)) return rule;
      }
    }
    return undefined;
  }

  *rules(): Generator<Rule> {
    for (const subtable of [...this.#subtables.values()]) yield* subtable.rules();
  }
}

/**
 * Of subtables by descending priority, how many come before those whose best priority is below `limit`. That of `one` is
 * taken to be `itsPriority`.
 */
function firstBelow(list: readonly Subtable[], limit: number, one?: Subtable, itsPriority = 0): number {
  let from = 0;
  let to = list.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const subtable = list[middle]!;
    if ((subtable === one ? itsPriority : subtable.maxPriority) < limit) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** A match that selects the rules that match a part of what it does. */
export type LooseCriteria = Masked;

export function looseCriteria(match: Match): LooseCriteria {
  const { minimask: mask, values } = packMatch(match);
  return { mask, values };
}

export function isLooseMatch(rule: Rule, criteria: LooseCriteria): boolean {
  const slots = slotsOf(criteria.mask, rule.mask);
  return slots !== undefined && agrees(rule, slots, criteria);
}

function agrees(rule: Rule, slots: readonly number[], { mask, values }: LooseCriteria): boolean {
  for (let i = 0; i < slots.length; i++) {
    if (((rule.values[slots[i]!]! & mask.bits[i]!) ^ values[i]!) !== 0) return false;
  }
  return true;
}

/** For each slot of `criteria`, the slot of `mask` that holds the same bits; undefined when `mask` lacks some. */
function slotsOf(criteria: Minimask, mask: Minimask): number[] | undefined {
  const slots: number[] = [];
  for (let i = 0; i < criteria.word.length; i++) {
    const wanted = criteria.bits[i]!;
    // Words that belong to two stages are cut alike in every mask, so one slot holds all of the bits or none does.
    const slot = mask.word.findIndex((word, j) => word === criteria.word[i] && (~mask.bits[j]! & wanted) === 0);
    if (slot < 0) return undefined;
    slots.push(slot);
  }
  return slots;
}

interface Masked {
  readonly mask: Minimask;
  readonly values: Minivalues;
}

function overlaps(a: Masked, b: Masked): boolean {
  for (let i = 0; i < a.mask.word.length; i++) {
    for (let j = 0; j < b.mask.word.length; j++) {
      if (a.mask.word[i] !== b.mask.word[j]) continue;
      if (((a.values[i]! ^ b.values[j]!) & a.mask.bits[i]! & b.mask.bits[j]!) !== 0) return false;
    }
  }
  return true;
}
