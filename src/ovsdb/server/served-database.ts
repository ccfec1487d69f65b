// A database as the server serves it: transactions in, notifications out, the log written in between.
import { type Logger, logger } from '../../../lib/log.ts';
import type { Json } from '../../json-rpc/json.ts';
import { prepare } from '../engine/commit.ts';
import { execute, WaitUnmet } from '../engine/execute.ts';
import type { Database, RowDelta } from '../engine/table.ts';
import { Transaction } from '../engine/transaction.ts';
import { OvsdbError } from '../errors.ts';
import { snapshotToJson, transactionToJson } from '../log/replay.ts';
import type { Storage } from '../log/storage.ts';
import { schemaToJson } from '../schema.ts';
import { History } from './history.ts';

const log: Logger = logger('ovsdb_server');

/** A client's transaction, which may have to wait. */
export interface TransactionRequest {
  readonly operations: readonly Json[];
  readonly startMs: number;
  holdsLock(name: string): boolean;
}

export type Outcome =
  | { readonly kind: 'done'; readonly results: Json; readonly durable: Promise<void> | undefined }
  | { readonly kind: 'wait'; readonly dueMs: number };

export type CommitListener = (deltas: readonly RowDelta[], id: string) => void;

const WRITES = new Set(['insert', 'update', 'mutate', 'delete']);

export class ServedDatabase {
  readonly database: Database;
  readonly history = new History();
  /** Called for each commit with changes, before its reply is sent. */
  onCommit: CommitListener = () => {};
  readonly #storage: Storage | undefined;
  readonly #nowMs: () => number;

  /** Without `storage` the database lives in memory, and clients may only read it. */
  constructor(database: Database, storage: Storage | undefined, nowMs: () => number) {
    this.database = database;
    this.#storage = storage;
    this.#nowMs = nowMs;
  }

  get name(): string {
    return this.database.schema.name;
  }

  /** Runs a client's transaction to its end, or until its "wait" has to wait. */
  transact(request: TransactionRequest, monotonicMs: number): Outcome {
    const refused = this.#storage ? undefined : refusal(request.operations, this.name);
    if (refused) return { kind: 'done', results: refused, durable: undefined };
    const waitedMs = monotonicMs - request.startMs;
    try {
      const executed = execute(this.database, request.operations, {
        waitedMs,
        holdsLock: (name) => request.holdsLock(name),
      });
      if (executed.failed) return { kind: 'done', results: executed.results, durable: undefined };
      return this.#commit(executed.results, executed.transaction);
    } catch (error) {
      if (error instanceof WaitUnmet) return { kind: 'wait', dueMs: request.startMs + error.timeoutMs };
      throw error;
    }
  }

  /** Changes rows on the server's own account. Throws OvsdbError when the change breaks a constraint. */
  change(make: (transaction: Transaction) => void): void {
    const transaction = new Transaction(this.database);
    make(transaction);
    this.#finish(transaction);
  }

  #commit(results: Json[], transaction: Transaction): Outcome {
    try {
      const logged = this.#finish(transaction);
      return { kind: 'done', results, durable: logged ? this.#storage?.log.flush() : undefined };
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      return { kind: 'done', results: [...results, error.toJson()], durable: undefined };
    }
  }

  /** Checks, logs, applies, announces; returns whether there is something to make durable. Throws OvsdbError. */
  #finish(transaction: Transaction): boolean {
    const { deltas, comments, apply } = prepare(transaction);
    const logged = this.#write(deltas, comments);
    apply();
    if (deltas.length > 0) this.onCommit(deltas, this.history.add(deltas));
    if (logged) this.#compactIfGrown();
    return logged;
  }

  #write(deltas: readonly RowDelta[], comments: readonly string[]): boolean {
    const record = this.#storage && transactionToJson(deltas, comments, this.#nowMs());
    if (!record) return false;
    try {
      this.#storage?.log.append(record);
      return true;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      log.err(`${this.#storage?.log.path}: cannot write: ${text}`);
      throw new OvsdbError('I/O error', `cannot write to the database file: ${text}`);
    }
  }

  #compactIfGrown(): void {
    if (this.#storage?.log.grewLots) void this.compact().catch(() => {});
  }

  /** Rewrites the log as the schema and one record of all rows. Rejects, after a log entry, when that fails. */
  async compact(): Promise<void> {
    const file = this.#storage?.log;
    if (!file) return;
    const before = file.sizeBytes;
    try {
      const snapshot = snapshotToJson(this.database, 'compacting database online', this.#nowMs());
      await file.compact([schemaToJson(this.database.schema), snapshot]);
      log.info(`${file.path}: compacted from ${before} to ${file.sizeBytes} bytes`);
    } catch (error) {
      log.warn(`${file.path}: compaction failed: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#storage?.close();
  }
}

/** The result of a transaction that would change a database that belongs to the server. */
function refusal(operations: readonly Json[], database: string): Json[] | undefined {
  for (const operation of operations) {
    const op = typeof operation === 'object' && operation !== null && 'op' in operation ? operation.op : undefined;
    if (typeof op !== 'string' || !WRITES.has(op)) continue;
    const details = `${op} operation not allowed on table in reserved database ${database}`;
    return operations.map((each) => (each === operation ? { details, error: 'not allowed' } : null));
  }
  return undefined;
}
