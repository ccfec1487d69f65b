// Flow_Table rows as OpenFlow tables take them (ovs-vswitchd.conf.db(5)): what is no field or no number is passed over.

import { logger } from '../../../lib/log.ts';
import type { Subfield } from '../../../ofproto/model/actions.ts';
import type { FlowTableConfig } from '../../../ofproto/tables/flow-table.ts';
import { prefixFields } from '../../../ofproto/tables/prefix-fields.ts';
import { parseSubfield } from '../../../ofproto/text/subfields.ts';
import type { OvsdbReplica, ReplicaRow } from '../../ovsdb/replica.ts';

const log = logger('bridge');

/** By table number. */
export function readFlowTables(replica: OvsdbReplica, bridge: ReplicaRow): ReadonlyMap<number, FlowTableConfig> {
  const tables = new Map<number, FlowTableConfig>();
  for (const [number, uuid] of bridge.map('flow_tables')) {
    const row = replica.row('Flow_Table', String(uuid));
    if (row) tables.set(Number(number), readFlowTable(row));
  }
  return tables;
}

function readFlowTable(row: ReplicaRow): FlowTableConfig {
  const prefixes = row.strings('prefixes');
  return {
    name: row.optString('name') ?? '',
    flowLimit: row.optNumber('flow_limit'),
    evict: row.optString('overflow_policy') === 'evict',
    groups: row.strings('groups').flatMap(readGroup),
    ...(prefixes.length > 0 && { prefixes: prefixFields(prefixes) }),
  };
}

function readGroup(text: string): Subfield[] {
  try {
    return [parseSubfield(text)];
  } catch (error) {
    log.warn(`Flow_Table groups: ignoring ${text}: ${(error as Error).message}`);
    return [];
  }
}
