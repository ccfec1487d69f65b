// Database schemas (RFC 7047, 3.2): JSON to and from typed tables and columns.
import { isArray, isObject, type Json, type JsonObject, own } from '../json-rpc/json.ts';
import { ATOMIC_TYPES, type Atom, type AtomicType, atomToJson, type BaseType, isId } from './atom.ts';
import type { ColumnType } from './datum.ts';
import { datumFromJson } from './datum.ts';
import { syntaxError } from './errors.ts';

export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
  /** May change after its row was inserted. */
  readonly mutable: boolean;
  /** Not kept over a restart. */
  readonly ephemeral: boolean;
}

export interface TableSchema {
  readonly name: string;
  readonly columns: ReadonlyMap<string, ColumnSchema>;
  readonly maxRows: number;
  /** Rows stay without a reference to them. */
  readonly isRoot: boolean;
  /** Groups of columns whose values together are unique. */
  readonly indexes: readonly (readonly string[])[];
}

export interface DatabaseSchema {
  readonly name: string;
  readonly version: string;
  readonly cksum: string;
  readonly tables: ReadonlyMap<string, TableSchema>;
}

function member(json: JsonObject, key: string, what: string): Json {
  const value = own(json, key);
  if (value === undefined) throw syntaxError(json, `Parsing ${what} failed: Required '${key}' member is missing.`);
  return value;
}

function optional<T>(json: JsonObject, key: string, valid: (value: Json) => T | undefined): T | undefined {
  const value = own(json, key);
  if (value === undefined) return undefined;
  const result = valid(value);
  if (result === undefined) throw syntaxError(json, `'${key}' member has an unexpected type`);
  return result;
}

const asText = (value: Json) => (typeof value === 'string' ? value : undefined);
const asFlag = (value: Json) => (typeof value === 'boolean' ? value : undefined);
const asNumber = (value: Json) => (typeof value === 'number' ? value : undefined);
const asCount = (value: Json) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;

/** Reads <database-schema>; throws OvsdbError when it is not one. */
export function schemaFromJson(json: Json): DatabaseSchema {
  if (!isObject(json)) throw syntaxError(json, 'database schema must be an object');
  const name = member(json, 'name', 'database schema');
  const tables = member(json, 'tables', 'database schema');
  if (typeof name !== 'string' || !isObject(tables)) throw syntaxError(json, 'database schema needs a name and tables');
  const parsed = Object.keys(tables).map((key) => tableFromJson(key, own(tables, key) ?? null));
  // A schema written before isRoot existed marks no table: then every table is a root (RFC 7047, 3.2).
  const anyRoot = parsed.some((table) => table.isRoot);
  const rooted = parsed.map((table) => (anyRoot ? table : { ...table, isRoot: true }));
  const schema: DatabaseSchema = {
    name,
    version: optional(json, 'version', asText) ?? '',
    cksum: optional(json, 'cksum', asText) ?? '',
    tables: new Map(rooted.map((table) => [table.name, table])),
  };
  checkReferences(schema, json);
  return schema;
}

function checkReferences(schema: DatabaseSchema, json: Json): void {
  for (const table of schema.tables.values()) {
    for (const { name, type } of table.columns.values()) {
      for (const base of [type.key, type.value]) {
        if (base?.refTable === undefined || schema.tables.has(base.refTable)) continue;
        throw syntaxError(json, `Table ${table.name} column ${name} refers to undefined table ${base.refTable}.`);
      }
    }
  }
}

function tableFromJson(name: string, json: Json): TableSchema {
  if (!isId(name) || name.startsWith('_')) throw syntaxError(json, `name must be a valid id: ${name}`);
  if (!isObject(json)) throw syntaxError(json, `schema of table ${name} must be an object`);
  const columns = member(json, 'columns', `schema of table ${name}`);
  if (!isObject(columns)) throw syntaxError(json, `columns of table ${name} must be an object`);
  const map = new Map(Object.keys(columns).map((key) => [key, columnFromJson(key, own(columns, key) ?? null)]));
  return {
    name,
    columns: map,
    maxRows: optional(json, 'maxRows', asCount) ?? Infinity,
    isRoot: optional(json, 'isRoot', asFlag) ?? false,
    indexes: indexesFromJson(own(json, 'indexes'), map),
  };
}

function indexesFromJson(json: Json | undefined, columns: ReadonlyMap<string, ColumnSchema>): string[][] {
  if (json === undefined) return [];
  if (!isArray(json)) throw syntaxError(json, 'array of column-name arrays expected');
  return json.map((group) => {
    if (!isArray(group) || group.length === 0) throw syntaxError(group, 'array of distinct column names expected');
    return group.map((column) => {
      if (typeof column === 'string' && columns.get(column)?.ephemeral === false) return column;
      throw syntaxError(group, `${String(column)} is not a column that can be indexed`);
    });
  });
}

