// One ovs-vsctl run's view of the database: the replica's rows with this run's changes laid over them, which later
// commands of the same chain see, and which become the operations of one transaction.
//
// A column that was read to decide its new value is verified: the transaction then also demands that it still holds
// what was read (RFC 7047's "wait"), and is tried again on newer rows when it does not.

import { randomUUID } from 'node:crypto';
import { must } from '../../../lib/assert.ts';
import { isArray, type Json, type JsonObject } from '../../json-rpc/json.ts';
import {
  type Datum,
  datumToJson,
  defaultDatum,
  equalDatums,
  findKey,
  isDefaultDatum,
  mapOf,
  setOf,
} from '../../ovsdb/datum.ts';
import { byUuid } from '../../ovsdb/ops.ts';
import type { OvsdbReplica } from '../../ovsdb/replica.ts';
import type { ReplicaRow } from '../../ovsdb/replica-row.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from '../../ovsdb/schema.ts';

export class Row {
  readonly table: TableSchema;
  readonly uuid: string;
  /** The row as the server has it; undefined for one that this run makes. */
  readonly base: ReplicaRow | undefined;
  readonly values = new Map<string, Datum>();
  readonly verified = new Set<string>();
  /** Elements to add and to remove that the server shall apply to whatever the column then holds. */
  mutations: (readonly [column: ColumnSchema, mutator: 'insert' | 'delete', value: Json])[] = [];
  /** What mutated columns hold by now, as far as this run knows. */
  readonly #mutated = new Map<string, Datum>();
  isDeleted = false;

  constructor(table: TableSchema, uuid: string, base: ReplicaRow | undefined) {
    this.table = table;
    this.uuid = uuid;
    this.base = base;
  }

  column(name: string): ColumnSchema {
    return must(this.table.columns.get(name), `${this.table.name} has no column ${name}`);
  }

  get(name: string): Datum {
    return this.values.get(name) ?? this.#mutated.get(name) ?? this.#baseValue(name);
  }

  #baseValue(name: string): Datum {
    return this.base?.datum(name) ?? defaultDatum(this.column(name).type);
  }

  /** Gives a column a new value. */
  set(name: string, value: Datum): void {
    this.values.set(name, value);
    this.mutations = this.mutations.filter(([column]) => column.name !== name);
  }

  /** Like get(), for a value that decides about a change. */
  verify(name: string): Datum {
    if (this.base && !this.values.has(name)) this.verified.add(name);
    return this.get(name);
  }

  /** Adds elements to a set or pairs to a map, replacing pairs of the same key, without minding what else is there. */
  insert(name: string, added: Datum): void {
    const column = this.column(name);
    if (this.base && !this.values.has(name)) {
      const many = { ...column.type, max: Number.POSITIVE_INFINITY };
      if (added.values) {
        const keyType = { key: many.key, min: many.min, max: many.max };
        this.mutations.push([column, 'delete', asCollection(datumToJson({ keys: added.keys }, keyType))]);
      }
      this.mutations.push([column, 'insert', asCollection(datumToJson(added, many))]);
      this.#mutated.set(name, union(this.get(name), added));
      return;
    }
    this.set(name, union(this.get(name), added));
  }

  isChanged(name: string): boolean {
    const value = this.values.get(name);
    return value !== undefined && !equalDatums(value, this.#baseValue(name));
  }
}

function asCollection(json: Json): Json {
  return isArray(json) && (json[0] === 'set' || json[0] === 'map') ? json : ['set', [json]];
}

/** Both datums' elements; in a map `added` wins. */
export function union(datum: Datum, added: Datum): Datum {
  if (!datum.values && !added.values) return setOf([...datum.keys, ...added.keys]);
  const map = new Map(datum.keys.map((key, i) => [key, must(datum.values?.[i])]));
  added.keys.forEach((key, i) => {
    map.set(key, must(added.values?.[i]));
  });
  return mapOf(map);
}

/** `datum` without the elements of `removed`; pairs go only when their value is the same, or none is given. */
export function subtract(datum: Datum, removed: Datum): Datum {
  const stays = (i: number) => {
    const at = findKey(removed, datum.keys[i]!);
    return at < 0 || (removed.values !== undefined && removed.values[at] !== datum.values?.[i]);
  };
  const kept = datum.keys.map((_, i) => i).filter(stays);
  const keys = kept.map((i) => datum.keys[i]!);
  return datum.values ? { keys, values: kept.map((i) => datum.values![i]!) } : { keys };
}

export class Transaction {
  readonly schema: DatabaseSchema;
  readonly #replica: OvsdbReplica;
  readonly #tables = new Map<string, Map<string, Row>>();
  /** Temporary uuids of rows that this run makes. */
  readonly #inserted = new Map<string, Row>();

