// Reading <monitor-requests> (RFC 7047, 4.1.5) and <monitor-cond-requests> (ovsdb-server(7), 4.1.12).
import { isArray, isObject, type Json, type JsonObject, own } from '../../json-rpc/json.ts';
import { type Condition, parseCondition } from '../engine/condition.ts';
import { asArray, asBoolean, asObject, Members, parseColumns } from '../engine/parse.ts';
import type { Database, Table } from '../engine/table.ts';
import { OvsdbError, syntaxError } from '../errors.ts';
import { getOrMake } from '../maps.ts';

export type SelectKind = 'initial' | 'insert' | 'delete' | 'modify';
export type Select = Readonly<Record<SelectKind, boolean>>;

export interface TableMonitor {
  readonly table: Table;
  /** Monitored columns, with the kinds of update in which each appears. */
  readonly columns: Map<string, Select>;
  condition: Condition;
}

/** Reads what to monitor in each table; `conditional` allows "where". Throws OvsdbError. */
export function parseMonitorRequests(database: Database, json: Json, conditional: boolean): Map<string, TableMonitor> {
  if (!isObject(json)) throw syntaxError(json, 'monitor-requests must be object');
  const monitors = new Map<string, TableMonitor>();
  for (const name of Object.keys(json)) {
    const table = database.tables.get(name);
    if (!table) throw new OvsdbError('syntax error', `no table named ${name}`);
    const value = own(json, name) ?? null;
    for (const request of isArray(value) ? value : [value]) addRequest(monitors, table, request, conditional);
  }
  return monitors;
}

function addRequest(monitors: Map<string, TableMonitor>, table: Table, json: Json, conditional: boolean): void {
  const members = new Members(json, `table ${table.schema.name}`);
  const columnsJson = members.optional('columns', asArray);
  const select = parseSelect(members.optional('select', asObject), table);
  const where = conditional ? members.optional('where', asArray) : undefined;
  members.done();
  const make = (): TableMonitor => ({ table, columns: new Map(), condition: [] });
  const monitor = getOrMake(monitors, table.schema.name, make);
  // Without "columns", every column but _uuid, which is each row's key already.
  const columns = columnsJson ? distinctColumns(table, columnsJson) : ['_version', ...table.schema.columns.keys()];
  for (const column of columns) {
    if (monitor.columns.has(column)) throw mentionedTwice(columnsJson);
    monitor.columns.set(column, select);
  }
  if (where) monitor.condition = [...monitor.condition, ...parseCondition(table.schema, where)];
}

function mentionedTwice(columns: readonly Json[] | undefined): OvsdbError {
  return syntaxError(columns ?? [], 'column name mentioned more than once');
}

function distinctColumns(table: Table, json: readonly Json[]): string[] {
  if (new Set(json).size !== json.length) throw mentionedTwice(json);
  return parseColumns(table.schema, json);
}

function parseSelect(json: JsonObject | undefined, table: Table): Select {
  const all: Select = { initial: true, insert: true, delete: true, modify: true };
  if (!json) return all;
  const members = new Members(json, `table ${table.schema.name}`);
  const kind = (name: SelectKind) => members.optional(name, asBoolean) ?? true;
  const select = { initial: kind('initial'), insert: kind('insert'), delete: kind('delete'), modify: kind('modify') };
  members.done();
  return select;
}

/** Reads the new conditions of a monitor_cond_change, for the tables that it names. Throws OvsdbError. */
export function parseConditionChange(
  monitors: ReadonlyMap<string, TableMonitor>,
  json: Json,
): Map<TableMonitor, Condition> {
  if (!isObject(json)) throw syntaxError(json, 'monitor-cond-change-requests must be object');
  const changes = new Map<TableMonitor, Condition>();
  for (const name of Object.keys(json)) {
    const monitor = monitors.get(name);
    if (!monitor) throw new OvsdbError('syntax error', `no table named ${name} in monitor session`);
    const value = own(json, name) ?? null;
    const requests = isArray(value) ? value : [value];
    const condition = requests.flatMap((request) => conditionOf(monitor, request ?? null));
    changes.set(monitor, condition);
  }
  return changes;
}

function conditionOf({ table }: TableMonitor, json: Json): Condition {
  const members = new Members(json, `table ${table.schema.name}`);
  members.optional('columns', asArray);
  const where = members.optional('where', asArray) ?? [];
  members.done();
  return parseCondition(table.schema, where);
}
