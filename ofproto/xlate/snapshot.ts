// What translation may know: one bridge at one moment, read-only, and what it hands back. Nothing here names the daemon, so
// a translation can run anywhere; its side effects are data that the one writer applies.

import type { DpAction, OdpPort } from '../../datapath/dpif.ts';
import type { Group, GroupBucket } from '../groups/group.ts';
import type { Flow } from '../model/flow.ts';
import type { FlowMod, OfPortDesc, PacketInReason, TableMiss } from '../model/flow-mod.ts';
import type { FlowSample } from '../odp-text/format-actions.ts';
import type { PortVlan } from '../ofproto-api.ts';
import type { PortTree } from '../spanning-tree/port-tree.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import type { BondBucket, XlateBond } from './bond-snapshot.ts';
import type { FrozenState } from './freeze.ts';
import type { Rewritten } from './rewritten.ts';

export interface XlatePort {
  readonly ofPort: number;
  readonly name: string;
  /** undefined while the datapath has no such port: output to it goes nowhere. */
  readonly odpPort: OdpPort | undefined;
  readonly config: OfPortDesc['config'];
  /** undefined: NORMAL does not know the port. */
  readonly bundle: XlateBundle | undefined;
  /** Groups that watch the port may send packets there. */
  readonly isLive: boolean;
  /** What the bridge's spanning tree lets the port do; absent for ports outside of it. */
  readonly tree?: PortTree | undefined;
  /** Where a patch port leads; undefined for others, and while its peer is missing. */
  readonly peer?: PatchEnd | undefined;
  /** Counts that translations keep, because no datapath port does. */
  readonly counters?: PortCounters | undefined;
}

/** A row of Port: what NORMAL and mirrors take for one port. */
export interface XlateBundle {
  readonly name: string;
  /** The first member's number. */
  readonly ofPort: number;
  readonly ports: readonly XlatePort[];
  /** Of a bundle with more than one port. */
  readonly bond?: XlateBond | undefined;
  /** LACPDUs that come in are the bundle's own. */
  readonly runsLacp?: boolean;
  readonly vlan: PortVlan;
  readonly protected: boolean;
  /** Floods go there. */
  readonly floodable: boolean;
  /** All snooped multicast goes there; all reports do. */
  readonly mcastFlood: boolean;
  readonly mcastFloodReports: boolean;
}

export interface XlateMirror {
  readonly name: string;
  selectsFrom(bundle: XlateBundle): boolean;
  selectsTo(bundle: XlateBundle): boolean;
  /** Only packets of these VLANs; undefined: of all. */
  readonly vlans: ReadonlySet<number> | undefined;
  readonly output: XlateBundle | undefined;
  readonly outputVlan: number | undefined;
  readonly snaplen: number | undefined;
  /** Both copy to the same place. */
  sharesOutput(other: XlateMirror): boolean;
  count(packets: number, bytes: number): void;
}

/** What a bridge knows of multicast. */
export interface XlateSnooping {
  /** Who listens to the group; undefined: nobody is known to. */
  members(vlan: number, address: Uint8Array): Iterable<XlateBundle> | undefined;
  routers(vlan: number): readonly XlateBundle[];
  /** Groups without members are flooded. */
  readonly floodUnregistered: boolean;
}

/** What NORMAL knows. */
export interface XlateL2 {
  /** In the order that floods have. */
  readonly bundles: Iterable<XlateBundle>;
  bundle(name: string): XlateBundle | undefined;
  /** Behind which bundle `mac` is. */
  macBundle(vlan: number, mac: Uint8Array): XlateBundle | undefined;
  /** A gratuitous ARP that came in elsewhere does not move the address. */
  isArpLocked(vlan: number, mac: Uint8Array): boolean;
  readonly mirrors: readonly XlateMirror[];
  /** undefined: multicast is not snooped. */
  readonly snooping: XlateSnooping | undefined;
  /** Nothing but mirrored packets goes out there, and nothing comes in. */
  isMirrorOutput(bundle: XlateBundle): boolean;
  /** Frames for reserved multicast addresses are forwarded. */
  readonly forwardBpdu: boolean;
}

/** A patch port as the bridge at its other end has it. */
export interface PatchEnd {
  readonly bridge: XlateBridge;
  readonly port: XlatePort;
}

export interface PortCounters {
  sent(packets: number, bytes: number): void;
  received(packets: number, bytes: number): void;
}

