// The messages of weft/v1/weft.proto as proto-loader gives and takes them: 64-bit numbers are decimal strings, enums are
// names, absent optional members are not there. What they mean is said in the .proto.

/** uint64 in messages; bigints and numbers are turned into text where messages are made. */
export type U64 = string;

export interface BridgeRequest {
  readonly bridge: string;
}

export interface FieldValue {
  readonly name: string;
  readonly value?: Uint8Array;
  readonly number?: U64;
  readonly text?: string;
  readonly mask?: Uint8Array;
}

export interface MatchMessage {
  readonly text?: string;
  readonly fields?: readonly FieldValue[];
}

export interface ActionMessage {
  readonly text?: string;
  readonly output?: { readonly port: number; readonly maxLen?: number };
  readonly controller?: {
    readonly maxLen: number;
    readonly controllerId: number;
    readonly reason: PacketInReasonName;
    readonly userdata: Uint8Array;
  };
  readonly setField?: { readonly field: FieldValue | null };
  readonly pushVlan?: { readonly ethertype: number };
  readonly popVlan?: object;
  readonly decTtl?: object;
  readonly group?: number;
  readonly setQueue?: number;
  readonly resubmit?: { readonly inPort?: number; readonly tableId?: number };
  readonly meter?: number;
  readonly clearActions?: object;
  readonly writeActions?: { readonly actions: readonly ActionMessage[] };
  readonly writeMetadata?: { readonly metadata: U64; readonly mask: U64 };
  readonly gotoTable?: number;
}

export interface FlowFlagsMessage {
  readonly sendFlowRem: boolean;
  readonly checkOverlap: boolean;
  readonly resetCounts: boolean;
  readonly noPktCounts: boolean;
  readonly noBytCounts: boolean;
}

export interface FlowMessage {
  readonly tableId?: number;
  readonly priority?: number;
  readonly match: MatchMessage | null;
  readonly actions: readonly ActionMessage[];
  readonly cookie: U64;
  readonly cookieMask: U64;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  readonly flags: FlowFlagsMessage | null;
  readonly outPort?: number;
  readonly outGroup?: number;
}

export interface FlowModMessage {
  /** A name, or the number of one that this version does not know. */
  readonly command: string | number;
  readonly flowText?: string;
  readonly flow?: FlowMessage;
}

export interface ModifyFlowsRequest extends BridgeRequest {
  readonly mods: readonly FlowModMessage[];
}

export interface FlowErrorMessage {
  readonly type: string;
  readonly code: string;
  readonly message: string;
}

export interface ModifyFlowsReply {
  readonly results: readonly { readonly error?: FlowErrorMessage }[];
}

export interface FlowFilterMessage {
  readonly tableId?: number;
  readonly match: MatchMessage | null;
  readonly cookie: U64;
  readonly cookieMask: U64;
  readonly outPort?: number;
  readonly outGroup?: number;
}

export interface DumpFlowsRequest extends BridgeRequest {
  readonly filterText?: string;
  readonly filter?: FlowFilterMessage;
  readonly form: string | number;
}

export interface FlowStatsMessage {
  readonly tableId: number;
  readonly priority: number;
  readonly cookie: U64;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  readonly flags: FlowFlagsMessage;
  readonly packetCount: U64;
  readonly byteCount: U64;
  readonly durationMs: number;
  readonly idleAgeMs: number;
  readonly hardAgeMs: number;
  readonly match?: MatchMessage;
  readonly actions?: readonly ActionMessage[];
  readonly text?: string;
}

export interface DumpFlowsReply {
  readonly flows: readonly FlowStatsMessage[];
}

export interface CounterMessage {
  readonly packetCount: U64;
  readonly byteCount: U64;
}

export interface BucketMessage {
  readonly bucketId?: number;
  readonly weight?: number;
  readonly watchPort?: number;
  readonly watchGroup?: number;
  readonly actions: readonly ActionMessage[];
}

export interface GroupMessage {
  readonly groupId: number;
  readonly type: string | number;
  readonly buckets: readonly BucketMessage[];
  readonly selection: {
    readonly method: string;
    readonly param: U64;
    readonly fields: readonly { readonly name: string; readonly mask: Uint8Array }[];
  } | null;
}

