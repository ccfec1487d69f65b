// Every OpenFlow message weft speaks, in one version-free form: what ofproto/wire decodes to and encodes from, and what
// the connection manager and weft-ofctl handle. A list too long for one multipart message is one OfMessage here; the
// encoder splits it, the decoder marks all but the last part with `more`.

import type {
  AsyncMask,
  BundleControl,
  FlowMonitorRequest,
  FlowUpdate,
  Role,
  RoleStatus,
} from './connection-messages.ts';
import type {
  FlowMod,
  FlowRemoved,
  FlowStatsEntry,
  FlowStatsRequest,
  OfPortDesc,
  OfPortStats,
  PacketIn,
  PacketOut,
  TableStats,
} from './flow-mod.ts';

export * from './connection-messages.ts';
export { OFP_NO_BUFFER } from './flow-mod.ts';

import type { GroupMod, GroupSpec, GroupStats, MeterConfig, MeterMod, MeterStats } from './groups.ts';

/** Versions on the wire. */
export const OFP10_VERSION = 0x01;
export const OFP11_VERSION = 0x02;
export const OFP12_VERSION = 0x03;
export const OFP13_VERSION = 0x04;
export const OFP14_VERSION = 0x05;
export const OFP15_VERSION = 0x06;

/** How an OpenFlow 1.0 connection writes matches and statistics; 1.2+ always writes OXM, said as `standard`. */
export type FlowFormat = 'standard' | 'nxm';

/** The forms of a packet-in: the version's own, NXT_PACKET_IN, NXT_PACKET_IN2. */
export type PacketInFormat = 'standard' | 'nxt_packet_in' | 'nxt_packet_in2';

export type Capability =
  | 'flow_stats'
  | 'table_stats'
  | 'port_stats'
  | 'stp'
  | 'group_stats'
  | 'ip_reasm'
  | 'queue_stats'
  | 'arp_match_ip'
  | 'port_blocked'
  | 'bundles'
  | 'flow_monitoring';

export type FragHandling = 'normal' | 'drop' | 'reassemble' | 'nx-match';

export interface FeaturesReply {
  readonly datapathId: bigint;
  readonly nBuffers: number;
  readonly nTables: number;
  readonly auxiliaryId: number;
  readonly capabilities: readonly Capability[];
  /** 1.0 only: bits of the supported actions (OFPAT_* numbers). */
  readonly actions: number;
  /** Up to 1.2; later versions ask with port_desc_request. */
  readonly ports: readonly OfPortDesc[];
}

export interface SwitchConfig {
  readonly frag: FragHandling;
  /** Send packets with an expired TTL to the controller (1.1, 1.2 and an extension of 1.0). */
  readonly invalidTtlToController: boolean;
  readonly missSendLen: number;
}

export interface SwitchDesc {
  readonly manufacturer: string;
  readonly hardware: string;
  readonly software: string;
  readonly serialNumber: string;
  readonly datapath: string;
}

export interface PortMod {
  readonly ofPort: number;
  readonly hwAddr: Uint8Array;
  readonly config: OfPortDesc['config'];
  /** True for the flags that the message changes. */
  readonly mask: OfPortDesc['config'];
  readonly advertise: number;
}

/** A queue of a port; counters and age are -1 where unknown. */
export interface QueueStats {
  readonly ofPort: number;
  readonly queueId: number;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly durationMs: number;
}

export interface QueueConfig {
  readonly ofPort: number;
  readonly queueId: number;
  /** Tenths of a percent; absent: not set. */
  readonly minRate?: number;
  readonly maxRate?: number;
}

/** One table as OFPST_TABLE tells it. */
export interface TableStatsEntry extends TableStats {
  readonly name: string;
  readonly maxEntries: number;
  /** 1.0: OFPFW_* bits that may be wildcarded. */
  readonly wildcards: number;
  /** 1.1 and 1.2: whether goto_table has a table to go to, and what happens to a miss. */
  readonly canGoto: boolean;
  readonly miss: TableMiss | 'default';
}

/** What happens to a packet that no flow of a table matches (1.1 and 1.2; later a flow of priority 0 says it). */
export type TableMiss = 'controller' | 'continue' | 'drop';

/** Vacancy events of a table: percentages of free entries below and above which to tell, and now. */
export interface Vacancy {
  readonly down: number;
  readonly up: number;
  readonly now: number;
}

/** Configuration of a table; members left out are not said (table-mod: stay as they are). */
export interface TableConfig {
  readonly miss?: TableMiss;
  readonly eviction?: boolean | undefined;
  /** OFPTMPEF_* */
  readonly evictionFlags?: number;
  readonly vacancyEvents?: boolean;
  readonly vacancy?: Vacancy;
}