function columnFromJson(name: string, json: Json): ColumnSchema {
  if (!isId(name) || name.startsWith('_')) throw syntaxError(json, `name must be a valid id: ${name}`);
  if (!isObject(json)) throw syntaxError(json, `schema for column ${name} must be an object`);
  return {
    name,
    type: typeFromJson(member(json, 'type', `schema for column ${name}`)),
    mutable: optional(json, 'mutable', asFlag) ?? true,
    ephemeral: optional(json, 'ephemeral', asFlag) ?? false,
  };
}

function typeFromJson(json: Json): ColumnType {
  if (!isObject(json)) return { key: baseFromJson(json), min: 1, max: 1 };
  const min = optional(json, 'min', asCount) ?? 1;
  const max = optional(json, 'max', (value) => (value === 'unlimited' ? Infinity : asCount(value))) ?? 1;
  const value = own(json, 'value');
  if ((min !== 0 && min !== 1) || max < 1) throw syntaxError(json, 'ovsdb type fails constraint checks');
  const key = baseFromJson(member(json, 'key', 'ovsdb type'));
  return { key, min, max, ...(value === undefined ? {} : { value: baseFromJson(value) }) };
}

function atomicType(json: Json): AtomicType {
  const type = ATOMIC_TYPES.find((name) => name === json);
  if (!type) throw syntaxError(json, `"${String(json)}" is not an atomic-type`);
  return type;
}

function baseFromJson(json: Json): BaseType {
  if (!isObject(json)) return { type: atomicType(json) };
  const type = atomicType(member(json, 'type', 'ovsdb type'));
  const values = own(json, 'enum');
  const bounds: Record<string, unknown> = {
    enum: values === undefined ? undefined : enumFromJson(values, type),
    minInteger: optional(json, 'minInteger', asNumber),
    maxInteger: optional(json, 'maxInteger', asNumber),
    minReal: optional(json, 'minReal', asNumber),
    maxReal: optional(json, 'maxReal', asNumber),
    minLength: optional(json, 'minLength', asCount),
    maxLength: optional(json, 'maxLength', asCount),
    refTable: optional(json, 'refTable', asText),
    refType: optional(json, 'refType', (value) => (value === 'strong' || value === 'weak' ? value : undefined)),
  };
  for (const key of Object.keys(bounds)) if (bounds[key] === undefined) delete bounds[key];
  return { type, ...bounds };
}

function enumFromJson(json: Json, type: AtomicType): readonly Atom[] {
  return datumFromJson(json, { key: { type }, min: 1, max: Infinity }).keys;
}

/** <database-schema> in the shortest form, which is what an OVSDB server sends. */
export function schemaToJson(schema: DatabaseSchema): JsonObject {
  const tables = [...schema.tables.values()];
  const allRoots = tables.every((table) => table.isRoot);
  return {
    name: schema.name,
    ...(schema.version === '' ? {} : { version: schema.version }),
    ...(schema.cksum === '' ? {} : { cksum: schema.cksum }),
    tables: Object.fromEntries(tables.map((table) => [table.name, tableToJson(table, allRoots)])),
  };
}

function tableToJson(table: TableSchema, allRoots: boolean): JsonObject {
  const columns = [...table.columns.values()];
  return {
    columns: Object.fromEntries(columns.map((column) => [column.name, columnToJson(column)])),
    ...(table.maxRows === Infinity ? {} : { maxRows: table.maxRows }),
    ...(table.isRoot && !allRoots ? { isRoot: true } : {}),
    ...(table.indexes.length === 0 ? {} : { indexes: table.indexes }),
  };
}

function columnToJson({ type, mutable, ephemeral }: ColumnSchema): JsonObject {
  return {
    type: typeToJson(type),
    ...(mutable ? {} : { mutable: false }),
    ...(ephemeral ? { ephemeral: true } : {}),
  };
}

function typeToJson({ key, value, min, max }: ColumnType): Json {
  const short = baseToJson(key);
  if (typeof short === 'string' && !value && min === 1 && max === 1) return short;
  return {
    key: short,
    ...(value ? { value: baseToJson(value) } : {}),
    ...(min === 1 ? {} : { min }),
    ...(max === 1 ? {} : { max: max === Infinity ? 'unlimited' : max }),
  };
}

function baseToJson(base: BaseType): Json {
  const { type, enum: values, ...rest } = base;
  if (!values && Object.keys(rest).length === 0) return type;
  const allowed = values?.map((atom) => atomToJson(atom, type));
  return { type, ...(allowed ? { enum: allowed.length === 1 ? allowed[0]! : ['set', allowed] } : {}), ...rest };
}
