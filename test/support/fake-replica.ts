// A database in memory behind the replica's interface: rows are written as plain values, and updates sent by
// transact() are kept as JSON per row. No references are checked, no row is garbage-collected.
import { MONITORED_COLUMNS } from '../../src/daemon/bridge/columns.ts';
import type { Datum } from '../../src/ovsdb/datum.ts';
import type { OvsdbReplica, ReplicaListener, RowChange } from '../../src/ovsdb/replica.ts';
import { ReplicaRow } from '../../src/ovsdb/replica-row.ts';

type Plain = string | number | boolean | readonly (string | number)[] | Readonly<Record<string, string>>;

function datum(value: Plain): Datum {
  if (Array.isArray(value)) return { keys: [...value] } as unknown as Datum;
  if (typeof value === 'object') return { keys: Object.keys(value), values: Object.values(value) } as unknown as Datum;
  return { keys: [value] } as unknown as Datum;
}

/** The columns of one row. Reading one that the switch does not monitor is a fault: with a real database it is never there. */
class Columns extends Map<string, Datum> {
  readonly #table: string;

  constructor(table: string, columns: Iterable<[string, Datum]>) {
    super();
    this.#table = table;
    for (const [name, value] of columns) this.set(name, value);
  }

  override get(column: string): Datum | undefined {
    if (!MONITORED_COLUMNS[this.#table]?.includes(column)) throw new Error(`${this.#table}.${column} is not monitored`);
    return super.get(column);
  }
}

export class FakeReplica {
  readonly #tables = new Map<string, Map<string, ReplicaRow>>();
  readonly #listeners = new Set<ReplicaListener>();
  /** What transact() wrote, by row and column, as JSON values. */
  readonly written = new Map<string, Record<string, unknown>>();
  transactions = 0;
  /** transact() rejects while this is set. */
  failure: Error | undefined;
  isSynced = true;
  hasLock = false;
  /** Grants lock() at once. */
  grantsLock = true;

  get replica(): OvsdbReplica {
    return this as unknown as OvsdbReplica;
  }

  /** Inserts or changes rows in one transaction: `{ 'Bridge/b1': { name: 'br0' } }`; undefined deletes. */
  put(rows: Readonly<Record<string, Readonly<Record<string, Plain>> | undefined>>): void {
    const changes: RowChange[] = [];
    for (const [path, columns] of Object.entries(rows)) {
      const [table, uuid] = path.split('/') as [string, string];
      const stored = this.#tables.get(table) ?? new Map<string, ReplicaRow>();
      this.#tables.set(table, stored);
      const old = stored.get(uuid);
      if (!columns) {
        stored.delete(uuid);
        if (old) changes.push({ table, uuid, old });
        continue;
      }
      const merged = new Columns(table, old?.columns ?? []);
      for (const [column, value] of Object.entries(columns)) merged.set(column, datum(value));
      const row = new ReplicaRow(table, uuid, merged);
      stored.set(uuid, row);
      changes.push({ table, uuid, row, ...(old ? { old } : {}) });
    }
    for (const listener of [...this.#listeners]) listener.change?.(changes);
  }

  table(name: string): ReadonlyMap<string, ReplicaRow> {
    return this.#tables.get(name) ?? new Map();
  }
  row(table: string, uuid: string | undefined): ReplicaRow | undefined {
    return uuid === undefined ? undefined : this.table(table).get(uuid);
  }
  only(table: string): ReplicaRow | undefined {
    return this.table(table).values().next().value;
  }
  listen(listener: ReplicaListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  lock(_name: string): void {
    if (this.grantsLock) this.setLock(true);
  }
  setLock(held: boolean): void {
    this.hasLock = held;
    for (const listener of [...this.#listeners]) listener.locked?.(held);
  }
  async transact(operations: readonly unknown[]): Promise<readonly unknown[]> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failure) throw this.failure;
    this.transactions++;
    for (const operation of operations as { op: string; where: [[string, string, [string, string]]]; row: object }[]) {
      if (operation.op !== 'update') continue;
      const uuid = operation.where[0][2][1];
      this.written.set(uuid, { ...this.written.get(uuid), ...operation.row });
    }
    return operations.map(() => ({}));
  }
}
