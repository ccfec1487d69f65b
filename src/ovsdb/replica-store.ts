// The replica's rows, and how <table-updates> (RFC 7047, 4.1.6) and <table-updates2> (ovsdb-server(7), 4.1.13) change them.
import { ProtocolError } from '../../lib/errors.ts';
import { isObject, type Json, type JsonObject, own } from '../json-rpc/json.ts';
import { isUuid } from './atom.ts';
import { applyChange, type Datum, datumFromJson, equalDatums, unconstrained } from './datum.ts';
import { defaultColumns, ReplicaRow } from './replica-row.ts';
import type { TableSchema } from './schema.ts';

/** `old` is absent for an insert, `row` for a delete. */
export interface RowChange {
  readonly table: string;
  readonly uuid: string;
  readonly old?: ReplicaRow;
  readonly row?: ReplicaRow;
}

export interface StoredTable {
  readonly schema: TableSchema;
  readonly columns: readonly string[];
  readonly rows: Map<string, ReplicaRow>;
}

function object(json: Json | undefined, what: string): JsonObject {
  if (!isObject(json)) throw new ProtocolError('ovsdb-update', `${what} is not an object`);
  return json;
}

export class ReplicaStore {
  readonly #tables = new Map<string, StoredTable>();

  constructor(tables: Iterable<readonly [TableSchema, readonly string[]]> = []) {
    for (const [schema, columns] of tables) this.#tables.set(schema.name, { schema, columns, rows: new Map() });
  }

  tables(): ReadonlyMap<string, StoredTable> {
    return this.#tables;
  }

  /** What turns `before` into this store. */
  changesSince(before: ReplicaStore): RowChange[] {
    const changes: RowChange[] = [];
    for (const [table, { rows }] of before.#tables) {
      for (const [uuid, old] of rows) {
        if (!this.#tables.get(table)?.rows.has(uuid)) changes.push({ table, uuid, old });
      }
    }
    for (const [table, { rows }] of this.#tables) {
      for (const [uuid, row] of rows) {
        const old = before.#tables.get(table)?.rows.get(uuid);
        if (!old) changes.push({ table, uuid, row });
        else if (!sameColumns(old, row)) changes.push({ table, uuid, old, row });
      }
    }
    return changes;
  }

  /** Applies updates of version 1 (`monitor`) or 2 (`monitor_cond` and later): all, or none and ProtocolError. */
  apply(updates: Json, version: 1 | 2): RowChange[] {
    const changes: RowChange[] = [];
    const tables = object(updates, 'table updates');
    for (const name of Object.keys(tables)) {
      const table = this.#tables.get(name);
      if (!table) throw new ProtocolError('ovsdb-update', `update of table ${name}, which is not monitored`);
      const rows = object(own(tables, name), `update of table ${name}`);
      for (const uuid of Object.keys(rows)) {
        if (!isUuid(uuid)) throw new ProtocolError('ovsdb-update', `${uuid} is not a uuid`);
        const update = object(own(rows, uuid), `update of row ${uuid}`);
        const change = version === 1 ? applyUpdate1(table, uuid, update) : applyUpdate2(table, uuid, update);
        if (change) changes.push(change);
      }
    }
    for (const { table, uuid, row } of changes) {
      const rows = this.#tables.get(table)?.rows;
      if (row) rows?.set(uuid, row);
      else rows?.delete(uuid);
    }
    return changes;
  }
}

function sameColumns(a: ReplicaRow, b: ReplicaRow): boolean {
  if (a.columns.size !== b.columns.size) return false;
  for (const [name, datum] of a.columns) {
    const other = b.columns.get(name);
    if (!other || !equalDatums(datum, other)) return false;
  }
  return true;
}

function readColumns(
  table: StoredTable,
  json: JsonObject,
  into: Map<string, Datum>,
  old?: ReplicaRow,
): ReadonlyMap<string, Datum> {
  for (const name of Object.keys(json)) {
    const column = table.schema.columns.get(name);
    if (!column || !into.has(name)) continue;
    const datum = datumFromJson(own(json, name) ?? null, unconstrained(column.type));
    const before = old?.columns.get(name);
    into.set(name, before ? applyChange(column.type, before, datum) : datum);
  }
  return into;
}

function changed(table: StoredTable, uuid: string, columns: ReadonlyMap<string, Datum>): RowChange {
  const old = table.rows.get(uuid);
  const row = new ReplicaRow(table.schema.name, uuid, columns);
  return { table: table.schema.name, uuid, row, ...(old ? { old } : {}) };
}

function removed(table: StoredTable, uuid: string): RowChange | undefined {
  const old = table.rows.get(uuid);
  return old && { table: table.schema.name, uuid, old };
}

/** <row-update>: "new" holds every monitored column. */
function applyUpdate1(table: StoredTable, uuid: string, update: JsonObject): RowChange | undefined {
  const fresh = own(update, 'new');
  if (fresh === undefined || fresh === null) return removed(table, uuid);
  const columns = new Map(table.rows.get(uuid)?.columns ?? defaultColumns(table.schema, table.columns));
  return changed(table, uuid, readColumns(table, object(fresh, `row ${uuid}`), columns));
}

/** <row-update2>: inserts leave out columns at their default, modifications are differences. */
function applyUpdate2(table: StoredTable, uuid: string, update: JsonObject): RowChange | undefined {
  if (Object.hasOwn(update, 'delete')) return removed(table, uuid);
  const modify = own(update, 'modify');
  if (modify === undefined) {
    const columns = object(own(update, 'initial') ?? own(update, 'insert'), `row ${uuid}`);
    return changed(table, uuid, readColumns(table, columns, defaultColumns(table.schema, table.columns)));
  }
  const old = table.rows.get(uuid);
  if (!old) throw new ProtocolError('ovsdb-update', `modification of row ${uuid}, which is not there`);
  return changed(table, uuid, readColumns(table, object(modify, `row ${uuid}`), new Map(old.columns), old));
}
