// The datapath's one door. Everything outside datapath/ talks to packets, ports and megaflows through this interface;
// the datapath knows nothing of OpenFlow: it is handed an upcall sink.

import type { DpAction } from './actions.ts';

export type { DpAction, HashAlgorithm, SetHeader } from './actions.ts';
export { mapDpActions, nestedLists, SET_LAYOUT } from './actions.ts';

/** A datapath port number (`odp_port`): 0 is the datapath's own local port, as in Open vSwitch. */
export type OdpPort = number;

/** Open vSwitch's interface types that weft runs, and `device`, which only a NIC's model has (datapath/port/device). */
export type PortType =
  | 'internal'
  | 'tap'
  | 'system'
  | 'dummy'
  | 'dpdkvhostuser'
  | 'dpdkvhostuserclient'
  | 'vf'
  | 'device';

export interface PortSpec {
  readonly name: string;
  readonly type: PortType;
  /** Interface.options as in the database. */
  readonly options: Readonly<Record<string, string>>;
  /** Asks for this number; the next free one when absent. */
  readonly odpPort?: OdpPort;
  /** Interface.mac, for types that can set one. */
  readonly mac?: string;
  /** Interface.mtu_request in bytes. */
  readonly mtu?: number;
}

/** Interface.statistics: names as Open vSwitch writes them (rx_packets, tx_bytes, rx_dropped, ...). */
export type PortStats = Record<string, number | bigint>;

export interface LinkSpeed {
  readonly bitsPerSecond: number;
  readonly duplex: 'full' | 'half';
}

export interface DpPort {
  readonly name: string;
  readonly type: PortType;
  readonly odpPort: OdpPort;
  /** `aa:bb:cc:dd:ee:ff`; undefined while unknown. */
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly ifindex: number | undefined;
  /** Carrier: a vhost-user port has it while a guest's rings run. */
  readonly linkUp: boolean;
  readonly adminUp: boolean;
  /** Number of times the carrier came or went. */
  readonly linkResets: number;
  /** undefined or absent where the port has no such thing. */
  readonly linkSpeed?: LinkSpeed | undefined;
  /** Why the port does not work, for Interface.error; undefined when it does. */
  readonly error: string | undefined;
  /** Interface.status. */
  status(): Record<string, string>;
  stats(): PortStats;
  setAdminUp(up: boolean): void;
  /** Applies changed options in place; false when the port must be removed and added again. */
  reconfigure(spec: PortSpec): Promise<boolean>;
}

/** A packet that the datapath could not decide alone. Buffers are only valid during the call. */
export interface Upcall {
  /** `miss`: no megaflow; `action`: a `userspace` action. */
  readonly reason: 'miss' | 'action';
  readonly inPort: OdpPort;
  /** The frame without FCS, as received (miss) or as rewritten so far (action). */
  readonly packet: Uint8Array;
  /** KEY_SIZE bytes, datapath/layout/flow-key.ts. */
  readonly key: Uint8Array;
  /** The `userspace` action's cookie; 0 for a miss. */
  readonly cookie: number;
  /** Full frame length in bytes: larger than packet.length when truncated. */
  readonly frameSize: number;
}

/** Buffers are only read during the call. */
export interface FlowPut {
  /** KEY_SIZE bytes: the key of a packet. */
  readonly key: Uint8Array;
  /** KEY_SIZE bytes: what of the key must be matched. The datapath may match more (flow/classifiers.ts, "Bound"). */
  readonly mask: Uint8Array;
  readonly actions: readonly DpAction[];
}

/** What to do with an upcall's packet. A miss without `install` is executed once and not cached. */
export interface UpcallVerdict {
  readonly install?: FlowPut;
  /** Actions for this packet; ignored for reason `action`. */
  readonly actions: readonly DpAction[];
  /** Called with the installed flow (before later packets use it); not called when the table was full. */
  readonly installed?: (flow: DpFlow) => void;
}

/** Decides one upcall; called on the control thread, in bounded slices, fair between ports. */
export type UpcallSink = (upcall: Upcall) => UpcallVerdict;

export interface FlowStats {
  readonly packets: bigint;
  readonly bytes: bigint;
  /** Clock.nowMs() of the last hit; undefined when never used. */
  readonly usedMs: number | undefined;
  /** Union of TCP flags seen. */
  readonly tcpFlags: number;
}

