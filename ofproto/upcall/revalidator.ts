// Keeps megaflows what a fresh translation would make of them, credits their statistics to OpenFlow rules, and removes
// idle ones.
//
// Changes. Most changes concern few megaflows, and finding those costs no translation: a rule that went or got other
// actions knows its megaflows, an address knows those that asked for it, and new rules are compared with what look-ups
// saw (changes.ts). Only what may differ is translated again: equal actions under a mask that is no narrower stay, other
// actions are swapped in place, anything else is deleted and comes back by a miss.
//
// Time. Everything that walks over many megaflows gives way to the event loop often (lib/slices.ts). After a change a walk
// begins soon (walks.ts), and hurries when it takes long (hurry.ts). Twice a second a round reads every megaflow's
// counters.

import type { DpFlow, Dpif, FlowPut, LateCounts } from '../../datapath/dpif.ts';
import type { Clock } from '../../lib/clock.ts';
import { inSlices } from '../../lib/slices.ts';
import { Flow, KEY_IN_PORT, KEY_SIZE } from '../model/flow.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import { covers, datapathMask } from '../xlate/datapath-mask.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import type { Effects, Xlated } from '../xlate/snapshot.ts';
import { ChangeBatch } from './changes.ts';
import { FlowLimit, MAX_IDLE_CROWDED_MS } from './flow-limit.ts';
import { Hurry, MANY } from './hurry.ts';
import { KeyStore } from './key-store.ts';
import { lateCredit } from './late-credit.ts';
import { MacReaders } from './mac-readers.ts';
import { wordsOf } from './mask-words.ts';
import { Outdated } from './outdated.ts';
import { effectsOf, PathTable, usersBy } from './paths.ts';
import { Renewals } from './renewals.ts';
import { sameActions } from './same-actions.ts';
import { DEFAULT_SETTINGS, type SlowPathSettings } from './settings.ts';
import { type Held, heldBy, type Made, type Resume, Ukey, UkeyList } from './ukey.ts';
import { Walks } from './walks.ts';

/** Actions ready for the datapath. */
export interface BoundActions extends Held {
  readonly actions: FlowPut['actions'];
}

export interface RevalidatorParts<Owner> {
  readonly dpif: Dpif;
  readonly clock: Clock;
  /** The result holds until the next call. */
  translate(owner: Owner, flow: Flow, resume: FrozenState | undefined): Xlated;
  /** Counts packets that took a translation's path, and learns from them. */
  credit(effects: Effects, packets: number, bytes: number, usedMs: number, tcpFlags: number): void;
  /** Counts packets of a path that is a megaflow's no more. */
  creditLate(effects: Effects, counts: LateCounts): void;
  /** Whether a recirc_id still stands for something. */
  isAlive(recircId: number): boolean;
  /** Gives the translation's packet-ins their cookies, and its frozen states their ids. */
  bind(xlated: Xlated, resume: Resume | undefined): BoundActions;
  release(held: Held): void;
  /** Runs after each round: timeouts of rules and addresses. */
  afterRound(): void;
}

export class Revalidator<Owner extends object> {
  readonly #parts: RevalidatorParts<Owner>;
  readonly #ukeys = new UkeyList<Owner>();
  readonly #keys = new KeyStore();
  readonly #paths = new PathTable<Ukey<Owner>>();
  readonly #macReaders = new MacReaders<Ukey<Owner>>();
  readonly limit = new FlowLimit();
  #settings = DEFAULT_SETTINGS;
  /** Number of the last change. */
  #version = 0;
  #changes = new ChangeBatch(0);
  #dirty: Ukey<Owner>[] = [];
  readonly #outdated = new Outdated<Owner>();
  /** A megaflow may be add()ed whose translation did not see the last changes. */
  #translating = false;
  /** Since begin(). */
  readonly #macsChanged: number[] = [];
  readonly walks = new Walks(
    () => this.#walkChanges(),
    () => this.#dirty.length > 0 || !this.#changes.isEmpty,
  );
  /** When the last round began. */
  #roundMs = 0;
  #durationMs = 0;
  /** Megaflows that were translated again, and what that took for each in the last walk that told. */
  #renewals = 0;
  #renewalMs = 0;
  #withdrawals = 0;
  #closed = false;
  #cancelTimer: () => void = () => {};
  readonly #flow = new Flow();
  readonly #mask = new Flow();
  readonly #counts = { packets: 0, bytes: 0, usedMs: 0 };

