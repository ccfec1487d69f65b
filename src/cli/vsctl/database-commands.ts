// Database commands of weft-vsctl, which work on any table (ovs-vsctl(8), "Database Commands").

import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { atomText } from '../../ovsdb/atom.ts';
import {
  type ColumnType,
  type Datum,
  datumText,
  datumToJson,
  defaultDatum,
  findKey,
  isMap,
  mapOf,
} from '../../ovsdb/datum.ts';
import type { ColumnSchema, TableSchema } from '../../ovsdb/schema.ts';
import type { Cell, Table } from '../table-format.ts';
import { text } from './bridge-commands.ts';
import { type CommandSpec, type Context, NotYet, type Output } from './command.ts';
import { parseColumn, parseCondition, parseSetting } from './condition.ts';
import { columnValue, findColumn, findTable, needRow, UUID_COLUMN } from './naming.ts';
import { type Row, subtract, union } from './transaction.ts';
import { bareText, parseAtom, parseDatum } from './value-syntax.ts';

const log = logger('db_ctl_base');

function tableOf({ transaction, args }: Context): TableSchema {
  return findTable(transaction.schema, args[0]!);
}

function cell(row: Row, column: ColumnSchema): Cell {
  const value = columnValue(row, column);
  return {
    string: datumText(value, column.type),
    bare: bareText(value),
    json: datumToJson(value, column.type),
  };
}