/** The same as plain numbers, for whoever reads many flows often. */
export interface FlowCounts {
  packets: number;
  bytes: number;
  /** 0 when never used. */
  usedMs: number;
}

/** What a card counted for a flow that has been changed or deleted meanwhile, beyond what readCounts() gave then. */
export interface LateCounts extends Readonly<FlowCounts> {
  readonly tcpFlags: number;
}

export interface DpFlow {
  /** 32 hex digits in UUID form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
  readonly ufid: string;
  /** Made when asked for; only while the flow is alive. */
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
  readonly actions: readonly DpAction[];
  readonly alive: boolean;
  /** The upcall sink's own; the datapath only keeps it. */
  note: object | undefined;
  stats(): FlowStats;
  /** Overwrites `into`. Read without a lock: a count may be one carry behind, never ahead. */
  readCounts(into: FlowCounts): void;
}

export interface DpifStats {
  /** Lookups that found a flow, that missed, and misses lost before the sink saw them. */
  readonly hit: bigint;
  readonly missed: bigint;
  readonly lost: bigint;
  readonly flows: number;
}

export interface PmdStats {
  /** `main` for the control thread's own datapath instance. */
  readonly name: string;
  readonly core: number | undefined;
  readonly numa: number;
  readonly packetsReceived: bigint;
  readonly recirculations: bigint;
  readonly emcHits: bigint;
  readonly megaflowHits: bigint;
  readonly subtableLookups: bigint;
  readonly upcallsOk: bigint;
  readonly upcallsFailed: bigint;
  readonly txPackets: bigint;
  readonly txBursts: bigint;
  readonly iterations: bigint;
  readonly sleepIterations: bigint;
  readonly busyNs: bigint;
  readonly idleNs: bigint;
  /** Drop reason (datapath/layout/drop-reasons.ts) to packets. */
  readonly drops: Readonly<Record<string, bigint>>;
  readonly restarts: number;
}

export interface RxqAssignment {
  readonly core: number;
  readonly numa: number;
  readonly port: string;
  readonly queue: number;
  readonly enabled: boolean;
}

export interface DpifConfig {
  /** Cores for PMD threads, e.g. `0x2` in hex as in other_config:pmd-cpu-mask; undefined: the last core. */
  readonly pmdCpuMask?: string | undefined;
  /** Longest PMD sleep in microseconds; 0 polls always. */
  readonly pmdSleepUsMax?: number | undefined;
  /** PMD threads let others onto their cores after every short look at their queues. */
  readonly pmdGivesWay?: boolean | undefined;
  /** Megaflows at most (other_config:flow-limit). */
  readonly flowLimit?: number | undefined;
  /** VLAN tags of a packet that are looked at (other_config:vlan-limit), 2 at most; 0 or undefined: as many. */
  readonly vlanLimit?: number | undefined;
  /** Flows of ports on a card are forwarded by the card where it can (other_config:hw-offload). */
  readonly hwOffload?: boolean | undefined;
}

/** What a meter does with packets beyond a rate (OpenFlow 1.3.5, 5.7.1). */
export interface DpMeterBand {
  /** Packets/s or kbit/s. */
  readonly rate: number;
  readonly unit: 'packets' | 'kbits';
  /** Packets or kbit that may come at once. */
  readonly burst: number;
  /** `dscp_remark` raises the drop precedence by `precLevel`. */
  readonly type: 'drop' | 'dscp_remark';
  readonly precLevel: number;
}

export interface DpMeterStats {
  readonly packets: bigint;
  readonly bytes: bigint;
  /** What each band applied to. */
  readonly bands: readonly { readonly packets: bigint; readonly bytes: bigint }[];
}

export interface FlowOffload {
  /** `partial`: matched by the card, finished in software. */
  readonly offloaded: 'yes' | 'partial' | 'no';
  readonly card: string | undefined;
  /** Why it is not in the card, in plain words without commas and brackets. */
  readonly reason: string | undefined;
}

/** One of the looks that decide whether a flow is offloaded; `problem` when it speaks against that. */
export interface OffloadLook {
  readonly title: string;
  readonly detail?: string | undefined;
  readonly problem?: string | undefined;
}

