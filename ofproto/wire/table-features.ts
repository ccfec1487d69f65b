// Table features (OpenFlow 1.3, 7.3.5.5): what each table can match and do, as property lists.

import { Reader, Writer } from '../../lib/cursors.ts';
import { fieldByName } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type ActionFeatures,
  OFP13_VERSION,
  OFP15_VERSION,
  type TableFeatureSet,
  type TableFeatures,
} from '../model/messages.ts';
import { tunMetadataByHeader, tunMetadataByName } from '../model/tun-metadata.ts';
import { type Codec, entry, listCodec, since } from './codec.ts';
import { readFieldHeader, writeFieldHeader } from './oxm.ts';
import { decodeProperties, encodeProperty, PROP_EXPERIMENTER } from './properties.ts';

// Property types come in pairs: for every entry, and for the table-miss entry.
const OFPTFPT_INSTRUCTIONS = 0;
const OFPTFPT_NEXT_TABLES = 2;
const OFPTFPT_WRITE_ACTIONS = 4;
const OFPTFPT_APPLY_ACTIONS = 6;
const OFPTFPT_MATCH = 8;
const OFPTFPT_WILDCARDS = 10;
const OFPTFPT_WRITE_SETFIELD = 12;
const OFPTFPT_APPLY_SETFIELD = 14;
const OFPTFPT_APPLY_SETFIELD_MISS = 15;

/** What a controller that says anything of a table must say, each once; the table-miss entry may be left out. */
const REQUIRED = [
  OFPTFPT_INSTRUCTIONS,
  OFPTFPT_NEXT_TABLES,
  OFPTFPT_WRITE_ACTIONS,
  OFPTFPT_APPLY_ACTIONS,
  OFPTFPT_MATCH,
  OFPTFPT_WILDCARDS,
  OFPTFPT_WRITE_SETFIELD,
  OFPTFPT_APPLY_SETFIELD,
];

/** OFPTFC_* of 1.5. */
const COMMANDS = ['replace', 'modify', 'enable', 'disable'] as const;
const OFPTT_ALL = 255;
/** struct ofp_table_features, without properties. */
const FEATURES_SIZE = 64;

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
    if (length < 4) throw new OfError('OFPBPC_BAD_LEN');
    r.skip(length - 4);
    ids.push(type);
  }
  return ids;
}

/** Field headers; fields that are not known here are left out. `masked` gets those with the mask bit. */
function decodeFields(r: Reader, masked: string[] = []): string[] {
  const names: string[] = [];
  while (r.remaining >= 4) {
    const { field: known, hasMask, raw } = readFieldHeader(r);
    const field = known ?? tunMetadataByHeader(raw);
    if (!field) continue;
    names.push(field.name);
    if (hasMask) masked.push(field.name);
  }
  return names;
}

function decodeFeatures(list: Reader, version: number): TableFeatures {
  if (list.remaining < FEATURES_SIZE || list.peek16(0) < FEATURES_SIZE) throw new OfError('OFPBPC_BAD_LEN');
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  const command = commandOf(r.u8(), version);
  r.skip(4);
  const name = r.text(32);
  const numbers = { metadataMatch: r.u64(), metadataWrite: r.u64(), config: r.u32(), maxEntries: r.u32() };
  const miss = newSet();
  const nonmiss = newSet();
  const fields = { match: [] as string[], mask: [] as string[], wildcard: [] as string[] };
  let hasMiss = false;
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type === OFPTFPT_MATCH) fields.match = decodeFields(value, fields.mask);
    else if (type === OFPTFPT_WILDCARDS) fields.wildcard = decodeFields(value);
    else if (type < 0xfffe) {
      hasMiss ||= (type & 1) === 1;
      decodeSetProperty(type & 1 ? miss : nonmiss, type & ~1, value);
    }
  }
  // Without properties of its own, the table-miss entry can do what others can.
  return { tableId, command, name, ...numbers, ...fields, nonmiss, miss: hasMiss ? miss : nonmiss };
}

/** Earlier versions have padding there. */
function commandOf(number: number, version: number): TableFeatures['command'] {
  if (version < OFP15_VERSION) return undefined;
  const command = COMMANDS[number];
  if (!command) throw new OfError('OFPTFFC_BAD_COMMAND');
  return command;
}

