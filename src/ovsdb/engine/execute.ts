// The operations of a transaction (RFC 7047, 5.2), run one after the other on a Transaction.
import { randomUUID } from 'node:crypto';
import { must } from '../../../lib/assert.ts';
import { isObject, type Json, type JsonObject } from '../../json-rpc/json.ts';
import { isUuid, type NamedUuids } from '../atom.ts';
import { type Datum, datumToJson, defaultDatum } from '../datum.ts';
import { OvsdbError, syntaxError } from '../errors.ts';
import { getOrMake } from '../maps.ts';
import { type Condition, parseCondition } from './condition.ts';
import { parseMutation } from './mutation.ts';
import { asArray, asBoolean, asId, asInteger, asObject, asString, Members, parseColumns, parseRow } from './parse.ts';
import { columnValue, type Database, findColumn, type Row, type Table } from './table.ts';
import { Transaction } from './transaction.ts';

/** A "wait" that does not hold yet and may still: the transaction runs again after the next change. */
export class WaitUnmet extends Error {
  /** How long the operation is willing to wait in all; Infinity when it does not say. */
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super('wait condition does not hold yet');
    this.timeoutMs = timeoutMs;
  }
}

export interface ExecuteContext {
  /** True when the requesting session owns the lock. */
  holdsLock(name: string): boolean;
  /** How long this transaction has waited already. */
  readonly waitedMs: number;
}

export interface Executed {
  /** One result for each operation; after a failed one, nulls. */
  readonly results: Json[];
  readonly transaction: Transaction;
  readonly failed: boolean;
  /** A commit operation asked for durability. */
  readonly durable: boolean;
}

/** Runs `operations`; throws WaitUnmet, and OvsdbError never: failures are results. */
export function execute(database: Database, operations: readonly Json[], context: ExecuteContext): Executed {
  const run = new Execution(database, context);
  const results: Json[] = [];
  let failed = false;
  operations.forEach((operation, i) => {
    if (failed) {
      results.push(null);
      return;
    }
    try {
      results.push(run.operation(operation, `ovsdb operation ${i + 1} of ${operations.length}`));
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      failed = true;
      results.push(error.toJson());
    }
  });
  return { results, transaction: run.transaction, failed, durable: run.durable };
}

class Execution {
  readonly transaction: Transaction;
  durable = false;
  readonly #context: ExecuteContext;
  readonly #named = new Map<string, { uuid: string; inserted: boolean }>();

  constructor(database: Database, context: ExecuteContext) {
    this.transaction = new Transaction(database);
    this.#context = context;
  }

  operation(json: Json, what: string): Json {
    const members = new Members(json, what);
    const name = members.required('op', asId);
    const run = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
    if (!run) throw members.fail(`No operation "${name}"`);
    return run(this, members);
  }

  /** The uuid that stands for `name` in this transaction, also before the insert that takes it. */
  readonly named: NamedUuids = (name) => this.#name(name).uuid;

  #name(name: string): { uuid: string; inserted: boolean } {
    return getOrMake(this.#named, name, () => ({ uuid: randomUUID(), inserted: false }));
  }

  table(members: Members): Table {
    const name = members.required('table', asString);
    const table = this.transaction.database.tables.get(name);
    if (!table) throw members.fail(`No table named ${name}.`);
    return table;
  }

  condition(table: Table, json: readonly Json[]): Condition {
    return parseCondition(table.schema, json, this.named);
  }

  insertUuid(table: Table, wanted: string | undefined, name: string | undefined): string {
    if (wanted !== undefined) {
      if (!isUuid(wanted)) throw syntaxError(wanted, `"${wanted}" is not a valid UUID`);
      const text =
        'This UUID would duplicate a UUID already present within the table or deleted within the same transaction.';
      if (this.transaction.knows(table, wanted.toLowerCase())) throw new OvsdbError('duplicate uuid', text, wanted);
    }
    const uuid = wanted?.toLowerCase() ?? randomUUID();
    if (name === undefined) return uuid;
    const entry = this.#name(name);
    if (entry.inserted) {
      throw new OvsdbError('duplicate uuid-name', 'This "uuid-name" appeared on an earlier "insert" operation.', name);
    }
    entry.inserted = true;
    if (wanted !== undefined) entry.uuid = uuid;
    return entry.uuid;
  }

  holdsLock(name: string): boolean {
    return this.#context.holdsLock(name);
  }

  get waitedMs(): number {
    return this.#context.waitedMs;
  }
}

/** Takes its members, complains about others (members.done()), and only then looks into them. */
type Operation = (run: Execution, members: Members) => Json;

function insert(run: Execution, members: Members): Json {
  const table = run.table(members);
  const json = members.required('row', asObject);
  const wanted = members.optional('uuid', asString);
  const name = members.optional('uuid-name', asId);
  members.done();
  const uuid = run.insertUuid(table, wanted, name);
  run.transaction.insert(table, uuid, parseRow(table.schema, json, run.named));
  return { uuid: ['uuid', uuid] };
}

