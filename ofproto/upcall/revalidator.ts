// Keeps megaflows what a fresh translation would make of them, credits their statistics to OpenFlow rules, and removes
// idle ones.
//
// A change of a bridge raises its version; ukeys translated before are stale. Stale ones are translated again in slices
// soon after: equal actions under a mask that is no narrower stay, other actions are swapped in place, anything else is
// deleted and comes back by a miss. Twice a second every megaflow's counters are read.

import type { DpFlow, Dpif, FlowPut } from '../../datapath/dpif.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Flow } from '../model/flow.ts';
import type { Rule } from '../tables/rule.ts';
import { covers, datapathMask } from '../xlate/datapath-mask.ts';
import type { FrozenState } from '../xlate/freeze.ts';
import type { Effects, Xlated } from '../xlate/snapshot.ts';
import { FlowLimit } from './flow-limit.ts';
import { inSlices } from './slices.ts';
import { effectsOf, flowOf, type Held, heldBy, isStale, type Ukey, versionOf } from './ukey.ts';

/** other_config:max-revalidator and max-idle, in milliseconds. */
const ROUND_INTERVAL_MS = 500;
const MAX_IDLE_MS = 10_000;
/** When there are more megaflows than the limit. */
const MAX_IDLE_CROWDED_MS = 100;

/** Actions ready for the datapath. */
export interface BoundActions extends Held {
  readonly actions: FlowPut['actions'];
  readonly text: string;
}

export interface RevalidatorParts<Owner> {
  readonly dpif: Dpif;
  readonly clock: Clock;
  translate(owner: Owner, flow: Flow, resume: FrozenState | undefined): Xlated;
  /** Counts packets that took a translation's path, and learns from them. */
  credit(effects: Effects, packets: number, bytes: number, usedMs: number): void;
  /** Whether a recirc_id still stands for something. */
  isAlive(recircId: number): boolean;
  /** Gives the translation's packet-ins their cookies, and its frozen states their ids. */
  bind(xlated: Xlated): BoundActions;
  release(held: Held): void;
  /** Runs after each round: timeouts of rules and addresses. */
  afterRound(): void;
}

