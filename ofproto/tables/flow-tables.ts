// All tables of one bridge and the five flow-mod commands on them, with Open vSwitch's semantics (ovs-ofctl(8), OpenFlow
// 1.3.5 6.4). Everything is checked before anything changes.

import type { OfAction } from '../model/actions.ts';
import { KEY_DP_HASH, KEY_RECIRC_ID, type Match } from '../model/flow.ts';
import { type FlowMod, type FlowRemovedReason, OfError } from '../model/flow-mod.ts';
import { packMatch } from '../model/minimask.ts';
import { formatActions } from '../text/format-actions.ts';
import { checkActions, checkReferences, type Resources } from './check-actions.ts';
import { checkPrerequisites } from './check-prerequisites.ts';
import { FlowTable } from './flow-table.ts';
import { inherit } from './heirs.ts';
import { LearnedCookies } from './learned-cookies.ts';
import { ALL_TABLES, INTERNAL_TABLE, MAX_TABLE, N_TABLES } from './limits.ts';
import { References } from './references.ts';
import { Rule } from './rule.ts';
import { type Selector, selection } from './selection.ts';
import { type Step, Transaction } from './transaction.ts';

/** Who asked for a change, for flow monitors: they tell a connection of its own changes in short. */
export interface ChangeOrigin {
  readonly conn: object;
  readonly xid: number;
}

/** Told about every change, after it was made. */
export interface FlowTablesListener {
  /** Any translation may now differ. */
  changed(): void;
  /** Translations that look into `table` may now find `rule`. */
  added(table: FlowTable, rule: Rule): void;
  /** Translations that found `rule` may now differ: it leaves its table, or has other actions. */
  touched(rule: Rule): void;
  /** Brings a rule's counters up to date. */
  refresh(rule: Rule): void;

  // News of visible changes, after the transaction that they were part of. A rule's megaflows still exist.

  /** `oldActions`: of the flow that it replaced. */
  flowAdded(rule: Rule, oldActions: readonly OfAction[] | undefined, origin: ChangeOrigin | undefined): void;
  /** Actions or cookie are others now. */
  flowModified(rule: Rule, oldActions: readonly OfAction[], origin: ChangeOrigin | undefined): void;
  flowRemoved(rule: Rule, reason: FlowRemovedReason, origin: ChangeOrigin | undefined): void;
}

/** All ones: a flow that replaces another has the cookie of that in Open vSwitch. */
const KEEP_COOKIE = 0xffff_ffff_ffff_ffffn;

export class FlowTables {
  readonly #tables: FlowTable[] = Array.from({ length: N_TABLES }, (_, id) => new FlowTable(id));
  readonly #expirable = new Set<Rule>();
  readonly #learned = new LearnedCookies();
  readonly #listener: FlowTablesListener;
  readonly #transaction: Transaction;
  readonly #resources: Resources;
  /** Rules by the groups and meters that they use. */
  readonly references = new References();

  /** Changes made while `transaction` is open are part of it. */
  constructor(
    listener: FlowTablesListener,
    transaction = new Transaction(),
    resources: Resources = { hasGroup: () => false, hasMeter: () => false },
  ) {
    this.#listener = listener;
    this.#transaction = transaction;
    this.#resources = resources;
  }

  tables(): readonly FlowTable[] {
    return this.#tables;
  }

  table(id: number): FlowTable | undefined {
    return this.#tables[id];
  }

  /** What can be said of a flow-mod without looking at the rules there are. Throws OfError. */
  check(mod: FlowMod): void {
    if (mod.tableId === INTERNAL_TABLE) throw new OfError('OFPBRC_EPERM', 'table 254 is internal');
    if (mod.command.startsWith('delete')) return;
    checkActions(mod.actions, mod.tableId === ALL_TABLES ? 0 : mod.tableId);
    checkConsistency(mod);
    // What recirculation uses between two passes of a packet is no business of controllers.
    if (!packMatch(mod.match).minimask.hasInternals) return;
    const { flow, mask } = mod.match;
    if (flow.u32(KEY_RECIRC_ID) !== 0 || mask.u32(KEY_DP_HASH) !== 0) throw new OfError('OFPBRC_EPERM');
  }

