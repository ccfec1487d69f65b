// Transactions as the log writes them, and the rows that a log's transactions add up to.
//
//     { "_date": <ms>, "_comment": "...", "_is_diff": true, "Table": { "<uuid>": { "column": <value> } | null } }
//
// Null deletes a row; columns that are not named keep their value (their default in a new row). With "_is_diff" a set
// or map in an existing row is what changed, else its new value. Ephemeral columns are not written.
import { isObject, type Json, type JsonObject, own } from '../../json-rpc/json.ts';
import { isUuid } from '../atom.ts';
import {
  applyChange,
  changeOf,
  checkCount,
  type Datum,
  datumFromJson,
  datumToJson,
  defaultDatum,
  equalDatums,
  isDefaultDatum,
  unconstrained,
} from '../datum.ts';
import type { Database, Row, RowDelta } from '../engine/table.ts';
import { syntaxError } from '../errors.ts';
import { getOrMake } from '../maps.ts';
import type { DatabaseSchema, TableSchema } from '../schema.ts';

/** Rows of a database by table and uuid, as a log tells them: not checked against each other. */
export type RowImage = Map<string, Map<string, Map<string, Datum>>>;

/** The log's record of a commit; undefined when nothing of it is to be kept. */
export function transactionToJson(
  deltas: readonly RowDelta[],
  comments: readonly string[],
  nowMs: number,
): JsonObject | undefined {
  const tables: Record<string, Record<string, Json>> = {};
  for (const delta of deltas) {
    const row = rowChangeToJson(delta);
    if (row === undefined) continue;
    const name = delta.table.schema.name;
    tables[name] ??= {};
    tables[name][delta.uuid] = row;
  }
  if (Object.keys(tables).length === 0) return undefined;
  return {
    _date: nowMs,
    ...(comments.length === 0 ? {} : { _comment: comments.join('\n') }),
    _is_diff: true,
    ...tables,
  };
}

function rowChangeToJson({ table, old, row }: RowDelta): Json | undefined {
  if (!row) return null;
  const json: Record<string, Json> = {};
  for (const { name, type, ephemeral } of table.schema.columns.values()) {
    const datum = row.columns.get(name);
    if (ephemeral || !datum) continue;
    const before = old?.columns.get(name) ?? defaultDatum(type);
    if (!equalDatums(before, datum)) json[name] = datumToJson(old ? changeOf(type, before, datum) : datum, type);
  }
  return old && Object.keys(json).length === 0 ? undefined : json;
}

/** The whole database as one record; empty when there is nothing to keep. */
export function snapshotToJson(database: Database, comment: string, nowMs: number): JsonObject {
  const tables: Record<string, Json> = {};
  for (const { schema, rows } of database.tables.values()) {
    if (rows.size === 0) continue;
    tables[schema.name] = Object.fromEntries([...rows.values()].map((row) => [row.uuid, rowToJson(schema, row)]));
  }
  return { _date: nowMs, _comment: comment, _is_diff: true, ...tables };
}

function rowToJson(schema: TableSchema, row: Row): JsonObject {
  const json: Record<string, Json> = {};
  for (const { name, type, ephemeral } of schema.columns.values()) {
    const datum = row.columns.get(name);
    if (!ephemeral && datum && !isDefaultDatum(datum, type)) json[name] = datumToJson(datum, type);
  }
  return json;
}

/** Applies one record to `image`. Throws OvsdbError when it does not fit the schema. */
export function applyRecord(image: RowImage, schema: DatabaseSchema, json: Json): void {
  if (!isObject(json)) throw syntaxError(json, 'transaction is not an object');
  const isDiff = own(json, '_is_diff') === true;
  for (const name of Object.keys(json)) {
    if (name.startsWith('_')) continue;
    const table = schema.tables.get(name);
    const rows = own(json, name);
    if (!table || !isObject(rows)) throw syntaxError(name, `transaction names a table that the schema does not have`);
    const image1 = getOrMake(image, name, () => new Map());
    for (const uuid of Object.keys(rows)) applyRow(image1, table, uuid, own(rows, uuid) ?? null, isDiff);
  }
}

function applyRow(
  rows: Map<string, Map<string, Datum>>,
  table: TableSchema,
  uuid: string,
  json: Json,
  isDiff: boolean,
): void {
  if (!isUuid(uuid)) throw syntaxError(uuid, `"${uuid}" is not a valid UUID`);
  if (json === null) {
    rows.delete(uuid);
    return;
  }
  if (!isObject(json)) throw syntaxError(json, `row ${uuid} is not an object`);
  const old = rows.get(uuid);
  const columns = new Map(old);
  for (const name of Object.keys(json)) {
    const column = table.columns.get(name);
    if (!column) throw syntaxError(json, `No column ${name} in table ${table.name}.`);
    const datum = datumFromJson(own(json, name) ?? null, unconstrained(column.type));
    const before = old?.get(name) ?? defaultDatum(column.type);
    const value = old && isDiff ? applyChange(column.type, before, datum) : datum;
    checkCount(value, column.type);
    columns.set(name, value);
  }
  rows.set(uuid, columns);
}