/** An entry of a request, of which nothing may be missing or unknown; in 1.5 it may do without any property. */
function decodeWanted(list: Reader, version: number): TableFeatures {
  const again = new Reader(list.bytes.subarray(list.offset), list.code);
  const features = decodeFeatures(list, version);
  const body = entry(again);
  body.skip(FEATURES_SIZE);
  const seen = new Set<number>();
  for (const { type } of decodeProperties(body, 'OFPBPC_BAD_LEN')) {
    if (type === PROP_EXPERIMENTER) continue;
    if (type > OFPTFPT_APPLY_SETFIELD_MISS) throw new OfError('OFPBPC_BAD_TYPE');
    if (seen.has(type)) throw new OfError('OFPTFFC_BAD_FEATURES');
    seen.add(type);
  }
  const isBare = seen.size === 0 && version >= OFP15_VERSION;
  if (features.tableId === OFPTT_ALL) throw new OfError('OFPTFFC_BAD_TABLE');
  if (!isBare && REQUIRED.some((type) => !seen.has(type))) throw new OfError('OFPTFFC_BAD_FEATURES');
  return features;
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

/** A list of fields as `version` has it; every table of a reply has the same lists. */
interface EncodedFields {
  readonly masked: readonly string[];
  readonly version: number;
  readonly bytes: Uint8Array;
}

const encodedFields = new WeakMap<readonly string[], EncodedFields[]>();
const NO_FIELDS: readonly string[] = [];

function encodeFields(w: Writer, names: readonly string[], version: number, masked = NO_FIELDS): void {
  const forms = encodedFields.get(names) ?? [];
  let form = forms.find((one) => one.version === version && one.masked === masked);
  if (!form) {
    form = { masked, version, bytes: fieldHeaders(names, version, new Set(masked)) };
    encodedFields.set(names, [...forms, form]);
  }
  w.put(form.bytes);
}

function fieldHeaders(names: readonly string[], version: number, masked: ReadonlySet<string>): Uint8Array {
  const w = new Writer();
  for (const name of names) {
    const f = fieldByName(name) ?? tunMetadataByName(name);
    if (f) writeFieldHeader(w, f, masked.has(name), version);
  }
  return w.finish();
}

function encodeFeatures(w: Writer, table: TableFeatures, version: number): void {
  const start = w.size;
  w.u16(0)
    .u8(table.tableId)
    .u8(table.command ? COMMANDS.indexOf(table.command) : 0)
    .zeros(4)
    .text(table.name, 32);
  w.u64(table.metadataMatch).u64(table.metadataWrite).u32(table.config).u32(table.maxEntries);
  encodeSet(w, table.nonmiss, 0, version);
  encodeSet(w, table.miss, 1, version);
  encodeProperty(w, OFPTFPT_MATCH, (p) => encodeFields(p, table.match, version, table.mask));
  encodeProperty(w, OFPTFPT_WILDCARDS, (p) => encodeFields(p, table.wildcard, version));
  w.patch16(start, w.size - start);
}

function encodeSet(w: Writer, set: TableFeatureSet, miss: 0 | 1, version: number): void {
  encodeProperty(w, OFPTFPT_INSTRUCTIONS + miss, (p) => encodeIds(p, set.instructions));
  encodeProperty(w, OFPTFPT_NEXT_TABLES + miss, (p) => p.put(Uint8Array.from(set.nextTables)));
  const actions = (type: number, setType: number, features: ActionFeatures) => {
    encodeProperty(w, type + miss, (p) => encodeIds(p, features.actions));
    encodeProperty(w, setType + miss, (p) => encodeFields(p, features.setFields, version));
  };
  actions(OFPTFPT_WRITE_ACTIONS, OFPTFPT_WRITE_SETFIELD, set.write);
  actions(OFPTFPT_APPLY_ACTIONS, OFPTFPT_APPLY_SETFIELD, set.apply);
}

export const TABLE_FEATURE_CODECS: readonly Codec[] = (['table_features_request', 'table_features_reply'] as const).map(
  (of) =>
    listCodec({
      of,
      ids: since(OFP13_VERSION, of === 'table_features_request' ? 'q12' : 'r12'),
      decodeItem: of === 'table_features_request' ? decodeWanted : decodeFeatures,
      encodeItem: encodeFeatures,
      items: (body) => body.tables,
      body: (tables, more) => ({ tables, more }),
    }),
);