  /** Carries out `mod`. Throws OfError, having changed nothing. */
  apply(mod: FlowMod, nowMs: number, origin?: ChangeOrigin): void {
    if (mod.tableId === INTERNAL_TABLE) throw new OfError('OFPBRC_EPERM', 'table 254 is internal');
    switch (mod.command) {
      case 'add':
        this.add(this.prepare(mod), nowMs, origin);
        break;
      case 'modify':
        this.#modify(mod, this.select(mod), nowMs, origin);
        break;
      case 'modify_strict':
        this.#modify(mod, this.#selectStrict(mod), nowMs, origin);
        break;
      case 'delete':
        for (const rule of this.select(mod)) this.remove(rule, 'delete', origin);
        break;
      case 'delete_strict':
        for (const rule of this.#selectStrict(mod)) this.remove(rule, 'delete', origin);
        break;
    }
  }

  /** The rule that an "add" makes, checked as far as it can be before it is add()ed. Throws OfError. */
  prepare(mod: FlowMod): Rule {
    this.check(mod);
    return new Rule(mod.tableId === ALL_TABLES ? 0 : mod.tableId, mod, 0);
  }

  /** Puts a rule in place that prepare() made. Throws OfError, having changed nothing. */
  add(rule: Rule, nowMs: number, origin?: ChangeOrigin): void {
    if (!rule.isPlain) checkReferences(rule.actions, this.#resources);
    rule.beginAt(nowMs);
    const table = this.#tables[rule.tableId]!;
    const old = table.classifier.findSame(rule);
    if (old) {
      this.#replace(old, rule, origin);
      return;
    }
    if (rule.flags.checkOverlap && table.classifier.findOverlap(rule)) throw new OfError('OFPFMFC_OVERLAP');
    this.#makeRoom(table, origin);
    this.insert(rule, origin);
  }

  #replace(old: Rule, rule: Rule, origin: ChangeOrigin | undefined): void {
    if (!rule.flags.resetCounts) {
      this.#listener.refresh(old);
      rule.packets = old.packets;
      rule.bytes = old.bytes;
      inherit(old, rule);
    }
    if (rule.cookie === KEEP_COOKIE) rule.cookie = old.cookie;
    // In this order: the table never loses the mask, whose place decides between flows of one priority.
    this.#link(rule);
    this.#unlink(old, 'replaced');
    this.#transaction.note({
      undo: () => {
        this.#link(old);
        this.#unlink(rule, 'replaced');
      },
      tell: () => this.#listener.flowAdded(rule, old.actions, origin),
    });
  }

  /** Throws OfError OFPFMFC_TABLE_FULL when one more rule cannot have a place. */
  #makeRoom(table: FlowTable, origin: ChangeOrigin | undefined): void {
    while (table.activeCount >= table.maxFlows) {
      const victim = table.evictable();
      if (!victim) throw new OfError('OFPFMFC_TABLE_FULL');
      this.remove(victim, 'eviction', origin);
    }
  }

  /** After a table's limit changed: evicts what is too much, where that is allowed. */
  shrink(tableId: number): void {
    const table = this.#tables[tableId]!;
    while (table.activeCount > table.maxFlows) {
      const victim = table.evictable();
      if (!victim) return;
      this.remove(victim, 'eviction');
    }
  }

  /**
   * A flow that a learn action makes: one that is there already only counts as modified now, for its hard timeout. What
   * statistics tell late stands back behind what was made of the flow since.
   */
  learn(mod: FlowMod, nowMs: number, isLate = false): void {
    const table = this.#tables[mod.tableId];
    if (!table) return;
    const old = table.findExact(mod.match, mod.priority);
    if (old && old.cookie === mod.cookie && sameActions(old.actions, mod.actions)) {
      old.modifiedMs = Math.max(old.modifiedMs, Math.floor(nowMs));
      return;
    }
    if (isLate && old && old.modifiedMs >= Math.floor(nowMs)) return;
    // As with modify_strict, timeouts and flags stay what they were.
    if (old) {
      this.#modifyRule(old, { ...mod, newCookie: mod.cookie }, nowMs);
      return;
    }
    try {
      this.add(this.prepare(mod), nowMs);
    } catch (error) {
      // A packet cannot be told that the table is full.
      if (!(error instanceof OfError)) throw error;
    }
  }

  /** fin_timeout: neither timeout stays longer than given; 0 leaves it. */
  shortenTimeouts(rule: Rule, idleTimeout: number, hardTimeout: number): void {
    if (rule.removed) return;
    const shorter = (now: number, max: number) => (max > 0 && (now === 0 || now > max) ? max : now);
    rule.idleTimeout = shorter(rule.idleTimeout, idleTimeout);
    rule.hardTimeout = shorter(rule.hardTimeout, hardTimeout);
    if (rule.idleTimeout > 0 || rule.hardTimeout > 0) this.#expirable.add(rule);
  }

  /** Puts a rule in place: flow-mods and weft's own hidden rules. */
  insert(rule: Rule, origin?: ChangeOrigin): void {
    this.#link(rule);
    // Nothing is made to undo what stands at once.
    if (!this.#transaction.isOpen) this.#listener.flowAdded(rule, undefined, origin);
    else this.#transaction.note(new Insertion(this.#listener, this.#takeOut, rule, origin));
  }

  #modify(mod: FlowMod, rules: Rule[], nowMs: number, origin?: ChangeOrigin): void {
    if (rules.length === 0) {
      // As Open vSwitch does: a 1.0 modify, which names a new cookie, adds when it finds nothing; others do not.
      if (mod.cookieMask === 0n && mod.newCookie !== undefined) {
        this.add(this.prepare({ ...mod, cookie: mod.newCookie }), nowMs, origin);
      }
      return;
    }
    for (const rule of rules) checkActions(mod.actions, rule.tableId);
    checkReferences(mod.actions, this.#resources);
    checkConsistency(mod);
    for (const rule of rules) this.#modifyRule(rule, mod, nowMs, origin);
  }

  #modifyRule(rule: Rule, mod: FlowMod, nowMs: number, origin?: ChangeOrigin): void {
    const { actions, cookie, modifiedMs, packets, bytes } = rule;
    const newCookie = mod.keepCookie ? cookie : (mod.newCookie ?? cookie);
    const isNews = newCookie !== cookie || !sameActions(actions, mod.actions);
    this.#setActions(rule, mod.actions);
    rule.modifiedMs = Math.floor(nowMs);
    rule.cookie = newCookie;
    if (mod.flags.resetCounts) {
      // What the megaflows counted so far is forgotten too.
      this.#listener.refresh(rule);
      rule.packets = 0;
      rule.bytes = 0;
    }
    this.#listener.touched(rule);
    const undo = () => {
      this.#setActions(rule, actions);
      Object.assign(rule, { cookie, modifiedMs, packets, bytes });
      this.#listener.touched(rule);
    };
    this.#transaction.note({ undo, tell: () => isNews && this.#listener.flowModified(rule, actions, origin) });
  }

  #setActions(rule: Rule, actions: readonly OfAction[]): void {
    this.references.delete(rule);
    rule.actions = actions;
    this.references.add(rule);
  }

  /** Takes a rule out, telling the listener why. */
  remove(rule: Rule, reason: FlowRemovedReason, origin?: ChangeOrigin): void {
    if (rule.removed) return;
    this.#unlink(rule, reason);
    if (!this.#transaction.isOpen) this.#listener.flowRemoved(rule, reason, origin);
    else {
      this.#transaction.note({
        undo: () => this.#link(rule),
        tell: () => this.#listener.flowRemoved(rule, reason, origin),
      });
    }
    this.#deleteOrphans();
  }

  /** Takes out the flows of learn actions with delete_learned that no rule has any more. */
  #deleteOrphans(): void {
    if (!this.#learned.hasOrphans) return;
    for (const { tableId, cookie } of this.#learned.takeOrphans()) {
      const orphans = [...this.#tables[tableId]!.classifier.rules()].filter(
        (rule) => !rule.hidden && rule.cookie === cookie,
      );
      for (const rule of orphans) this.remove(rule, 'delete');
    }
  }

  #link(rule: Rule): void {
    const table = this.#tables[rule.tableId]!;
    rule.removed = undefined;
    table.insert(rule);
    this.references.add(rule);
    if (rule.idleTimeout > 0 || rule.hardTimeout > 0) this.#expirable.add(rule);
    if (!rule.isPlain) this.#learned.add(rule.actions);
    this.#listener.added(table, rule);
  }

  #unlink(rule: Rule, reason: Rule['removed']): void {
    rule.removed = reason;
    this.#tables[rule.tableId]!.remove(rule);
    this.references.delete(rule);
    this.#expirable.delete(rule);
    if (!rule.isPlain) this.#learned.remove(rule.actions);
    this.#listener.touched(rule);
  }

  readonly #takeOut = (rule: Rule): void => this.#unlink(rule, 'replaced');

  /** Empties every table, hidden rules included, without telling about each rule. */
  flush(): void {
    for (const table of this.#tables) {
      for (const rule of [...table.classifier.rules()]) this.#unlink(rule, 'delete');
    }
  }

  /** Visible rules in all tables that `selector` means, in table order, highest priority first. */
  select(selector: Selector): Rule[] {
    const rules: Rule[] = [];
    const isMeant = selection(selector);
    for (const table of this.#selectedTables(selector.tableId)) {
      if (table.activeCount === 0) continue;
      const here = table.classifier.findLoose(selector.match, isMeant);
      for (const rule of here.sort((a, b) => b.priority - a.priority)) rules.push(rule);
    }
    return rules;
  }

  #selectStrict(selector: Selector & { priority: number }): Rule[] {
    const rules: Rule[] = [];
    const isMeant = selection(selector);
    for (const table of this.#selectedTables(selector.tableId)) {
      const rule = table.findExact(selector.match, selector.priority);
      if (rule && isMeant(rule)) rules.push(rule);
    }
    return rules;
  }

  #selectedTables(tableId: number): readonly FlowTable[] {
    if (tableId === ALL_TABLES) return this.#tables;
    return tableId <= MAX_TABLE ? [this.#tables[tableId]!] : [];
  }

  /** The weft-made rules, of which there are some in table 0, highest priority first. */
  hiddenRules(): Rule[] {
    const { classifier, activeCount } = this.#tables[0]!;
    if (classifier.count === activeCount) return [];
    return [...classifier.rules()].filter((rule) => rule.hidden).sort((a, b) => b.priority - a.priority);
  }

  /** The weft-made rule with this match, for the owner of hidden rules. */
  findHidden(tableId: number, match: Match, priority: number): Rule | undefined {
    return this.#tables[tableId]!.findExact(match, priority);
  }

  /** Removes rules whose time is up. An idle rule's counters are brought up to date first. */
  expire(nowMs: number): void {
    for (const rule of this.#expirable) {
      if (rule.hardTimeout > 0 && nowMs >= rule.modifiedMs + rule.hardTimeout * 1000) {
        this.remove(rule, 'hard_timeout');
      } else if (isIdle(rule, nowMs)) {
        this.#listener.refresh(rule);
        if (isIdle(rule, nowMs)) this.remove(rule, 'idle_timeout');
      }
    }
  }
}

