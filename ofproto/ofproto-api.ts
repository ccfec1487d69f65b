// One bridge as OpenFlow connections, the database reconciler and the CLI see it. ofproto/ofproto.ts implements it;
// ofproto/connmgr and src/daemon only know this interface.

import type { DpPort, OdpPort } from '../datapath/dpif.ts';
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
import type { ChangeOrigin } from './tables/flow-tables.ts';
import type { Rule } from './tables/rule.ts';

/** VLAN behaviour of a port for NORMAL (Port.tag, trunks, vlan_mode). */
export interface PortVlan {
  readonly mode: 'access' | 'trunk' | 'native-tagged' | 'native-untagged';
  readonly tag: number;
  /** Allowed VLANs; undefined allows all. */
  readonly trunks?: readonly number[];
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

export type PortStatusReason = 'add' | 'delete' | 'modify';
export type PortConfigFlag = keyof OfPortDesc['config'];

/** A flow that controllers can see was changed: what flow monitors tell. */
export interface FlowChange {
  readonly event: 'added' | 'modified' | 'deleted';
  readonly rule: Rule;
  /** Of a deletion. */
  readonly reason?: FlowRemovedReason;
  readonly origin: ChangeOrigin | undefined;
}

export interface OfprotoEvents {
  flowChanged?(change: FlowChange): void;
  packetIn(packetIn: PacketIn): void;
  flowRemoved(removed: FlowRemoved): void;
  portStatus(reason: PortStatusReason, desc: OfPortDesc): void;
}

/** The MAC table's fill, and what happened to it since the counters were cleared. */
export interface MacStats {
  readonly entries: number;
  readonly maxEntries: number;
  readonly learned: number;
  readonly expired: number;
  readonly evicted: number;
  /** Addresses that turned up behind another port. */
  readonly moved: number;
}

export interface OfprotoApi {
  readonly name: string;
  /** 64-bit datapath id. */
  datapathId: bigint;
  subscribe(events: OfprotoEvents): () => void;

  addPort(device: PortDevice, ofPort: number, vlan?: PortVlan): void;
  delPort(ofPort: number): void;
  setPortVlan(ofPort: number, vlan: PortVlan | undefined): void;
  ports(): readonly OfPort[];
  /** Throws OfError OFPPMFC_BAD_PORT / OFPPMFC_BAD_HW_ADDR. */
  modPort(ofPort: number, hwAddr: Uint8Array, config: Partial<Record<PortConfigFlag, boolean>>): void;
  portDescs(): readonly OfPortDesc[];
  portStats(ofPort?: number): readonly OfPortStats[];

  /** Throws OfError; a refused message changes nothing. */
  flowMod(mod: FlowMod, origin?: ChangeOrigin): void;
  /** What can be said of a flow-mod before it is carried out. Throws OfError. */
  checkFlowMod(mod: FlowMod): void;
  /** Runs changes of flow tables as one: when one throws all are undone, and nobody hears of any before the end. */
  atomically<T>(changes: () => T): T;
  flowStats(request: FlowStatsRequest): FlowStatsEntry[];
  aggregate(request: FlowStatsRequest): { packets: bigint; bytes: bigint; flows: number };
  tableStats(): TableStats[];
  packetOut(out: PacketOut): void;
  /** Resolves once no megaflow older than the changes made so far can forward a packet. */
  barrier(): Promise<void>;

  /** `secure` with no controller drops misses, `standalone` installs NORMAL; set by the connection manager. */
  setFailMode(mode: 'secure' | 'standalone', hasController: boolean): void;
  /** True while some controller wants packet-ins for table misses (OpenFlow 1.0 style). */
  setMissToController(wanted: boolean): void;

  setMacTable(options: { agingTimeMs?: number; maxEntries?: number }): void;
  flushMacs(): void;
  /** `ovs-appctl fdb/show` rows. */
  macs(): readonly { ofPort: number; vlan: number; mac: Uint8Array; ageS: number }[];
  /** `ovs-appctl fdb/stats-show`. */
  macStats(): MacStats;
  clearMacStats(): void;
  /** other_config:forward-bpdu: NORMAL forwards frames for reserved multicast addresses too. */
  setForwardBpdu(forward: boolean): void;
  /** `ofproto/trace` text for a flow in ovs syntax; throws UserError. */
  trace(flowText: string, packet: Uint8Array | undefined): string;
  /** The flows of the internal table 254, which `bridge/dump-flows` prints with the others. */
  hiddenFlows(): FlowStatsEntry[];
  close(): void;
}
