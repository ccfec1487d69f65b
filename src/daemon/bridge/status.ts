// What the switch reports in the database, as columns ready for a transaction. Only columns that differ from what this
// process wrote last are written.

import type { LinkSpeed } from '../../../datapath/dpif.ts';
import { OFPP } from '../../../ofproto/model/actions.ts';
import type { Json, JsonObject } from '../../json-rpc/json.ts';
import * as ops from '../../ovsdb/ops.ts';
import type { Bridge } from './bridge.ts';
import type { Iface } from './iface.ts';
import { treeBridgeColumns } from './tree-status.ts';

/** Interface.ofport of a bridge's own port: OFPP_LOCAL in 16 bits. */
const OFPORT_LOCAL = 65_534;
const OFPORT_FAILED = -1;
const NONE: Json = ['set', []];
/** The database's integers are signed 64-bit; JSON numbers are exact up to here. */
const INTEGER_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Collects the updates of one transaction, leaving out what was written before. */
export class StatusWriter {
  readonly #written = new Map<string, Map<string, string>>();
  #operations: JsonObject[] = [];
  #pending: (readonly [uuid: string, column: string, text: string])[] = [];

  /** Columns of one row; a row without uuid (a port that the database does not name) is passed over. */
  set(table: string, uuid: string, columns: Readonly<Record<string, Json>>): void {
    if (uuid === '') return;
    const before = this.#written.get(uuid);
    const row: Record<string, Json> = {};
    for (const [column, value] of Object.entries(columns)) {
      const text = JSON.stringify(value);
      if (before?.get(column) === text) continue;
      row[column] = value;
      this.#pending.push([uuid, column, text]);
    }
    if (Object.keys(row).length > 0) this.#operations.push(ops.update(table, ops.byUuid(uuid), row));
  }

  /** True when that column of a row was written before. */
  hasWritten(uuid: string, column: string): boolean {
    return this.#written.get(uuid)?.has(column) ?? false;
  }

  /** The operations collected since the last take(). */
  take(): { operations: readonly JsonObject[]; committed: () => void } {
    const pending = this.#pending;
    const operations = this.#operations;
    this.#pending = [];
    this.#operations = [];
    const committed = () => {
      for (const [uuid, column, text] of pending) {
        const row = this.#written.get(uuid) ?? new Map<string, string>();
        this.#written.set(uuid, row.set(column, text));
      }
    };
    return { operations, committed };
  }

  /** Forgets the rows that are not in `uuids`. */
  retain(uuids: ReadonlySet<string>): void {
    for (const uuid of this.#written.keys()) if (!uuids.has(uuid)) this.#written.delete(uuid);
  }

  /** Forgets everything: the database may not be the one that was written to. */
  reset(): void {
    this.#written.clear();
  }
}

/** Everything but statistics of one interface. */
export function interfaceColumns(bridge: Bridge, iface: Iface): Record<string, Json> {
  const { device, ofPort, error } = iface;
  const ofport = ofPort === OFPP.LOCAL ? OFPORT_LOCAL : (ofPort ?? OFPORT_FAILED);
  const common = { ofport, error: error ?? NONE };
  if (!device || ofPort === undefined) return { ...common, ...ABSENT };
  return {
    ...common,
    admin_state: device.adminUp ? 'up' : 'down',
    link_state: device.linkUp ? 'up' : 'down',
    link_resets: device.linkResets,
    mac_in_use: device.mac ?? NONE,
    mtu: device.mtu ?? NONE,
    ifindex: device.ifindex ?? 0,
    ...linkSpeedColumns(device.linkSpeed),
    lacp_current: lacpCurrent(bridge, ofPort),
    status: ops.stringMap(device.status()),
  };
}

function linkSpeedColumns(speed: LinkSpeed | undefined): Record<string, Json> {
  return { link_speed: speed?.bitsPerSecond ?? NONE, duplex: speed?.duplex ?? NONE };
}

const ABSENT: Record<string, Json> = {
  admin_state: NONE,
  link_state: NONE,
  link_resets: NONE,
  mac_in_use: NONE,
  mtu: NONE,
  ifindex: NONE,
  link_speed: NONE,
  duplex: NONE,
  status: ['map', []],
  statistics: ['map', []],
  lacp_current: NONE,
};

/** Unset where LACP does not run. */
function lacpCurrent(bridge: Bridge, ofPort: number): Json {
  for (const lacp of bridge.ofproto.l2.aggregation.lacps) {
    const member = lacp.members.find(({ port }) => port.ofPort === ofPort);
    if (member) return lacp.isCurrent(member.port);
  }
  return NONE;
}

const NO_MEMBER = '00:00:00:00:00:00';

/** Port rows of a bridge, by uuid. */
export function portColumns(bridge: Bridge): [uuid: string, columns: Record<string, Json>][] {
  const { bonds } = bridge.ofproto.l2.aggregation;
  return bridge.config.ports.map(({ uuid, name }) => {
    const bond = bonds.find((one) => one.name === name);
    return [uuid, { bond_active_slave: bond ? (bond.active?.port.mac ?? NO_MEMBER) : NONE }];
  });
}

/** Interface.statistics. */
export function statisticsColumn(iface: Iface): Record<string, Json> {
  if (!iface.device || iface.ofPort === undefined) return {};
  const entries = Object.entries(iface.device.stats()).sort(([a], [b]) => (a < b ? -1 : 1));
  return { statistics: ops.map(entries.map(([name, value]) => [name, integer(value)])) };
}

/** Mirror rows of a bridge, by uuid. */
export function mirrorColumns(bridge: Bridge): [uuid: string, columns: Record<string, Json>][] {
  return bridge.ofproto.l2.mirrorStats().map(({ id, packets, bytes }) => {
    const counts: [string, number][] = [
      ['tx_bytes', bytes],
      ['tx_packets', packets],
    ];
    return [id, { statistics: ops.map(counts) }];
  });
}

/** Columns of the Bridge row. */
export function bridgeColumns(bridge: Bridge): Record<string, Json> {
  const tree = treeBridgeColumns(bridge.ofproto.tree.view());
  return { datapath_id: bridge.datapathId, datapath_version: '<built-in>', ...tree };
}

/** Controller rows of a bridge, by uuid. */
export function controllerColumns(bridge: Bridge): [uuid: string, columns: Record<string, Json>][] {
  return bridge.connmgr.status().flatMap(({ isConnected, role, status }, index) => {
    const uuid = bridge.config.controllers[index]?.uuid;
    if (uuid === undefined) return [];
    return [[uuid, { is_connected: isConnected, role: role ?? NONE, status: ops.stringMap(status) }]];
  });
}

function integer(value: number | bigint): number {
  const clamped = BigInt(value) > INTEGER_MAX ? INTEGER_MAX : value;
  return Number(clamped);
}
