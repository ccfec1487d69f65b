// The end of a transaction: checked, then applied to the database in memory.
import { type CountDeltas, checkIndexes, enforceIntegrity, indexKey } from './integrity.ts';
import type { RowDelta } from './table.ts';
import type { Transaction } from './transaction.ts';

/** A transaction that passed every check; apply() cannot fail. */
export interface Prepared {
  readonly deltas: readonly RowDelta[];
  readonly comments: readonly string[];
  apply(): void;
}

/** Checks and completes `transaction`. Throws OvsdbError; then nothing has happened. */
export function prepare(transaction: Transaction): Prepared {
  const counts = enforceIntegrity(transaction);
  const deltas = transaction.deltas();
  checkIndexes(deltas);
  return { deltas, comments: transaction.comments, apply: () => apply(deltas, counts) };
}

function apply(deltas: readonly RowDelta[], counts: CountDeltas): void {
  for (const [table, byUuid] of counts) {
    for (const [uuid, by] of byUuid) {
      const count = (table.referenceCounts.get(uuid) ?? 0) + by;
      if (count > 0) table.referenceCounts.set(uuid, count);
      else table.referenceCounts.delete(uuid);
    }
  }
  // Old index entries go first: a name may move from one row to another in one transaction.
  for (const { table, old } of deltas) {
    if (old) for (const [i, index] of table.indexes.entries()) index.delete(indexKey(old, table.schema.indexes[i]!));
  }
  for (const { table, uuid, row } of deltas) {
    if (!row) {
      table.rows.delete(uuid);
      continue;
    }
    table.rows.set(uuid, row);
    for (const [i, index] of table.indexes.entries()) index.set(indexKey(row, table.schema.indexes[i]!), uuid);
  }
}
