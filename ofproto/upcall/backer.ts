// The slow path of one datapath, shared by its bridges: finds the bridge that an upcall belongs to, translates, installs
// the megaflow and remembers what it was made of. The only writer of megaflows and of the side effects of translations.

import type { DpAction, DpFlow, Dpif, OdpPort, Upcall, UpcallVerdict } from '../../datapath/dpif.ts';
import type { Clock } from '../../lib/clock.ts';
import { KEY_RECIRC_ID, KEY_SIZE } from '../model/flow.ts';
import { formatDpActions } from '../odp-text/format-actions.ts';
import type { Rule } from '../tables/rule.ts';
import { datapathMask, maskKey } from '../xlate/datapath-mask.ts';
import { type FrozenState, withRecircIds } from '../xlate/freeze.ts';
import type { ControllerSpec, XlateBridge, Xlated } from '../xlate/snapshot.ts';
import { xlate } from '../xlate/xlate.ts';
import { CookieTable } from './cookies.ts';
import { RecircTable } from './recirc-table.ts';
import { type BoundActions, Revalidator } from './revalidator.ts';
import { effectsOf, flowOf, type Held, heldBy, type Resume, type UkeyOwner } from './ukey.ts';

/** A bridge as the backer uses it. */
export interface BackedBridge extends UkeyOwner {
  readonly name: string;
  readonly snapshot: XlateBridge;
  /** A packet that a rule, or its absence, sends to the controllers. */
  packetIn(spec: ControllerSpec, packet: Uint8Array, frameSize: number): void;
  /** Timeouts of rules and addresses. */
  expire(nowMs: number): void;
}

const DROP: UpcallVerdict = { actions: [] };

export class Backer {
  readonly dpif: Dpif;
  readonly clock: Clock;
  readonly #ports = new Map<OdpPort, { bridge: BackedBridge; ofPort: number }>();
  readonly #bridges = new Set<BackedBridge>();
  readonly #cookies = new CookieTable<BackedBridge>();
  readonly #recircs = new RecircTable();
  readonly revalidator: Revalidator<BackedBridge>;
  /** revalidator.withdrawals that every thread has noticed. */
  #settled = 0;

