// The slow path of one datapath, shared by its bridges: finds the bridge that an upcall belongs to, translates, installs
// the megaflow and remembers what it was made of. The only writer of megaflows and of the side effects of translations.

import {
  type DpFlow,
  type Dpif,
  mapDpActions,
  type OdpPort,
  type Upcall,
  type UpcallVerdict,
} from '../../datapath/dpif.ts';
import type { Clock } from '../../lib/clock.ts';
import type { BridgePort } from '../bridge-ports.ts';
import { OFPP } from '../model/actions.ts';
import { Flow, KEY_IN_PORT, KEY_RECIRC_ID, KEY_SIZE, KEY_TCP_FLAGS } from '../model/flow.ts';
import { flowOfKey } from '../odp-text/format-key.ts';
import { PatchPorts } from '../patch-ports.ts';
import { isPartOfConjunction } from '../tables/conjunction.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import { XlateScratch } from '../xlate/context.ts';
import { datapathMask } from '../xlate/datapath-mask.ts';
import { type FrozenState, withRecircIds } from '../xlate/freeze.ts';
import type { Effects, XlateBridge, Xlated } from '../xlate/snapshot.ts';
import { limitVlans, VLAN_LIMIT_DEFAULT } from '../xlate/vlan-limit.ts';
import { xlate } from '../xlate/xlate.ts';
import type { BackedBridge } from './backed-bridge.ts';
import { CookieTable, type Intent, type SlowSpec } from './cookies.ts';
import { countPackets } from './count-packets.ts';
import { RecircTable } from './recirc-table.ts';
import { type BoundActions, Revalidator } from './revalidator.ts';
import type { SlowPathSettings } from './settings.ts';
import { type Held, heldBy, type Resume } from './ukey.ts';
import { hasMeter, withoutLastMeters, withoutOutputs, writesSlowly } from './without-outputs.ts';

const TCP_FIN = 1;
const TCP_RST = 4;

const DROP: UpcallVerdict = { actions: [] };
const NONE: readonly number[] = [];

export class Backer {
  readonly dpif: Dpif;
  readonly clock: Clock;
  readonly #ports = new Map<OdpPort, { bridge: BackedBridge; ofPort: number }>();
  readonly #bridges = new Map<XlateBridge, BackedBridge>();
  readonly #patches = new PatchPorts();
  /** How many VLAN tags flows see. */
  vlanLimit = VLAN_LIMIT_DEFAULT;
  #awaitsFlows = false;
  readonly #cookies = new CookieTable();
  readonly #recircs = new RecircTable();
  readonly revalidator: Revalidator<BackedBridge>;
  /** revalidator.withdrawals that every thread has noticed. */
  #settled = 0;
  /** Of the translation at hand: its packet, its flows, its datapath mask. */
  readonly #flow = new Flow();
  readonly #scratch = new XlateScratch();
  readonly #mask = new Flow();
  readonly #maskBytes = this.#mask.bytes.subarray(0, KEY_SIZE);

