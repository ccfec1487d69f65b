// Flow tables: flow-mod, table-mod, and what statistics and features say about flows and tables.

import { FIELDS } from '../../model/fields.ts';
import { OfError } from '../../model/flow-mod.ts';
import {
  OFP_NO_BUFFER,
  OFP15_VERSION,
  type OfMessageOf,
  type TableFeatureSet,
  type TableFeatures,
  type TableStatsEntry,
} from '../../model/messages.ts';
import { TUN_METADATA_FIELDS, tunMetadataField } from '../../model/tun-metadata.ts';
import type { FlowSource } from '../../ofproto-api.ts';
import { evictionAsked, OFPAT13_SUPPORTED, OFPFW_ALL, OFPIT_SUPPORTED } from '../../wire/index.ts';
import { sendInParts } from '../multipart.ts';
import type { Session } from '../session.ts';
import type { Handlers } from './handler.ts';
import { refuseSlave } from './role.ts';

/** Tables a controller may use: 0 to 253. Table 254 is the switch's own. */
export const N_TABLES = 254;
const TABLE_ALL = 255;
const MAX_ENTRIES = 1_000_000;
const ALL_BITS_64 = 0xffff_ffff_ffff_ffffn;

const OFPIT_GOTO_TABLE = 1;
/** An action from 1.5 on. */
const OFPIT_METER = 6;

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
    if (tables.length > 0) throw new OfError('OFPTFFC_EPERM');
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

const withCodePoint = FIELDS.filter((field) => field.oxm !== 0 || field.nxm !== 0);
/** Those that tunnels carry can be named whatever a bridge's TLV table maps. */
const tunMetadata = Array.from({ length: TUN_METADATA_FIELDS }, (_, index) => tunMetadataField(index).name);
const names = (fields: typeof FIELDS) => [...fields.map((field) => field.name), ...tunMetadata];
const matchable = names(withCodePoint);
const maskable = names(withCodePoint.filter((field) => field.mask === 'arbitrary'));
const settable = names(withCodePoint.filter((field) => field.writable));

function tableFeatures({ tableId, name, maxEntries }: TableStatsEntry, version: number): TableFeatures {
  const nextTables = Array.from({ length: N_TABLES - 1 - tableId }, (_, index) => tableId + 1 + index);
  const actions = { actions: OFPAT13_SUPPORTED, setFields: settable };
  const set: TableFeatureSet = {
    nextTables,
    instructions: OFPIT_SUPPORTED.filter(
      (type) =>
        (type !== OFPIT_GOTO_TABLE || nextTables.length > 0) && (type !== OFPIT_METER || version < OFP15_VERSION),
    ),
    write: actions,
    apply: actions,
  };
  return {
    tableId,
    name,
    metadataMatch: ALL_BITS_64,
    metadataWrite: ALL_BITS_64,
    config: 0,
    maxEntries,
    miss: set,
    nonmiss: set,
    match: matchable,
    mask: maskable,
    wildcard: matchable,
  };
}
