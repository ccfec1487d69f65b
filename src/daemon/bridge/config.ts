// The wanted configuration as plain values, read from one state of the database: rows may change or vanish while it is
// being applied, a SwitchConfig does not. References to rows that are not there are passed over.

import type { ControllerConfig } from '../../../ofproto/connmgr/controller.ts';
import type { InBandConfig } from '../../../ofproto/connmgr/in-band-remotes.ts';
import type { BundleSettings, MirrorSettings } from '../../../ofproto/ofproto-api.ts';
import type { CollectorSet } from '../../../ofproto/sampling/flow-samples.ts';
import type { FlowTableConfig } from '../../../ofproto/tables/flow-table.ts';
import type { OvsdbReplica, ReplicaRow } from '../../ovsdb/replica.ts';
import { systemIdFault } from './bond-settings.ts';
import { bundleSettings } from './bundle-settings.ts';
import { readFlowTables } from './flow-table-settings.ts';
import { mirrorSettings } from './mirror-settings.ts';
import { bridgeRemarks, portRemarks } from './unsupported.ts';

export interface InterfaceConfig {
  readonly uuid: string;
  readonly name: string;
  /** As in the database; '' is `system`. */
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  readonly ofportRequest: number | undefined;
  /** Interface.ofport as the database has it: the number of the last run. */
  readonly ofportBefore: number | undefined;
  readonly mac: string | undefined;
  readonly mtuRequest: number | undefined;
  readonly policing: Policing;
}

/** Interface columns ingress_policing_*; a rate of 0 is no limit. */
export interface Policing {
  /** kbit/s and kbit. */
  readonly rate: number;
  readonly burst: number;
  /** Thousands of packets. */
  readonly kpktsRate: number;
  readonly kpktsBurst: number;
}

export interface PortConfig {
  readonly uuid: string;
  readonly name: string;
  readonly bundle: BundleSettings;
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly interfaces: readonly InterfaceConfig[];
  /** A bond has an internal interface of its name, which takes no part in switching. */
  readonly fakeInterface?: boolean;
  /** What of its settings is not, or not fully, followed: for the log. */
  readonly remarks?: readonly string[];
}

export interface ControllerRowConfig extends ControllerConfig {
  readonly uuid: string;
}

export interface BridgeConfig {
  readonly uuid: string;
  readonly name: string;
  readonly datapathType: string;
  readonly failMode: 'standalone' | 'secure';
  readonly protocols: readonly string[];
  readonly floodVlans: readonly number[];
  readonly mcastSnooping: boolean;
  readonly stp: boolean;
  readonly rstp: boolean;
  readonly mirrors: readonly MirrorSettings[];
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly ports: readonly PortConfig[];
  readonly flowTables?: ReadonlyMap<number, FlowTableConfig>;
  readonly controllers: readonly ControllerRowConfig[];
  readonly inBand?: InBandConfig;
  readonly collectorSets?: readonly CollectorSet[];
  /** What of its own columns is not followed. */
  readonly remarks?: readonly string[];
}

export interface SwitchConfig {
  /** The Open_vSwitch row. */
  readonly uuid: string;
  readonly nextCfg: number;
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly bridges: readonly BridgeConfig[];
  /** Datapath rows by datapath type. */
  readonly datapaths: Readonly<Record<string, string>>;
}

/** Reads the whole configuration; undefined while the database has no Open_vSwitch row. */
export function readConfig(replica: OvsdbReplica): SwitchConfig | undefined {
  const root = replica.only('Open_vSwitch');
  if (!root) return undefined;
  const managers = inBandManagers(replica, root);
  return {
    uuid: root.uuid,
    nextCfg: root.number('next_cfg'),
    otherConfig: object(root, 'other_config'),
    bridges: named(replica, 'Bridge', root.uuids('bridges')).map((row) => ({
      ...readBridge(replica, row),
      inBand: readInBand(row, managers),
      collectorSets: readCollectorSets(replica, row.uuid),
      remarks: bridgeRemarks(row),
    })),
    datapaths: object(root, 'datapaths'),
  };
}

function readBridge(replica: OvsdbReplica, row: ReplicaRow): BridgeConfig {
  const controllers = rows(replica, 'Controller', row.uuids('controller'));
  return {
    uuid: row.uuid,
    name: row.string('name'),
    datapathType: row.string('datapath_type'),
    failMode: row.optString('fail_mode') === 'secure' ? 'secure' : 'standalone',
    protocols: row.strings('protocols'),
    floodVlans: row.numbers('flood_vlans'),
    mcastSnooping: row.boolean('mcast_snooping_enable'),
    stp: row.boolean('stp_enable'),
    rstp: row.boolean('rstp_enable'),
    mirrors: named(replica, 'Mirror', row.uuids('mirrors')).flatMap((mirror) => readMirror(replica, mirror) ?? []),
    otherConfig: object(row, 'other_config'),
    flowTables: readFlowTables(replica, row),
    ports: named(replica, 'Port', row.uuids('ports')).map((port) => readPort(replica, port)),
    controllers: controllers.map(readController),
  };
}

function inBandManagers(replica: OvsdbReplica, root: ReplicaRow): string[] {
  return rows(replica, 'Manager', root.uuids('manager_options'))
    .filter((row) => row.optString('connection_mode') !== 'out-of-band')
    .map((row) => row.string('target'));
}

/** Rows name their bridge, not the other way round. */
function readCollectorSets(replica: OvsdbReplica, bridge: string): CollectorSet[] {
  const sets = [...replica.table('Flow_Sample_Collector_Set').values()].filter((row) =>
    row.uuids('bridge').includes(bridge),
  );
  return sets.flatMap((row) => {
    const [ipfix] = rows(replica, 'IPFIX', row.uuids('ipfix'));
    return ipfix ? [{ id: row.number('id'), targets: ipfix.strings('targets') }] : [];
  });
}