/** A card and what is offloaded to it. */
export interface OffloadCard {
  readonly name: string;
  /** Why its flows are in software, all of them. */
  readonly problem: string | undefined;
  readonly tableSize: number;
  /** Flows in it. */
  readonly used: number;
  readonly queued: number;
  /** Of ports on the card. */
  readonly megaflows: number;
  /** Flows inserted, removed, that gaveWay to busier ones, were refused by the card itself; and its misfortunes. */
  readonly totals: Readonly<
    Record<'inserted' | 'removed' | 'gaveWay' | 'refused' | 'full' | 'resets' | 'deaths', number>
  >;
  /** From a flow's place in the queue to the card's answer, in microseconds. */
  readonly latency: Readonly<Record<'mean' | 'deviation' | 'recentMean' | 'recentDeviation', number>>;
  /** Megaflows in software, by their reason. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** Megaflows in cards with an embedded switch (docs/NIC.md). */
export interface Offload {
  /** other_config:hw-offload. */
  readonly isOn: boolean;
  /** A card may still forward by a flow that was changed or deleted: barrier() waits for that. */
  readonly isUnsettled: boolean;
  /** Undefined while it is off. */
  stateOf(flow: DpFlow): FlowOffload | undefined;
  /** A card has, or had a moment ago, a part in forwarding the flow. */
  holds(flow: DpFlow): boolean;
  /** Resolves when the counts of these flows, or of all, contain what the cards counted up to the call. */
  refresh(flows?: readonly DpFlow[]): Promise<void>;
  cards(): readonly OffloadCard[];
  /** What would become of a flow. */
  explain(inPort: OdpPort, flow: FlowPut): readonly OffloadLook[];
}

export interface Dpif {
  /** Adds a port; rejects with UserError only for a bad spec: a port that cannot work yet exists with `error` set. */
  portAdd(spec: PortSpec): Promise<DpPort>;
  portDel(odpPort: OdpPort): Promise<void>;
  ports(): readonly DpPort[];
  /** Called after a port's link, error or status changed. */
  onPortChange(listener: (port: DpPort) => void): void;

  setUpcallSink(sink: UpcallSink): void;

  /** Installs or replaces a megaflow. Returns undefined when the table is full. Must not overlap another flow. */
  flowPut(put: FlowPut): DpFlow | undefined;
  /**
   * Swaps a flow's actions in place; its statistics go on. `late` is told what a card that forwarded by the old ones counted
   * after this was called, before the next barrier() resolves.
   */
  flowMod(flow: DpFlow, actions: readonly DpAction[], late?: (counts: LateCounts) => void): void;
  flowDel(flow: DpFlow, late?: (counts: LateCounts) => void): void;
  flows(): Iterable<DpFlow>;
  flowCount(): number;

  /** Parses `packet` as the hot path would; returns KEY_SIZE bytes with in_port and recirc_id set. */
  extract(packet: Uint8Array, inPort: OdpPort): Uint8Array;
  /** Runs `actions` on a packet now (packet-out, first packets of slow ports). */
  execute(packet: Uint8Array, inPort: OdpPort, actions: readonly DpAction[]): void;
  /** Feeds a packet to the pipeline as if it had been received on `inPort`. */
  receive(packet: Uint8Array, inPort: OdpPort): void;

  /** Makes a meter for `meter` actions; undefined when there are too many. */
  meterAdd(bands: readonly DpMeterBand[]): number | undefined;
  /** Replaces a meter's bands; its counters begin anew. */
  meterSet(id: number, bands: readonly DpMeterBand[]): void;
  /** From now on its actions let every packet pass. */
  meterDel(id: number): void;
  meterStats(id: number): DpMeterStats;
  /** Drops what a port receives beyond any of these rates; no rates, no limit. */
  setPolicer(odpPort: OdpPort, bands: readonly DpMeterBand[]): void;

  readonly offload: Offload;

  configure(config: DpifConfig): void;
  stats(): DpifStats;
  pmdStats(): readonly PmdStats[];
  clearPmdStats(): void;
  rxqs(): readonly RxqAssignment[];
  /**
   * Resolves when every thread has passed a quiescent point, and every card has done what it was told: nothing published
   * before is unseen after.
   */
  barrier(): Promise<void>;
  /** Test hook: makes the PMD on `core` trap or exit. */
  killPmd(core: number, how: 'trap' | 'exit'): void;
  close(): Promise<void>;
}
