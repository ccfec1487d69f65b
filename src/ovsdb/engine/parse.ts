// Reading the JSON of requests: objects whose members are all accounted for, rows, and lists of columns.
import { isArray, isObject, type Json, type JsonObject, own } from '../../json-rpc/json.ts';
import { isId, type NamedUuids } from '../atom.ts';
import { type Datum, datumFromJson } from '../datum.ts';
import { OvsdbError, syntaxError } from '../errors.ts';
import type { ColumnSchema, TableSchema } from '../schema.ts';
import { allColumns, findColumn } from './table.ts';

/** Takes an object apart; done() complains about members that nobody took. */
export class Members {
  readonly json: JsonObject;
  readonly #what: string;
  readonly #taken = new Set<string>();

  /** `what` opens the error texts: `ovsdb operation 1 of 2`. */
  constructor(json: Json, what: string) {
    this.#what = what;
    if (!isObject(json)) throw new OvsdbError('syntax error', `Parsing ${what} failed: Object expected.`);
    this.json = json;
  }

  fail(text: string): OvsdbError {
    return syntaxError(this.json, `Parsing ${this.#what} failed: ${text}`);
  }

  optional<T>(name: string, read: (json: Json) => T | undefined): T | undefined {
    this.#taken.add(name);
    const json = own(this.json, name);
    if (json === undefined) return undefined;
    const value = read(json);
    if (value === undefined) throw this.fail(`Type mismatch for member '${name}'.`);
    return value;
  }

  required<T>(name: string, read: (json: Json) => T | undefined): T {
    const value = this.optional(name, read);
    if (value === undefined) throw this.fail(`Required '${name}' member is missing.`);
    return value;
  }

  done(): void {
    for (const name of Object.keys(this.json)) {
      if (!this.#taken.has(name)) throw this.fail(`Member '${name}' is present but not allowed here.`);
    }
  }
}

export const asString = (json: Json) => (typeof json === 'string' ? json : undefined);
export const asBoolean = (json: Json) => (typeof json === 'boolean' ? json : undefined);
export const asInteger = (json: Json) => (Number.isInteger(json) ? (json as number) : undefined);
export const asArray = (json: Json) => (isArray(json) ? json : undefined);
export const asObject = (json: Json) => (isObject(json) ? json : undefined);
export const asId = (json: Json) => (typeof json === 'string' && isId(json) ? json : undefined);

/** A column that a request names; `syntax` is what the error shows. */
export function requireColumn(table: TableSchema, name: string, syntax: Json): ColumnSchema {
  const column = findColumn(table, name);
  if (!column) throw new OvsdbError('unknown column', `No column ${name} in table ${table.name}.`, syntax);
  return column;
}

/** Reads a <row>: the columns that it names. */
export function parseRow(table: TableSchema, json: JsonObject, named?: NamedUuids): Map<string, Datum> {
  const row = new Map<string, Datum>();
  for (const name of Object.keys(json)) {
    const { type } = requireColumn(table, name, json);
    row.set(name, datumFromJson(own(json, name) ?? null, type, named));
  }
  return row;
}

/** Reads an array of column names; every column when it is not there. */
export function parseColumns(table: TableSchema, json: readonly Json[] | undefined): string[] {
  if (!json) return allColumns(table);
  const names = json.map((name) => {
    if (typeof name !== 'string') throw syntaxError(json, 'array of column names expected');
    if (!findColumn(table, name)) throw syntaxError(json, `${name} is not a valid column name`);
    return name;
  });
  if (new Set(names).size !== names.length) throw syntaxError(json, 'set of columns contains duplicate');
  return names;
}