export interface GroupModMessage {
  readonly command: string | number;
  readonly groupText?: string;
  readonly group?: GroupMessage;
  readonly commandBucketId?: number;
}

export interface ModifyGroupsRequest extends BridgeRequest {
  readonly mods: readonly GroupModMessage[];
}

export interface DumpGroupsRequest extends BridgeRequest {
  readonly groupId?: number;
}

export interface GroupStatsMessage extends CounterMessage {
  readonly group: GroupMessage;
  readonly text: string;
  readonly refCount: number;
  readonly durationMs: number;
  readonly buckets: readonly CounterMessage[];
}

export interface MeterMessage {
  readonly meterId: number;
  readonly pktps: boolean;
  readonly burst: boolean;
  readonly stats: boolean;
  readonly bands: readonly {
    readonly type: string | number;
    readonly rate: number;
    readonly burstSize: number;
    readonly precLevel: number;
  }[];
}

export interface MeterModMessage {
  readonly command: string | number;
  readonly meterText?: string;
  readonly meter?: MeterMessage;
}

export interface ModifyMetersRequest extends BridgeRequest {
  readonly mods: readonly MeterModMessage[];
}

export interface DumpMetersRequest extends BridgeRequest {
  readonly meterId?: number;
}

export interface MeterStatsMessage {
  readonly meter: MeterMessage;
  readonly text: string;
  readonly flowCount: number;
  readonly packetInCount: U64;
  readonly byteInCount: U64;
  readonly durationMs: number;
  readonly bands: readonly CounterMessage[];
}

export interface ChangeMessage {
  readonly flowMod?: FlowModMessage;
  readonly groupMod?: GroupModMessage;
  readonly packetOut?: PacketOutRequest;
}

export interface BundleRequest extends BridgeRequest {
  readonly changes: readonly ChangeMessage[];
}

export interface BundleReply {
  readonly error?: FlowErrorMessage;
  readonly failedChange?: number;
}

export interface PortStatsRequest extends BridgeRequest {
  readonly portNo?: number;
  readonly intervalMs: number;
}

export interface TableStatsRequest extends BridgeRequest {
  readonly intervalMs: number;
}

export interface PortsRequest extends BridgeRequest {
  readonly watch: boolean;
}

export type PortsEvent = 'CURRENT' | 'ADD' | 'DELETE' | 'MODIFY';

export type PacketInReasonName =
  | 'OFPR_NO_MATCH'
  | 'OFPR_ACTION'
  | 'OFPR_INVALID_TTL'
  | 'OFPR_ACTION_SET'
  | 'OFPR_GROUP'
  | 'OFPR_PACKET_OUT';

export interface PacketInsRequest extends BridgeRequest {
  readonly reasons: readonly (PacketInReasonName | number)[];
  readonly cookie: U64;
  readonly cookieMask: U64;
  readonly controllerId: number;
}

export interface PacketInMessage {
  readonly inPort: number;
  readonly reason: PacketInReasonName;
  readonly tableId: number;
  readonly cookie: U64;
  readonly packet: Uint8Array;
  readonly totalLen: number;
  readonly metadata: MatchMessage;
  readonly controllerId: number;
  readonly userdata: Uint8Array;
  readonly dropped: number;
}

export interface PacketOutRequest extends BridgeRequest {
  readonly inPort?: number;
  readonly packet: Uint8Array;
  readonly actions: readonly ActionMessage[];
}

export interface TraceRequest extends BridgeRequest {
  readonly flowText: string;
  readonly packet: Uint8Array;
}

export interface DatapathActionMessage {
  readonly text: string;
  readonly output?: { readonly odpPort: number; readonly name: string };
  readonly userspace?: { readonly maxLen: number };
  readonly pushVlan?: { readonly tpid: number; readonly vid: number; readonly pcp: number };
  readonly popVlan?: object;
  readonly set?: { readonly header: string; readonly value: Uint8Array; readonly mask: Uint8Array };
  readonly trunc?: number;
  readonly clone?: { readonly actions: readonly DatapathActionMessage[] };
  readonly recirc?: number;
  readonly hash?: { readonly algorithm: string; readonly basis: number };
}

export interface TraceReply {
  readonly text: string;
  readonly megaflow: string;
  readonly actions: readonly DatapathActionMessage[];
  readonly error: string;
}
