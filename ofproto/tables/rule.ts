// One flow of an OpenFlow table. What it matches never changes; actions, cookie and counters do, by flow-mods and by the
// statistics of the megaflows made from it.

import type { OfAction } from '../model/actions.ts';
import type { Match } from '../model/flow.ts';
import type { FlowMod, FlowModFlags, FlowRemovedReason, FlowStatsEntry } from '../model/flow-mod.ts';
import { type Minimask, type Minivalues, PackedMatch, packMatch } from '../model/minimask.ts';
import { PackedActions } from '../model/packed-actions.ts';
import { clausesOf } from './conjunction.ts';

/** Priorities above 65535 are weft's own rules, which OpenFlow neither shows nor changes. */
export const OFP_MAX_PRIORITY = 0xffff;

export type RuleSpec = Pick<
  FlowMod,
  'priority' | 'match' | 'cookie' | 'idleTimeout' | 'hardTimeout' | 'importance' | 'flags' | 'actions' | 'packed'
>;

/** No action is one that somebody outside of the flow keeps count of, may have such in it, or makes the flow a clause. */
function arePlain(actions: readonly OfAction[]): boolean {
  for (const { type } of actions) {
    if (type === 'group' || type === 'meter' || type === 'learn' || type === 'conjunction') return false;
    if (type === 'clone' || type === 'write_actions') return false;
  }
  return true;
}

/** Something that was made with a rule, in the list of all that were (upcall/rule-users.ts). */
export interface RuleUser {
  next: RuleUser | undefined;
  previous: RuleUser | undefined;
}

let serials = 0;

export class Rule {
  /** No other rule of this process has it. */
  readonly serial = ++serials;
  readonly tableId: number;
  readonly priority: number;
  readonly mask: Minimask;
  readonly values: Minivalues;
  cookie: bigint;
  /** Seconds; 0 never. */
  idleTimeout: number;
  hardTimeout: number;
  importance: number;
  flags: FlowModFlags;
  #actions: readonly OfAction[] | PackedActions;
  /** Its actions concern nobody but the packets. */
  isPlain: boolean;
  /** The conjunctions that the rule is a clause of: then it is no match by itself. */
  conjunctions: ReturnType<typeof clausesOf>;
  /** Whole milliseconds: a fraction would be an object of its own. */
  createdMs: number;
  modifiedMs: number;
  usedMs: number;
  packets = 0;
  bytes = 0;
  /** Set when the rule has left its table; megaflows made from it are about to go. */
  removed: FlowRemovedReason | 'replaced' | undefined;
  /** Place in the subtable (rule-index.ts): hash of the values, the next rule in the bucket, the neighbours in age. */
  hash = 0;
  next: Rule | undefined;
  before: Rule | undefined;
  after: Rule | undefined;
  users: RuleUser | undefined;

  constructor(tableId: number, spec: RuleSpec, nowMs: number) {
    this.tableId = tableId;
    this.priority = spec.priority;
    const match = packMatch(spec.match);
    this.mask = match.minimask;
    this.values = match.values;
    this.cookie = spec.cookie;
    this.idleTimeout = spec.idleTimeout;
    this.hardTimeout = spec.hardTimeout;
    this.importance = spec.importance;
    this.flags = spec.flags;
    this.isPlain = arePlain(spec.actions);
    this.#actions = this.isPlain ? inLittle(spec) : spec.actions;
    this.conjunctions = clausesOf(spec.actions);
    this.createdMs = Math.floor(nowMs);
    this.modifiedMs = this.createdMs;
    this.usedMs = this.createdMs;
  }

  /** It enters its table. */
  beginAt(nowMs: number): void {
    this.createdMs = Math.floor(nowMs);
    this.modifiedMs = this.createdMs;
    this.usedMs = this.createdMs;
  }

  get actions(): readonly OfAction[] {
    return this.#actions instanceof PackedActions ? this.#actions.list : this.#actions;
  }

  set actions(actions: readonly OfAction[]) {
    this.#actions = actions;
    this.isPlain = arePlain(actions);
    this.conjunctions = clausesOf(actions);
  }

  get hidden(): boolean {
    return this.priority > OFP_MAX_PRIORITY;
  }

  match(): Match {
    return new PackedMatch(this.mask, this.values);
  }

  /** Counts packets that went through; `usedMs` is when the last of them did. */
  credit(packets: number, bytes: number, usedMs: number): void {
    if (!this.flags.noPktCounts) this.packets += packets;
    if (!this.flags.noBytCounts) this.bytes += bytes;
    this.usedMs = Math.max(this.usedMs, Math.floor(usedMs));
  }

  stats(nowMs: number): FlowStatsEntry {
    return {
      tableId: this.tableId,
      priority: this.priority,
      match: this.match(),
      cookie: this.cookie,
      idleTimeout: this.idleTimeout,
      hardTimeout: this.hardTimeout,
      importance: this.importance,
      flags: this.flags,
      actions: this.#actions instanceof PackedActions ? this.#actions.glance() : this.#actions,
      packets: BigInt(this.packets),
      bytes: BigInt(this.bytes),
      // Whole milliseconds, as Open vSwitch counts time.
      durationMs: Math.floor(Math.max(0, nowMs - this.createdMs)),
      idleAgeMs: Math.max(0, nowMs - this.usedMs),
      hardAgeMs: Math.max(0, nowMs - this.modifiedMs),
    };
  }
}

function inLittle({ actions, packed }: RuleSpec): readonly OfAction[] | PackedActions {
  if (!packed?.holds(actions)) return actions;
  packed.forget();
  return packed;
}

/** What rules counted together (OFPST_AGGREGATE). */
export function totals(rules: readonly Rule[]): { packets: bigint; bytes: bigint; flows: number } {
  const packets = rules.reduce((sum, rule) => sum + rule.packets, 0);
  const bytes = rules.reduce((sum, rule) => sum + rule.bytes, 0);
  return { packets: BigInt(packets), bytes: BigInt(bytes), flows: rules.length };
}