function select(run: Execution, members: Members): Json {
  const table = run.table(members);
  const where = members.required('where', asArray);
  const columnsJson = members.optional('columns', asArray);
  members.done();
  const condition = run.condition(table, where);
  const columns = parseColumns(table.schema, columnsJson);
  return { rows: distinct(run.transaction.select(table, condition), table, columns) };
}

/** Rows as JSON; those that are equal in `columns` appear once. */
function distinct(rows: readonly Row[], table: Table, columns: readonly string[]): JsonObject[] {
  const jsons = rows.map((row) => rowToJson(row, table, columns));
  if (columns.includes('_uuid')) return jsons;
  const byText = new Map(jsons.map((json) => [JSON.stringify(json), json]));
  return [...byText.values()];
}

export function rowToJson(row: Row, { schema }: Table, columns: readonly string[]): JsonObject {
  return Object.fromEntries(
    columns.map((name) => [name, datumToJson(columnValue(row, name), must(findColumn(schema, name)).type)]),
  );
}

function update(run: Execution, members: Members): Json {
  const table = run.table(members);
  const json = members.required('row', asObject);
  const where = members.required('where', asArray);
  members.done();
  const row = parseRow(table.schema, json, run.named);
  for (const name of row.keys()) {
    if (findColumn(table.schema, name)?.mutable) continue;
    const text = `Cannot update immutable column ${name} in table ${table.schema.name}.`;
    throw new OvsdbError('constraint violation', text, members.json);
  }
  const rows = run.transaction.select(table, run.condition(table, where));
  for (const each of rows) run.transaction.update(table, each, row);
  return { count: rows.length };
}

function mutate(run: Execution, members: Members): Json {
  const table = run.table(members);
  const json = members.required('mutations', asArray);
  const where = members.required('where', asArray);
  members.done();
  const mutations = json.map((item) => parseMutation(table.schema, item, run.named));
  const rows = run.transaction.select(table, run.condition(table, where));
  for (const row of rows) {
    const changed = new Map<string, Datum>();
    for (const { column, apply } of mutations) {
      changed.set(column, apply(changed.get(column) ?? must(row.columns.get(column))));
    }
    run.transaction.update(table, row, changed);
  }
  return { count: rows.length };
}

function remove(run: Execution, members: Members): Json {
  const table = run.table(members);
  const where = members.required('where', asArray);
  members.done();
  const rows = run.transaction.select(table, run.condition(table, where));
  for (const row of rows) run.transaction.delete(table, row);
  return { count: rows.length };
}

function wait(run: Execution, members: Members): Json {
  const table = run.table(members);
  const timeout = members.optional('timeout', asInteger);
  const where = members.required('where', asArray);
  const columnsJson = members.optional('columns', asArray);
  const until = members.required('until', asString);
  const rows = members.required('rows', asArray);
  members.done();
  const condition = run.condition(table, where);
  const columns = parseColumns(table.schema, columnsJson);
  const expected = rows.map((json) => expectedRow(run, table, json, columns));
  if (timeout !== undefined && timeout < 0) throw syntaxError(timeout, 'timeout must be nonnegative');
  if (until !== '==' && until !== '!=') throw syntaxError(until, '"until" must be "==" or "!="');
  const actual = run.transaction
    .select(table, condition)
    .map((row) => rowText(columns, (name) => columnValue(row, name)));
  const equal = sameSet(new Set(actual), new Set(expected));
  if (equal === (until === '==')) return {};
  throw unmet(run, timeout);
}

function unmet(run: Execution, timeout: number | undefined): Error {
  if (timeout === undefined) return new WaitUnmet(Infinity);
  if (timeout > run.waitedMs) return new WaitUnmet(timeout);
  const text = timeout === 0 ? '"where" clause test failed' : `"wait" timed out after ${Math.round(run.waitedMs)} ms`;
  return new OvsdbError('timed out', text);
}

function expectedRow(run: Execution, { schema }: Table, json: Json, columns: readonly string[]): string {
  if (!isObject(json)) throw syntaxError(json, 'Parsing row failed: Object expected.');
  const row = parseRow(schema, json, run.named);
  return rowText(columns, (name) => row.get(name) ?? defaultDatum(must(findColumn(schema, name)).type));
}

function rowText(columns: readonly string[], value: (name: string) => Datum): string {
  return JSON.stringify(columns.map((name) => [value(name).keys, value(name).values]));
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}

function commit(run: Execution, members: Members): Json {
  const durable = members.required('durable', asBoolean);
  members.done();
  if (durable) run.durable = true;
  return {};
}

function abort(_run: Execution, members: Members): Json {
  members.done();
  throw new OvsdbError('aborted', 'aborted by request');
}

function comment(run: Execution, members: Members): Json {
  const text = members.required('comment', asString);
  members.done();
  run.transaction.comments.push(text);
  return {};
}

function assertOwner(run: Execution, members: Members): Json {
  const lock = members.required('lock', asId);
  members.done();
  if (!run.holdsLock(lock)) throw new OvsdbError('not owner', `Asserted lock ${lock} not held.`);
  return {};
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  insert,
  select,
  update,
  mutate,
  delete: remove,
  wait,
  commit,
  abort,
  comment,
  assert: assertOwner,
};
