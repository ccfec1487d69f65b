// One monitor of one session: which changes it sees, and how they are written in each of the three formats.
import { must } from '../../../lib/assert.ts';
import type { Json, JsonObject } from '../../json-rpc/json.ts';
import { changeOf, datumToJson, equalDatums, isDefaultDatum } from '../datum.ts';
import { type Condition, matchesAny } from '../engine/condition.ts';
import { columnValue, findColumn, type Row, type RowDelta } from '../engine/table.ts';
import type { SelectKind, TableMonitor } from './monitor-request.ts';

/** 1: monitor; 2: monitor_cond; 3: monitor_cond_since. */
export type MonitorVersion = 1 | 2 | 3;

type Updates = Record<string, Record<string, Json>>;

export class Monitor {
  /** The client's <json-value>. */
  id: Json;
  readonly version: MonitorVersion;
  readonly tables: ReadonlyMap<string, TableMonitor>;

  constructor(id: Json, version: MonitorVersion, tables: ReadonlyMap<string, TableMonitor>) {
    this.id = id;
    this.version = version;
    this.tables = tables;
  }

  /** Every row that matches, as the reply to the request. */
  initial(): JsonObject {
    const updates: Updates = {};
    for (const monitor of this.tables.values()) {
      for (const row of monitor.table.rows.values()) {
        if (matchesAny(monitor.condition, row)) this.#add(updates, monitor, row.uuid, undefined, row, 'initial');
      }
    }
    return updates;
  }

  /** What this monitor sees of `deltas`; undefined when nothing. */
  updates(deltas: readonly RowDelta[]): JsonObject | undefined {
    const updates: Updates = {};
    for (const { table, uuid, old, row } of deltas) {
      const monitor = this.tables.get(table.schema.name);
      if (!monitor || monitor.table !== table) continue;
      const before = old && matchesAny(monitor.condition, old) ? old : undefined;
      const after = row && matchesAny(monitor.condition, row) ? row : undefined;
      this.#add(updates, monitor, uuid, before, after);
    }
    return Object.keys(updates).length === 0 ? undefined : updates;
  }

  /** Takes new conditions; returns the rows that come into sight or go out of it, undefined when none. */
  changeConditions(changes: ReadonlyMap<TableMonitor, Condition>): JsonObject | undefined {
    const updates: Updates = {};
    for (const [monitor, condition] of changes) {
      for (const row of monitor.table.rows.values()) {
        const before = matchesAny(monitor.condition, row);
        const after = matchesAny(condition, row);
        if (before !== after) this.#add(updates, monitor, row.uuid, before ? row : undefined, after ? row : undefined);
      }
      monitor.condition = condition;
    }
    return Object.keys(updates).length === 0 ? undefined : updates;
  }

  #add(updates: Updates, monitor: TableMonitor, uuid: string, old?: Row, row?: Row, kind = kindOf(old, row)): void {
    if (!kind) return;
    const columns = [...monitor.columns].filter(([, select]) => select[kind]).map(([name]) => name);
    if (columns.length === 0 && monitor.columns.size > 0) return;
    if (kind === 'modify' && !columns.some((name) => changed(must(old), must(row), name))) return;
    const update = this.version === 1 ? update1(monitor, columns, old, row) : update2(monitor, columns, kind, old, row);
    const name = monitor.table.schema.name;
    updates[name] ??= {};
    updates[name][uuid] = update;
  }
}

function kindOf(old: Row | undefined, row: Row | undefined): SelectKind | undefined {
  if (row) return old ? 'modify' : 'insert';
  return old ? 'delete' : undefined;
}

function changed(old: Row, row: Row, name: string): boolean {
  return !equalDatums(columnValue(old, name), columnValue(row, name));
}

function rowJson({ table }: TableMonitor, row: Row, columns: readonly string[]): JsonObject {
  const json: Record<string, Json> = {};
  for (const name of columns)
    json[name] = datumToJson(columnValue(row, name), must(findColumn(table.schema, name)).type);
  return json;
}

/** <row-update>: of a modified row, "old" holds only what changed. */
function update1(
  monitor: TableMonitor,
  columns: readonly string[],
  old: Row | undefined,
  row: Row | undefined,
): JsonObject {
  const before = old && row ? columns.filter((name) => changed(old, row, name)) : columns;
  return {
    ...(old ? { old: rowJson(monitor, old, before) } : {}),
    ...(row ? { new: rowJson(monitor, row, columns) } : {}),
  };
}

/** <row-update2>: new rows without columns at their default, modifications as differences. */
function update2(
  monitor: TableMonitor,
  columns: readonly string[],
  kind: SelectKind,
  old: Row | undefined,
  row: Row | undefined,
): JsonObject {
  if (!row) return { delete: null };
  const { schema } = monitor.table;
  const json: Record<string, Json> = {};
  for (const name of columns) {
    const { type } = must(findColumn(schema, name));
    const value = columnValue(row, name);
    if (!old) {
      if (!isDefaultDatum(value, type)) json[name] = datumToJson(value, type);
    } else if (changed(old, row, name)) {
      json[name] = datumToJson(changeOf(type, columnValue(old, name), value), type);
    }
  }
  return { [kind]: json };
}
