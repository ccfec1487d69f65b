// What translation may know: one bridge at one moment, read-only, and what it hands back. Nothing here names the daemon, so
// a translation can run anywhere; its side effects are data that the one writer applies.

import type { DpAction, OdpPort } from '../../datapath/dpif.ts';
import type { Flow } from '../model/flow.ts';
import type { FlowMod, OfPortDesc, PacketInReason, TableMiss } from '../model/flow-mod.ts';
import type { PortVlan } from '../ofproto-api.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import type { FrozenState } from './freeze.ts';

export interface XlatePort {
  readonly ofPort: number;
  readonly name: string;
  /** undefined while the datapath has no such port: output to it goes nowhere. */
  readonly odpPort: OdpPort | undefined;
  readonly config: OfPortDesc['config'];
  readonly vlan: PortVlan | undefined;
}

export interface XlateBridge {
  readonly name: string;
  /** Table 0..253. */
  table(id: number): FlowTable | undefined;
  port(ofPort: number): XlatePort | undefined;
  /** LOCAL first, then in the order they were added: the order that floods have. */
  readonly ports: Iterable<XlatePort>;
  /** The port behind which NORMAL learned `mac`. */
  macPort(vlan: number, mac: Uint8Array): number | undefined;
  /** A miss goes to the controllers. */
  readonly missToController: boolean;
  /** NORMAL forwards frames for reserved multicast addresses. */
  readonly forwardBpdu: boolean;
}

/** A packet-in to make when a packet reaches a `userspace` action. */
export interface ControllerSpec {
  readonly reason: PacketInReason;
  readonly miss?: TableMiss | undefined;
  readonly maxLen: number;
  readonly controllerId: number;
  readonly userdata: Uint8Array | undefined;
  readonly tableId: number;
  readonly ruleCookie: bigint;
  /** Registers, metadata and in_port (OpenFlow number) at that point. */
  readonly metadata: Flow;
}

/** One look-up in a table: what to count when packets take this path. */
export interface Visit {
  readonly table: FlowTable;
  readonly rule: Rule | undefined;
}

export interface MacSighting {
  readonly vlan: number;
  readonly mac: Uint8Array;
  readonly ofPort: number;
}

/** What is to be done to the bridge for packets that take a translation's path. */
export interface Effects {
  readonly visits: readonly Visit[];
  readonly macs: readonly MacSighting[];
  readonly learned: readonly FlowMod[];
  /** The result depends on the MAC table. */
  readonly usedMacs: boolean;
}

export interface Xlated extends Effects {
  /** The cookie of a `userspace` action is an index into `controllers`. */
  readonly actions: DpAction[];
  readonly controllers: readonly ControllerSpec[];
  /** The id of a `recirc` action is an index into `recircs`. */
  readonly recircs: readonly FrozenState[];
  /** The bits of the flow that decided. */
  readonly mask: Flow;
  /** Why nothing is forwarded, when translation had to give up. */
  readonly error: string | undefined;
  readonly finalFlow: Flow;
}