  constructor(dpif: Dpif, clock: Clock) {
    this.dpif = dpif;
    this.clock = clock;
    this.revalidator = new Revalidator<BackedBridge>({
      dpif,
      clock,
      translate: (bridge, flow, resume) => xlate(bridge.snapshot, flow, { resume }),
      isAlive: (recircId) => this.#recircs.get(recircId) !== undefined,
      bind: (bridge, xlated) => this.#bind(bridge, xlated),
      release: (held) => this.#release(held),
      afterRound: () => this.#expire(),
    });
    dpif.setUpcallSink((upcall) => this.#upcall(upcall));
  }

  close(): void {
    this.revalidator.close();
    this.dpif.setUpcallSink(() => DROP);
  }

  register(bridge: BackedBridge): void {
    this.#bridges.add(bridge);
  }

  unregister(bridge: BackedBridge): void {
    this.#bridges.delete(bridge);
    this.revalidator.removeAll(bridge);
    for (const [odpPort, owner] of this.#ports) if (owner.bridge === bridge) this.#ports.delete(odpPort);
  }

  /** From now on packets of `odpPort` enter `bridge` as `ofPort`. */
  attachPort(odpPort: OdpPort, bridge: BackedBridge, ofPort: number): void {
    this.#ports.set(odpPort, { bridge, ofPort });
  }

  detachPort(odpPort: OdpPort): void {
    this.#ports.delete(odpPort);
  }

  /** Brings a rule's counters up to date; all rules' without one. */
  pushStats(rule?: Rule): void {
    this.revalidator.pushStats(rule);
  }

  changed(): void {
    this.revalidator.changed();
  }

  /** Resolves when no megaflow older than the changes made so far can forward a packet. */
  async barrier(): Promise<void> {
    await this.revalidator.revalidateStale();
    const { withdrawals } = this.revalidator;
    // Waiting for the threads takes a millisecond or more: a client that asks after each of many flow-mods would feel it.
    if (withdrawals === this.#settled) return;
    await this.dpif.barrier();
    this.#settled = Math.max(this.#settled, withdrawals);
  }

  /** `upcall/show` and `revalidator/*`. */
  async revalidate(): Promise<void> {
    await this.revalidator.round();
    await this.dpif.barrier();
  }

  async purge(): Promise<void> {
    this.revalidator.removeAll();
    await this.dpif.barrier();
  }

  flowLimit(): number {
    return this.revalidator.limit.current;
  }

  /** other_config:flow-limit. */
  setFlowLimit(max: number): void {
    this.revalidator.limit.max = max;
  }

  dumpDurationMs(): number {
    return this.revalidator.durationMs;
  }

  /** What a `userspace` action's cookie stands for. */
  controller(cookie: number): ControllerSpec | undefined {
    return this.#cookies.get(cookie)?.spec;
  }

  /** Runs a packet-out's translation on its packet. */
  execute(bridge: BackedBridge, packet: Uint8Array, inPort: OdpPort, xlated: Xlated): void {
    bridge.credit(xlated, 1, packet.length, this.clock.nowMs());
    const bound = this.#bind(bridge, xlated);
    if (bound.actions.length > 0) this.dpif.execute(packet, inPort, bound.actions);
    this.#releaseSoon(bound);
  }

  #upcall(upcall: Upcall): UpcallVerdict {
    if (upcall.reason === 'action') {
      const found = this.#cookies.get(upcall.cookie);
      found?.owner.packetIn(found.spec, upcall.packet.slice(), upcall.frameSize);
      return DROP;
    }
    const key = upcall.key.slice(0, KEY_SIZE);
    const recircId = new DataView(key.buffer).getUint32(KEY_RECIRC_ID);
    if (recircId !== 0) return this.#resume(upcall, key, recircId);
    const port = this.#ports.get(upcall.inPort);
    return port ? this.#miss(upcall, key, port.bridge, port.ofPort) : DROP;
  }

  /** A recirculated packet: its translation goes on where another stopped. */
  #resume(upcall: Upcall, key: Uint8Array, id: number): UpcallVerdict {
    const state = this.#recircs.get(id);
    const bridge = state && this.#bridgeOf(state.bridge);
    return bridge ? this.#miss(upcall, key, bridge, state.inPort, { id, state }) : DROP;
  }

  #bridgeOf(snapshot: XlateBridge): BackedBridge | undefined {
    for (const bridge of this.#bridges) if (bridge.snapshot === snapshot) return bridge;
    return undefined;
  }

  #miss(upcall: Upcall, key: Uint8Array, bridge: BackedBridge, ofPort: number, resume?: Resume): UpcallVerdict {
    const flow = flowOf(key, ofPort);
    // Versions of before the translation: what it learns itself makes it stale, and is looked at again.
    const [version, macVersion] = [bridge.version, bridge.macVersion];
    const xlated = xlate(bridge.snapshot, flow, { resume: resume?.state });
    const bound = this.#bind(bridge, xlated);
    const { actions, text } = bound;
    this.#releaseSoon(bound);
    bridge.credit(xlated, 1, upcall.frameSize, this.clock.nowMs());
    if (this.revalidator.count >= this.revalidator.limit.current) return { actions };
    const mask = datapathMask(flow, xlated.mask);
    const installed = (dpFlow: DpFlow) => {
      const held = heldBy(bound);
      const kept = { key, ofPort, resume, effects: effectsOf(xlated), actionsText: text, held, version, macVersion };
      // The same numbers again: their first use has not been given back yet.
      for (const spec of xlated.controllers) this.#cookies.acquire(bridge, spec);
      for (const id of held.recircs) this.#recircs.hold(id);
      this.revalidator.add({ owner: bridge, dpFlow, ...kept, packets: 0n, bytes: 0n, createdMs: this.clock.nowMs() });
      // Nothing else would look at this megaflow before the next round.
      if (bridge.version !== version || bridge.macVersion !== macVersion) this.changed();
    };
    return { actions, install: { key: maskKey(key, mask), mask, actions }, installed };
  }

  /** Replaces the indexes in `userspace` actions by cookies, and those in `recirc` actions by ids. */
  #bind(bridge: BackedBridge, xlated: Xlated): BoundActions {
    const recircs = xlated.recircs.map((state) => this.#recircs.acquire(state));
    const based = recircs.length === 0 ? xlated.actions : withRecircIds(xlated.actions, recircs);
    if (xlated.controllers.length === 0) {
      return { actions: based, text: formatDpActions(based), cookies: [], recircs };
    }
    const cookies = xlated.controllers.map((spec) => this.#cookies.acquire(bridge, spec));
    const actions = based.map(
      (action): DpAction => (action.type === 'userspace' ? { ...action, cookie: cookies[action.cookie]! } : action),
    );
    const text = formatDpActions(actions, { controller: (cookie) => this.controller(cookie) });
    return { actions, text, cookies, recircs };
  }

  /** The ids that a translation's `recirc` actions would have, for somebody who only looks. */
  showRecircs(states: readonly FrozenState[]): number[] {
    const ids = states.map((state) => this.#recircs.acquire(state));
    for (const id of ids) this.#recircs.release(id, this.clock.nowMs());
    return ids;
  }

  /** What a recirc_id stands for. */
  frozen(recircId: number): FrozenState | undefined {
    return this.#recircs.get(recircId);
  }

  #release({ cookies, recircs }: Held): void {
    for (const cookie of cookies) this.#cookies.release(cookie);
    for (const id of recircs) this.#recircs.release(id, this.clock.nowMs());
  }

  /** Gives cookies back once the packet that they are executed on had time to come up with them. */
  #releaseSoon({ cookies, recircs }: Held): void {
    if (cookies.length + recircs.length === 0) return;
    this.clock.after(EXECUTE_GRACE_MS, () => this.#release({ cookies, recircs }));
  }

  #expire(): void {
    const nowMs = this.clock.nowMs();
    for (const bridge of this.#bridges) bridge.expire(nowMs);
    this.#recircs.expire(nowMs);
  }
}

/** How long a packet that was executed once may take to come back with its cookie. */
const EXECUTE_GRACE_MS = 1000;
