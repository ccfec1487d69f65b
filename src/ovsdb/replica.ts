// A live copy of an OVSDB database: what the daemon's reconciler and weft-vsctl read, and the door through which
// they change it.
//
// The replica dials (or is handed an in-process channel), reads the schema, monitors the chosen columns, and keeps
// every row as an immutable ReplicaRow. When the connection is lost the rows stay as they were; after the next
// connection the missed changes are asked for (monitor_cond_since), or a whole new copy is compared with the old one,
// so that listeners always see plain changes. One change event is one transaction of the server.
import { type Clock, systemClock } from '../../lib/clock.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { type Logger, logger } from '../../lib/log.ts';
import { systemErrorText } from '../../lib/system-error.ts';
import type { Channel } from '../json-rpc/channel.ts';
import { isArray, isObject, type Json, jsonEqual } from '../json-rpc/json.ts';
import { ConnectionLost } from '../json-rpc/peer.ts';
import { dial } from '../json-rpc/remote.ts';
import { OvsdbError } from './errors.ts';
import type { ReplicaRow } from './replica-row.ts';
import { type MonitoredTable, ReplicaSession, type TableSelection } from './replica-session.ts';
import { ReplicaStore, type RowChange } from './replica-store.ts';
import type { DatabaseSchema } from './schema.ts';

export type { ReplicaRow } from './replica-row.ts';
export type { TableSelection } from './replica-session.ts';
export type { RowChange } from './replica-store.ts';

export interface ReplicaOptions {
  /** `unix:PATH`, `tcp:HOST:PORT`, or a function that makes the channel (the embedded server's `connect`). */
  readonly remote: string | (() => Promise<Channel>);
  /** Default: Open_vSwitch. */
  readonly database?: string;
  /** Default: every column of every table. */
  readonly tables?: TableSelection | 'all';
  readonly clock?: Clock;
  /** Default 5000; 0 sends no echo. */
  readonly probeIntervalMs?: number;
  /** First wait after a lost connection, doubled up to backoffMaxMs. Defaults 1000 and 8000. */
  readonly backoffMinMs?: number;
  readonly backoffMaxMs?: number;
}

export interface ReplicaListener {
  /** The changes of one transaction, or of one reconnection; the tables already show them. */
  change?(changes: readonly RowChange[]): void;
  /** `true` when the copy is complete (again), `false` when the connection is lost. */
  synced?(synced: boolean): void;
  /** Whether this client holds the lock that it asked for. */
  locked?(held: boolean): void;
  /** Another client holds the lock that this one asked for, or took it. */
  contended?(): void;
}

const NO_ROWS: ReadonlyMap<string, ReplicaRow> = new Map();

/**
 * Call start(), then wait for synced(). It does not keep the process alive while it waits to dial again.
 * Everything runs on the caller's thread; listeners are called in the order in which they were added.
 */