/** The columns of --columns, or all: `_uuid` and then the others by name. */
function shownColumns(table: TableSchema, typed: string | undefined): ColumnSchema[] {
  if (typed === undefined) {
    const columns = [...table.columns.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return [UUID_COLUMN, ...columns];
  }
  const names = typed.split(/[ ,]+/).filter((name) => name !== '');
  if (names.length === 0) throw new UserError('must specify at least one column name');
  return names.map((name) => findColumn(table, name, true));
}

function tableOutput(columns: readonly ColumnSchema[], rows: readonly Row[]): Output {
  const table: Table = {
    headings: columns.map((column) => column.name),
    rows: rows.map((row) => columns.map((column) => cell(row, column))),
  };
  return { kind: 'table', table };
}

function list(context: Context): Output {
  const { transaction, options, args } = context;
  const table = tableOf(context);
  const columns = shownColumns(table, options.get('--columns'));
  const names = args.slice(1);
  if (names.length === 0) return tableOutput(columns, transaction.rows(table.name));
  const rows = names.map((name) => needRow(transaction, table, name, options.has('--if-exists')));
  return tableOutput(
    columns,
    rows.filter((row) => row !== undefined),
  );
}

function find(context: Context): Output {
  const { transaction, options, args, symbols } = context;
  const table = tableOf(context);
  const columns = shownColumns(table, options.get('--columns'));
  const conditions = args.slice(1).map((text) => parseCondition(text, table, symbols.resolve));
  const rows = transaction.rows(table.name).filter((row) => conditions.every((condition) => condition(row)));
  return tableOutput(columns, rows);
}

function get(context: Context): Output {
  const { transaction, options, args, symbols } = context;
  const table = tableOf(context);
  const optional = options.has('--if-exists');
  const id = options.get('--id');
  if (id !== undefined && optional) throw new UserError('--if-exists and --id may not be specified together');
  const columns = args.slice(2).map((text) => parseColumn(text, table));
  const row = needRow(transaction, table, args[1]!, optional);
  if (!row) return text([]);
  if (id !== undefined) symbols.declare(id, true, row.uuid);
  return text(
    columns.map(({ column, key }) => {
      if (key === undefined) return datumText(columnValue(row, column), column.type);
      return mapValue(row, column, key, args[1]!, optional);
    }),
  );
}

function mapValue(row: Row, column: ColumnSchema, keyText: string, rowText: string, optional: boolean): string {
  const { type } = column;
  if (!isMap(type)) throw new UserError(`cannot specify key to get for non-map column ${column.name}`);
  const datum = columnValue(row, column);
  const at = findKey(datum, parseAtom(keyText, type.key));
  if (at >= 0) return atomText(datum.values![at]!, type.value.type);
  if (optional) return '';
  throw new UserError(`no key "${keyText}" in ${row.table.name} record "${rowText}" column ${column.name}`);
}

function refuseReadOnly(table: TableSchema, column: ColumnSchema): void {
  if (!column.mutable) throw new UserError(`cannot modify read-only column ${column.name} in table ${table.name}`);
}

/** Applies COLUMN[:KEY]=VALUE to a row. Throws UserError. */
export function setColumn({ symbols }: Context, row: Row, setting: string): void {
  const { column, key, value } = parseSetting(setting, row.table);
  if (row.base) refuseReadOnly(row.table, column);
  const { type } = column;
  if (key === undefined) {
    row.set(column.name, parseDatum(value, type, symbols.resolve));
    return;
  }
  if (!isMap(type)) throw new UserError(`cannot specify key to set for non-map column ${column.name}`);
  const pair = [parseAtom(key, type.key, symbols.resolve), parseAtom(value, type.value, symbols.resolve)] as const;
  row.set(column.name, union(row.verify(column.name), mapOf([pair])));
}

function set(context: Context): undefined {
  const { transaction, options, args, model } = context;
  const table = tableOf(context);
  const settings = args.slice(2);
  for (const setting of settings) refuseReadOnly(table, parseSetting(setting, table).column);
  const row = needRow(transaction, table, args[1]!, options.has('--if-exists'));
  if (!row) return undefined;
  for (const setting of settings) setColumn(context, row, setting);
  model.invalidate();
  return undefined;
}

const ANY_NUMBER = { min: 0, max: Number.POSITIVE_INFINITY } as const;

function add(context: Context): undefined {
  const { transaction, options, args, symbols, model } = context;
  const table = tableOf(context);
  const column = findColumn(table, args[2]!);
  refuseReadOnly(table, column);
  const row = needRow(transaction, table, args[1]!, options.has('--if-exists'));
  if (!row) return undefined;
  const type: ColumnType = { ...column.type, ...ANY_NUMBER };
  const added = args.slice(3).map((text) => parseDatum(text, type, symbols.resolve));
  row.insert(column.name, added.reduce(union));
  model.invalidate();
  return undefined;
}

function remove(context: Context): undefined {
  const { transaction, options, args, symbols, model } = context;
  const table = tableOf(context);
  const column = findColumn(table, args[2]!);
  refuseReadOnly(table, column);
  const row = needRow(transaction, table, args[1]!, options.has('--if-exists'));
  if (!row) return undefined;
  let value = row.verify(column.name);
  for (const text of args.slice(3)) value = subtract(value, parseRemoved(text, column.type, symbols));
  const { min, value: valueType } = column.type;
  if (value.keys.length < min) {
    throw new UserError(
      `"remove" operation would put ${value.keys.length} ${valueType ? 'pairs' : 'values'} in column ${column.name} ` +
        `of table ${table.name} but the minimum number is ${min}`,
    );
  }
  row.set(column.name, value);
  model.invalidate();
  return undefined;
}

/** From a map, whole pairs or just keys can be removed. */
function parseRemoved(text: string, type: ColumnType, symbols: Context['symbols']): Datum {
  const { value, ...keysOnly } = { ...type, ...ANY_NUMBER };
  if (value === undefined) return parseDatum(text, keysOnly, symbols.resolve);
  try {
    return parseDatum(text, { ...keysOnly, value }, symbols.resolve);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return parseDatum(text, keysOnly, symbols.resolve);
  }
}

function clear(context: Context): undefined {
  const { transaction, options, args, model } = context;
  const table = tableOf(context);
  const columns = args.slice(2).map((name) => findColumn(table, name));
  for (const column of columns) {
    refuseReadOnly(table, column);
    if (column.type.min === 0) continue;
    throw new UserError(
      `"clear" operation cannot be applied to column ${column.name} of table ${table.name}, ` +
        'which is not allowed to be empty',
    );
  }
  const row = needRow(transaction, table, args[1]!, options.has('--if-exists'));
  for (const column of columns) row?.set(column.name, defaultDatum(column.type));
  model.invalidate();
  return undefined;
}

function create(context: Context): Output {
  const { transaction, options, args, symbols, model } = context;
  const table = tableOf(context);
  const id = options.get('--id');
  if (id === undefined && !table.isRoot) {
    log.warn(`applying "create" command to table ${table.name} without --id option will have no effect`);
  }
  const uuid = id === undefined ? undefined : symbols.declare(id, table.isRoot);
  const row = transaction.insert(table.name, uuid);
  for (const setting of args.slice(1)) setColumn(context, row, setting);
  model.invalidate();
  return { kind: 'inserted', uuid: row.uuid };
}

function destroy(context: Context): undefined {
  const { transaction, options, args, model } = context;
  const table = tableOf(context);
  const names = args.slice(1);
  if (options.has('--all')) {
    if (names.length > 0) throw new UserError('--all and records argument should not be specified together');
    for (const row of transaction.rows(table.name)) transaction.delete(row);
  } else if (names.length === 0) {
    log.warn('either --all or records argument should be specified');
  }
  for (const name of names) {
    const row = needRow(transaction, table, name, options.has('--if-exists'));
    if (row) transaction.delete(row);
  }
  model.invalidate();
  return undefined;
}

function waitUntil(context: Context): undefined {
  const { transaction, args, symbols } = context;
  const table = tableOf(context);
  const conditions = args.slice(2).map((text) => parseCondition(text, table, symbols.resolve));
  const row = needRow(transaction, table, args[1]!, true);
  if (!row || !conditions.every((condition) => condition(row))) throw new NotYet(args.join(' '));
  return undefined;
}

const many = Number.POSITIVE_INFINITY;
const ifExists = { options: ['--if-exists'] } as const;

export const DATABASE_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'list',
    usage: '!TABLE *RECORD',
    minArgs: 1,
    maxArgs: many,
    options: ['--if-exists', '--columns='],
    changes: false,
    run: list,
  },
  {
    name: 'find',
    usage: '!TABLE *COLUMN?:KEY=VALUE',
    minArgs: 1,
    maxArgs: many,
    options: ['--columns='],
    changes: false,
    run: find,
  },
  {
    name: 'get',
    usage: '!TABLE !RECORD *COLUMN?:KEY',
    minArgs: 2,
    maxArgs: many,
    options: ['--if-exists', '--id='],
    changes: false,
    run: get,
  },
  {
    name: 'set',
    usage: '!TABLE !RECORD +COLUMN?:KEY=VALUE',
    minArgs: 3,
    maxArgs: many,
    ...ifExists,
    changes: true,
    run: set,
  },
  {
    name: 'add',
    usage: '!TABLE !RECORD !COLUMN +?KEY=VALUE',
    minArgs: 4,
    maxArgs: many,
    ...ifExists,
    changes: true,
    run: add,
  },
  {
    name: 'remove',
    usage: '!TABLE !RECORD !COLUMN +KEY|VALUE|KEY=VALUE',
    minArgs: 4,
    maxArgs: many,
    ...ifExists,
    changes: true,
    run: remove,
  },
  {
    name: 'clear',
    usage: '!TABLE !RECORD +COLUMN',
    minArgs: 3,
    maxArgs: many,
    ...ifExists,
    changes: true,
    run: clear,
  },
  {
    name: 'create',
    usage: '!TABLE +COLUMN?:KEY=VALUE',
    minArgs: 2,
    maxArgs: many,
    options: ['--id='],
    changes: true,
    run: create,
  },
  {
    name: 'destroy',
    usage: '!TABLE *RECORD',
    minArgs: 1,
    maxArgs: many,
    options: ['--if-exists', '--all'],
    changes: true,
    run: destroy,
  },
  {
    name: 'wait-until',
    usage: '!TABLE !RECORD *COLUMN?:KEY=VALUE',
    minArgs: 2,
    maxArgs: many,
    changes: false,
    run: waitUntil,
  },
  { name: 'comment', usage: '*ARG', minArgs: 0, maxArgs: many, changes: false, run: () => undefined },
];
