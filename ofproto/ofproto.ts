// One bridge: its ports, flow tables and MAC table, and what OpenFlow connections, the reconciler and the CLI do to them.
// Packets reach it through the backer (upcall/backer.ts), which it shares with the other bridges of the datapath.

import { randomBytes } from 'node:crypto';
import type { DpPort, Upcall } from '../datapath/dpif.ts';
import { coverage } from '../lib/coverage.ts';
import { bondServices } from './bonds/services.ts';
import { BridgePort, BridgePorts } from './bridge-ports.ts';
import { snapshotOf } from './bridge-snapshot.ts';
import { packetInOf } from './continuations.ts';
import type { Control } from './fail-mode.ts';
import { flowNews } from './flow-news.ts';
import { GivenPackets } from './given-packets.ts';
import { type ResourceOwner, ResourceTables } from './groups/resource-tables.ts';
import type { InBandSettings } from './in-band.ts';
import { L2Switch } from './l2-switch.ts';
import { macNumber } from './mac-learning.ts';
import { OFPP } from './model/actions.ts';
import {
  type FlowMod,
  type FlowStatsEntry,
  type FlowStatsRequest,
  OfError,
  type OfPortDesc,
  type OfPortStats,
  type PacketIn,
  type PacketOut,
  type TableStats,
} from './model/flow-mod.ts';
import { type GroupMod, NO_SELECTION, OFPG, OFPG_BUCKET } from './model/groups.ts';
import type {
  BundleSettings,
  OfPort,
  OfprotoApi,
  OfprotoEvents,
  OpenflowTableConfig,
  PortConfigFlag,
  PortDevice,
  PortStatusReason,
  Trace,
  TraceRequest,
} from './ofproto-api.ts';
import { OwnFlows } from './own-flows.ts';
import { type CollectorSet, FlowSamples } from './sampling/flow-samples.ts';
import { BridgeTree } from './spanning-tree/bridge-tree.ts';
import type { FlowTableConfig } from './tables/flow-table.ts';
import { type ChangeOrigin, FlowTables } from './tables/flow-tables.ts';
import { INTERNAL_TABLE } from './tables/limits.ts';
import { type Rule, totals } from './tables/rule.ts';
import { Transaction } from './tables/transaction.ts';
import { VacancyEvents } from './tables/vacancy.ts';
import { Explainer } from './trace/explainer.ts';
import type { BackedBridge } from './upcall/backed-bridge.ts';
import type { Backer } from './upcall/backer.ts';
import type { BridgeEffects, ControllerSpec, FinTimeout, SampleSpec, XlateBridge } from './xlate/snapshot.ts';

const packetsOut = coverage('ofproto_packet_out');

const DELETE_GROUPS: GroupMod = {
  command: 'delete',
  groupId: OFPG.ALL,
  type: 'all',
  buckets: [],
  selection: NO_SELECTION,
  commandBucketId: OFPG_BUCKET.ALL,
};

