// Short ways to write the JSON of transactions: values, conditions, mutations and operations (RFC 7047, 5.1 and 5.2).
import type { Json, JsonObject } from '../json-rpc/json.ts';
import { type Atom, type AtomicType, atomToJson } from './atom.ts';

/** A row that is in the database. */
export const uuid = (id: string): Json => ['uuid', id];
/** A row that an insert of the same transaction makes under this name. */
export const namedUuid = (name: string): Json => ['named-uuid', name];
export const set = (items: Iterable<Json>): Json => ['set', [...items]];
export const uuidSet = (ids: Iterable<string>): Json => set([...ids].map(uuid));
export const map = (pairs: Iterable<readonly [Json, Json]>): Json => [
  'map',
  [...pairs].map(([key, value]) => [key, value]),
];
export const stringMap = (object: Readonly<Record<string, string>> | ReadonlyMap<string, string>): Json =>
  map(object instanceof Map ? object : Object.entries(object));
export const atom = (value: Atom, type: AtomicType): Json => atomToJson(value, type);

/** `["_uuid","==",id]`, the condition that names one row. */
export const byUuid = (id: string): Json => [['_uuid', '==', uuid(id)]];

export const insert = (table: string, row: JsonObject, name?: string): JsonObject => ({
  op: 'insert',
  table,
  row,
  ...(name === undefined ? {} : { 'uuid-name': name }),
});
export const update = (table: string, where: Json, row: JsonObject): JsonObject => ({
  op: 'update',
  table,
  where,
  row,
});
export const mutate = (table: string, where: Json, mutations: readonly Json[]): JsonObject => ({
  op: 'mutate',
  table,
  where,
  mutations,
});
export const remove = (table: string, where: Json): JsonObject => ({ op: 'delete', table, where });
export const comment = (text: string): JsonObject => ({ op: 'comment', comment: text });
/** Fails the transaction unless this session holds the lock. */
export const assertLock = (lock: string): JsonObject => ({ op: 'assert', lock });
/** Fails the transaction (`timed out`) unless the rows that `where` selects equal `rows`. */
export const waitEqual = (
  table: string,
  where: Json,
  columns: readonly string[],
  rows: readonly JsonObject[],
): JsonObject => ({
  op: 'wait',
  timeout: 0,
  table,
  where,
  columns,
  until: '==',
  rows,
});
