// One OpenFlow table: its rules, found by packet or by description, and its counters.

import type { Flow, Match } from '../model/flow.ts';
import { Classifier } from './classifier.ts';
import type { Rule } from './rule.ts';

export class FlowTable {
  readonly id: number;
  readonly classifier = new Classifier();
  /** Packets looked up here, and those that found a rule; megaflow hits are counted when their statistics come in. */
  lookupCount = 0;
  matchedCount = 0;
  #hiddenCount = 0;

  constructor(id: number) {
    this.id = id;
  }

  /** Rules that OpenFlow shows. */
  get activeCount(): number {
    return this.classifier.count - this.#hiddenCount;
  }

  insert(rule: Rule): void {
    this.classifier.insert(rule);
    if (rule.hidden) this.#hiddenCount++;
  }

  remove(rule: Rule): void {
    this.classifier.remove(rule);
    if (rule.hidden) this.#hiddenCount--;
  }

  lookup(flow: Flow, wc?: Flow): Rule | undefined {
    return this.classifier.lookup(flow, wc);
  }

  findExact(match: Match, priority: number): Rule | undefined {
    return this.classifier.findExact(match, priority);
  }
}
