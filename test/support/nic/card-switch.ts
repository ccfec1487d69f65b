// Cases of test/flows on real packets: the built datapath with `vf` ports on a NIC model whose functions are dummies, so that
// frames are put in behind the card and taken out behind the card, whoever forwards them in between.
//
// When is a packet through? After it a marker is sent the same way, which a megaflow of its own copies to every port: where
// that has come out, everything before it has. What takes an upcall comes later, so markers are sent until nothing has
// changed between two of them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DpAction, DpFlow, Dpif, DpPort } from '../../../datapath/dpif.ts';
import { KEY_ETH_TYPE, KEY_IN_PORT, KEY_RECIRC_ID, KEY_SIZE } from '../../../datapath/layout/flow-key.ts';
import type { ModelNic } from '../../../datapath/nic/model/model-nic.ts';
import type { OffloadEngine } from '../../../datapath/nic/offload/engine.ts';
import { type Clock, VirtualClock } from '../../../lib/clock.ts';
import type { IoPoller } from '../../../lib/io-poller.ts';
import { OFPP } from '../../../ofproto/model/actions.ts';
import { KEY_IN_PORT as FLOW_IN_PORT } from '../../../ofproto/model/flow.ts';
import { OFPM } from '../../../ofproto/model/groups.ts';
import { parseFlowStatsRequest, parseTraceFlow } from '../../../ofproto/text/parse-flow.ts';
import { DEFAULT_SETTINGS } from '../../../ofproto/upcall/settings.ts';
import { VLAN_LIMIT_DEFAULT } from '../../../ofproto/xlate/vlan-limit.ts';
import { BridgeFixture, LOCAL_ODP_PORT } from '../bridge-fixture.ts';
import { composeFrame } from '../compose-frame.ts';
import type { CaseSwitch } from '../flow-cases.ts';
import { until } from './provider-suite.ts';

const VFS = 8;
const MARKER_TYPE = 0x88b6;
const LOCALS = ['br0', 'br1'];
/** OFPG_ALL */
const ALL_GROUPS = 0xfffffffc;
/** Reasons that are over soon. */
const PASSING = /^it (waits to be|is being) written/;

const built = (path: string) => import(new URL(`../../../dist/${path}`, import.meta.url).href);

interface Dummy {
  onSend: ((frame: Uint8Array) => void) | undefined;
  inject(frame: Uint8Array): void;
}

/** A clock that is another one for each case: what an earlier case left to be done is never due. */
class CaseClock implements Clock {
  now = new VirtualClock(nextSecond());

  nowMs(): number {
    return this.now.nowMs();
  }

  after(delayMs: number, fn: () => void): () => void {
    return this.now.after(delayMs, fn);
  }
}

/** Timers of whole seconds do the same in each run when they begin at one; rings are stamped with the machine's time. */
const nextSecond = (): number => Math.ceil(performance.now() / 1000) * 1000;

/** Packets and bytes. */
interface PortCounters {
  readonly rx: readonly [bigint, bigint];
  readonly tx: readonly [bigint, bigint];
}

/** The datapath and the card, for many cases. */
export class CardRig {
  readonly dpif: Dpif;
  readonly model: ModelNic;
  readonly clock: CaseClock;
  readonly ports = new Map<string, DpPort>();
  /** Frames that came out, by port, since the last look; markers apart. */
  sent = new Map<string, string[]>();
  #sentCount = 0;
  readonly #locals = new Map<string, Dummy>();
  readonly #io: IoPoller;
  readonly #folder: string;
  /** The last marker that came out of each port. */
  readonly #marked = new Map<string, number>();
  /** Markers that came in by and out of each port so far. */
  readonly #markersIn = new Map<string, bigint>();
  readonly #markersOut = new Map<string, bigint>();
  #marker = 0;

  private constructor(dpif: Dpif, model: ModelNic, clock: CaseClock, io: IoPoller, folder: string) {
    this.dpif = dpif;
    this.model = model;
    this.clock = clock;
    this.#io = io;
    this.#folder = folder;
  }

