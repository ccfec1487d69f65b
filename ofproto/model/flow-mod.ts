// The requests that change or read flow tables, in version-free form, and the error they can be refused with.

import { OFPP, type OfAction } from './actions.ts';
import { emptyMatch, type Match } from './flow.ts';
import type { PackedActions } from './packed-actions.ts';

/** "No buffer" in packet-in, packet-out and flow-mod. */
export const OFP_NO_BUFFER = 0xffffffff;

/** The priority that ovs-ofctl gives flows that name none (OFP_DEFAULT_PRIORITY). */
export const OFP_DEFAULT_PRIORITY = 32768;

/** An OpenFlow error to send back: `type` and `code` as names (`OFPET_FLOW_MOD_FAILED`, `OFPFMFC_TABLE_FULL`). */
export class OfError extends Error {
  override readonly name = 'OfError';
  readonly code: string;

  /** `code` is the spec's name of the code; the codec knows its type and number in each version. */
  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}

export type FlowModCommand = 'add' | 'modify' | 'modify_strict' | 'delete' | 'delete_strict';

export interface FlowModFlags {
  readonly sendFlowRem: boolean;
  readonly checkOverlap: boolean;
  readonly resetCounts: boolean;
  readonly noPktCounts: boolean;
  readonly noBytCounts: boolean;
}

export interface FlowMod {
  readonly command: FlowModCommand;
  /** 255: every table for deletes, table 0 for an OpenFlow 1.0 add. */
  readonly tableId: number;
  readonly priority: number;
  readonly match: Match;
  readonly cookie: bigint;
  /** Rules to modify or delete must agree with `cookie` in these bits; 0 selects all. */
  readonly cookieMask: bigint;
  /** Set the rule's cookie to `newCookie` (1.0 modify does; 1.1+ modify does not). */
  readonly newCookie?: bigint | undefined;
  /** `newCookie` is for a flow that a modify adds; flows that are there keep theirs (1.1). */
  readonly keepCookie?: boolean | undefined;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  readonly bufferId: number;
  /** Deletes: only rules that output here; OFPP.ANY for all. */
  readonly outPort: number;
  readonly outGroup: number;
  readonly flags: FlowModFlags;
  readonly actions: readonly OfAction[];
  /** The form of these actions that the flow is to keep, if it is another. */
  readonly packed?: PackedActions | undefined;
  /** OpenFlow 1.1+: actions on headers that the match does not name are a mistake; on 1.0 they do nothing. */
  readonly strictActions?: boolean | undefined;
}

/** A flow-mod for every packet in every table, without actions: a delete of this empties the switch. */
export function newFlowMod(command: FlowModCommand): FlowMod {
  return {
    command,
    tableId: 255,
    priority: OFP_DEFAULT_PRIORITY,
    match: emptyMatch(),
    cookie: 0n,
    cookieMask: 0n,
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    bufferId: OFP_NO_BUFFER,
    outPort: OFPP.ANY,
    outGroup: OFPP.ANY,
    flags: { sendFlowRem: false, checkOverlap: false, resetCounts: false, noPktCounts: false, noBytCounts: false },
    actions: [],
  };
}

/** Selects rules for flow and aggregate statistics. */
export interface FlowStatsRequest {
  readonly tableId: number;
  readonly match: Match;
  readonly cookie: bigint;
  readonly cookieMask: bigint;
  readonly outPort: number;
  readonly outGroup: number;
}

export interface FlowStatsEntry {
  readonly tableId: number;
  readonly priority: number;
  readonly match: Match;
  readonly cookie: bigint;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  readonly flags: FlowModFlags;
  readonly actions: readonly OfAction[];
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly durationMs: number;
  readonly idleAgeMs: number;
  readonly hardAgeMs: number;
}

export type FlowRemovedReason =
  | 'idle_timeout'
  | 'hard_timeout'
  | 'delete'
  | 'group_delete'
  | 'meter_delete'
  | 'eviction';

export interface FlowRemoved extends FlowStatsEntry {
  readonly reason: FlowRemovedReason;
}

export type PacketInReason = 'no_match' | 'action' | 'invalid_ttl' | 'action_set' | 'group' | 'packet_out';