export interface TableDesc {
  readonly tableId: number;
  readonly config: TableConfig;
}

/** What OFPT_TABLE_STATUS tells of a table: too little of it is free, or enough again (1.4). */
export type VacancyEvent = 'vacancy_down' | 'vacancy_up';

/** Table features (1.3), properties kept as their bytes' meaning. */
export interface TableFeatures {
  readonly tableId: number;
  /** What a request of 1.5 wants of the table. */
  readonly command?: 'replace' | 'modify' | 'enable' | 'disable' | undefined;
  readonly name: string;
  readonly metadataMatch: bigint;
  readonly metadataWrite: bigint;
  readonly config: number;
  readonly maxEntries: number;
  /** For table misses and for everything else. */
  readonly miss: TableFeatureSet;
  readonly nonmiss: TableFeatureSet;
  /** Field names matchable, those that may be masked, and those that may be left out. */
  readonly match: readonly string[];
  readonly mask: readonly string[];
  readonly wildcard: readonly string[];
}

export interface TableFeatureSet {
  /** Tables that goto_table may name. */
  readonly nextTables: readonly number[];
  /** OFPIT_* numbers. */
  readonly instructions: readonly number[];
  readonly write: ActionFeatures;
  readonly apply: ActionFeatures;
}

export interface ActionFeatures {
  /** OFPAT_* numbers. */
  readonly actions: readonly number[];
  readonly setFields: readonly string[];
}

/** The Geneve option that a tun_metadata field stands for. */
export interface TlvMapping {
  readonly optionClass: number;
  readonly optionType: number;
  readonly optionLength: number;
  /** Of the field. */
  readonly index: number;
}

export interface TlvTableMod {
  readonly command: 'add' | 'delete' | 'clear';
  readonly mappings: readonly TlvMapping[];
}

/** Which tracked connections to forget; members left out mean any. Tuples are the bytes of their properties. */
export interface CtFlush {
  readonly ipProto: number;
  readonly zone?: number;
  readonly origTuple?: Uint8Array;
  readonly replyTuple?: Uint8Array;
}

/** What each message carries besides its type and xid. */
export interface OfBodies {
  /** `versions`: every version offered, lowest first; from the bitmap when there is one. */
  hello: { readonly versions: readonly number[] };
  /** `code` is the spec's name of the code (see OfError), or `TYPE/CODE` in numbers when unknown. */
  error: { readonly code: string; readonly data: Uint8Array };
  echo_request: { readonly data: Uint8Array };
  echo_reply: { readonly data: Uint8Array };
  features_request: Record<never, never>;
  features_reply: FeaturesReply;
  get_config_request: Record<never, never>;
  get_config_reply: SwitchConfig;
  set_config: SwitchConfig;
  packet_in: { readonly format: PacketInFormat; readonly bufferId: number; readonly packetIn: PacketIn };
  packet_out: { readonly bufferId: number; readonly out: PacketOut };
  /** `tableInCommand`: 1.0 after flow_mod_table_id, the command's high byte is the table (the encoder's choice only). */
  flow_mod: { readonly format: FlowFormat; readonly mod: FlowMod; readonly tableInCommand?: boolean };
  flow_removed: { readonly format: FlowFormat; readonly removed: FlowRemoved };
  port_status: { readonly reason: 'add' | 'delete' | 'modify'; readonly port: OfPortDesc };
  port_mod: PortMod;
  table_mod: { readonly tableId: number; readonly config: TableConfig };
  table_desc_request: Record<never, never>;
  table_desc_reply: More & { readonly tables: readonly TableDesc[] };
  table_status: { readonly reason: VacancyEvent; readonly table: TableDesc };
  barrier_request: Record<never, never>;
  barrier_reply: Record<never, never>;
  role_request: RoleBody;
  role_reply: RoleBody;

  /** NXT_RESUME: the packet and its continuation as NXT_PACKET_IN2 had them. */
  resume: { readonly packetIn: PacketIn };
  bundle_control: BundleControl;
  /** `bytes`: the whole message to add, header included. */
  bundle_add: { readonly bundleId: number; readonly flags: number; readonly bytes: Uint8Array };

  set_flow_format: { readonly format: FlowFormat };
  /** NXT_FLOW_MOD_TABLE_ID: from now on the high byte of a 1.0 flow-mod's command is the table. */
  flow_mod_table_id: { readonly enabled: boolean };
  /** NXT_FLOW_AGE: flow statistics always have ages here, so there is nothing to switch on. */
  flow_age: Record<never, never>;
  set_packet_in_format: { readonly format: PacketInFormat };
  set_controller_id: { readonly controllerId: number };
  /** `form`: OFPT_SET_ASYNC, NXT_SET_ASYNC_CONFIG or NXT_SET_ASYNC_CONFIG2. */
  set_async_config: { readonly form: 'standard' | 'nicira' | 'nicira2'; readonly masks: readonly AsyncMask[] };
  get_async_request: Record<never, never>;
  get_async_reply: { readonly masks: readonly AsyncMask[] };
  role_status: RoleStatus;
  /** `bytes`: another connection's request, header included. */
  request_forward: { readonly bytes: Uint8Array };

