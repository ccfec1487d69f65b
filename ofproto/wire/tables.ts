// Table statistics, table-mod, and table features of OpenFlow 1.3 (7.3.5.5).

import type { Reader, Writer } from '../../lib/cursors.ts';
import { fieldByName } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type ActionFeatures,
  OFP10_VERSION,
  OFP13_VERSION,
  type TableFeatureSet,
  type TableFeatures,
  type TableStatsEntry,
} from '../model/messages.ts';
import { type Codec, codec, emptyCodec, entry, listCodec } from './codec.ts';
import { readFieldHeader, writeFieldHeader } from './oxm.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

const V10 = OFP10_VERSION;
const V13 = OFP13_VERSION;

function decodeTable(r: Reader, version: number): TableStatsEntry {
  const tableId = r.u8();
  r.skip(3);
  const head =
    version === V10
      ? { name: r.text(32), wildcards: r.u32(), maxEntries: r.u32() }
      : { name: '', wildcards: 0, maxEntries: 0 };
  return { tableId, ...head, activeCount: r.u32(), lookupCount: r.u64(), matchedCount: r.u64() };
}

function encodeTable(w: Writer, table: TableStatsEntry, version: number): void {
  w.u8(table.tableId).zeros(3);
  if (version === V10) w.text(table.name, 32).u32(table.wildcards).u32(table.maxEntries);
  w.u32(table.activeCount).u64(table.lookupCount).u64(table.matchedCount);
}

// Property types come in pairs: for every entry, and for the table-miss entry.
const OFPTFPT_INSTRUCTIONS = 0;
const OFPTFPT_NEXT_TABLES = 2;
const OFPTFPT_WRITE_ACTIONS = 4;
const OFPTFPT_APPLY_ACTIONS = 6;
const OFPTFPT_MATCH = 8;
const OFPTFPT_WILDCARDS = 10;
const OFPTFPT_WRITE_SETFIELD = 12;
const OFPTFPT_APPLY_SETFIELD = 14;

interface ActionDraft {
  actions: number[];
  setFields: string[];
}

interface SetDraft {
  nextTables: number[];
  instructions: number[];
  write: ActionDraft;
  apply: ActionDraft;
}

const newSet = (): SetDraft => ({
  nextTables: [],
  instructions: [],
  write: { actions: [], setFields: [] },
  apply: { actions: [], setFields: [] },
});

/** `type u16 | length u16` entries, as instructions and actions are listed. */
function decodeIds(r: Reader): number[] {
  const ids: number[] = [];
  while (r.remaining >= 4) {
    const type = r.u16();
    const length = r.u16();
    if (length < 4) throw new OfError('OFPTFFC_BAD_LEN');
    r.skip(length - 4);
    ids.push(type);
  }
  return ids;
}

/** Field headers; fields that are not known here are left out. `masked` gets those with the mask bit. */
function decodeFields(r: Reader, masked: string[] = []): string[] {
  const names: string[] = [];
  while (r.remaining >= 4) {
    const { field, hasMask } = readFieldHeader(r);
    if (!field) continue;
    names.push(field.name);
    if (hasMask) masked.push(field.name);
  }
  return names;
}

function decodeFeatures(list: Reader): TableFeatures {
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  r.skip(5);
  const name = r.text(32);
  const numbers = { metadataMatch: r.u64(), metadataWrite: r.u64(), config: r.u32(), maxEntries: r.u32() };
  const miss = newSet();
  const nonmiss = newSet();
  const fields = { match: [] as string[], mask: [] as string[], wildcard: [] as string[] };
  let hasMiss = false;
  for (const { type, value } of decodeProperties(r, 'OFPTFFC_BAD_LEN')) {
    if (type === OFPTFPT_MATCH) fields.match = decodeFields(value, fields.mask);
    else if (type === OFPTFPT_WILDCARDS) fields.wildcard = decodeFields(value);
    else if (type < 0xfffe) {
      hasMiss ||= (type & 1) === 1;
      decodeSetProperty(type & 1 ? miss : nonmiss, type & ~1, value);
    }
  }
  // Without properties of its own, the table-miss entry can do what others can.
  return { tableId, name, ...numbers, ...fields, nonmiss, miss: hasMiss ? miss : nonmiss };
}

