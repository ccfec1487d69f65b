// Columns that ask for what this switch does not do yet: said in the log rather than passed over.

import type { OvsdbReplica, ReplicaRow } from '../../ovsdb/replica.ts';

/** What of a Bridge row is not followed. */
export function bridgeRemarks(row: ReplicaRow): string[] {
  const asked = ['auto_attach', 'ipfix', 'netflow', 'sflow'].filter((column) => row.uuids(column).length > 0);
  return asked.map((column) => ignored(column));
}

/** What of a Port row and its Interface rows is not followed. */
export function portRemarks(replica: OvsdbReplica, row: ReplicaRow): string[] {
  const interfaces = row.uuids('interfaces').flatMap((uuid) => replica.row('Interface', uuid) ?? []);
  return [
    ...row.uuids('qos').map((uuid) => qosRemark(replica.row('QoS', uuid))),
    ...interfaces.flatMap((iface) => interfaceColumns(iface).map((column) => ignored(column))),
  ];
}

function qosRemark(row: ReplicaRow | undefined): string {
  return `QoS type ${row?.string('type') ?? ''} is not supported, traffic is not shaped`;
}

function interfaceColumns(row: ReplicaRow): string[] {
  const isOn = (column: string) => row.mapGet(column, 'enable') === 'true';
  const asked = ['bfd', 'lldp'].filter(isOn);
  return row.optNumber('cfm_mpid') === undefined ? asked : [...asked, 'cfm_mpid'];
}

const ignored = (column: string): string => `column ${column} is not supported and has no effect`;
