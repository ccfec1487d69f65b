// One bridge as OpenFlow connections, the database reconciler and the CLI see it. ofproto/ofproto.ts implements it;
// ofproto/connmgr and src/daemon only know this interface.

import type { DpAction, DpPort, OdpPort } from '../datapath/dpif.ts';
import type { AggregationApi } from './bonds/aggregation-api.ts';
import type { BondSettings, LacpSettings } from './bonds/settings.ts';
import type { Control } from './fail-mode.ts';
import type { InBandSettings } from './in-band.ts';
import type { OfAction } from './model/actions.ts';
import type {
  FlowMod,
  FlowRemoved,
  FlowRemovedReason,
  FlowStatsEntry,
  FlowStatsRequest,
  OfPortDesc,
  OfPortStats,
  PacketIn,
  PacketOut,
  TableStats,
} from './model/flow-mod.ts';
import type { GroupMod, GroupSpec, GroupStats, MeterConfig, MeterMod, MeterStats } from './model/groups.ts';
import type { TableMiss, VacancyEvent } from './model/messages.ts';
import type { CollectorSet } from './sampling/flow-samples.ts';
import type { TreeApi } from './spanning-tree/bridge-tree.ts';
import type { FlowTableConfig } from './tables/flow-table.ts';
import type { ChangeOrigin } from './tables/flow-tables.ts';
import type { Rule } from './tables/rule.ts';
import type { VacancyThresholds } from './tables/vacancy.ts';

/** VLAN behaviour of a port for NORMAL (Port.tag, trunks, vlan_mode). */
export interface PortVlan {
  readonly mode: 'access' | 'trunk' | 'native-tagged' | 'native-untagged' | 'dot1q-tunnel';
  readonly tag: number;
  /** Allowed VLANs; undefined allows all. */
  readonly trunks?: readonly number[];
  /** VLANs that a dot1q-tunnel takes; undefined allows all. */
  readonly cvlans?: readonly number[];
  /** The outer tag's type that a dot1q-tunnel pushes; 0x88a8 when undefined. */
  readonly qinqEthtype?: number;
  /** Whether packets of VLAN 0 leave with a tag that has only a priority. */
  readonly priorityTags?: 'never' | 'if-nonzero' | 'always';
}

/** One row of Port: what its one or more OpenFlow ports share. */
export interface BundleSettings {
  readonly name: string;
  readonly vlan?: PortVlan | undefined;
  /** Nothing passes between protected bundles. */
  readonly protected?: boolean;
  /** All snooped multicast goes there; all reports do. */
  readonly mcastFlood?: boolean;
  readonly mcastFloodReports?: boolean;
  /** What holds when it has several ports. */
  readonly bond?: BondSettings | undefined;
  readonly lacp?: LacpSettings | undefined;
}

/** Bridge columns that govern NORMAL. */
export interface L2Settings {
  readonly macAgingMs: number;
  readonly macTableSize: number;
  /** NORMAL forwards frames for reserved multicast addresses too. */
  readonly forwardBpdu: boolean;
  /** VLANs in which addresses are not learned. */
  readonly floodVlans: readonly number[];
  /** undefined: multicast is not snooped. */
  readonly snooping?: SnoopingSettings | undefined;
}

export interface SnoopingSettings {
  readonly agingMs: number;
  readonly tableSize: number;
  /** Groups that nobody is known to listen to are flooded. */
  readonly floodUnregistered: boolean;
}

/** A line of `mdb/show`; without a group it tells of a router. */
export interface McastRow {
  readonly ofPort: number;
  readonly vlan: number;
  readonly group: string | undefined;
  readonly ageS: number;
}

/** A line of `fdb/show`; a static entry has no age. */
export interface MacRow {
  readonly ofPort: number;
  readonly vlan: number;
  readonly mac: Uint8Array;
  readonly ageS: number | undefined;
}

/** What is behind a port: a datapath port, or a device that only the slow path knows (patch-ports.ts). */
export interface PortDevice extends Omit<DpPort, 'type' | 'odpPort' | 'reconfigure'> {
  readonly type: DpPort['type'] | 'patch';
  readonly odpPort: OdpPort | undefined;
}

export interface OfPort {
  readonly ofPort: number;
  readonly name: string;
  readonly device: PortDevice | undefined;
}