export class Revalidator<Owner> {
  readonly #parts: RevalidatorParts<Owner>;
  readonly #ukeys = new Map<DpFlow, Ukey<Owner>>();
  readonly #byRule = new Map<Rule, Set<Ukey<Owner>>>();
  readonly limit = new FlowLimit();
  #durationMs = 0;
  #withdrawals = 0;
  #soon = false;
  #closed = false;
  #cancelTimer: () => void = () => {};

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

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  #schedule(): void {
    this.#cancelTimer = this.#parts.clock.after(ROUND_INTERVAL_MS, () => {
      void this.round().finally(() => {
        if (!this.#closed) this.#schedule();
      });
    });
  }

  add(ukey: Ukey<Owner>): void {
    const replaced = this.#ukeys.get(ukey.dpFlow);
    if (replaced) {
      // Two threads missed on the same megaflow: it goes on with its counters.
      this.#pushStats(replaced);
      this.#forget(replaced);
      ukey.packets = replaced.packets;
      ukey.bytes = replaced.bytes;
    }
    this.#ukeys.set(ukey.dpFlow, ukey);
    this.#index(ukey);
  }

  #index(ukey: Ukey<Owner>): void {
    for (const { rule } of ukey.effects.visits) {
      if (!rule) continue;
      const users = this.#byRule.get(rule);
      if (users) users.add(ukey);
      else this.#byRule.set(rule, new Set([ukey]));
    }
  }

  #unindex(ukey: Ukey<Owner>): void {
    for (const { rule } of ukey.effects.visits) {
      const users = rule && this.#byRule.get(rule);
      if (users?.delete(ukey) && users.size === 0) this.#byRule.delete(rule!);
    }
  }

  /** Megaflows will be looked at soon, all changes of this turn of the event loop at once. */
  changed(): void {
    if (this.#soon || this.#closed) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      void this.revalidateStale();
    });
  }

  /** Resolves when every megaflow that was stale at the call has been translated again. */
  async revalidateStale(): Promise<void> {
    await inSlices([...this.#ukeys.values()], (ukey) => {
      if (isStale(ukey)) this.#revalidate(ukey);
    });
  }

  /** A whole round: statistics, idle megaflows, stale ones. */
  async round(): Promise<void> {
    const startMs = performance.now();
    const crowded = this.#ukeys.size > this.limit.current;
    const maxIdleMs = crowded ? MAX_IDLE_CROWDED_MS : MAX_IDLE_MS;
    await inSlices([...this.#ukeys.values()], (ukey) => {
      const usedMs = this.#pushStats(ukey);
      const { resume } = ukey;
      const isLost = resume !== undefined && !this.#parts.isAlive(resume.id);
      if (isLost || this.#parts.clock.nowMs() - usedMs >= maxIdleMs) this.remove(ukey);
      else if (isStale(ukey)) this.#revalidate(ukey);
    });
    this.#durationMs = performance.now() - startMs;
    this.limit.adapt(this.#durationMs, this.#ukeys.size);
    if (!this.#closed) this.#parts.afterRound();
  }

  /** Credits what a megaflow forwarded since the last time. Returns when it was last used, or made. */
  #pushStats(ukey: Ukey<Owner>): number {
    const { dpFlow, effects } = ukey;
    if (!dpFlow.alive) return ukey.createdMs;
    const { packets, bytes, usedMs } = dpFlow.stats();
    if (packets > ukey.packets) {
      const nowMs = this.#parts.clock.nowMs();
      this.#parts.credit(effects, Number(packets - ukey.packets), Number(bytes - ukey.bytes), usedMs ?? nowMs);
      ukey.packets = packets;
      ukey.bytes = bytes;
    }
    return usedMs ?? ukey.createdMs;
  }

  /** Brings one rule's counters up to date; all rules' without one. */
  pushStats(rule?: Rule): void {
    for (const ukey of rule ? (this.#byRule.get(rule) ?? []) : this.#ukeys.values()) this.#pushStats(ukey);
  }

  #revalidate(ukey: Ukey<Owner>): void {
    if (!this.#ukeys.has(ukey.dpFlow)) return;
    this.#pushStats(ukey);
    const { owner, dpFlow } = ukey;
    if (!dpFlow.alive) {
      this.#forget(ukey);
      return;
    }
    const flow = flowOf(ukey.key, ukey.ofPort);
    const xlated = this.#parts.translate(owner, flow, ukey.resume?.state);
    if (!covers(dpFlow.mask, datapathMask(flow, xlated.mask))) {
      this.remove(ukey);
      return;
    }
    const bound = this.#parts.bind(xlated);
    if (bound.text !== ukey.actionsText) {
      this.#withdrawals++;
      this.#parts.dpif.flowMod(dpFlow, bound.actions);
    }
    this.#parts.release(ukey.held);
    this.#unindex(ukey);
    const effects = effectsOf(xlated);
    const version = versionOf(effects);
    Object.assign(ukey, { effects, version, actionsText: bound.text, held: heldBy(bound) });
    this.#index(ukey);
  }

  /** Deletes a megaflow; what it forwarded is credited first. */
  remove(ukey: Ukey<Owner>): void {
    if (!this.#ukeys.has(ukey.dpFlow)) return;
    this.#pushStats(ukey);
    this.#forget(ukey);
    if (!ukey.dpFlow.alive) return;
    this.#withdrawals++;
    this.#parts.dpif.flowDel(ukey.dpFlow);
  }

  #forget(ukey: Ukey<Owner>): void {
    this.#ukeys.delete(ukey.dpFlow);
    this.#unindex(ukey);
    this.#parts.release(ukey.held);
  }

  /** Deletes all megaflows, or one bridge's. */
  removeAll(owner?: Owner): void {
    for (const ukey of [...this.#ukeys.values()]) {
      if (!owner || ukey.owner === owner) this.remove(ukey);
    }
  }
}