function readInBand(bridge: ReplicaRow, managers: readonly string[]): InBandConfig {
  const { 'disable-in-band': disable, 'in-band-queue': queue } = object(bridge, 'other_config');
  const queueId = queue !== undefined && /^\d{1,9}$/.test(queue) ? Number(queue) : undefined;
  return { isDisabled: disable?.toLowerCase() === 'true', queueId, managers };
}

function readPort(replica: OvsdbReplica, row: ReplicaRow): PortConfig {
  return {
    uuid: row.uuid,
    name: row.string('name'),
    bundle: readBundle(replica, row),
    otherConfig: object(row, 'other_config'),
    interfaces: named(replica, 'Interface', row.uuids('interfaces')).map(readInterface),
    fakeInterface: row.boolean('bond_fake_iface'),
    remarks: [...bondRemarks(row), ...portRemarks(replica, row)],
  };
}

const BOND_MODE_DEFAULT =
  'Using the default bond_mode active-backup. Note that in previous versions, the default bond_mode was balance-slb';

function bondRemarks(row: ReplicaRow): string[] {
  const { 'lacp-system-id': systemId, 'lb-output-action': lbOutput } = object(row, 'other_config');
  const lacpFault = row.optString('lacp') === undefined ? undefined : systemIdFault(systemId);
  return [
    ...(row.uuids('interfaces').length > 1 && row.optString('bond_mode') === undefined ? [BOND_MODE_DEFAULT] : []),
    ...(lbOutput === 'true' ? ['lb-output-action is not supported by the datapath, packets are recirculated.'] : []),
    ...(lacpFault === undefined ? [] : [lacpFault]),
  ];
}

function readBundle(replica: OvsdbReplica, row: ReplicaRow): BundleSettings {
  const interfaces = rows(replica, 'Interface', row.uuids('interfaces'));
  return bundleSettings({
    bondMode: row.optString('bond_mode'),
    bondUpdelay: row.number('bond_updelay'),
    bondDowndelay: row.number('bond_downdelay'),
    bondActiveSlave: row.optString('bond_active_slave'),
    lacp: row.optString('lacp'),
    interfaces: Object.fromEntries(interfaces.map((one) => [one.string('name'), object(one, 'other_config')])),
    name: row.string('name'),
    tag: row.optNumber('tag'),
    trunks: row.numbers('trunks'),
    cvlans: row.numbers('cvlans'),
    vlanMode: row.optString('vlan_mode'),
    protected: row.boolean('protected'),
    otherConfig: object(row, 'other_config'),
  });
}

function readMirror(replica: OvsdbReplica, row: ReplicaRow): MirrorSettings | undefined {
  const names = (column: string) => named(replica, 'Port', row.uuids(column)).map((port) => port.string('name'));
  return mirrorSettings({
    id: row.uuid,
    name: row.string('name'),
    selectAll: row.boolean('select_all'),
    fromPorts: names('select_src_port'),
    toPorts: names('select_dst_port'),
    vlans: row.numbers('select_vlan'),
    outputPort: names('output_port')[0],
    outputVlan: row.optNumber('output_vlan'),
    snaplen: row.optNumber('snaplen'),
  });
}

function readInterface(row: ReplicaRow): InterfaceConfig {
  return {
    uuid: row.uuid,
    name: row.string('name'),
    type: row.string('type'),
    options: object(row, 'options'),
    ofportRequest: row.optNumber('ofport_request'),
    ofportBefore: row.optNumber('ofport'),
    mac: row.optString('mac'),
    mtuRequest: row.optNumber('mtu_request'),
    policing: {
      rate: row.optNumber('ingress_policing_rate') ?? 0,
      burst: row.optNumber('ingress_policing_burst') ?? 0,
      kpktsRate: row.optNumber('ingress_policing_kpkts_rate') ?? 0,
      kpktsBurst: row.optNumber('ingress_policing_kpkts_burst') ?? 0,
    },
  };
}

function readController(row: ReplicaRow): ControllerRowConfig {
  const type = row.optString('type');
  const connectionMode = row.optString('connection_mode');
  const optional = {
    maxBackoffMs: row.optNumber('max_backoff'),
    inactivityProbeMs: row.optNumber('inactivity_probe'),
    enableAsyncMessages: row.optBoolean('enable_async_messages'),
    rateLimit: row.optNumber('controller_rate_limit'),
    burstLimit: row.optNumber('controller_burst_limit'),
    type: (['primary', 'service'] as const).find((name) => name === type),
    connectionMode: (['in-band', 'out-of-band'] as const).find((name) => name === connectionMode),
  };
  return { uuid: row.uuid, target: row.string('target'), ...present(optional) };
}

/** The members that have a value. */
export function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function object(row: ReplicaRow, column: string): Record<string, string> {
  return Object.fromEntries(row.stringMap(column));
}

function rows(replica: OvsdbReplica, table: string, uuids: readonly string[]): ReplicaRow[] {
  return uuids.map((uuid) => replica.row(table, uuid)).filter((row) => row !== undefined);
}

/** Rows in the order of their names, so that numbers are given the same way each time. */
function named(replica: OvsdbReplica, table: string, uuids: readonly string[]): ReplicaRow[] {
  const compare = new Intl.Collator('en', { numeric: true }).compare;
  return rows(replica, table, uuids).sort((a, b) => compare(a.string('name'), b.string('name')));
}