function decodeSetProperty(set: SetDraft, type: number, value: Reader): void {
  if (type === OFPTFPT_INSTRUCTIONS) set.instructions = decodeIds(value);
  else if (type === OFPTFPT_NEXT_TABLES) set.nextTables = [...value.rest()];
  else if (type === OFPTFPT_WRITE_ACTIONS) set.write.actions = decodeIds(value);
  else if (type === OFPTFPT_APPLY_ACTIONS) set.apply.actions = decodeIds(value);
  else if (type === OFPTFPT_WRITE_SETFIELD) set.write.setFields = decodeFields(value);
  else if (type === OFPTFPT_APPLY_SETFIELD) set.apply.setFields = decodeFields(value);
}

function encodeIds(w: Writer, ids: readonly number[]): void {
  for (const id of ids) w.u16(id).u16(4);
}

function encodeFields(w: Writer, names: readonly string[], masked: readonly string[] = []): void {
  for (const name of names) {
    const f = fieldByName(name);
    if (f) writeFieldHeader(w, f, masked.includes(name), V13);
  }
}

function encodeFeatures(w: Writer, table: TableFeatures): void {
  const start = w.size;
  w.u16(0).u8(table.tableId).zeros(5).text(table.name, 32);
  w.u64(table.metadataMatch).u64(table.metadataWrite).u32(table.config).u32(table.maxEntries);
  encodeSet(w, table.nonmiss, 0);
  if (table.miss !== table.nonmiss) encodeSet(w, table.miss, 1);
  encodeProperty(w, OFPTFPT_MATCH, (p) => encodeFields(p, table.match, table.mask));
  encodeProperty(w, OFPTFPT_WILDCARDS, (p) => encodeFields(p, table.wildcard));
  w.patch16(start, w.size - start);
}

function encodeSet(w: Writer, set: TableFeatureSet, miss: 0 | 1): void {
  encodeProperty(w, OFPTFPT_INSTRUCTIONS + miss, (p) => encodeIds(p, set.instructions));
  encodeProperty(w, OFPTFPT_NEXT_TABLES + miss, (p) => p.put(Uint8Array.from(set.nextTables)));
  const actions = (type: number, setType: number, features: ActionFeatures) => {
    encodeProperty(w, type + miss, (p) => encodeIds(p, features.actions));
    encodeProperty(w, setType + miss, (p) => encodeFields(p, features.setFields));
  };
  actions(OFPTFPT_WRITE_ACTIONS, OFPTFPT_WRITE_SETFIELD, set.write);
  actions(OFPTFPT_APPLY_ACTIONS, OFPTFPT_APPLY_SETFIELD, set.apply);
}

export const TABLE_CODECS: readonly Codec[] = [
  codec(
    'table_mod',
    { [V13]: 'm17' },
    (r) => {
      const tableId = r.u8();
      r.skip(3);
      return { tableId, config: r.u32() };
    },
    (w, body) => w.u8(body.tableId).zeros(3).u32(body.config),
  ),
  emptyCodec('table_stats_request', { [V10]: 'q3', [V13]: 'q3' }),
  listCodec({
    of: 'table_stats_reply',
    ids: { [V10]: 'r3', [V13]: 'r3' },
    decodeItem: decodeTable,
    encodeItem: encodeTable,
    items: (body) => body.tables,
    body: (tables, more) => ({ tables, more }),
  }),
  ...(['table_features_request', 'table_features_reply'] as const).map((of) =>
    listCodec({
      of,
      ids: { [V13]: of === 'table_features_request' ? 'q12' : 'r12' },
      decodeItem: decodeFeatures,
      encodeItem: encodeFeatures,
      items: (body) => body.tables,
      body: (tables, more) => ({ tables, more }),
    }),
  ),
];