export class Ofproto implements OfprotoApi, BackedBridge {
  readonly name: string;
  datapathId = 0n;
  readonly #backer: Backer;
  /** Names the bridge in continuations. */
  readonly #uuid = randomBytes(16);
  readonly #ports = new BridgePorts();
  readonly #tables: FlowTables;
  readonly #transaction = new Transaction();
  readonly #vacancies = new VacancyEvents((tableId, event) => {
    for (const events of this.#subscribers) events.tableStatus?.(tableId, event);
  });
  readonly l2: L2Switch;
  readonly tree: BridgeTree;
  readonly resources: ResourceTables;
  readonly #subscribers = new Set<OfprotoEvents>();
  readonly #own: OwnFlows;
  readonly #samples = new FlowSamples(() => this.#now());
  readonly snapshot: XlateBridge;
  readonly #given: GivenPackets;
  readonly #explainer: Explainer;
  #missToController = false;
  readonly #closed: () => void;

  /** `closed` is called when the bridge goes. */
  constructor(name: string, backer: Backer, closed: () => void) {
    this.name = name;
    this.#closed = closed;
    this.#backer = backer;
    const owner: ResourceOwner = {
      nowMs: () => this.#now(),
      changed: () => this.changed(),
      ruleTouched: (rule) => this.#backer.ruleTouched(rule),
      resumedChanged: () => this.#backer.changed('resumed'),
      pushStats: () => this.#backer.pushStats(),
      references: () => this.#tables.references,
      removeRule: (rule, reason) => this.#tables.remove(rule, reason),
    };
    this.resources = new ResourceTables(owner, backer.dpif, this.#transaction);
    this.#tables = new FlowTables(
      flowNews(this.#subscribers, backer, () => this.#now()),
      this.#transaction,
      this.resources,
    );
    const localMac = () => this.#ports.get(OFPP.LOCAL)?.mac;
    this.#own = new OwnFlows(this.#tables, () => this.#now(), localMac);
    this.l2 = new L2Switch({
      nowMs: () => this.#now(),
      port: (ofPort) => this.#ports.get(ofPort),
      changed: () => this.changed(),
      macChanged: (mac) => this.#backer.macChanged(macNumber(mac)),
      bonds: bondServices({
        backer,
        snapshot: () => this.snapshot,
        localMac,
        changed: () => this.changed(),
        portToggled: ({ ofPort }) => this.#toggled(ofPort),
      }),
    });
    this.tree = new BridgeTree(this, this.#ports, this.#subscribers, backer.clock);
    const parts = { tables: this.#tables, ports: this.#ports, resources: this.resources, own: this.#own };
    const missToController = () => this.#missToController;
    this.snapshot = snapshotOf({
      name,
      ...parts,
      l2: this.l2,
      tree: this.tree,
      samples: this.#samples,
      missToController,
    });
    this.#given = new GivenPackets(this.snapshot, this.resources, backer, this.#transaction);
    this.#explainer = new Explainer(this.snapshot, backer);
    backer.register(this);
  }

  #now(): number {
    return this.#backer.clock.nowMs();
  }

  changed(): void {
    this.#backer.changed();
  }

  subscribe(events: OfprotoEvents): () => void {
    this.#subscribers.add(events);
    return () => this.#subscribers.delete(events);
  }

  // Ports

  addPort(device: PortDevice, ofPort: number, bundle: BundleSettings | null = { name: device.name }): void {
    const port = new BridgePort(device, ofPort, this.#now());
    port.floods = this.tree.label === undefined;
    this.#ports.add(port);
    if (bundle) this.l2.join(port, bundle);
    this.#backer.attachPort(this, port);
    this.changed();
    this.#portStatus('add', port.desc());
  }

  delPort(ofPort: number): void {
    const port = this.#ports.get(ofPort);
    if (!port) return;
    this.tree.portRemoved(port);
    this.#ports.delete(ofPort);
    this.#backer.detachPort(port);
    this.l2.leave(port);
    this.changed();
    this.#portStatus('delete', port.desc());
  }

  ports(): readonly OfPort[] {
    return this.#ports.sorted();
  }

  modPort(ofPort: number, hwAddr: Uint8Array, config: Partial<Record<PortConfigFlag, boolean>>): void {
    const port = this.#ports.get(ofPort);
    if (!port) throw new OfError('OFPPMFC_BAD_PORT');
    if (!port.desc().hwAddr.every((byte, i) => byte === hwAddr[i])) throw new OfError('OFPPMFC_BAD_HW_ADDR');
    const before = port.config;
    port.config = { ...before, ...config, portDown: (config.portDown ?? before.portDown) && !port.patch };
    if (port.config.portDown !== before.portDown) port.device.setAdminUp(!port.config.portDown);
    this.tree.linkChanged(port);
    this.changed();
    this.#portStatus('modify', port.desc());
  }

  /** The datapath says that a port's link or address changed. */
  portChanged(dpPort: DpPort): void {
    for (const port of this.#ports) {
      if (port.device !== dpPort) continue;
      this.tree.linkChanged(port);
      this.#toggled(port.ofPort);
      this.l2.aggregation.run();
      this.#own.refresh();
    }
  }

  /** Groups may watch its link. */
  #toggled(ofPort: number): void {
    this.changed();
    const port = this.#ports.get(ofPort);
    if (port) this.#portStatus('modify', port.desc());
  }

  #portStatus(reason: PortStatusReason, desc: OfPortDesc): void {
    for (const events of this.#subscribers) events.portStatus(reason, desc);
  }

  portDescs(): readonly OfPortDesc[] {
    return this.#ports.sorted().map((port) => port.desc());
  }

  portStats(ofPort?: number): readonly OfPortStats[] {
    const wanted = ofPort === undefined ? this.#ports.sorted() : [this.#ports.get(ofPort)];
    return wanted.filter((port) => port !== undefined).map((port) => port.stats(this.#now()));
  }

  // Flow tables

  flowMod(mod: FlowMod, origin?: ChangeOrigin): void {
    this.#tables.apply(mod, this.#now(), origin);
    this.#tablesChanged();
  }

  prepareFlow(mod: FlowMod): Rule | undefined {
    if (mod.command === 'add') return this.#tables.prepare(mod);
    this.#tables.check(mod);
    return undefined;
  }

  addFlow(rule: Rule, origin?: ChangeOrigin): void {
    this.#tables.add(rule, this.#now(), origin);
    this.#tablesChanged();
  }

  atomically<T>(changes: () => T): T {
    const result = this.#transaction.run(changes);
    this.#tablesChanged();
    return result;
  }

  #tablesChanged(): void {
    if (!this.#transaction.isOpen) this.#vacancies.check();
  }

  findFlows(request: FlowStatsRequest): readonly Rule[] {
    if (request.tableId === INTERNAL_TABLE) return this.#own.misses.select(request, this.#now());
    return this.#tables.select(request);
  }

  flowStats(request: FlowStatsRequest): FlowStatsEntry[] {
    const { found, nowMs } = this.flowsFor(request);
    return found.map((rule) => rule.stats(nowMs));
  }

  flowsFor(request: FlowStatsRequest): ReturnType<OfprotoApi['flowsFor']> {
    this.#backer.pushStats();
    return { found: this.findFlows(request), nowMs: this.#now() };
  }

  aggregate(request: FlowStatsRequest): { packets: bigint; bytes: bigint; flows: number } {
    this.#backer.pushStats();
    return totals(this.findFlows(request));
  }

  configureTables(configs: ReadonlyMap<number, FlowTableConfig>): void {
    for (const table of this.#tables.tables()) {
      table.configure(configs.get(table.id));
      this.#tables.shrink(table.id);
    }
    this.#tablesChanged();
  }

  configureTable(tableId: number, { name, miss, eviction, vacancy }: OpenflowTableConfig): void {
    const table = this.#tables.table(tableId)!;
    if (name !== undefined) table.openflowName = name;
    if (eviction !== undefined) table.setOpenflowEviction(eviction);
    if (vacancy !== undefined) this.#vacancies.watch(table, vacancy ?? undefined);
    if (miss === undefined || miss === table.miss) return;
    table.miss = miss;
    this.changed();
  }

  tableStats(): TableStats[] {
    this.#backer.pushStats();
    return this.#tables.tables().map((table) => table.stats());
  }

  barrier(): Promise<void> | undefined {
    return this.#backer.barrier();
  }

  setFailMode(mode: 'secure' | 'standalone', control: Control): void {
    if (this.#own.setFailMode(mode, control)) this.resources.groupMod(DELETE_GROUPS);
  }

  setInBand(settings: InBandSettings): void {
    const { hasInBand } = this.#own;
    this.#own.setInBand(settings);
    if (this.#own.hasInBand !== hasInBand) this.changed();
  }

  setMissToController(wanted: boolean): void {
    if (wanted === this.#missToController) return;
    this.#missToController = wanted;
    this.changed();
  }

  // Packets

  hear(effects: BridgeEffects, frame: Uint8Array): void {
    this.l2.hear(effects, frame);
    this.tree.hear(effects, frame);
  }

  learn({ macs, learned }: BridgeEffects, usedMs: number, isLate: boolean): void {
    for (const sighting of macs) this.l2.learn(sighting, usedMs);
    for (const mod of learned) this.#tables.learn(mod, usedMs, isLate);
    this.#tablesChanged();
  }

  connectionEnded({ rule, idleTimeout, hardTimeout }: FinTimeout): void {
    this.#tables.shortenTimeouts(rule, idleTimeout, hardTimeout);
  }

  packetIn(spec: ControllerSpec, packet: Uint8Array): void {
    const packetIn = packetInOf(spec, packet, this.#uuid);
    for (const events of this.#subscribers) events.packetIn(packetIn);
  }

  sampled(spec: SampleSpec, upcall: Upcall): void {
    this.#samples.take(spec, upcall, this.#backer.flowOf(upcall.packet.slice(), upcall.inPort), this.#ports);
  }

  setCollectors(sets: readonly CollectorSet[]): void {
    if (this.#samples.configure(sets)) this.changed();
  }

  packetOut(out: PacketOut): void {
    packetsOut.inc();
    this.#given.packetOut(out);
  }

  resume(packetIn: PacketIn): void {
    this.#given.resume(packetIn, this.#uuid);
  }

  hiddenFlows(): FlowStatsEntry[] {
    this.#backer.pushStats();
    return this.#own.stats(this.l2.hiddenFlows());
  }

  /** Timeouts of rules and addresses. */
  expire(nowMs: number): void {
    this.#tables.expire(nowMs);
    this.#tablesChanged();
    this.l2.expire(nowMs);
  }

  trace(request: TraceRequest): string {
    return this.explain(request).text;
  }

  explain(request: TraceRequest): Trace {
    return this.#explainer.explain(request);
  }

  traceKey(flow: string): Uint8Array {
    return this.#explainer.key(flow);
  }

  close(): void {
    for (const events of this.#subscribers) events.closed?.();
    this.#subscribers.clear();
    this.l2.close();
    this.#samples.close();
    this.tree.close();
    this.#backer.unregister(this);
    this.resources.close();
    this.#closed();
  }
}
