// The reconciler: makes the switch what the database says, and tells the database what came of it.
//
// Design. Every change of a configuration column marks the configuration as stale. One pass at a time reads the whole
// configuration from the replica into plain values, takes away what is not wanted any more (in every bridge first: an
// interface may have moved), then adds and changes, and writes the outcome and cur_cfg in one transaction. What changes
// while a pass runs is left to the next pass, so a burst of transactions costs few passes; cur_cfg is the next_cfg that
// the pass began with. A row that fails (an unknown type, a missing device) has its error written and holds up no other.
//
// The switch changes nothing, in the database or itself, until it holds the lock `ovs_vswitchd`: with an external
// ovsdb-server another switch may be in charge. A lost connection leaves everything running as it is.

import type { Dpif } from '../../../datapath/dpif.ts';
import type { Clock } from '../../../lib/clock.ts';
import { coverage } from '../../../lib/coverage.ts';
import { logger } from '../../../lib/log.ts';
import type { ConnmgrApi } from '../../../ofproto/connmgr/connmgr-api.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import type { Json } from '../../json-rpc/json.ts';
import * as ops from '../../ovsdb/ops.ts';
import type { OvsdbReplica, RowChange } from '../../ovsdb/replica.ts';
import { Bridge } from './bridge.ts';
import { CONFIG_COLUMNS } from './columns.ts';
import { type BridgeConfig, present, readConfig, type SwitchConfig } from './config.ts';
import { type DummyMode, datapathTypes, interfaceTypes, isDatapathType } from './interface-type.ts';
import {
  bridgeColumns,
  controllerColumns,
  interfaceColumns,
  mirrorColumns,
  portColumns,
  StatusWriter,
  statisticsColumn,
} from './status.ts';
import { treePortRows, treePortStatistics } from './tree-status.ts';

const log = logger('bridge');
const reconfigured = coverage('bridge_reconfigure');

const LOCK = 'ovs_vswitchd';
const STATS_INTERVAL_MS_DEFAULT = 5000;
/** ovs-vswitchd.conf.db(5): a second VLAN tag is looked at only when asked for. */
const VLAN_LIMIT_DEFAULT = 1;
/** Link changes come in bursts (a guest starts its rings one by one). */
const STATUS_DELAY_MS = 20;

export interface ReconcilerParts {
  readonly replica: OvsdbReplica;
  readonly dpif: Dpif;
  readonly clock: Clock;
  readonly dummy: DummyMode;
  createOfproto(name: string): OfprotoApi;
  createConnmgr(ofproto: OfprotoApi): ConnmgrApi;
  /**
   * Settings of the Open_vSwitch row that are not a bridge's: in force in each pass before the bridges are looked at. While flows are
   * being restored packets are not to be translated.
   */
  configure?(otherConfig: Readonly<Record<string, string>>, isRestoring: boolean): void | Promise<void>;
  /** Columns of the Open_vSwitch row that never change, e.g. ovs_version of an embedded database. */
  readonly fixedColumns?: Readonly<Record<string, Json>>;
  /** Open_vSwitch.statistics, while they are asked for. */
  systemStatistics?(): Readonly<Record<string, string>>;
  /** Datapath.capabilities. */
  capabilities(): Readonly<Record<string, string>>;
}