  static async start(): Promise<CardRig> {
    const { createDpif } = (await built('datapath/datapath.js')) as typeof import('../../../datapath/datapath.ts');
    const { NicRegistry } = (await built(
      'datapath/nic/registry.js',
    )) as typeof import('../../../datapath/nic/registry.ts');
    const nic = (await built(
      'datapath/nic/model/model-nic.js',
    )) as typeof import('../../../datapath/nic/model/model-nic.ts');
    const { createIoPoller } = (await built('lib/io-poller.js')) as typeof import('../../../lib/io-poller.ts');
    const folder = mkdtempSync(join(tmpdir(), 'weft-cards-'));
    const [io, clock, nics] = [createIoPoller(), new CaseClock(), new NicRegistry()];
    const model = new nic.ModelNic('model0', settings(1000), folder);
    nics.add(model);
    const rig = new CardRig(createDpif({ io, rundir: folder, clock, nics }), model, clock, io, folder);
    await rig.#addPorts();
    return rig;
  }

  async #addPorts(): Promise<void> {
    const { findDummyPort } = (await built('datapath/port/dummy/dummy-port.js')) as {
      findDummyPort(name: string): Dummy;
    };
    this.model.onSent = (vport, frame) => this.#came(`p${vport}`, frame);
    for (let n = 1; n <= VFS; n++) {
      const options = { nic: 'model0', vf: String(n - 1) };
      this.ports.set(`p${n}`, await this.dpif.portAdd({ name: `p${n}`, type: 'vf', options, odpPort: n }));
    }
    for (const [i, name] of LOCALS.entries()) {
      this.ports.set(name, await this.dpif.portAdd({ name, type: 'dummy', options: {}, odpPort: LOCAL_ODP_PORT + i }));
      const dummy = findDummyPort(name);
      dummy.onSend = (frame) => this.#came(name, frame);
      this.#locals.set(name, dummy);
    }
    await this.ready();
    for (const port of this.ports.values()) this.dpif.flowPut(this.#markerFlow(port.odpPort));
  }

  /** Every port is up, and frames that come out are seen. */
  async ready(): Promise<void> {
    await until(() => [...this.ports.values()].every(({ linkUp }) => linkUp), 'the links do not come up');
    for (let vport = 1; vport <= VFS; vport++) await this.model.card.call('watch', vport);
  }

  /** What is forwarded by the card from now on: nothing, or as many flows as it has room for. */
  async offload(tableSize: number | undefined): Promise<void> {
    this.#configure(false);
    if (tableSize === undefined) return;
    const { restarts } = this.model.card;
    await this.model.configure(settings(tableSize));
    if (this.model.card.restarts !== restarts)
      await until(() => !this.ports.get('p1')!.linkUp, 'the card is not reset');
    await this.ready();
    this.#configure(true);
  }