/**
 * `implicit`: no flow matched, which sends packets up in OpenFlow 1.0 to 1.2 and drops them later. `explicit`: the
 * table-miss flow of 1.3 (priority 0, matching everything) sent it, an ordinary flow to earlier versions.
 */
export type TableMiss = 'implicit' | 'explicit';

export interface PacketIn {
  readonly reason: PacketInReason;
  /** What kind of table miss it was, when it was one: what `reason` says of it depends on a connection's version. */
  readonly miss?: TableMiss;
  readonly tableId: number;
  readonly cookie: bigint;
  /** Full frame length; `packet` may be shorter. */
  readonly totalLen: number;
  readonly packet: Uint8Array;
  /** Metadata at that point: in_port (OpenFlow number), registers, metadata, tunnel. */
  readonly metadata: Match;
  readonly controllerId: number;
  readonly maxLen: number;
  readonly userdata?: Uint8Array;
  readonly continuation?: Continuation;
}

/** Actions that a paused packet has still to run, with the place they come from. */
export interface ContinuedActions {
  readonly tableId: number;
  readonly cookie: bigint;
  readonly actions: readonly OfAction[];
  /** Of the flow that the actions are from, if that is known. */
  readonly match?: Match | undefined;
}

/** What a controller gives back to let a paused packet go on: opaque to it (ovs-actions(7), "controller", pause). */
export interface Continuation {
  /** 16 bytes that name the bridge. */
  readonly bridge: Uint8Array;
  /** Top first. */
  readonly stack: readonly Uint8Array[];
  /** Bits of the mirrors that have their copy. */
  readonly mirrors: number;
  readonly conntracked: boolean;
  readonly actions: readonly ContinuedActions[];
  readonly actionSet: readonly OfAction[];
  readonly odpPort?: number;
}

export interface PacketOut {
  readonly inPort: number;
  readonly packet: Uint8Array;
  readonly actions: readonly OfAction[];
  /** Bits of metadata to start with (1.5 matches); usually only in_port. */
  readonly metadata?: Match;
}

export interface TableStats {
  readonly tableId: number;
  readonly name?: string;
  readonly maxEntries?: number;
  readonly activeCount: number;
  readonly lookupCount: bigint;
  readonly matchedCount: bigint;
}

/** Port configuration and state bits of OpenFlow 1.0 (the superset used here). */
export interface OfPortDesc {
  readonly ofPort: number;
  readonly name: string;
  readonly hwAddr: Uint8Array;
  readonly config: {
    readonly portDown: boolean;
    readonly noRecv: boolean;
    readonly noFwd: boolean;
    readonly noPacketIn: boolean;
    readonly noFlood: boolean;
    readonly noStp: boolean;
    readonly noRecvStp: boolean;
  };
  readonly state: {
    readonly linkDown: boolean;
    readonly blocked: boolean;
    readonly live: boolean;
    /** OFPPS_STP_* of 1.0, which later versions do not tell; absent: listening, or in no spanning tree. */
    readonly stp?: 'learn' | 'forward' | 'block' | undefined;
  };
  /** OFPPF_* bits of OpenFlow 1.1+ (1.0 has them shifted); absent: none known. */
  readonly features?: {
    readonly current: number;
    readonly advertised: number;
    readonly supported: number;
    readonly peer: number;
  };
  /** kbps; 0 unknown */
  readonly currSpeed: number;
  readonly maxSpeed: number;
}

/** A port's counters in the order in which the wire has them: what every device counts, then what Ethernet ones do. */
export const PORT_COUNTERS = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxDropped',
  'txDropped',
  'rxErrors',
  'txErrors',
  'rxFrameErr',
  'rxOverErr',
  'rxCrcErr',
  'collisions',
] as const;
export type PortCounter = (typeof PORT_COUNTERS)[number];

export interface OfPortStats {
  readonly ofPort: number;
  /** -1n where unknown: printed `?`. */
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxFrameErr: bigint;
  readonly rxOverErr: bigint;
  readonly rxCrcErr: bigint;
  readonly collisions: bigint;
  readonly durationMs: number;
  /** Counters that only some devices have, by name (1.4+). */
  readonly custom?: readonly (readonly [name: string, value: bigint])[];
}