/** A rule was put where there was none: what most of a large transaction is. */
class Insertion implements Step {
  readonly #listener: FlowTablesListener;
  readonly #takeOut: (rule: Rule) => void;
  readonly #rule: Rule;
  readonly #origin: ChangeOrigin | undefined;

  constructor(
    listener: FlowTablesListener,
    takeOut: (rule: Rule) => void,
    rule: Rule,
    origin: ChangeOrigin | undefined,
  ) {
    this.#listener = listener;
    this.#takeOut = takeOut;
    this.#rule = rule;
    this.#origin = origin;
  }

  undo(): void {
    this.#takeOut(this.#rule);
  }

  tell(): void {
    this.#listener.flowAdded(this.#rule, undefined, this.#origin);
  }
}

/** Throws OfError OFPBAC_MATCH_INCONSISTENT. */
function checkConsistency({ actions, match, strictActions }: FlowMod): void {
  if (!checkPrerequisites(actions, match) && strictActions) throw new OfError('OFPBAC_MATCH_INCONSISTENT');
}

const sameActions = (a: readonly OfAction[], b: readonly OfAction[]) =>
  a === b || formatActions(a) === formatActions(b);

const isIdle = (rule: Rule, nowMs: number) =>
  rule.idleTimeout > 0 && nowMs >= Math.max(rule.usedMs, rule.createdMs) + rule.idleTimeout * 1000;