  constructor(dpif: Dpif, clock: Clock) {
    this.dpif = dpif;
    this.clock = clock;
    this.revalidator = new Revalidator<BackedBridge>({
      dpif,
      clock,
      translate: (bridge, flow, resume) => xlate(bridge.snapshot, flow, { resume, scratch: this.#scratch }),
      creditLate: (effects, { packets, bytes, usedMs, tcpFlags }) =>
        this.#count(effects, packets, bytes, usedMs, tcpFlags),
      credit: (effects, packets, bytes, usedMs, flags) => {
        this.#count(effects, packets, bytes, usedMs, flags);
        this.learn(effects, usedMs, true);
      },
      isAlive: (recircId) => this.#recircs.get(recircId) !== undefined,
      bind: (xlated, resume) => (xlated.slow.size > 0 ? this.#bindSlow(xlated, resume) : this.#bind(xlated)),
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
    this.#bridges.set(bridge.snapshot, bridge);
  }

  unregister(bridge: BackedBridge): void {
    this.#bridges.delete(bridge.snapshot);
    this.revalidator.outdate(bridge);
    this.#patches.deleteBridge(bridge.snapshot);
    for (const [odpPort, owner] of this.#ports) if (owner.bridge === bridge) this.#ports.delete(odpPort);
  }

  /** From now on packets of `port` enter `bridge`. */
  attachPort(bridge: BackedBridge, port: BridgePort): void {
    const { odpPort, ofPort, patch } = port;
    if (odpPort !== undefined) this.#ports.set(odpPort, { bridge, ofPort });
    if (!patch) return;
    port.peerOf = () => this.#patches.peerOf(patch);
    const end = { bridge: bridge.snapshot, port };
    this.#patches.add({ device: patch, end, changed: () => bridge.changed() });
  }

  detachPort({ odpPort, patch }: BridgePort): void {
    if (odpPort !== undefined) this.#ports.delete(odpPort);
    if (patch) this.#patches.delete(patch);
  }

  /** Brings a rule's counters up to date; all rules' without one. */
  pushStats(rule?: Rule): void {
    this.revalidator.pushStats(rule);
  }

  /** Something changed that any translation may depend on, or any that goes on after a recirculation. */
  changed(which?: 'all' | 'resumed'): void {
    this.revalidator.changed(which);
  }

  ruleAdded(table: FlowTable, rule: Rule): void {
    if (isPartOfConjunction(rule)) this.changed();
    else this.revalidator.ruleAdded(table, rule);
  }

  /** The rule leaves its table, or has other actions now. */
  ruleTouched(rule: Rule): void {
    if (isPartOfConjunction(rule)) this.changed();
    this.revalidator.ruleTouched(rule);
  }

  /** Look-ups of this address (macNumber) may answer differently. */
  macChanged(mac: number): void {
    this.revalidator.macChanged(mac);
  }

  /** Resolves when no megaflow older than the changes made so far can forward a packet; undefined when none can now. */
  barrier(): Promise<void> | undefined {
    if (
      this.revalidator.walks.isCurrent &&
      this.revalidator.withdrawals === this.#settled &&
      !this.dpif.offload.isUnsettled
    ) {
      return undefined;
    }
    return this.#settle();
  }

  async #settle(): Promise<void> {
    await this.revalidator.walks.run();
    const { withdrawals } = this.revalidator;
    // Waiting for the threads takes a millisecond or more: a client that asks after each of many flow-mods would feel it.
    if (withdrawals === this.#settled && !this.dpif.offload.isUnsettled) return;
    await this.dpif.barrier();
    this.#settled = Math.max(this.#settled, withdrawals);
  }

  /** `upcall/show` and `revalidator/*`. */
  async revalidate(): Promise<void> {
    await this.dpif.offload.refresh();
    await this.revalidator.round();
    await this.dpif.barrier();
  }

  async purge(): Promise<void> {
    await this.revalidator.purge();
    await this.dpif.barrier();
  }

  flowLimit(): number {
    return this.revalidator.limit.current;
  }

  configure(settings: SlowPathSettings): void {
    this.revalidator.configure(settings);
    if (settings.vlanLimit === this.vlanLimit) return;
    this.vlanLimit = settings.vlanLimit;
    // Every megaflow was made under the old one.
    this.revalidator.outdate();
  }

  /** While flows are being restored no packet is translated, and nothing expires. */
  awaitFlows(isWaiting: boolean): void {
    if (isWaiting === this.#awaitsFlows) return;
    this.#awaitsFlows = isWaiting;
    this.changed();
  }

  dumpDurationMs(): number {
    return this.revalidator.durationMs;
  }

  /** What a `userspace` action's cookie stands for. */
  controller(cookie: number): Intent | undefined {
    return this.#cookies.get(cookie);
  }

  /** A packet as OpenFlow sees it; in_port is the datapath's number. */
  flowOf(packet: Uint8Array, inPort: OdpPort): Flow {
    return this.flowOfKey(this.dpif.extract(packet, inPort));
  }

  /** The same of a packet's datapath key. */
  flowOfKey(key: Uint8Array): Flow {
    const flow = flowOfKey(key);
    limitVlans(flow, this.vlanLimit);
    return flow;
  }

  /** Runs a packet-out's translation on its packet. */
  execute(packet: Uint8Array, inPort: OdpPort, xlated: Xlated): void {
    this.#credit(xlated, 1, packet.length, this.clock.nowMs());
    if (xlated.slow.size > 0) this.hear(xlated, packet);
    const bound = this.#bind(xlated);
    if (bound.actions.length > 0) this.dpif.execute(packet, inPort, bound.actions);
    this.#releaseSoon(bound);
  }

  /** Of a translation only what goes to the controllers, and what meters count. */
  executeUp(packet: Uint8Array, xlated: Xlated): void {
    if (xlated.controllers.length === 0 && !hasMeter(xlated.actions)) return;
    const bound = this.#bind(xlated);
    const up = withoutOutputs(bound.actions);
    const isSlow = xlated.debugSlow || writesSlowly(up);
    this.dpif.execute(packet, NO_PORT, isSlow ? withoutLastMeters(up) : up);
    this.#releaseSoon(bound);
  }

  #upcall(upcall: Upcall): UpcallVerdict {
    if (upcall.reason === 'action') {
      const spec = this.#cookies.get(upcall.cookie);
      if (spec && 'slow' in spec) this.#slow(spec, upcall);
      else if (spec && 'flowSample' in spec) this.#bridges.get(spec.bridge)?.sampled(spec, upcall);
      else if (spec) this.#bridges.get(spec.bridge)?.packetIn(spec, upcall.packet.slice());
      return DROP;
    }
    if (this.#awaitsFlows) return DROP;
    this.#flow.bytes.set(upcall.key);
    limitVlans(this.#flow, this.vlanLimit);
    const recircId = this.#flow.u32(KEY_RECIRC_ID);
    if (recircId !== 0) return this.#resume(upcall, recircId);
    const port = this.#ports.get(upcall.inPort);
    return port ? this.#miss(upcall, port.bridge, port.ofPort) : DROP;
  }

  /** A recirculated packet: its translation goes on where another stopped. */
  #resume(upcall: Upcall, id: number): UpcallVerdict {
    const state = this.#recircs.get(id);
    const bridge = state && this.#bridges.get(state.bridge);
    // A bond's packets may have come in by any port.
    const ofPort = state?.bond ? this.#ports.get(upcall.inPort)?.ofPort : state?.inPort;
    return bridge ? this.#miss(upcall, bridge, ofPort ?? OFPP.ANY, { id, state }) : DROP;
  }

  /** A packet of a flow of which the slow path has to see each; the flow's statistics credit it. */
  #slow({ resume }: SlowSpec, { packet, inPort }: Upcall): void {
    const port = this.#ports.get(inPort);
    const bridge = resume ? this.#bridges.get(resume.state.bridge) : port?.bridge;
    if (!bridge) return;
    const frame = packet.slice();
    const flow = this.flowOf(frame, inPort);
    flow.setU32(KEY_IN_PORT, resume?.state.inPort ?? port?.ofPort ?? 0);
    const xlated = xlate(bridge.snapshot, flow, { resume: resume?.state });
    const bound = this.#bind(xlated);
    this.hear(xlated, frame);
    if (bound.actions.length > 0) this.dpif.execute(frame, inPort, bound.actions);
    this.#releaseSoon(bound);
  }

  /** Lets each bridge read what the packet says to it. */
  hear(effects: Effects, frame: Uint8Array): void {
    for (const here of effects.bridges) this.#bridges.get(here.bridge)?.hear(here, frame);
  }

  /** Decides the packet in #flow. */
  #miss(upcall: Upcall, bridge: BackedBridge, ofPort: number, resume?: Resume): UpcallVerdict {
    const flow = this.#flow;
    flow.setU32(KEY_IN_PORT, ofPort);
    const version = this.revalidator.begin();
    const nowMs = this.clock.nowMs();
    const xlated = xlate(bridge.snapshot, flow, { resume: resume?.state, scratch: this.#scratch });
    const bound = this.#bind(xlated);
    const { actions } = bound;
    this.#releaseSoon(bound);
    this.#credit(xlated, 1, upcall.frameSize, nowMs, flow.u16(KEY_TCP_FLAGS));
    if (xlated.slow.size > 0) this.hear(xlated, upcall.packet);
    if (this.revalidator.count >= this.revalidator.limit.current) return { actions };
    datapathMask(flow, xlated, this.#mask);
    const cached = xlated.slow.size > 0 ? this.#bindSlow(xlated, resume) : bound;
    if (cached !== bound) this.#releaseSoon(cached);
    const installed = (dpFlow: DpFlow) => {
      const held = heldBy(cached);
      // Their first use has not been given back yet.
      for (const cookie of held.cookies) this.#cookies.hold(cookie);
      for (const id of held.recircs) this.#recircs.hold(id);
      this.revalidator.add(dpFlow, { owner: bridge, ofPort, resume, effects: xlated, held, version, nowMs }, flow);
    };
    return { actions, install: { key: upcall.key, mask: this.#maskBytes, actions: cached.actions }, installed };
  }

  /** Counts packets that took a translation's path, and lets each bridge learn from them. */
  #credit(effects: Effects, packets: number, bytes: number, usedMs: number, tcpFlags = 0): void {
    this.#count(effects, packets, bytes, usedMs, tcpFlags);
    this.learn(effects, usedMs);
  }

  /** Only counts: what packets of long ago teach may be wrong by now. */
  #count(effects: Effects, packets: number, bytes: number, usedMs: number, tcpFlags: number): void {
    if (tcpFlags & (TCP_FIN | TCP_RST)) {
      for (const fin of effects.fins) this.#bridges.get(fin.bridge)?.connectionEnded(fin);
    }
    countPackets(effects, packets, bytes, usedMs);
  }

  /** What packets change apart from counters. */
  learn(effects: Effects, usedMs: number, isLate = false): void {
    for (const here of effects.bridges) {
      if (here.macs.length + here.learned.length > 0) this.#bridges.get(here.bridge)?.learn(here, usedMs, isLate);
    }
  }

  /** The actions of a megaflow of which the slow path has to see each packet. */
  #bindSlow(xlated: Xlated, resume: Resume | undefined): BoundActions {
    const cookie = this.#cookies.acquire({ slow: [...xlated.slow], resume });
    return { actions: [{ type: 'userspace', cookie, maxLen: WHOLE_PACKET }], cookies: [cookie], recircs: NONE };
  }

  /** Replaces the indexes in `userspace` actions by cookies, and those in `recirc` actions by ids. */
  #bind(xlated: Xlated): BoundActions {
    const recircs = xlated.recircs.length === 0 ? NONE : xlated.recircs.map((state) => this.#recircs.acquire(state));
    const based = recircs.length === 0 ? xlated.actions : withRecircIds(xlated.actions, recircs);
    if (xlated.controllers.length === 0) return { actions: based, cookies: NONE, recircs };
    const cookies = xlated.controllers.map((spec) => this.#cookies.acquire(spec));
    const actions = mapDpActions(based, (action) =>
      action.type === 'userspace' ? { ...action, cookie: cookies[action.cookie]! } : action,
    );
    return { actions, cookies, recircs };
  }

  /** The ids that a translation's `recirc` actions would have, for somebody who only looks. */
  showRecircs(states: readonly FrozenState[]): number[] {
    const ids = states.map((state) => this.#recircs.acquire(state));
    for (const id of ids) this.#recircs.release(id, this.clock.nowMs());
    return ids;
  }

  /** An id that stands for a state until it is released. */
  holdRecirc(state: FrozenState): number {
    return this.#recircs.acquire(state);
  }

  releaseRecirc(id: number): void {
    this.#recircs.release(id, this.clock.nowMs());
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
    if (this.#awaitsFlows) return;
    const nowMs = this.clock.nowMs();
    for (const bridge of this.#bridges.values()) bridge.expire(nowMs);
    this.#recircs.expire(nowMs);
  }
}

const WHOLE_PACKET = 0xffff;
/** How long a packet that was executed once may take to come back with its cookie. */
const EXECUTE_GRACE_MS = 1000;

/** The number of no datapath port. */
const NO_PORT = 0xffffffff;