/** What ofproto/trace is to follow. */
export interface TraceRequest {
  /** In ovs syntax; or a datapath key and the OpenFlow port that it comes in by. */
  readonly flow: string | { readonly key: Uint8Array; readonly inPort: number };
  /** A real packet: it has the say over headers, unless it was composed from the flow, and its side effects happen. */
  readonly packet?: Uint8Array;
  readonly isComposed?: boolean;
  /** Actions of a packet-out, in place of table 0. */
  readonly actions?: string;
}

/** What came of a trace: all of it as text, and its end in parts. */
export interface Trace {
  readonly text: string;
  /** The megaflow as a match. */
  readonly megaflow: string;
  readonly actions: readonly DpAction[];
  /** One of `actions`, as the text has it. */
  actionText(action: DpAction): string;
  /** Why translation failed. */
  readonly error: string | undefined;
}

export type PortStatusReason = 'add' | 'delete' | 'modify';
export type PortConfigFlag = keyof OfPortDesc['config'];

/** A flow that controllers can see was changed: what flow monitors tell. */
export interface FlowChange {
  readonly event: 'added' | 'modified' | 'deleted';
  readonly rule: Rule;
  /** Of a deletion. */
  readonly reason?: FlowRemovedReason;
  /** Of a modification, and of an addition in another flow's place. */
  readonly oldActions?: readonly OfAction[] | undefined;
  readonly origin: ChangeOrigin | undefined;
}

/** Of one table, as controllers configure it. */
export interface OpenflowTableConfig {
  readonly name?: string;
  readonly miss?: TableMiss | undefined;
  /** OFPTC_EVICTION. */
  readonly eviction?: boolean | undefined;
  readonly vacancy?: VacancyThresholds | null | undefined;
}

export interface OfprotoEvents {
  flowChanged?(change: FlowChange): void;
  packetIn(packetIn: PacketIn): void;
  flowRemoved(removed: FlowRemoved): void;
  portStatus(reason: PortStatusReason, desc: OfPortDesc): void;
  tableStatus?(tableId: number, reason: VacancyEvent): void;
  /** Nothing of the port changed but its spanning tree state, which only OpenFlow 1.0 tells. */
  portTreeState?(desc: OfPortDesc): void;
  /** The bridge goes: the last event. */
  closed?(): void;
}

/** The MAC table's fill, and what happened to it since the counters were cleared. */
export interface MacStats {
  readonly entries: number;
  readonly staticEntries: number;
  readonly maxEntries: number;
  readonly learned: number;
  readonly expired: number;
  readonly evicted: number;
  /** Addresses that turned up behind another port. */
  readonly moved: number;
}

/** One mirror; ports are named. */
export interface MirrorSettings {
  /** Tells mirrors apart over changes of their settings. */
  readonly id: string;
  readonly name: string;
  readonly selectAll: boolean;
  readonly fromPorts: readonly string[];
  readonly toPorts: readonly string[];
  /** Only packets of these VLANs; empty: of all. */
  readonly vlans: readonly number[];
  readonly outputPort?: string | undefined;
  readonly outputVlan?: number | undefined;
  /** Copies are cut to so many bytes. */
  readonly snaplen?: number | undefined;
}

export interface MirrorStats {
  readonly id: string;
  readonly packets: number;
  readonly bytes: number;
}

/** NORMAL's side of a bridge. */
export interface L2Api {
  readonly aggregation: AggregationApi;
  configure(settings: L2Settings): void;
  /** Changes a Port that has members. */
  setBundle(settings: BundleSettings): void;
  /** Makes a port a member of another Port. */
  movePort(ofPort: number, settings: BundleSettings): void;
  setMirrors(mirrors: readonly MirrorSettings[]): void;
  mirrorStats(): readonly MirrorStats[];
  flushMacs(): void;
  /** `ovs-appctl mdb/show` rows; undefined while multicast is not snooped. */
  mcastRows(): readonly McastRow[] | undefined;
  /** False while multicast is not snooped. */
  flushMcast(): boolean;
  /** `ovs-appctl fdb/show` rows. */
  macs(): readonly MacRow[];
  /** `ovs-appctl fdb/stats-show`. */
  macStats(): MacStats;
  clearMacStats(): void;
  /** Returns the entry that it overrides. */
  addStaticMac(ofPort: number, vlan: number, mac: Uint8Array): { wasStatic: boolean; ofPort: number } | undefined;
  /** False when there is no such static entry. */
  delStaticMac(vlan: number, mac: Uint8Array): boolean;
}

