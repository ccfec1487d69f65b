// How people name tables, columns and rows to ovs-vsctl: any unambiguous beginning, "-" for "_", in any case; rows by
// uuid, by a column of theirs, or through the row that refers to them (ovs-vsctl(8), "Database Commands").

import { UserError } from '../../../lib/errors.ts';
import { isUuid } from '../../ovsdb/atom.ts';
import type { Datum } from '../../ovsdb/datum.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from '../../ovsdb/schema.ts';
import type { Row, Transaction } from './transaction.ts';

const canonical = (name: string) => name.toLowerCase().replaceAll('-', '_');

/** The names that `typed` can mean: the one that it is, else all that begin with it. */
function matches(typed: string, names: Iterable<string>): string[] {
  const wanted = canonical(typed);
  const found: string[] = [];
  for (const name of names) {
    if (canonical(name) === wanted) return [name];
    if (canonical(name).startsWith(wanted)) found.push(name);
  }
  return found;
}

export function findTable(schema: DatabaseSchema, typed: string): TableSchema {
  const found = matches(typed, schema.tables.keys());
  if (found.length === 1) return schema.tables.get(found[0]!)!;
  if (found.length === 0) throw new UserError(`unknown table "${typed}"`);
  throw new UserError(`"${typed}" matches multiple table names: ${found.sort().join(', ')}`);
}

export const UUID_COLUMN: ColumnSchema = {
  name: '_uuid',
  type: { key: { type: 'uuid' }, min: 1, max: 1 },
  mutable: false,
  ephemeral: false,
};

/** A column's value, or the row's uuid for UUID_COLUMN. */
export function columnValue(row: Row, column: ColumnSchema): Datum {
  return column === UUID_COLUMN ? { keys: [row.uuid] } : row.get(column.name);
}

/** The column that `typed` means; `_uuid` only where `withUuid`. Throws UserError. */
export function findColumn(table: TableSchema, typed: string, withUuid = false): ColumnSchema {
  if (withUuid && canonical(typed) === '_uuid') return UUID_COLUMN;
  const found = matches(typed, table.columns.keys()).sort();
  if (found.length === 1) return table.columns.get(found[0]!)!;
  if (found.length === 0) {
    throw new UserError(`${table.name} does not contain a column whose name matches "${typed}"`);
  }
  throw new UserError(`${table.name} contains more than one column whose name matches "${typed}": ${found.join(', ')}`);
}

type RowRule =
  | { readonly by: string }
  /** Through a column of the row of `table` whose name is given. */
  | { readonly table: 'Bridge' | 'Port'; readonly via: string };

const ROW_RULES: Readonly<Record<string, RowRule>> = {
  AutoAttach: { table: 'Bridge', via: 'auto_attach' },
  Bridge: { by: 'name' },
  Controller: { table: 'Bridge', via: 'controller' },
  Flow_Sample_Collector_Set: { by: 'id' },
  Flow_Table: { by: 'name' },
  IPFIX: { table: 'Bridge', via: 'ipfix' },
  Interface: { by: 'name' },
  Manager: { by: 'target' },
  Mirror: { by: 'name' },
  NetFlow: { table: 'Bridge', via: 'netflow' },
  Port: { by: 'name' },
  QoS: { table: 'Port', via: 'qos' },
  sFlow: { table: 'Bridge', via: 'sflow' },
};

/** The row that `typed` names, if there is one. Throws UserError when it could be several. */
export function findRow(transaction: Transaction, table: TableSchema, typed: string): Row | undefined {
  if (isUuid(typed)) {
    const row = transaction.row(table.name, typed.toLowerCase());
    if (row) return row;
  }
  const rows = transaction.rows(table.name);
  if (typed === '.') return rows.length === 1 ? rows[0] : undefined;
  const found = rowsByRule(transaction, table, typed, rows);
  if (found.length > 1) throw new UserError(`multiple rows in ${table.name} match "${typed}"`);
  return found[0] ?? uniqueByUuidStart(typed, rows);
}

function rowsByRule(transaction: Transaction, table: TableSchema, typed: string, rows: readonly Row[]): Row[] {
  const rule = ROW_RULES[table.name];
  if (!rule) return [];
  if ('by' in rule) return rows.filter((row) => String(row.get(rule.by).keys[0]) === typed);
  const owners = transaction.rows(rule.table).filter((row) => row.get('name').keys[0] === typed);
  return owners.flatMap((owner) => transaction.referenced(owner, rule.via));
}

/** At least four digits of a uuid are enough while no other row's begins so. */
function uniqueByUuidStart(typed: string, rows: readonly Row[]): Row | undefined {
  if (!/^[0-9a-f]{4}[0-9a-f-]*$/i.test(typed)) return undefined;
  const found = rows.filter((row) => row.uuid.startsWith(typed.toLowerCase()));
  return found.length === 1 ? found[0] : undefined;
}

/** Like findRow(), but the row must be there unless `optional`. */
export function needRow(transaction: Transaction, table: TableSchema, typed: string): Row;
export function needRow(
  transaction: Transaction,
  table: TableSchema,
  typed: string,
  optional: boolean,
): Row | undefined;
export function needRow(
  transaction: Transaction,
  table: TableSchema,
  typed: string,
  optional = false,
): Row | undefined {
  const row = findRow(transaction, table, typed);
  if (!row && !optional) throw new UserError(`no row "${typed}" in table ${table.name}`);
  return row;
}
