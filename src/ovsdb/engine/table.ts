// A database in memory: tables of immutable rows, the count of strong references to each row, and unique indexes.
// Only commit() in engine/commit.ts changes them.
import { must } from '../../../lib/assert.ts';
import type { Atom, BaseType } from '../atom.ts';
import { type Datum, scalar } from '../datum.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from '../schema.ts';

export interface Row {
  readonly uuid: string;
  /** Changes with each modification of the row (RFC 7047, 3.2 `_version`). */
  readonly version: string;
  /** Every column of the table's schema. */
  readonly columns: ReadonlyMap<string, Datum>;
}

/** What one transaction did to one row: `old` is absent for an insert, `row` for a delete. */
export interface RowDelta {
  readonly table: Table;
  readonly uuid: string;
  readonly old?: Row;
  readonly row?: Row;
}

/** A column that holds references, in its keys or values. */
export interface ReferenceColumn {
  readonly column: string;
  readonly part: 'keys' | 'values';
  readonly target: string;
  readonly strong: boolean;
}

export class Table {
  readonly schema: TableSchema;
  readonly rows = new Map<string, Row>();
  /** Strong references to each row of this table from other rows; rows without one are not in the map. */
  readonly referenceCounts = new Map<string, number>();
  readonly references: readonly ReferenceColumn[];
  /** For each of the schema's indexes: the row that has these values. */
  readonly indexes: readonly Map<string, string>[];

  constructor(schema: TableSchema) {
    this.schema = schema;
    this.references = [...schema.columns.values()].flatMap(referenceColumns);
    this.indexes = schema.indexes.map(() => new Map());
  }
}

function referenceColumns({ name, type }: ColumnSchema): ReferenceColumn[] {
  const one = (part: 'keys' | 'values', base: BaseType | undefined): ReferenceColumn[] =>
    base?.refTable === undefined
      ? []
      : [{ column: name, part, target: base.refTable, strong: base.refType !== 'weak' }];
  return [...one('keys', type.key), ...one('values', type.value)];
}

/** The uuids that `row` refers to through one column. */
export function referredUuids(row: Row, { column, part }: ReferenceColumn): readonly Atom[] {
  return row.columns.get(column)?.[part] ?? [];
}

export class Database {
  readonly schema: DatabaseSchema;
  readonly tables: ReadonlyMap<string, Table>;

  constructor(schema: DatabaseSchema) {
    this.schema = schema;
    this.tables = new Map([...schema.tables.values()].map((table) => [table.name, new Table(table)]));
  }

  table(name: string): Table {
    return must(this.tables.get(name), `no table ${name}`);
  }
}

const pseudo = (name: string): ColumnSchema => ({
  name,
  type: { key: { type: 'uuid' }, min: 1, max: 1 },
  mutable: false,
  ephemeral: false,
});
const UUID_COLUMN = pseudo('_uuid');
const VERSION_COLUMN = pseudo('_version');

/** A column by name, `_uuid` and `_version` included. */
export function findColumn(table: TableSchema, name: string): ColumnSchema | undefined {
  if (name === '_uuid') return UUID_COLUMN;
  if (name === '_version') return VERSION_COLUMN;
  return table.columns.get(name);
}

/** The names of all columns, `_uuid` and `_version` included. */
export function allColumns(table: TableSchema): string[] {
  return ['_uuid', '_version', ...table.columns.keys()];
}

/** A row's value of any column that findColumn() knows. */
export function columnValue(row: Row, name: string): Datum {
  if (name === '_uuid') return scalar(row.uuid);
  if (name === '_version') return scalar(row.version);
  return must(row.columns.get(name));
}
