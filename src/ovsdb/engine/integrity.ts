// What must hold at the end of a transaction (RFC 7047, 3.2 and 4.1.3): strong references lead to rows, rows that
// nothing refers to go (unless their table is a root), weak references to rows that are gone go, tables keep their
// maximum size, indexes stay unique. In that order, which decides which error a client sees.
import { must } from '../../../lib/assert.ts';
import { type Datum, datumText, isDefaultDatum } from '../datum.ts';
import { constraintViolation, OvsdbError } from '../errors.ts';
import { getOrMake } from '../maps.ts';
import { type ReferenceColumn, type Row, type RowDelta, referredUuids, type Table } from './table.ts';
import type { Transaction } from './transaction.ts';

/** Changes of referenceCounts, by table and row. */
export type CountDeltas = Map<Table, Map<string, number>>;

function referentialIntegrity(details: string): OvsdbError {
  return new OvsdbError('referential integrity violation', details);
}

/** Checks a transaction and completes it (garbage, weak references); returns its changes of reference counts. */
export function enforceIntegrity(transaction: Transaction): CountDeltas {
  const counts: CountDeltas = new Map();
  const deltas = transaction.deltas();
  for (const delta of deltas) countRow(transaction, counts, delta);
  checkTargets(transaction, deltas);
  for (const { table, uuid, row } of deltas) if (!row) checkUnreferenced(counts, table, uuid);
  collectGarbage(transaction, counts, deltas);
  checkMaxRows(transaction);
  dropWeakReferences(transaction);
  return counts;
}

function forEachStrong(table: Table, row: Row, visit: (reference: ReferenceColumn, uuid: string) => void): void {
  for (const reference of table.references) {
    if (!reference.strong) continue;
    // A row's reference to itself does not keep it alive.
    for (const uuid of referredUuids(row, reference)) if (uuid !== row.uuid) visit(reference, String(uuid));
  }
}

function addCount(counts: CountDeltas, table: Table, uuid: string, by: number): void {
  const byUuid = getOrMake(counts, table, () => new Map<string, number>());
  byUuid.set(uuid, (byUuid.get(uuid) ?? 0) + by);
}

function countRow(transaction: Transaction, counts: CountDeltas, { table, old, row }: RowDelta): void {
  const add = (by: number) => (reference: ReferenceColumn, uuid: string) =>
    addCount(counts, transaction.database.table(reference.target), uuid, by);
  if (old) forEachStrong(table, old, add(-1));
  if (row) forEachStrong(table, row, add(1));
}

function checkTargets(transaction: Transaction, deltas: readonly RowDelta[]): void {
  for (const { table, row } of deltas) {
    if (!row) continue;
    forEachStrong(table, row, ({ column, target }, uuid) => {
      const targetTable = transaction.database.table(target);
      if (transaction.get(targetTable, uuid)) return;
      // A row that this transaction deleted is complained about as such.
      if (targetTable.rows.has(uuid)) return;
      const what = `Table ${table.schema.name} column ${column} row ${row.uuid}`;
      throw referentialIntegrity(`${what} references nonexistent row ${uuid} in table ${target}.`);
    });
  }
}

function referenceCount(counts: CountDeltas, table: Table, uuid: string): number {
  return (table.referenceCounts.get(uuid) ?? 0) + (counts.get(table)?.get(uuid) ?? 0);
}

function checkUnreferenced(counts: CountDeltas, table: Table, uuid: string): void {
  const count = referenceCount(counts, table, uuid);
  if (count === 0) return;
  throw referentialIntegrity(
    `cannot delete ${table.schema.name} row ${uuid} because of ${count} remaining reference(s)`,
  );
}

/** Deletes rows that lost their last reference, or never had one; each may take others with it. */
function collectGarbage(transaction: Transaction, counts: CountDeltas, deltas: readonly RowDelta[]): void {
  const suspects: [Table, string][] = deltas.map(({ table, uuid }) => [table, uuid]);
  for (const [table, byUuid] of counts) for (const uuid of byUuid.keys()) suspects.push([table, uuid]);
  for (let next = suspects.pop(); next; next = suspects.pop()) {
    const [table, uuid] = next;
    const row = transaction.get(table, uuid);
    if (!row || table.schema.isRoot || referenceCount(counts, table, uuid) > 0) continue;
    transaction.delete(table, row);
    forEachStrong(table, row, ({ target }, referred) => {
      const targetTable = transaction.database.table(target);
      addCount(counts, targetTable, referred, -1);
      suspects.push([targetTable, referred]);
    });
  }
}