  tlv_table_mod: TlvTableMod;
  tlv_table_request: Record<never, never>;
  tlv_table_reply: {
    readonly maxOptionSpace: number;
    readonly maxFields: number;
    readonly mappings: readonly TlvMapping[];
  };
  ct_flush_zone: { readonly zone: number };
  ct_flush: CtFlush;

  desc_request: Record<never, never>;
  desc_reply: More & { readonly desc: SwitchDesc };
  flow_stats_request: { readonly format: FlowFormat; readonly request: FlowStatsRequest };
  flow_stats_reply: More & { readonly format: FlowFormat; readonly flows: readonly FlowStatsEntry[] };
  aggregate_request: { readonly format: FlowFormat; readonly request: FlowStatsRequest };
  aggregate_reply: More & {
    readonly format: FlowFormat;
    readonly packets: bigint;
    readonly bytes: bigint;
    readonly flows: number;
  };
  table_stats_request: Record<never, never>;
  table_stats_reply: More & { readonly tables: readonly TableStatsEntry[] };
  /** A request with tables would set them; weft refuses that. */
  table_features_request: More & { readonly tables: readonly TableFeatures[] };
  table_features_reply: More & { readonly tables: readonly TableFeatures[] };
  /** OFPP.ANY asks for every port. */
  port_stats_request: { readonly ofPort: number };
  port_stats_reply: More & { readonly ports: readonly OfPortStats[] };
  port_desc_request: { readonly ofPort: number };
  port_desc_reply: More & { readonly ports: readonly OfPortDesc[] };
  queue_stats_request: { readonly ofPort: number; readonly queueId: number };
  queue_stats_reply: More & { readonly queues: readonly QueueStats[] };
  /** Up to 1.3 every queue of the port is meant (OFPQ_ALL). */
  queue_config_request: { readonly ofPort: number; readonly queueId: number };
  /** `ofPort`: what the request named; from 1.4 on only the queues say theirs. */
  queue_config_reply: More & { readonly ofPort: number; readonly queues: readonly QueueConfig[] };
  group_mod: { readonly mod: GroupMod };
  meter_mod: { readonly mod: MeterMod };
  group_stats_request: { readonly groupId: number };
  group_stats_reply: More & { readonly stats: readonly GroupStats[] };
  group_desc_request: { readonly groupId: number };
  group_desc_reply: More & { readonly groups: readonly GroupSpec[] };
  group_features_request: Record<never, never>;
  group_features_reply: More & GroupFeatures;
  meter_stats_request: { readonly meterId: number };
  meter_stats_reply: More & { readonly stats: readonly MeterStats[] };
  meter_config_request: { readonly meterId: number };
  meter_config_reply: More & { readonly meters: readonly MeterConfig[] };
  meter_features_request: Record<never, never>;
  meter_features_reply: More & MeterFeatures;
  flow_monitor_request: { readonly monitors: readonly FlowMonitorRequest[] };
  flow_monitor_reply: More & { readonly updates: readonly FlowUpdate[] };
  flow_monitor_cancel: { readonly id: number };
  flow_monitor_paused: Record<never, never>;
  flow_monitor_resumed: Record<never, never>;
}

/** True on all but the last part of a long reply. The encoder sets it on the parts that it makes of one message. */
export interface More {
  readonly more: boolean;
}

export interface RoleBody {
  readonly role: Role;
  /** 0xffffffffffffffff: none given. */
  readonly generationId: bigint;
  /** NXT_ROLE_* of 1.0 rather than OFPT_ROLE_*. */
  readonly nicira: boolean;
}

/** Four entries each, by group type: all, select, indirect, fast failover. */
export interface GroupFeatures {
  readonly types: number;
  readonly capabilities: number;
  readonly maxGroups: readonly number[];
  readonly actions: readonly number[];
}

export interface MeterFeatures {
  readonly maxMeters: number;
  readonly bandTypes: number;
  readonly capabilities: number;
  readonly maxBands: number;
  readonly maxColor: number;
}

export type OfType = keyof OfBodies;

/** A message of one type: `OfMessageOf<'echo_request'>`. */
export type OfMessageOf<T extends OfType> = { readonly type: T; readonly xid: number } & OfBodies[T];

/** Any message, told apart by `type`. */
export type OfMessage = { [T in OfType]: OfMessageOf<T> }[OfType];