  constructor(parts: RevalidatorParts<Owner>) {
    this.#parts = parts;
    this.#schedule();
  }

  /** How long the last round took, in milliseconds. */
  get durationMs(): number {
    return this.#durationMs;
  }

  /** How often a megaflow was changed or deleted so far: when it stands still, no thread can forward by an old one. */
  get withdrawals(): number {
    return this.#withdrawals;
  }

  get count(): number {
    return this.#ukeys.size;
  }

  /** A translation begins whose megaflow will be add()ed: its version. */
  begin(): number {
    this.#translating = true;
    this.#macsChanged.length = 0;
    return this.#version;
  }

  close(): void {
    this.#closed = true;
    this.walks.close();
    this.#cancelTimer();
  }

  configure(settings: SlowPathSettings): void {
    this.#settings = settings;
    this.limit.max = settings.flowLimit;
  }

  #schedule(): void {
    this.#cancelTimer = this.#parts.clock.after(this.#settings.maxRevalidatorMs, () => {
      void this.round().finally(() => {
        if (!this.#closed) this.#schedule();
      });
    });
  }

  /** A megaflow was installed; `flow` is its first packet as the datapath has it. */
  add(dpFlow: DpFlow, made: Made<Owner>, flow: Flow): void {
    this.#translating = false;
    const replaced = this.#ukeys.ofFlow(dpFlow);
    if (replaced) {
      this.#pushStats(replaced);
      this.#forget(replaced);
    }
    const path = this.#paths.find(made.effects);
    const ukey = new Ukey(dpFlow, made, path, this.#keys.put(flow.words));
    if (replaced) {
      // Two threads missed on the same megaflow: it goes on with its counters.
      ukey.packets = replaced.packets;
      ukey.bytes = replaced.bytes;
    }
    this.#ukeys.add(ukey);
    this.#link(ukey);
    if (made.version !== this.#version && this.#outranItself(ukey)) this.#touch(ukey);
  }

  /** Whether what changed since the translation began, which was not linked yet, concerns it: what it taught itself. */
  #outranItself({ effects }: Ukey<Owner>): boolean {
    return (
      effects.visits.some(({ rule }) => rule?.removed !== undefined) ||
      effects.macsRead.some((mac) => this.#macsChanged.includes(mac))
    );
  }

  #link(ukey: Ukey<Owner>): void {
    this.#paths.add(ukey);
    this.#macReaders.add(ukey, ukey.effects.macsRead);
  }

  #unlink(ukey: Ukey<Owner>): void {
    this.#paths.remove(ukey);
    this.#macReaders.remove(ukey, ukey.effects.macsRead);
  }

  // Changes

  /** Something changed that can concern any megaflow, or any of recirculated packets. */
  changed(which: 'all' | 'resumed' = 'all'): void {
    this.#note();
    this.#changes[which] = true;
  }

  /** As changed(), but no megaflow, or none of this owner, is worth translating again. */
  outdate(owner?: Owner): void {
    this.changed();
    this.#outdated.add(this.#version, owner);
  }

  ruleAdded(table: FlowTable, rule: Rule): void {
    // Nothing that could be concerned: a megaflow to come will have seen the rule, unless it taught it.
    if (this.#ukeys.size === 0 && !this.#translating) {
      this.#version++;
      return;
    }
    this.#note();
    this.#changes.add(table, rule);
  }

  /** The rule leaves its table, or has other actions now. */
  ruleTouched(rule: Rule): void {
    this.#version++;
    if (rule.users === undefined) return;
    for (const ukey of usersBy<Ukey<Owner>>(rule)) this.#touch(ukey);
  }

  /** Look-ups of this address (macNumber) may answer differently. */
  macChanged(mac: number): void {
    this.#version++;
    this.#macsChanged.push(mac);
    for (const ukey of this.#macReaders.of(mac)) this.#touch(ukey);
  }

  #note(): void {
    this.#changes.version = ++this.#version;
    this.walks.soon();
  }

  #touch(ukey: Ukey<Owner>): void {
    if (ukey.isDirty) return;
    ukey.isDirty = true;
    this.#dirty.push(ukey);
    this.walks.soon();
  }

  async #walkChanges(): Promise<void> {
    const [batch, dirty, renewals] = [this.#changes, this.#dirty, this.#renewals];
    this.#changes = new ChangeBatch(this.#version);
    this.#dirty = [];
    this.#translating = false;
    const hurry = new Hurry(this.#settings, batch.all ? this.#ukeys.size : dirty.length, this.#renewalMs);
    const due = new Renewals<Ukey<Owner>>(this.#parts.dpif.offload, (ukey) => this.#renew(ukey, hurry));
    let workMs = await inSlices(dirty, (ukey) => {
      ukey.isDirty = false;
      due.add(ukey);
    });
    if (!batch.isEmpty) {
      workMs += await inSlices(this.#ukeys.backwards(), (ukey) => {
        if (ukey.version >= batch.version) return;
        if (batch.all || this.#isConcerned(ukey, batch)) due.add(ukey);
        else ukey.version = batch.version;
      });
    }
    workMs += await due.finish();
    const renewed = this.#renewals - renewals;
    if (batch.all && renewed >= MANY && hurry.removed === 0) this.#renewalMs = workMs / renewed;
  }

  /** Translates again; when the walk takes long, what few packets use goes, and may come back by a miss. */
  #renew(ukey: Ukey<Owner>, hurry: Hurry): void {
    if (this.#outdated.has(ukey)) this.remove(ukey);
    if (hurry.isOn && ukey.place >= 0) {
      this.#pushStats(ukey);
      if (hurry.deletes(ukey.ppsAt(this.#parts.clock.nowMs()))) this.remove(ukey);
    }
    this.#revalidate(ukey);
  }

  #isConcerned(ukey: Ukey<Owner>, batch: ChangeBatch): boolean {
    const { keyPlace, ofPort, dpFlow, effects } = ukey;
    if (batch.resumed && ukey.resume) return true;
    this.#flow.setU32(KEY_IN_PORT, ofPort);
    const inPortWord = this.#flow.words[KEY_IN_PORT / 4]!;
    const [keys, keyAt] = [this.#keys.wordsAt(keyPlace), this.#keys.offsetOf(keyPlace)];
    const packet = { keys, keyAt, inPortWord, mask: wordsOf(dpFlow.mask) };
    return effects.visits.some((visit) => batch.concerns(visit, packet));
  }

  /** The whole key, KEY_SIZE bytes, of the packet that a megaflow was made for. */
  packetKey(dpFlow: DpFlow): Uint8Array | undefined {
    const ukey = this.#ukeys.ofFlow(dpFlow);
    if (!ukey) return undefined;
    const key = this.#flowOf(ukey).bytes.slice(0, KEY_SIZE);
    // in_port is OpenFlow's there.
    key.set(dpFlow.key.subarray(KEY_IN_PORT, KEY_IN_PORT + 4), KEY_IN_PORT);
    return key;
  }

  /** The first packet as OpenFlow sees it; until the next call. */
  #flowOf(ukey: Ukey<Owner>): Flow {
    this.#keys.get(ukey.keyPlace, this.#flow.words);
    this.#flow.setU32(KEY_IN_PORT, ukey.ofPort);
    return this.#flow;
  }

  #revalidate(ukey: Ukey<Owner>): void {
    if (ukey.place < 0) return;
    this.#pushStats(ukey);
    const { owner, dpFlow } = ukey;
    if (!dpFlow.alive) {
      this.#forget(ukey);
      return;
    }
    this.#renewals++;
    const version = this.#version;
    const flow = this.#flowOf(ukey);
    const xlated = this.#parts.translate(owner, flow, ukey.resume?.state);
    datapathMask(flow, xlated, this.#mask);
    if (!covers(wordsOf(dpFlow.mask), this.#mask)) {
      this.remove(ukey);
      return;
    }
    const bound = this.#parts.bind(xlated, ukey.resume);
    if (!sameActions(bound.actions, dpFlow.actions)) {
      this.#withdrawals++;
      this.#parts.dpif.flowMod(dpFlow, bound.actions, lateCredit(ukey, this.#parts.creditLate));
    }
    this.#parts.release(ukey.held);
    ukey.held = heldBy(bound);
    ukey.version = version;
    const path = this.#paths.find(xlated);
    const effects = effectsOf(xlated, path.effects);
    // Most went the way that they went before, and taught nobody anything.
    if (effects === ukey.effects) return;
    this.#unlink(ukey);
    // Not the one found before: that goes when this was its last user.
    ukey.path = this.#paths.find(xlated);
    ukey.effects = effectsOf(xlated, ukey.path.effects);
    this.#link(ukey);
  }

  // Rounds

  /** A whole round: statistics, idle megaflows, stale ones. */
  round(): Promise<void> {
    return this.walks.round(() => this.#roundNow());
  }

  async #roundNow(): Promise<void> {
    const startMs = performance.now();
    const count = this.#ukeys.size;
    const maxIdleMs = this.limit.isCrowded(count) ? MAX_IDLE_CROWDED_MS : this.#settings.maxIdleMs;
    const nowMs = this.#parts.clock.nowMs();
    const sinceMs = Math.max(1, nowMs - this.#roundMs);
    this.#roundMs = nowMs;
    const workMs = await inSlices(this.#ukeys.backwards(), (ukey) => {
      const { packets } = ukey;
      const isLost = ukey.resume !== undefined && !this.#parts.isAlive(ukey.resume.id);
      if (nowMs - this.#pushStats(ukey) >= maxIdleMs || isLost) this.remove(ukey);
      else if (ukey.createdMs < nowMs - sinceMs) ukey.pps = Math.floor(((ukey.packets - packets) * 1000) / sinceMs);
    });
    await this.walks.run();
    this.#durationMs = performance.now() - startMs;
    this.limit.adapt(workMs, count);
    if (!this.#closed) this.#parts.afterRound();
  }

  /** Credits what a megaflow forwarded since the last time. Returns when it was last used, or made. */
  #pushStats(ukey: Ukey<Owner>): number {
    const { dpFlow, effects } = ukey;
    if (!dpFlow.alive) return ukey.createdMs;
    dpFlow.readCounts(this.#counts);
    const { packets, bytes, usedMs } = this.#counts;
    const newPackets = packets - ukey.packets;
    const newBytes = Math.max(0, bytes - ukey.bytes);
    if (newPackets > 0) {
      ukey.packets = packets;
      ukey.bytes += newBytes;
      const flags = effects.fins.length > 0 ? dpFlow.stats().tcpFlags : 0;
      this.#parts.credit(effects, newPackets, newBytes, usedMs > 0 ? usedMs : this.#parts.clock.nowMs(), flags);
    }
    return usedMs > 0 ? usedMs : ukey.createdMs;
  }

  /** Brings one rule's counters up to date; all rules' without one. */
  pushStats(rule?: Rule): void {
    for (const ukey of rule ? usersBy<Ukey<Owner>>(rule) : this.#ukeys.backwards()) this.#pushStats(ukey);
  }

  /** Deletes a megaflow; what it forwarded is credited first. */
  remove(ukey: Ukey<Owner>): void {
    if (ukey.place < 0) return;
    this.#pushStats(ukey);
    this.#forget(ukey);
    if (!ukey.dpFlow.alive) return;
    this.#withdrawals++;
    this.#parts.dpif.flowDel(ukey.dpFlow, lateCredit(ukey, this.#parts.creditLate));
  }

  #forget(ukey: Ukey<Owner>): void {
    this.#ukeys.remove(ukey);
    this.#unlink(ukey);
    this.#keys.free(ukey.keyPlace);
    this.#parts.release(ukey.held);
  }

  /** Deletes all megaflows that are there now. */
  async purge(): Promise<void> {
    await inSlices(this.#ukeys.backwards(), (ukey) => this.remove(ukey));
  }
}