  #configure(hwOffload: boolean, vlanLimit = VLAN_LIMIT_DEFAULT): void {
    // Tests share their machine: an idle PMD sleeps.
    this.dpif.configure({ hwOffload, pmdSleepUsMax: 200, vlanLimit });
  }

  setVlanLimit(vlanLimit: number): void {
    this.#configure(this.dpif.offload.isOn, vlanLimit);
  }

  #markerFlow(inPort: number) {
    const [key, mask] = [new Uint8Array(KEY_SIZE), new Uint8Array(KEY_SIZE)];
    const view = new DataView(key.buffer);
    view.setUint32(KEY_IN_PORT, inPort);
    view.setUint16(KEY_ETH_TYPE, MARKER_TYPE);
    mask.fill(0xff, KEY_IN_PORT, KEY_RECIRC_ID + 4);
    mask.fill(0xff, KEY_ETH_TYPE, KEY_ETH_TYPE + 2);
    const actions = [...this.ports.values()].map(({ odpPort }): DpAction => ({ type: 'output', port: odpPort }));
    return { key, mask, actions };
  }

  isMarker(flow: DpFlow): boolean {
    return new DataView(flow.key.buffer).getUint16(KEY_ETH_TYPE) === MARKER_TYPE;
  }

  #came(name: string, frame: Uint8Array): void {
    const bytes = Buffer.from(frame);
    if (bytes.readUInt16BE(12) === MARKER_TYPE) {
      this.#marked.set(name, bytes.readUInt32BE(14));
      this.#markersOut.set(name, (this.#markersOut.get(name) ?? 0n) + 1n);
    } else {
      this.#sentCount++;
      this.sent.set(name, [...(this.sent.get(name) ?? []), bytes.toString('hex')]);
    }
  }

  /** The port's counters without the markers. */
  countersOf(name: string): PortCounters {
    const stats = this.ports.get(name)!.stats();
    const [markersIn, markersOut] = [this.#markersIn.get(name) ?? 0n, this.#markersOut.get(name) ?? 0n];
    const of = (counter: string) => BigInt(stats[counter] ?? 0);
    return {
      rx: [of('rx_packets') - markersIn, of('rx_bytes') - 60n * markersIn],
      tx: [of('tx_packets') - markersOut, of('tx_bytes') - 60n * markersOut],
    };
  }

  async #inject(name: string, frame: Uint8Array): Promise<void> {
    const local = this.#locals.get(name);
    if (local) local.inject(frame);
    else await this.model.card.call('inject', Number(name.slice(1)), frame);
  }

  /** Frames come in by a port, and go through. */
  async pass(name: string, frames: readonly Uint8Array[]): Promise<void> {
    if (!this.ports.get(name)!.linkUp) return;
    for (const frame of frames) await this.#inject(name, frame);
    for (let before = ''; ; ) {
      await this.#mark(name);
      const now = this.#progress();
      if (now === before) return;
      before = now;
    }
  }

  #progress(): string {
    const { missed, lost } = this.dpif.stats();
    const upcalls = this.dpif
      .pmdStats()
      .reduce((sum, { upcallsOk, upcallsFailed }) => sum + upcallsOk + upcallsFailed, 0n);
    return [missed, lost, upcalls, this.#sentCount].join();
  }

  async #mark(name: string): Promise<void> {
    const marker = ++this.#marker;
    const frame = Buffer.alloc(60);
    frame.writeUInt16BE(MARKER_TYPE, 12);
    frame.writeUInt32BE(marker, 14);
    this.#markersIn.set(name, (this.#markersIn.get(name) ?? 0n) + 1n);
    await this.#inject(name, frame);
    const up = [...this.ports.values()].filter(({ linkUp, adminUp }) => linkUp && adminUp);
    await until(() => up.every((port) => this.#marked.get(port.name) === marker), `marker ${marker} of ${name}`);
  }

  /** Packets that came in by a port and were forwarded by the card alone. */
  forwardedByCard(): bigint {
    const { ports } = this.dpif.offload as OffloadEngine;
    return [...this.ports.values()].reduce((sum, { odpPort }) => sum + (ports.of(odpPort)?.rx_packets ?? 0n), 0n);
  }

  /** The engine has decided about every megaflow. */
  async decided(): Promise<void> {
    const isOpen = (flow: DpFlow) => PASSING.test(this.dpif.offload.stateOf(flow)?.reason ?? '');
    await until(() => ![...this.dpif.flows()].some(isOpen), 'flows that are neither offloaded nor refused');
  }

  async close(): Promise<void> {
    for (const port of this.dpif.ports()) await this.dpif.portDel(port.odpPort);
    await this.dpif.close();
    await this.model.close();
    await this.#io.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The port by which a packet comes in, and the packet. */
function frameOf(text: string): { name: string; frame: Buffer } {
  const [flowText, hex] = text.split(' ');
  const flow = parseTraceFlow(flowText!);
  const ofPort = flow.u32(FLOW_IN_PORT);
  const frame = hex === undefined ? composeFrame(flow) : Buffer.from(hex, 'hex');
  return { name: ofPort === OFPP.LOCAL ? 'br0' : `p${ofPort}`, frame };
}

const settings = (tableSize: number) => `vfs=${VFS},table-size=${tableSize},vf-end=dummy`;

/** Everything that a case showed. */
export interface CaseOutcome {
  /** What came out, line by line and port by port. */
  readonly packets: string[];
  readonly statistics: string[];
  /** Reasons of megaflows in software, `yes` for those in the card. */
  readonly offloaded: Set<string>;
}

/** One case's switch. */
export class CardSwitch extends BridgeFixture implements CaseSwitch {
  readonly outcome: CaseOutcome = { packets: [], statistics: [], offloaded: new Set() };
  readonly #rig: CardRig;
  readonly #before = new Map<string, PortCounters>();

  constructor(rig: CardRig) {
    rig.clock.now = new VirtualClock(nextSecond());
    super(rig.dpif, rig.clock.now);
    this.#rig = rig;
    for (const name of rig.ports.keys()) this.#before.set(name, rig.countersOf(name));
    this.makeBridge('br0', ['p1', 'p2', 'p3', 'p4']);
  }

  makeBridge(name: string, ports: readonly string[]): void {
    const { ports: all } = this.#rig;
    this.addBridgeOf(
      name,
      all.get(name)!,
      ports.map((port) => all.get(port)!),
    );
  }

  setVlanLimit(vlanLimit: number): void {
    this.#rig.setVlanLimit(vlanLimit);
    this.slowPath.configure({ ...DEFAULT_SETTINGS, vlanLimit });
  }

  async setLink(name: string, up: boolean): Promise<void> {
    const port = this.#rig.ports.get(name)!;
    port.setAdminUp(up);
    await until(() => port.linkUp === up, `${name} does not go ${up ? 'up' : 'down'}`);
    this.br0.portChanged(port);
  }

  /** A packet goes through; the ports that it came out of. */
  async send(text: string): Promise<string[]> {
    const { name, frame } = frameOf(text);
    await this.#rig.pass(name, [frame]);
    const ports = [...this.#rig.sent.keys()].sort();
    this.#rig.sent = new Map();
    return ports;
  }

  /** Packets go through one after the other; how many came out. */
  async sendMany(text: string, count: number): Promise<number> {
    const { name, frame } = frameOf(text);
    await this.#rig.pass(name, new Array<Uint8Array>(count).fill(frame));
    const sent = [...this.#rig.sent.values()].reduce((sum, { length }) => sum + length, 0);
    this.#rig.sent = new Map();
    return sent;
  }

  /** Once, and after the engine has decided a few times more. */
  async packet(text: string): Promise<void> {
    const { name, frame } = frameOf(text);
    if (!this.#rig.ports.has(name)) return;
    await this.br0.barrier();
    await this.#rig.pass(name, [frame]);
    await this.#rig.decided();
    this.#note(`${text}, first`);
    await this.#rig.pass(name, [frame, frame, frame]);
    this.#note(`${text}, later`);
    for (const dpFlow of this.#rig.dpif.flows()) {
      const state = this.#rig.isMarker(dpFlow) ? undefined : this.#rig.dpif.offload.stateOf(dpFlow);
      if (state) this.outcome.offloaded.add(state.reason ?? 'yes');
    }
  }

  #note(what: string): void {
    for (const [name, frames] of [...this.#rig.sent].sort()) {
      for (const frame of frames.sort()) this.outcome.packets.push(`${what}: ${name} ${frame}`);
    }
    this.#rig.sent = new Map();
  }

  /** Statistics, and everything as it was before. */
  async finish(): Promise<void> {
    // What timers sent.
    const up = [...this.#rig.ports.values()].find(({ linkUp, name }) => linkUp && name.startsWith('p'));
    await this.#rig.pass(up!.name, []);
    this.#note('at the end');
    await this.slowPath.purge();
    for (const [name, bridge] of [...this.bridges].sort()) {
      const request = parseFlowStatsRequest('');
      for (const { tableId, priority, packets, bytes } of bridge.flowStats(request))
        this.#count(name, `flow table=${tableId} priority=${priority}`, packets, bytes);
      for (const { groupId, packets, bytes, buckets } of bridge.resources.groupStats(ALL_GROUPS)) {
        this.#count(name, `group ${groupId}`, packets, bytes);
        for (const bucket of buckets) this.#count(name, `group ${groupId} bucket`, bucket.packets, bucket.bytes);
      }
      for (const { meterId, packets, bytes } of bridge.resources.meterStats(OFPM.ALL))
        this.#count(name, `meter ${meterId}`, packets, bytes);
      for (const { tableId, lookupCount, matchedCount } of bridge.tableStats())
        if (lookupCount > 0) this.#count(name, `table ${tableId}`, lookupCount, matchedCount);
      for (const { id, packets, bytes } of bridge.l2.mirrorStats()) this.#count(name, `mirror ${id}`, packets, bytes);
    }
    for (const name of this.#rig.ports.keys()) {
      const [before, now] = [this.#before.get(name)!, this.#rig.countersOf(name)];
      this.#count(name, 'rx', ...now.rx.map((value, i) => value - before.rx[i]!));
      this.#count(name, 'tx', ...now.tx.map((value, i) => value - before.tx[i]!));
    }
    this.outcome.statistics.sort();
    this.#rig.setVlanLimit(VLAN_LIMIT_DEFAULT);
    for (const bridge of this.bridges.values()) bridge.close();
    this.slowPath.close();
    for (const [name, { adminUp }] of this.#rig.ports) if (!adminUp) await this.setLink(name, true);
  }

  #count(name: string, what: string, ...numbers: readonly (number | bigint)[]): void {
    this.outcome.statistics.push(`${name} ${what}: ${numbers.join(' ')}`);
  }
}
