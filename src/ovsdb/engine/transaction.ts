// A transaction in the making: the database as it was plus what was done so far, seen as one.
import { randomUUID } from 'node:crypto';
import { must } from '../../../lib/assert.ts';
import { type Datum, defaultDatum, equalDatums } from '../datum.ts';
import { getOrMake } from '../maps.ts';
import { type Condition, matchesAll, onlyUuid } from './condition.ts';
import type { Database, Row, RowDelta, Table } from './table.ts';

/** One touched row. Inserted and deleted again, it has neither `old` nor `row`, and its uuid stays taken. */
interface Touched {
  old?: Row;
  row?: Row;
}

export class Transaction {
  readonly database: Database;
  /** Texts of "comment" operations, for the log. */
  readonly comments: string[] = [];
  readonly #touched = new Map<Table, Map<string, Touched>>();

  constructor(database: Database) {
    this.database = database;
  }

  /** A row as the transaction sees it. */
  get(table: Table, uuid: string): Row | undefined {
    const touched = this.#touched.get(table)?.get(uuid);
    return touched ? touched.row : table.rows.get(uuid);
  }

  /** True when a row with this uuid is there, was there, or was made and deleted by this transaction. */
  knows(table: Table, uuid: string): boolean {
    return table.rows.has(uuid) || (this.#touched.get(table)?.has(uuid) ?? false);
  }

  /** Every row of a table as the transaction sees it. */
  *rows(table: Table): Generator<Row> {
    const touched = this.#touched.get(table);
    for (const row of table.rows.values()) if (!touched?.has(row.uuid)) yield row;
    for (const { row } of touched?.values() ?? []) if (row) yield row;
  }

  count(table: Table): number {
    let count = table.rows.size;
    for (const { old, row } of this.#touched.get(table)?.values() ?? []) count += (row ? 1 : 0) - (old ? 1 : 0);
    return count;
  }

  select(table: Table, condition: Condition): Row[] {
    const uuid = onlyUuid(condition);
    const candidates =
      uuid === undefined ? this.rows(table) : [this.get(table, uuid)].filter((row) => row !== undefined);
    const rows: Row[] = [];
    for (const row of candidates) if (matchesAll(condition, row)) rows.push(row);
    return rows;
  }

  insert(table: Table, uuid: string, columns: ReadonlyMap<string, Datum>): Row {
    const all = new Map<string, Datum>();
    for (const { name, type } of table.schema.columns.values()) all.set(name, columns.get(name) ?? defaultDatum(type));
    const row: Row = { uuid, version: randomUUID(), columns: all };
    this.#touch(table, uuid).row = row;
    return row;
  }

  /** Replaces some of a row's columns. */
  update(table: Table, row: Row, columns: ReadonlyMap<string, Datum>): Row {
    const changed: Row = { uuid: row.uuid, version: randomUUID(), columns: new Map([...row.columns, ...columns]) };
    this.#touch(table, row.uuid).row = changed;
    return changed;
  }

  delete(table: Table, row: Row): void {
    delete this.#touch(table, row.uuid).row;
  }

  /** What was really changed so far: rows that ended as they began are left out. */
  deltas(): RowDelta[] {
    const deltas: RowDelta[] = [];
    for (const [table, touched] of this.#touched) {
      for (const [uuid, { old, row }] of touched) {
        if ((!old && !row) || (old && row && sameValues(old, row))) continue;
        deltas.push({ table, uuid, ...(old ? { old } : {}), ...(row ? { row } : {}) });
      }
    }
    return deltas;
  }

  #touch(table: Table, uuid: string): Touched {
    const rows = getOrMake(this.#touched, table, () => new Map<string, Touched>());
    return getOrMake(rows, uuid, () => {
      const old = table.rows.get(uuid);
      return old ? { old } : {};
    });
  }
}

function sameValues(a: Row, b: Row): boolean {
  for (const [name, datum] of a.columns) if (!equalDatums(datum, must(b.columns.get(name)))) return false;
  return true;
}
