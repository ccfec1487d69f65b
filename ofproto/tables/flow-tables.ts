// All tables of one bridge and the five flow-mod commands on them, with Open vSwitch's semantics (ovs-ofctl(8), OpenFlow
// 1.3.5 6.4). Everything is checked before anything changes.

import type { OfAction } from '../model/actions.ts';
import { OFPP } from '../model/actions.ts';
import type { Match } from '../model/flow.ts';
import { type FlowMod, type FlowRemovedReason, type FlowStatsRequest, OfError } from '../model/flow-mod.ts';
import { formatActions } from '../text/format-actions.ts';
import { checkActions } from './check-actions.ts';
import { checkPrerequisites } from './check-prerequisites.ts';
import { FlowTable } from './flow-table.ts';
import { ALL_TABLES, INTERNAL_TABLE, MAX_RULES, MAX_TABLE, N_TABLES } from './limits.ts';
import { Rule } from './rule.ts';

const OFPG_ANY = 0xffffffff;

/** Told about every change, after it was made. */
export interface FlowTablesListener {
  /** Any translation may now differ. */
  changed(): void;
  /** Translations that look into `table` may now find `rule`. */
  added(table: FlowTable, rule: Rule): void;
  /** Translations that found `rule` may now differ: it leaves its table, or has other actions. */
  touched(rule: Rule): void;
  /** Called just before `rule` leaves its table, while its megaflows still exist. */
  removing(rule: Rule, reason: FlowRemovedReason): void;
}

/** What selects rules in modify, delete and statistics requests. */
type Selector = Pick<FlowStatsRequest, 'tableId' | 'match' | 'cookie' | 'cookieMask' | 'outPort' | 'outGroup'>;

export class FlowTables {
  readonly #tables: FlowTable[] = Array.from({ length: N_TABLES }, (_, id) => new FlowTable(id));
  readonly #expirable = new Set<Rule>();
  readonly #listener: FlowTablesListener;

  constructor(listener: FlowTablesListener) {
    this.#listener = listener;
  }

  tables(): readonly FlowTable[] {
    return this.#tables;
  }

  table(id: number): FlowTable | undefined {
    return this.#tables[id];
  }

  /** Carries out `mod`. Throws OfError, having changed nothing. */
  apply(mod: FlowMod, nowMs: number): void {
    if (mod.tableId === INTERNAL_TABLE) throw new OfError('OFPBRC_EPERM', 'table 254 is internal');
    switch (mod.command) {
      case 'add':
        this.#add(mod, nowMs);
        break;
      case 'modify':
        this.#modify(mod, this.select(mod), nowMs);
        break;
      case 'modify_strict':
        this.#modify(mod, this.#selectStrict(mod), nowMs);
        break;
      case 'delete':
        this.#delete(this.select(mod));
        break;
      case 'delete_strict':
        this.#delete(this.#selectStrict(mod));
        break;
    }
  }