  constructor(replica: OvsdbReplica) {
    this.#replica = replica;
    this.schema = must(replica.schema);
  }

  #rows(table: string): Map<string, Row> {
    const known = this.#tables.get(table);
    if (known) return known;
    const schema = must(this.schema.tables.get(table));
    const rows = new Map<string, Row>();
    for (const base of this.#replica.table(table).values()) rows.set(base.uuid, new Row(schema, base.uuid, base));
    this.#tables.set(table, rows);
    return rows;
  }

  /** The rows that exist, in an order that people can follow: by name where there is one, else by uuid. */
  rows(table: string): Row[] {
    const sortKey = (row: Row) => (row.table.columns.has('name') ? `${row.get('name').keys[0]}` : '') + row.uuid;
    const keyed = [...this.#rows(table).values()]
      .filter((row) => !row.isDeleted)
      .map((row) => [sortKey(row), row] as const);
    return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  row(table: string, uuid: string): Row | undefined {
    const row = this.#rows(table).get(uuid);
    return row?.isDeleted ? undefined : row;
  }

  /** The rows that a reference column names. */
  referenced(row: Row, column: string): Row[] {
    const table = must(row.column(column).type.key.refTable);
    return row.get(column).keys.flatMap((uuid) => this.row(table, String(uuid)) ?? []);
  }

  /** Makes a row; `uuid` is what others of this run refer to it by. */
  insert(table: string, uuid: string = randomUUID()): Row {
    const row = new Row(must(this.schema.tables.get(table)), uuid, undefined);
    this.#rows(table).set(uuid, row);
    this.#inserted.set(uuid, row);
    return row;
  }

  delete(row: Row): void {
    row.isDeleted = true;
    this.#inserted.delete(row.uuid);
  }

  /** The changes as operations: first what must still hold, then what is to happen. Empty when nothing changes. */
  operations(): JsonObject[] {
    const changed: JsonObject[] = [];
    const checks: JsonObject[] = [];
    for (const rows of this.#tables.values()) {
      for (const row of rows.values()) {
        changed.push(...this.#rowOperations(row));
        if (row.base) checks.push(...this.#checks(row));
      }
    }
    return changed.length === 0 ? [] : [...checks, ...changed];
  }

  #rowOperations(row: Row): JsonObject[] {
    const table = row.table.name;
    if (row.isDeleted) {
      // Rows that live by being referred to go when their last reference does.
      return row.base && row.table.isRoot ? [{ op: 'delete', table, where: byUuid(row.uuid) }] : [];
    }
    if (!row.base) {
      const columns = [...row.values].filter(([name, value]) => !isDefaultDatum(value, row.column(name).type));
      return [{ op: 'insert', table, 'uuid-name': rowName(row.uuid), row: this.#toJson(row, columns) }];
    }
    const operations: JsonObject[] = [];
    const columns = [...row.values].filter(([name]) => row.isChanged(name));
    if (columns.length > 0) {
      operations.push({ op: 'update', table, where: byUuid(row.uuid), row: this.#toJson(row, columns) });
    }
    if (row.mutations.length > 0) {
      const mutations = row.mutations.map(([column, mutator, value]) => [column.name, mutator, this.#named(value)]);
      operations.push({ op: 'mutate', table, where: byUuid(row.uuid), mutations });
    }
    return operations;
  }

  #toJson(row: Row, columns: readonly (readonly [string, Datum])[]): JsonObject {
    return Object.fromEntries(
      columns.map(([name, value]) => [name, this.#named(datumToJson(value, row.column(name).type))]),
    );
  }

  #checks(row: Row): JsonObject[] {
    const columns = [...row.verified];
    if (columns.length === 0 || row.isDeleted) return [];
    const expected = Object.fromEntries(
      columns.map((name) => [name, datumToJson(must(row.base).datum(name)!, row.column(name).type)]),
    );
    const where = byUuid(row.uuid);
    return [{ op: 'wait', timeout: 0, table: row.table.name, where, columns, until: '==', rows: [expected] }];
  }

  /** Rows that this run makes have no uuid yet: they are referred to by the name that their insert gives them. */
  #named(json: Json): Json {
    if (!isArray(json)) return json;
    if (json.length === 2 && json[0] === 'uuid' && this.#inserted.has(String(json[1]))) {
      return ['named-uuid', rowName(String(json[1]))];
    }
    return json.map((item) => this.#named(item));
  }
}

function rowName(uuid: string): string {
  return `row${uuid.replaceAll('-', '_')}`;
}
