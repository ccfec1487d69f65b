// Flow tables: flow-mod, table-mod, and what statistics and features say about flows and tables.

import { OfError } from '../../model/flow-mod.ts';
import { OFP_NO_BUFFER, type OfMessageOf, type TableFeatures, type TableStatsEntry } from '../../model/messages.ts';
import type { FlowSource } from '../../ofproto-api.ts';
import { N_TABLES } from '../../tables/limits.ts';
import { evictionAsked, OFPFW_ALL } from '../../wire/index.ts';
import { sendInParts } from '../multipart.ts';
import type { Session } from '../session.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';
import { nameTables, tableFeatures } from './table-features.ts';

const TABLE_ALL = 255;
const MAX_ENTRIES = 1_000_000;

export const tableHandlers: Handlers = {
  flow_mod: (session, { xid, mod }) => {
    refuseSlave(session);
    // Packets are never buffered here: whoever names a buffer made it up.
    if (mod.bufferId !== OFP_NO_BUFFER && !mod.command.startsWith('delete')) throw new OfError('OFPBRC_BUFFER_UNKNOWN');
    session.switch.ofproto.flowMod(mod, { conn: session, xid });
  },

  table_mod: (session, { tableId, config }) => {
    refuseSlave(session);
    if (tableId >= N_TABLES && tableId !== TABLE_ALL) throw new OfError('OFPTMFC_EPERM');
    const tables = tableId === TABLE_ALL ? Array.from({ length: N_TABLES }, (_, id) => id) : [tableId];
    const eviction = evictionAsked(config);
    for (const id of tables) {
      session.switch.tables.set(id, { ...config, eviction });
      const { miss, vacancyEvents } = config;
      const vacancy = vacancyEvents === false ? null : session.switch.tables.get(id).vacancy;
      session.switch.ofproto.configureTable(id, { miss, eviction, ...(vacancyEvents !== undefined && { vacancy }) });
    }
  },
  table_desc_request: (session, { xid }) => {
    const tables = tableStats(session).map((stats) => session.switch.tables.describe(stats));
    session.send({ type: 'table_desc_reply', xid, more: false, tables });
  },

  flow_stats_request: (session, { xid, format, request }) => {
    // The flows that there are now, each told as it is when its turn comes: one that left meanwhile is told still.
    const { found, nowMs } = session.switch.ofproto.flowsFor(request);
    return sendInParts(session, found, (slice: readonly FlowSource[], more) => ({
      type: 'flow_stats_reply',
      xid,
      more,
      format,
      flows: slice.map((flow) => flow.stats(nowMs)),
    }));
  },

  aggregate_request: (session, { xid, format, request }) => {
    const totals = session.switch.ofproto.aggregate(request);
    session.send({ type: 'aggregate_reply', xid, more: false, format, ...totals });
  },

  table_stats_request: (session, { xid }) => {
    session.send({ type: 'table_stats_reply', xid, more: false, tables: tableStats(session) });
  },

  table_features_request: (session, { xid, tables }: OfMessageOf<'table_features_request'>) => {
    if (tables.length > 0) nameTables(session, tables);
    const all = tableStats(session).map((stats) => tableFeatures(stats, session.version));
    return sendInParts(session, all, (slice: readonly TableFeatures[], more) => ({
      type: 'table_features_reply',
      xid,
      more,
      tables: slice,
    }));
  },
};

function tableStats(session: Session): TableStatsEntry[] {
  const byId = new Map(session.switch.ofproto.tableStats().map((table) => [table.tableId, table]));
  return Array.from({ length: N_TABLES }, (_, tableId) => ({
    tableId,
    activeCount: byId.get(tableId)?.activeCount ?? 0,
    lookupCount: byId.get(tableId)?.lookupCount ?? 0n,
    matchedCount: byId.get(tableId)?.matchedCount ?? 0n,
    name: byId.get(tableId)?.name ?? '',
    maxEntries: byId.get(tableId)?.maxEntries ?? MAX_ENTRIES,
    wildcards: OFPFW_ALL,
    canGoto: tableId < N_TABLES - 1,
    miss: session.switch.tables.get(tableId).miss ?? 'default',
  }));
}