/** The groups and meters of a bridge (groups/resource-tables.ts). */
export interface GroupsAndMeters {
  /** Throws OfError; a refused message changes nothing. */
  groupMod(mod: GroupMod): void;
  /** OFPG.ALL for every group. */
  groups(groupId: number): readonly GroupSpec[];
  groupStats(groupId: number): readonly GroupStats[];
  /** Throws OfError; a refused message changes nothing. */
  meterMod(mod: MeterMod): void;
  /** OFPM.ALL for every meter. Throws OfError OFPMMFC_UNKNOWN_METER. */
  meters(meterId: number): readonly MeterConfig[];
  meterStats(meterId: number): readonly MeterStats[];
}

/** What can tell of a flow. */
export interface FlowSource {
  stats(nowMs: number): FlowStatsEntry;
}

export interface OfprotoApi {
  readonly name: string;
  readonly l2: L2Api;
  readonly tree: TreeApi;
  /** 64-bit datapath id. */
  datapathId: bigint;
  subscribe(events: OfprotoEvents): () => void;

  /** The port becomes a member of `bundle`; without one, of a Port of its own name; of none with null. */
  addPort(device: PortDevice, ofPort: number, bundle?: BundleSettings | null): void;
  delPort(ofPort: number): void;
  ports(): readonly OfPort[];
  /** Throws OfError OFPPMFC_BAD_PORT / OFPPMFC_BAD_HW_ADDR. */
  modPort(ofPort: number, hwAddr: Uint8Array, config: Partial<Record<PortConfigFlag, boolean>>): void;
  portDescs(): readonly OfPortDesc[];
  portStats(ofPort?: number): readonly OfPortStats[];

  /** Throws OfError; a refused message changes nothing. */
  flowMod(mod: FlowMod, origin?: ChangeOrigin): void;
  /** Checks a flow-mod as far as can be before it is carried out; of an "add" returns the flow. Throws OfError. */
  prepareFlow(mod: FlowMod): Rule | undefined;
  /** Carries out an "add" whose flow prepareFlow() made. Throws OfError; one that is refused changes nothing. */
  addFlow(rule: Rule, origin?: ChangeOrigin): void;
  /** Runs changes of flow tables as one: when one throws all are undone, and nobody hears of any before the end. */
  atomically<T>(changes: () => T): T;
  /** Rules that a request selects, as they are. */
  findFlows(request: FlowStatsRequest): readonly Rule[];
  flowStats(request: FlowStatsRequest): FlowStatsEntry[];
  /** The same, to be told piece by piece as of `nowMs`. */
  flowsFor(request: FlowStatsRequest): { readonly found: readonly FlowSource[]; readonly nowMs: number };
  aggregate(request: FlowStatsRequest): { packets: bigint; bytes: bigint; flows: number };
  tableStats(): TableStats[];
  /** The Flow_Table rows by table number; tables without one go back to the defaults. */
  configureTables(configs: ReadonlyMap<number, FlowTableConfig>): void;
  /** What a table-mod or a request with table features says of one table; members left out stay as they are. Vacancy thresholds of null end the events. */
  configureTable(tableId: number, config: OpenflowTableConfig): void;
  readonly resources: GroupsAndMeters;
  packetOut(out: PacketOut): void;
  /** Lets a paused packet go on. Throws OfError. */
  resume(packetIn: PacketIn): void;
  /** Resolves once no megaflow older than the changes made so far can forward a packet; undefined when none can now. */
  barrier(): Promise<void> | undefined;

  /** `secure` without a controller drops misses, `standalone` installs NORMAL; set by the connection manager. */
  setFailMode(mode: 'secure' | 'standalone', control: Control): void;
  /** Where `sample` actions show packets. */
  setCollectors(sets: readonly CollectorSet[]): void;
  /** Who is to be reached through the bridge whatever its flows say. */
  setInBand(settings: InBandSettings): void;
  /** True while some controller wants packet-ins for table misses (OpenFlow 1.0 style). */
  setMissToController(wanted: boolean): void;

  /** `ofproto/trace` text; throws UserError. */
  trace(request: TraceRequest): string;
  /** The same in parts. */
  explain(request: TraceRequest): Trace;
  /** The datapath key of a flow in ofproto/trace's syntax, KEY_SIZE bytes with in_port as OpenFlow has it. */
  traceKey(flow: string): Uint8Array;
  /** weft's own flows, of table 0 and of the internal table 254, which `bridge/dump-flows` prints with the others. */
  hiddenFlows(): FlowStatsEntry[];
  close(): void;
}