function checkMaxRows(transaction: Transaction): void {
  for (const table of transaction.database.tables.values()) {
    const { maxRows, name } = table.schema;
    if (maxRows === Infinity) continue;
    const count = transaction.count(table);
    if (count <= maxRows) continue;
    const text = `transaction causes "${name}" table to contain ${count} rows, greater than the schema-defined limit of`;
    throw constraintViolation(`${text} ${maxRows} row(s)`);
  }
}

/** Removes weak references to rows that are not there: from changed rows, and from all when rows were deleted. */
function dropWeakReferences(transaction: Transaction): void {
  const deltas = transaction.deltas();
  const shrunk = new Set(deltas.filter(({ row }) => !row).map(({ table }) => table.schema.name));
  for (const table of transaction.database.tables.values()) {
    for (const reference of table.references) {
      if (reference.strong) continue;
      const rows = shrunk.has(reference.target)
        ? [...transaction.rows(table)]
        : deltas.flatMap((delta) =>
            delta.table === table && delta.row ? [must(transaction.get(table, delta.uuid))] : [],
          );
      for (const row of rows) dropWeak(transaction, table, row, reference);
    }
  }
}

function dropWeak(transaction: Transaction, table: Table, row: Row, reference: ReferenceColumn): void {
  const targetTable = transaction.database.table(reference.target);
  const datum = must(row.columns.get(reference.column));
  const { type } = must(table.schema.columns.get(reference.column));
  const stays = must(datum[reference.part]).map((uuid) => transaction.get(targetTable, String(uuid)) !== undefined);
  if (stays.every(Boolean)) return;
  const keys = datum.keys.filter((_, i) => stays[i]);
  if (keys.length < type.min) throw weakReferenceNeeded(table, row, reference.column, isDefaultDatum(datum, type));
  const left: Datum = datum.values ? { keys, values: datum.values.filter((_, i) => stays[i]) } : { keys };
  transaction.update(table, row, new Map([[reference.column, left]]));
}

function weakReferenceNeeded(table: Table, row: Row, column: string, unset: boolean): OvsdbError {
  const what = `Weak reference column "${column}" in "${table.schema.name}" row ${row.uuid}`;
  const why = unset ? '(inserted within this transaction) contained' : 'would have been left with';
  return constraintViolation(`${what} ${why} all-zeros UUID or no value, but at least one value is required.`);
}

/** The values of a row's index columns, as the key of Table.indexes. */
export function indexKey(row: Row, columns: readonly string[]): string {
  return JSON.stringify(columns.map((name) => row.columns.get(name)));
}

/** Throws when two rows would have the same values in an index. */
export function checkIndexes(deltas: readonly RowDelta[]): void {
  const touched = new Set(deltas.map(({ uuid }) => uuid));
  const seen = new Map<ReadonlyMap<string, string>, Map<string, RowDelta>>();
  for (const delta of deltas) {
    if (!delta.row) continue;
    for (const [i, index] of delta.table.indexes.entries()) {
      const columns = must(delta.table.schema.indexes[i]);
      const key = indexKey(delta.row, columns);
      const mine = getOrMake(seen, index, () => new Map<string, RowDelta>());
      const within = mine.get(key);
      if (within) throw duplicateIndex(delta, columns, describe(within), describe(delta));
      const before = index.get(key);
      if (before !== undefined && !touched.has(before)) {
        const unmodified = 'existed in the database before this transaction and was not modified by the transaction';
        throw duplicateIndex(delta, columns, `with UUID ${before}, ${unmodified}`, describe(delta));
      }
      mine.set(key, delta);
    }
  }
}

function describe({ uuid, old }: RowDelta): string {
  return `with UUID ${uuid}, ${old ? 'had the following index values before the transaction' : 'was inserted by this transaction'}`;
}

function duplicateIndex(
  { table, row }: RowDelta,
  columns: readonly string[],
  first: string,
  second: string,
): OvsdbError {
  const values = columns.map((name) => {
    const datum = must(row?.columns.get(name));
    const { type } = must(table.schema.columns.get(name));
    return datumText(datum, type);
  });
  const on =
    columns.length === 1 ? `column "${columns[0]}"` : `columns ${columns.map((name) => `"${name}"`).join(' and ')}`;
  const cause = `Transaction causes multiple rows in "${table.schema.name}" table to have identical values`;
  return constraintViolation(
    `${cause} (${values.join(', ')}) for index on ${on}.  First row, ${first}.  Second row, ${second}.`,
  );
}