export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #bridges = new Map<string, Bridge>();
  readonly #writer = new StatusWriter();
  readonly #unlisten: () => void;
  #stale = true;
  /** Until other_config:flow-restore-wait is seen not to be true; from then on it says nothing any more. */
  #isRestoring = true;
  #running: Promise<void> | undefined;
  #closed = false;
  #config: SwitchConfig | undefined;
  #cancelStatus: (() => void) | undefined;
  #cancelStats: () => void = () => {};
  #waiters: (() => void)[] = [];
  #firstPassDone: () => void = () => {};
  /** Resolves once the first configuration that this switch may act on is in force. */
  readonly firstPass = new Promise<void>((resolve) => {
    this.#firstPassDone = resolve;
  });
  /** Bridges that could not be made, by name: said once each. */
  readonly #refused = new Set<string>();

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    const { replica, dpif } = parts;
    this.#unlisten = replica.listen({
      change: (changes) => {
        if (changes.some(isConfigChange)) this.#invalidate();
      },
      synced: (synced) => {
        if (!synced) return;
        this.#writer.reset();
        this.#invalidate();
      },
      locked: (held) => {
        if (held) this.#invalidate();
      },
      contended: () => {
        const self = `disabling this process (pid ${process.pid})`;
        log.err(`another ovs-vswitchd process is running, ${self} until it goes away`);
      },
    });
    replica.lock(LOCK);
    dpif.onPortChange((port) => {
      // A port that came into a bridge may change the bridge's own address.
      if ([...this.#bridges.values()].some((bridge) => bridge.portChanged(port))) this.#invalidate();
      this.#statusSoon();
    });
    this.#scheduleStats();
    this.#invalidate();
  }

  bridges(): readonly Bridge[] {
    return [...this.#bridges.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  bridge(name: string): Bridge | undefined {
    return this.#bridges.get(name);
  }

  /** Resolves after a pass that began with what the replica holds now; at once when nothing is stale. */
  settled(): Promise<void> {
    if (!this.#stale && !this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Stops following the database. With `cleanup` bridges and ports are removed, else they are only let go. */
  async close(cleanup: boolean): Promise<void> {
    this.#closed = true;
    this.#unlisten();
    this.#cancelStats();
    this.#cancelStatus?.();
    await this.#running;
    for (const bridge of this.#bridges.values()) {
      if (cleanup) await bridge.close();
      else await bridge.connmgr.close();
    }
    this.#bridges.clear();
  }

  #invalidate(): void {
    this.#stale = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      for (const resolve of this.#waiters.splice(0)) resolve();
    });
  }

  async #run(): Promise<void> {
    while (this.#stale && !this.#closed) {
      // Whatever else arrives in this turn of the event loop is part of the same pass.
      await new Promise((resolve) => setImmediate(resolve));
      if (!this.#mayAct) return;
      this.#stale = false;
      const config = readConfig(this.#parts.replica);
      if (config) await this.#pass(config);
      this.#firstPassDone();
    }
  }

  get #mayAct(): boolean {
    const { replica } = this.#parts;
    return !this.#closed && replica.isSynced && replica.hasLock;
  }

  async #pass(config: SwitchConfig): Promise<void> {
    reconfigured.inc();
    this.#config = config;
    this.#isRestoring &&= config.otherConfig['flow-restore-wait']?.toLowerCase() === 'true';
    await this.#guard('settings', () => this.#configureDatapath(config));
    const made = config.bridges.filter((bridge) => this.#canMake(bridge)).map((bridge) => this.#asYet(bridge));
    const wanted = new Map(made.map((row) => [row.name, row]));
    await this.#removeUnwanted(wanted);
    for (const bridge of wanted.values()) await this.#guard(`bridge ${bridge.name}`, () => this.#applyBridge(bridge));
    // cur_cfg says that all of this is in force, so no megaflow from before may forward a packet any more.
    const [bridge] = this.#bridges.values();
    await (bridge?.ofproto ?? this.#parts.dpif).barrier();
    this.#collect();
    this.#writer.set('Open_vSwitch', config.uuid, { cur_cfg: config.nextCfg });
    await this.#write();
  }

  /** A fault in one part is ours, and is not let spread to the others. */
  async #guard(part: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.err(`${part}: reconfiguration failed: ${(error as Error).stack ?? String(error)}`);
    }
  }

  #canMake({ name, datapathType }: BridgeConfig): boolean {
    const fault = name.includes('/')
      ? `ignoring bridge with invalid name "${name}"`
      : isDatapathType(datapathType, this.#parts.dummy)
        ? undefined
        : `could not create datapath ${name} of unknown type ${datapathType}`;
    if (fault !== undefined && !this.#refused.has(name)) log.err(fault);
    if (fault === undefined) this.#refused.delete(name);
    else this.#refused.add(name);
    return fault === undefined;
  }

  /** Controllers are not dialled before the flows are restored that they would find. */
  #asYet(bridge: BridgeConfig): BridgeConfig {
    return this.#isRestoring ? { ...bridge, controllers: [] } : bridge;
  }

  async #configureDatapath(config: SwitchConfig): Promise<void> {
    const other = config.otherConfig;
    const sleepUs = integerOption(other['pmd-sleep-max'] ?? other['pmd-maxsleep']);
    this.#parts.dpif.configure(
      present({
        pmdCpuMask: other['pmd-cpu-mask'],
        pmdSleepUsMax: sleepUs === undefined ? undefined : Math.min(sleepUs, 10_000),
        flowLimit: integerOption(other['flow-limit']),
        hwOffload: other['hw-offload'] === 'true',
        vlanLimit: integerOption(other['vlan-limit']) ?? VLAN_LIMIT_DEFAULT,
      }),
    );
    await this.#parts.configure?.(other, this.#isRestoring);
  }

  async #removeUnwanted(wanted: ReadonlyMap<string, BridgeConfig>): Promise<void> {
    for (const [name, bridge] of this.#bridges) {
      const config = wanted.get(name);
      // A bridge of another datapath type, or another row of the same name, is another bridge.
      if (config && config.uuid === bridge.config.uuid && config.datapathType === bridge.config.datapathType) {
        await this.#guard(`bridge ${name}`, () => bridge.removeUnwanted(config));
        continue;
      }
      this.#bridges.delete(name);
      await this.#guard(`bridge ${name}`, () => bridge.close());
    }
  }

  async #applyBridge(config: BridgeConfig): Promise<void> {
    let bridge = this.#bridges.get(config.name);
    if (!bridge) {
      const ofproto = this.#parts.createOfproto(config.name);
      const connmgr = this.#parts.createConnmgr(ofproto);
      bridge = new Bridge(config, { dpif: this.#parts.dpif, ofproto, connmgr, dummy: this.#parts.dummy });
      this.#bridges.set(config.name, bridge);
      connmgr.onStatusChange(() => this.#statusSoon());
      ofproto.l2.aggregation.onStatusChange(() => this.#statusSoon());
      ofproto.tree.onChange(() => this.#statusSoon());
      await bridge.open();
    }
    await bridge.apply(config);
    log.dbg(`bridge ${config.name}: using datapath ID ${bridge.datapathId}`);
  }

  #statusSoon(): void {
    this.#cancelStatus ??= this.#parts.clock.after(STATUS_DELAY_MS, () => {
      this.#cancelStatus = undefined;
      this.#collect();
      void this.#write();
    });
  }

  #scheduleStats(): void {
    const asked = integerOption(this.#config?.otherConfig['stats-update-interval']) ?? STATS_INTERVAL_MS_DEFAULT;
    this.#cancelStats = this.#parts.clock.after(Math.max(asked, STATS_INTERVAL_MS_DEFAULT), () => {
      this.#collect();
      this.#collectStatistics();
      void this.#write();
      this.#scheduleStats();
    });
  }

  /** Hands the writer everything but the statistics of interfaces that have some. */
  #collect(): void {
    const config = this.#config;
    if (!config) return;
    const writer = this.#writer;
    const { dummy, capabilities, fixedColumns } = this.#parts;
    writer.set('Open_vSwitch', config.uuid, {
      datapath_types: ops.set(datapathTypes(dummy)),
      iface_types: ops.set(interfaceTypes(dummy)),
      ...fixedColumns,
    });
    const seen = new Set([config.uuid, ...Object.values(config.datapaths)]);
    for (const uuid of Object.values(config.datapaths)) {
      writer.set('Datapath', uuid, { capabilities: ops.stringMap(capabilities()) });
    }
    for (const bridge of this.#bridges.values()) {
      writer.set('Bridge', bridge.config.uuid, bridgeColumns(bridge));
      seen.add(bridge.config.uuid);
      for (const [uuid, columns] of controllerColumns(bridge)) {
        writer.set('Controller', uuid, columns);
        seen.add(uuid);
      }
      for (const [uuid, columns] of portColumns(bridge)) {
        writer.set('Port', uuid, columns);
        seen.add(uuid);
      }
      for (const { id } of bridge.config.mirrors) seen.add(id);
      for (const [uuid, columns] of treePortRows(bridge, this.#parts.clock.nowMs())) {
        writer.set('Port', uuid, columns);
        seen.add(uuid);
      }
      for (const iface of bridge.ifaces()) {
        const { uuid } = iface.config;
        writer.set('Interface', uuid, interfaceColumns(bridge, iface));
        // A new interface has statistics at once.
        if (!writer.hasWritten(uuid, 'statistics')) writer.set('Interface', uuid, statisticsColumn(iface));
        seen.add(uuid);
      }
    }
    writer.retain(seen);
  }

  #collectStatistics(): void {
    if (this.#config) this.#collectSystem(this.#config);
    for (const bridge of this.#bridges.values()) {
      for (const iface of bridge.ifaces()) {
        this.#writer.set('Interface', iface.config.uuid, statisticsColumn(iface));
      }
      for (const [uuid, columns] of mirrorColumns(bridge)) this.#writer.set('Mirror', uuid, columns);
      for (const [uuid, columns] of treePortStatistics(bridge)) this.#writer.set('Port', uuid, columns);
    }
  }

  /** The column is empty unless other_config:enable-statistics is true. */
  #collectSystem({ uuid, otherConfig }: SwitchConfig): void {
    const isOn = otherConfig['enable-statistics']?.toLowerCase() === 'true';
    const statistics = isOn ? (this.#parts.systemStatistics?.() ?? {}) : {};
    this.#writer.set('Open_vSwitch', uuid, { statistics: ops.stringMap(statistics) });
  }

  /** Commits what was collected. What fails is not marked as written, so the next write carries it again. */
  async #write(): Promise<void> {
    const { operations, committed } = this.#writer.take();
    if (operations.length === 0 || !this.#mayAct) return;
    try {
      await this.#parts.replica.transact([ops.assertLock(LOCK), ...operations]);
      committed();
    } catch (error) {
      if (!this.#closed) log.info(`status was not written: ${(error as Error).message}`);
    }
  }
}

/** True when a change touches what a user configures, not only what this switch wrote itself. */
function isConfigChange({ table, old, row }: RowChange): boolean {
  if (!old || !row) return true;
  const columns = CONFIG_COLUMNS[table] ?? [];
  return columns.some((column) => {
    const [before, after] = [old.datum(column), row.datum(column)];
    return before !== after && JSON.stringify(before) !== JSON.stringify(after);
  });
}

function integerOption(text: string | undefined): number | undefined {
  const value = text === undefined || !/^\d+$/.test(text.trim()) ? undefined : Number(text);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
