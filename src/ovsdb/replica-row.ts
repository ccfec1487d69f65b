// One row of a replica: an immutable snapshot with typed ways to read its columns.
import { assert, must } from '../../lib/assert.ts';
import type { Atom } from './atom.ts';
import { type Datum, defaultDatum, findKey } from './datum.ts';
import type { TableSchema } from './schema.ts';

/**
 * Readers name the shape that they expect, and assert it against the schema's value: a wrong name or shape is a bug.
 * A column that the server does not have reads as `undefined`, empty, or the default of its kind.
 */
export class ReplicaRow {
  readonly uuid: string;
  readonly table: string;
  readonly columns: ReadonlyMap<string, Datum>;

  constructor(table: string, uuid: string, columns: ReadonlyMap<string, Datum>) {
    this.table = table;
    this.uuid = uuid;
    this.columns = columns;
  }

  datum(column: string): Datum | undefined {
    return this.columns.get(column);
  }

  /** The value of an optional column, or of one that holds at most one value. */
  #one(column: string): Atom | undefined {
    const keys = this.columns.get(column)?.keys;
    assert((keys?.length ?? 0) <= 1, `${this.table}.${column} holds several values`);
    return keys?.[0];
  }

  optString(column: string): string | undefined {
    const atom = this.#one(column);
    assert(atom === undefined || typeof atom === 'string', `${this.table}.${column} is not a string`);
    return atom;
  }

  string(column: string): string {
    return this.optString(column) ?? '';
  }

  /** An integer or real. */
  optNumber(column: string): number | undefined {
    const atom = this.#one(column);
    assert(atom === undefined || typeof atom === 'number', `${this.table}.${column} is not a number`);
    return atom;
  }

  number(column: string): number {
    return this.optNumber(column) ?? 0;
  }

  optBoolean(column: string): boolean | undefined {
    const atom = this.#one(column);
    assert(atom === undefined || typeof atom === 'boolean', `${this.table}.${column} is not a boolean`);
    return atom;
  }

  boolean(column: string): boolean {
    return this.optBoolean(column) ?? false;
  }

  /** A set of strings or uuids, in order. */
  strings(column: string): readonly string[] {
    return (this.columns.get(column)?.keys ?? []) as readonly string[];
  }

  numbers(column: string): readonly number[] {
    return (this.columns.get(column)?.keys ?? []) as readonly number[];
  }

  /** Uuids of the rows that a reference column names. */
  uuids(column: string): readonly string[] {
    return this.strings(column);
  }

  optUuid(column: string): string | undefined {
    return this.optString(column);
  }

  map(column: string): ReadonlyMap<Atom, Atom> {
    const datum = this.columns.get(column);
    return new Map(datum?.values ? datum.keys.map((key, i) => [key, must(datum.values?.[i])]) : []);
  }

  stringMap(column: string): ReadonlyMap<string, string> {
    return this.map(column) as ReadonlyMap<string, string>;
  }

  /** One value of a string map, without building the map. */
  mapGet(column: string, key: string): string | undefined {
    const datum = this.columns.get(column);
    const at = datum?.values ? findKey(datum, key) : -1;
    return at < 0 ? undefined : String(datum?.values?.[at]);
  }
}

/** The default values of a table's columns, for updates that leave them out. */
export function defaultColumns(table: TableSchema, columns: Iterable<string>): Map<string, Datum> {
  return new Map([...columns].map((name) => [name, defaultDatum(must(table.columns.get(name)).type)]));
}
