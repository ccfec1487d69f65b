// One OpenFlow table: its rules, found by packet or by description, its counters, and what to do when it is full.

import type { Subfield } from '../model/actions.ts';
import type { Flow, Match } from '../model/flow.ts';
import type { TableStats } from '../model/flow-mod.ts';
import type { TableMiss } from '../model/messages.ts';
import { Classifier } from './classifier.ts';
import { EvictionGroups } from './eviction.ts';
import { MAX_RULES } from './limits.ts';
import { DEFAULT_PREFIXES, type PrefixField } from './prefix-fields.ts';
import type { Rule } from './rule.ts';

/** What a Flow_Table row of the database says (ovs-vswitchd.conf.db(5)). */
export interface FlowTableConfig {
  readonly name: string;
  readonly flowLimit: number | undefined;
  readonly evict: boolean;
  readonly groups: readonly Subfield[];
  /** Fields whose prefixes it follows; absent for Open vSwitch's own choice. */
  readonly prefixes?: readonly PrefixField[];
}

const UNCONFIGURED: FlowTableConfig = { name: '', flowLimit: undefined, evict: false, groups: [] };

export class FlowTable {
  readonly id: number;
  readonly classifier = new Classifier();
  /** Packets looked up here, and those that found a rule; megaflow hits are counted when their statistics come in. */
  lookupCount = 0;
  matchedCount = 0;
  #hiddenCount = 0;
  #config = UNCONFIGURED;
  #openflowEviction = false;
  #eviction: EvictionGroups | undefined;
  /** As a controller named it, where the database does not. */
  openflowName = '';
  /** What a table-mod of 1.1 or 1.2 said of packets that no rule matches. */
  miss: TableMiss | 'default' = 'default';

  constructor(id: number) {
    this.id = id;
  }

  /** Rules that OpenFlow shows. */
  get activeCount(): number {
    return this.classifier.count - this.#hiddenCount;
  }

  get config(): FlowTableConfig {
    return this.#config;
  }

  /** Rules it takes at most. */
  get maxFlows(): number {
    return Math.min(this.#config.flowLimit ?? MAX_RULES, MAX_RULES);
  }

  /** How much of it is free, in per cent. */
  get vacancy(): number {
    const { activeCount, maxFlows } = this;
    return activeCount >= maxFlows ? 0 : Math.floor(((maxFlows - activeCount) * 100) / maxFlows);
  }

  /** OFPTC_EVICTION as a controller set it. */
  get openflowEviction(): boolean {
    return this.#openflowEviction;
  }

  configure(config: FlowTableConfig = UNCONFIGURED): void {
    this.#config = config;
    const prefixes = config.prefixes ?? DEFAULT_PREFIXES;
    const same = prefixes.length === this.classifier.prefixes.length;
    if (!same || prefixes.some((field, i) => field !== this.classifier.prefixes[i]))
      this.classifier.prefixes = prefixes;
    this.#regroup();
  }

  setOpenflowEviction(on: boolean): void {
    if (on === this.#openflowEviction) return;
    this.#openflowEviction = on;
    this.#regroup();
  }

  #regroup(): void {
    const { evict, groups } = this.#config;
    const wanted = evict || this.#openflowEviction;
    this.#eviction = wanted ? new EvictionGroups(groups, this.classifier.rules()) : undefined;
  }

  /** The rule to give up for another; undefined when none may be. */
  evictable(): Rule | undefined {
    return this.#eviction?.choose();
  }

  stats(): TableStats {
    return {
      tableId: this.id,
      name: this.#config.name || this.openflowName,
      maxEntries: this.maxFlows,
      activeCount: this.activeCount,
      lookupCount: BigInt(this.lookupCount),
      matchedCount: BigInt(this.matchedCount),
    };
  }

  insert(rule: Rule): void {
    this.classifier.insert(rule);
    this.#eviction?.add(rule);
    if (rule.hidden) this.#hiddenCount++;
  }

  remove(rule: Rule): void {
    this.classifier.remove(rule);
    this.#eviction?.remove(rule);
    if (rule.hidden) this.#hiddenCount--;
  }

  lookup(flow: Flow, wc?: Flow): Rule | undefined {
    return this.classifier.lookup(flow, wc);
  }

  findExact(match: Match, priority: number): Rule | undefined {
    return this.classifier.findExact(match, priority);
  }
}