export class OvsdbReplica {
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #log: Logger = logger('reconnect');
  readonly #listeners = new Set<ReplicaListener>();
  #store = new ReplicaStore();
  #schema: DatabaseSchema | undefined;
  #schemaJson: Json = null;
  #session: ReplicaSession | undefined;
  #next: ReplicaStore | undefined;
  #lastId: string | undefined;
  #synced = false;
  #stopped = true;
  #lockName: string | undefined;
  #lockHeld = false;
  #backoffMs: number;
  #cancelRetry = () => {};
  #lastError = '';

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#backoffMs = options.backoffMinMs ?? 1000;
  }

  /** Begins to connect, for ever. */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    void this.#connect();
  }

  /** Ends the connection; the rows stay readable. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry();
    this.#session?.peer.close();
  }

  /** True while connected with a complete copy. */
  get isSynced(): boolean {
    return this.#synced;
  }

  /** Why the last connection or attempt failed; empty before the first failure. */
  get lastError(): string {
    return this.#lastError;
  }

  get hasLock(): boolean {
    return this.#lockHeld;
  }

  /** Undefined until the first connection. */
  get schema(): DatabaseSchema | undefined {
    return this.#schema;
  }

  /** Rows by uuid; empty for a table that is not monitored or that the server does not have. */
  table(name: string): ReadonlyMap<string, ReplicaRow> {
    return this.#store.tables().get(name)?.rows ?? NO_ROWS;
  }

  row(table: string, uuid: string | undefined): ReplicaRow | undefined {
    return uuid === undefined ? undefined : this.table(table).get(uuid);
  }

  /** Any row of a table that has at most one, as Open_vSwitch itself does. */
  only(table: string): ReplicaRow | undefined {
    return this.table(table).values().next().value;
  }

  /** Adds a listener; returns what removes it. */
  listen(listener: ReplicaListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when `condition` holds: tried now, and after each change of rows, connection or lock. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        remove();
        resolve();
      };
      const remove = this.listen({ change: check, synced: check, locked: check });
    });
  }

  /** Resolves once the copy is complete. */
  synced(): Promise<void> {
    return this.until(() => this.#synced);
  }

  /**
   * Runs one transaction of RFC 7047 operations; resolves with the result of each. When it resolves, the rows show it.
   * Throws OvsdbError with the first failed operation's error (nothing was changed), ConnectionLost (not known).
   */
  async transact(operations: readonly Json[]): Promise<readonly Json[]> {
    const session = this.#session;
    if (!session) throw new ConnectionLost('not connected to the database server');
    const reply = await session.peer.request('transact', [this.#options.database ?? 'Open_vSwitch', ...operations]);
    if (!isArray(reply)) throw new ProtocolError('ovsdb-reply', 'bad transact reply');
    for (const result of reply) {
      const error = isObject(result) ? OvsdbError.fromJson(result) : undefined;
      if (error) throw error;
    }
    return reply;
  }

  /** Asks for the lock `name` on this and every later connection; `hasLock` says whether it is held. One per replica. */
  lock(name: string): void {
    this.#lockName = name;
    if (this.#synced) this.#session?.lock(name);
  }

  unlock(): void {
    const name = this.#lockName;
    this.#lockName = undefined;
    if (name !== undefined && this.#synced) this.#session?.unlock(name);
    this.#setLock(false);
  }

  async #connect(): Promise<void> {
    const { remote } = this.#options;
    try {
      const channel = await (typeof remote === 'string' ? dial(remote) : remote());
      if (this.#stopped) channel.close();
      else this.#open(channel);
    } catch (error) {
      this.#failed(systemErrorText(error));
    }
  }

  #open(channel: Channel): void {
    const session = new ReplicaSession(
      channel,
      this.#options.database ?? 'Open_vSwitch',
      this.#options.tables ?? 'all',
      {
        schema: (schema, json, tables) => this.#takeSchema(schema, json, tables),
        initial: (updates, version, whole, lastId) => this.#takeInitial(updates, version, whole, lastId),
        updates: (updates, version, lastId) => this.#takeUpdates(updates, version, lastId),
        locked: (name) => this.#setLock(name === this.#lockName),
        stolen: (name) => name === this.#lockName && this.#contended(),
        refused: (name) => name === this.#lockName && this.#contended(),
        closed: (reason) => this.#closed(reason),
      },
      { clock: this.#clock, probeIntervalMs: this.#options.probeIntervalMs ?? 5000 },
    );
    this.#session = session;
  }

  #takeSchema(schema: DatabaseSchema, json: Json, tables: readonly MonitoredTable[]): string | undefined {
    const same = this.#schema !== undefined && jsonEqual(json, this.#schemaJson);
    this.#schema = schema;
    this.#schemaJson = json;
    this.#next = new ReplicaStore(tables);
    return same ? this.#lastId : undefined;
  }

  #takeInitial(updates: Json, version: 1 | 2, whole: boolean, lastId: string | undefined): void {
    const next = this.#next;
    this.#next = undefined;
    let changes: RowChange[];
    if (whole && next) {
      next.apply(updates, version);
      changes = next.changesSince(this.#store);
      this.#store = next;
    } else changes = this.#store.apply(updates, version);
    this.#lastId = lastId;
    this.#synced = true;
    this.#backoffMs = this.#options.backoffMinMs ?? 1000;
    if (this.#lockName !== undefined) this.#session?.lock(this.#lockName);
    this.#emit(changes);
    for (const listener of [...this.#listeners]) listener.synced?.(true);
  }

  #takeUpdates(updates: Json, version: 1 | 2, lastId: string | undefined): void {
    this.#lastId = lastId;
    this.#emit(this.#store.apply(updates, version));
  }

  #emit(changes: readonly RowChange[]): void {
    if (changes.length === 0) return;
    for (const listener of [...this.#listeners]) listener.change?.(changes);
  }

  #contended(): void {
    this.#setLock(false);
    for (const listener of [...this.#listeners]) listener.contended?.();
  }

  #setLock(held: boolean): void {
    if (held === this.#lockHeld) return;
    this.#lockHeld = held;
    for (const listener of [...this.#listeners]) listener.locked?.(held);
  }

  #closed(reason: string): void {
    this.#session = undefined;
    this.#next = undefined;
    this.#setLock(false);
    if (this.#synced) {
      this.#synced = false;
      for (const listener of [...this.#listeners]) listener.synced?.(false);
    }
    this.#failed(reason || 'connection closed by peer');
  }

  #failed(reason: string): void {
    this.#lastError = reason;
    if (this.#stopped) return;
    const name = typeof this.#options.remote === 'string' ? this.#options.remote : 'database';
    this.#log.info(`${name}: ${reason}; trying again in ${this.#backoffMs} ms`);
    this.#cancelRetry = this.#clock.after(this.#backoffMs, () => void this.#connect());
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#options.backoffMaxMs ?? 8000);
  }
}