export interface XlateBridge {
  readonly name: string;
  /** Table 0..253. */
  table(id: number): FlowTable | undefined;
  port(ofPort: number): XlatePort | undefined;
  /** LOCAL first, then in the order they were added: the order that floods have. */
  readonly ports: Iterable<XlatePort>;
  group(groupId: number): Group | undefined;
  /** The datapath's number of a meter. */
  meter(meterId: number): number | undefined;
  readonly l2: XlateL2;
  readonly misses: Readonly<Record<MissKind, MissCount>>;
  /** A miss goes to the controllers. */
  readonly missToController: boolean;
  /** There is a collector set for what `sample` actions choose. */
  readonly samples: boolean;
  /** The switch reaches controllers through the bridge. */
  readonly hasInBand: boolean;
  /** The spanning tree protocol that the bridge runs: it takes all BPDUs. */
  readonly tree?: 'STP' | 'RSTP' | undefined;
}

/** fin_timeout: what the rule's timeouts become when its connection ends. */
export interface FinTimeout {
  readonly bridge: XlateBridge;
  readonly rule: Rule;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
}

/** A packet-in to make when a packet reaches a `userspace` action. */
export interface ControllerSpec {
  /** Whose controllers get it. */
  readonly bridge: XlateBridge;
  readonly reason: PacketInReason;
  readonly miss?: TableMiss | undefined;
  readonly maxLen: number;
  readonly controllerId: number;
  readonly userdata: Uint8Array | undefined;
  readonly tableId: number;
  readonly ruleCookie: bigint;
  /** What the packet has still to do when a controller lets it go on. */
  readonly continuation?: FrozenState | undefined;
  /** Registers, metadata and in_port (OpenFlow number) at that point. */
  readonly metadata: Flow;
}

export interface SampleSpec {
  readonly bridge: XlateBridge;
  readonly flowSample: FlowSample;
}

/** What a packet meets in place of a flow: the hidden flows of table 254 that send it to the controllers or drop it. */
export type MissKind = 'controller' | 'drop';

export interface MissCount {
  packets: number;
  bytes: number;
}

/** One look-up in a table: what to count when packets take this path. */
export interface Visit {
  readonly table: FlowTable;
  readonly rule: Rule | undefined;
  /** What the look-up saw that is not the packet's own. */
  readonly rewritten: Rewritten | undefined;
  /** Without a rule: the hidden one that stands for it. */
  readonly missed?: MissCount | undefined;
}

/** Packets that a group sent to one bucket; to all of them without one. */
export interface GroupVisit {
  readonly group: Group;
  readonly bucket: GroupBucket | undefined;
}

export interface MacSighting {
  readonly vlan: number;
  readonly mac: Uint8Array;
  readonly bundle: XlateBundle;
  readonly isGratuitousArp: boolean;
}

/** One way through a pair of patch ports. */
export interface PatchHop {
  readonly from: PortCounters;
  readonly to: PortCounters;
}

/** An IGMP or MLD message for the bridge to read. */
export interface McastHeard {
  readonly bundle: XlateBundle;
  readonly vlan: number;
}

/** Why the slow path has to see each packet of a flow, by the names that Open vSwitch prints. */
export type SlowReason = 'action' | 'stp' | 'lacp';

/** What is to be done to one bridge. */
export interface BridgeEffects {
  readonly bridge: XlateBridge;
  /** Mirrors that got a copy. */
  readonly mirrored: XlateMirror[];
  /** The packet itself is to be looked at. */
  heard?: McastHeard;
  /** The packet is a LACPDU that came in there. */
  lacpPort?: number;
  /** The packet is a BPDU, from this port of the bridge. */
  bpduFrom?: number;
  readonly macs: MacSighting[];
  readonly learned: FlowMod[];
}

/** What is to be done for packets that take a translation's path. */
export interface Effects {
  readonly visits: readonly Visit[];
  readonly groupVisits: readonly GroupVisit[];
  readonly hops: readonly PatchHop[];
  /** Of bonds that the packet left by. */
  readonly buckets: readonly BondBucket[];
  /** Every bridge that the packet was in, the one that received it first. */
  readonly bridges: readonly BridgeEffects[];
  /** Addresses (macNumber) that were looked up in MAC tables. */
  readonly macsRead: readonly number[];
  /** For connections that end. */
  readonly fins: readonly FinTimeout[];
}

export interface Xlated extends Effects {
  /** The cookie of a `userspace` action is an index into `controllers`. */
  readonly actions: DpAction[];
  readonly controllers: readonly (ControllerSpec | SampleSpec)[];
  /** Not empty: the datapath hands every packet to the slow path, which does the actions. */
  readonly slow: ReadonlySet<SlowReason>;
  /** The id of a `recirc` action is an index into `recircs`. */
  readonly recircs: readonly FrozenState[];
  /** The bits of the flow that decided. */
  readonly mask: Flow;
  /** debug_slow was among the actions. */
  readonly debugSlow: boolean;
  /** Why nothing is forwarded, when translation had to give up. */
  readonly error: string | undefined;
  readonly finalFlow: Flow;
}