  #add(mod: FlowMod, nowMs: number): void {
    const table = this.#tables[mod.tableId === ALL_TABLES ? 0 : mod.tableId]!;
    checkActions(mod.actions, table.id);
    checkPrerequisites(mod.actions, mod.match.flow);
    const old = table.findExact(mod.match, mod.priority);
    if (!old && mod.flags.checkOverlap && table.classifier.findOverlap(mod.match, mod.priority)) {
      throw new OfError('OFPFMFC_OVERLAP');
    }
    if (!old && table.activeCount >= MAX_RULES) throw new OfError('OFPFMFC_TABLE_FULL');
    const rule = new Rule(table.id, mod, nowMs);
    if (old) {
      if (!mod.flags.resetCounts) {
        rule.packets = old.packets;
        rule.bytes = old.bytes;
      }
      this.#unlink(old, 'replaced');
    }
    this.insert(rule);
  }

  /** A flow that a learn action makes: one that is there already only counts as modified now, for its hard timeout. */
  learn(mod: FlowMod, nowMs: number): void {
    const table = this.#tables[mod.tableId];
    if (!table) return;
    const old = table.findExact(mod.match, mod.priority);
    if (old && old.cookie === mod.cookie && sameActions(old.actions, mod.actions)) {
      old.modifiedMs = Math.max(old.modifiedMs, nowMs);
      return;
    }
    try {
      this.#add(mod, nowMs);
    } catch (error) {
      // A packet cannot be told that the table is full.
      if (!(error instanceof OfError)) throw error;
    }
  }

  /** Puts a rule in place: flow-mods and weft's own hidden rules. */
  insert(rule: Rule): void {
    const table = this.#tables[rule.tableId]!;
    table.insert(rule);
    if (rule.idleTimeout > 0 || rule.hardTimeout > 0) this.#expirable.add(rule);
    this.#listener.added(table, rule);
  }

  #modify(mod: FlowMod, rules: Rule[], nowMs: number): void {
    if (rules.length === 0) {
      // As Open vSwitch does: a 1.0 modify, which names a new cookie, adds when it finds nothing; others do not.
      if (mod.cookieMask === 0n && mod.newCookie !== undefined) this.#add({ ...mod, cookie: mod.newCookie }, nowMs);
      return;
    }
    for (const rule of rules) checkActions(mod.actions, rule.tableId);
    checkPrerequisites(mod.actions, mod.match.flow);
    for (const rule of rules) {
      rule.actions = mod.actions;
      rule.modifiedMs = nowMs;
      if (mod.newCookie !== undefined) rule.cookie = mod.newCookie;
      if (mod.flags.resetCounts) {
        rule.packets = 0;
        rule.bytes = 0;
      }
      this.#listener.touched(rule);
    }
  }

  #delete(rules: Rule[]): void {
    for (const rule of rules) this.remove(rule, 'delete');
  }

  /** Takes a rule out, telling the listener why. */
  remove(rule: Rule, reason: FlowRemovedReason): void {
    if (rule.removed) return;
    this.#listener.removing(rule, reason);
    this.#unlink(rule, reason);
  }

  #unlink(rule: Rule, reason: Rule['removed']): void {
    rule.removed = reason;
    this.#tables[rule.tableId]!.remove(rule);
    this.#expirable.delete(rule);
    this.#listener.touched(rule);
  }

  /** Empties every table, hidden rules included, without telling about each rule. */
  flush(): void {
    for (const table of this.#tables) {
      for (const rule of [...table.classifier.rules()]) this.#unlink(rule, 'delete');
    }
  }

  /** Visible rules in all tables that `selector` means, in table order, highest priority first. */
  select(selector: Selector): Rule[] {
    const rules: Rule[] = [];
    for (const table of this.#selectedTables(selector.tableId)) {
      if (table.activeCount === 0) continue;
      const here = [...table.classifier.findLoose(selector.match)].filter((rule) => selects(selector, rule));
      for (const rule of here.sort((a, b) => b.priority - a.priority)) rules.push(rule);
    }
    return rules;
  }

  #selectStrict(selector: Selector & { priority: number }): Rule[] {
    const rules: Rule[] = [];
    for (const table of this.#selectedTables(selector.tableId)) {
      const rule = table.findExact(selector.match, selector.priority);
      if (rule && selects(selector, rule)) rules.push(rule);
    }
    return rules;
  }

  #selectedTables(tableId: number): readonly FlowTable[] {
    if (tableId === ALL_TABLES) return this.#tables;
    return tableId <= MAX_TABLE ? [this.#tables[tableId]!] : [];
  }

  /** The weft-made rule with this match, for the owner of hidden rules. */
  findHidden(tableId: number, match: Match, priority: number): Rule | undefined {
    return this.#tables[tableId]!.findExact(match, priority);
  }

  /** Removes rules whose time is up. `refresh` brings a rule's counters up to date; asked before an idle rule goes. */
  expire(nowMs: number, refresh: (rule: Rule) => void): void {
    for (const rule of this.#expirable) {
      if (rule.hardTimeout > 0 && nowMs >= rule.modifiedMs + rule.hardTimeout * 1000) {
        this.remove(rule, 'hard_timeout');
      } else if (isIdle(rule, nowMs)) {
        refresh(rule);
        if (isIdle(rule, nowMs)) this.remove(rule, 'idle_timeout');
      }
    }
  }
}

const sameActions = (a: readonly OfAction[], b: readonly OfAction[]) => formatActions(a) === formatActions(b);

const isIdle = (rule: Rule, nowMs: number) =>
  rule.idleTimeout > 0 && nowMs >= Math.max(rule.usedMs, rule.createdMs) + rule.idleTimeout * 1000;

function selects(selector: Selector, rule: Rule): boolean {
  return (
    !rule.hidden &&
    ((rule.cookie ^ selector.cookie) & selector.cookieMask) === 0n &&
    (selector.outPort === OFPP.ANY || rule.actions.some((action) => outputsTo(action, selector.outPort))) &&
    selector.outGroup === OFPG_ANY
  );
}

function outputsTo(action: OfAction, port: number): boolean {
  switch (action.type) {
    case 'output':
    case 'output_trunc':
    case 'enqueue':
      return action.port === port;
    case 'controller':
      return port === OFPP.CONTROLLER;
    case 'clone':
    case 'write_actions':
      return action.actions.some((inner) => outputsTo(inner, port));
    default:
      return false;
  }
}
