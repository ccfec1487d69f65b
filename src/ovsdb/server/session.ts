// One client of the server: its requests (RFC 7047, 4.1; ovsdb-server(7)), monitors, locks and waiting transactions.
//
// A client costs only itself: what it may have in flight is bounded, it is not read while it does not take its
// replies, and it is disconnected when it does not take its updates.
import type { Clock } from '../../../lib/clock.ts';
import { type Logger, logger } from '../../../lib/log.ts';
import type { Channel } from '../../json-rpc/channel.ts';
import { type Json, jsonEqual } from '../../json-rpc/json.ts';
import { JsonRpcPeer } from '../../json-rpc/peer.ts';
import { isId, isUuid } from '../atom.ts';
import type { RowDelta } from '../engine/table.ts';
import { OvsdbError, syntaxError } from '../errors.ts';
import { schemaToJson } from '../schema.ts';
import type { LockClient, Locks } from './locks.ts';
import { Monitor, type MonitorVersion } from './monitor.ts';
import { parseConditionChange, parseMonitorRequests } from './monitor-request.ts';
import type { ServedDatabase } from './served-database.ts';

const log: Logger = logger('ovsdb_jsonrpc_server');

/** A client that has this much to take is not read from. */
const PAUSE_BYTES = 1024 * 1024;
/** A client that has this much to take when there is an update for it is given up. */
const BACKLOG_MAX_BYTES = 32 * 1024 * 1024;
const WAITING_MAX = 256;
const MONITORS_MAX = 1000;
const LOCKS_MAX = 1000;

export interface SessionHost {
  readonly clock: Clock;
  readonly databases: ReadonlyMap<string, ServedDatabase>;
  readonly locks: Locks;
  readonly serverId: string;
  closed(session: Session, reason: string): void;
}

interface Waiting {
  readonly id: Json;
  attempt(): void;
  cancelTimer(): void;
}

type Handler = (params: readonly Json[], id: Json) => Json | undefined;

export class Session implements LockClient {
  readonly peer: JsonRpcPeer;
  readonly #host: SessionHost;
  readonly #monitors: { readonly database: ServedDatabase; readonly monitor: Monitor }[] = [];
  readonly #locks = new Set<string>();
  #waiting: Waiting[] = [];
  readonly #handlers: Readonly<Record<string, Handler>>;

  constructor(channel: Channel, host: SessionHost, probeIntervalMs: number) {
    this.#host = host;
    this.#handlers = this.#methods();
    this.peer = new JsonRpcPeer(
      channel,
      {
        request: (id, method, params) => this.#request(id, method, params),
        notification: (method, params) => method === 'cancel' && this.#cancel(params[0] ?? null),
        closed: (reason) => this.#closed(reason),
        drained: () => channel.pause(false),
      },
      { clock: host.clock, probeIntervalMs },
    );
  }

  /** Sends what this session's monitors see of a commit. */
  committed(database: ServedDatabase, deltas: readonly RowDelta[], id: string): void {
    for (const entry of this.#monitors) {
      if (entry.database !== database || !this.peer.open) continue;
      const updates = entry.monitor.updates(deltas);
      if (updates) this.#update(entry.monitor, updates, id);
    }
  }

  /** Tries waiting transactions again after the database has changed. */
  retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      each.cancelTimer();
      if (this.peer.open) each.attempt();
    }
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  lockChanged(event: 'locked' | 'stolen', name: string): void {
    this.peer.notify(event, [name]);
  }

  #methods(): Readonly<Record<string, Handler>> {
    const lock = (method: 'lock' | 'steal') => (params: readonly Json[]) => this.#lock(method, params);
    return {
      list_dbs: () => [...this.#host.databases.keys()].sort(),
      get_schema: (params) => schemaToJson(this.#database('get_schema', params).database.schema),
      get_server_id: () => this.#host.serverId,
      set_db_change_aware: () => ({}),
      transact: (params, id) => this.#transact(params, id),
      monitor: (params) => this.#monitor('monitor', 1, params),
      monitor_cond: (params) => this.#monitor('monitor_cond', 2, params),
      monitor_cond_since: (params) => this.#monitor('monitor_cond_since', 3, params),
      monitor_cond_change: (params) => this.#monitorCondChange(params),
      monitor_cancel: (params, id) => this.#monitorCancel(params, id),
      lock: lock('lock'),
      steal: lock('steal'),
      unlock: (params) => this.#unlock(params),
    };
  }

  #request(id: Json, method: string, params: readonly Json[]): void {
    const handler = Object.hasOwn(this.#handlers, method) ? this.#handlers[method] : undefined;
    try {
      if (!handler) this.peer.replyError(id, 'unknown method');
      else {
        const result = handler(params, id);
        if (result !== undefined) this.peer.reply(id, result);
      }
    } catch (error) {
      if (error instanceof OvsdbError) this.peer.replyError(id, error.toJson());
      else this.#fault(method, error);
    }
    this.#pauseIfBehind();
  }

  /** Our bug, met by this client's request: nothing was committed, so the others go on. */
  #fault(method: string, error: unknown): void {
    log.emer(`${method} failed: ${error instanceof Error ? error.stack : String(error)}`);
    this.peer.close('internal error');
  }

  #pauseIfBehind(): void {
    if (this.peer.channel.pendingBytes > PAUSE_BYTES) this.peer.channel.pause(true);
  }

  #database(method: string, params: readonly Json[]): ServedDatabase {
    const name = params[0];
    if (typeof name !== 'string') throw syntaxError(params, `${method} request params must begin with <db-name>`);
    const database = this.#host.databases.get(name);
    if (database) return database;
    throw new OvsdbError('unknown database', `${method} request specifies unknown database ${name}`, params);
  }

  #transact(params: readonly Json[], id: Json): undefined {
    const database = this.#database('transact', params);
    const operations = params.slice(1);
    const request = {
      operations,
      startMs: this.#host.clock.nowMs(),
      holdsLock: (name: string) => this.#host.locks.owns(this, name),
    };
    const attempt = () => {
      const outcome = database.transact(request, this.#host.clock.nowMs());
      if (outcome.kind === 'wait') this.#wait(id, outcome.dueMs, attempt);
      else if (!outcome.durable) this.peer.reply(id, outcome.results);
      else this.#replyWhenDurable(id, outcome.results, outcome.durable);
    };
    attempt();
  }

  #replyWhenDurable(id: Json, results: Json, durable: Promise<void>): void {
    durable.then(
      () => this.peer.reply(id, results),
      (error: Error) => {
        // The change is in memory and in the page cache; that it reached the disk cannot be promised.
        log.emer(`cannot make a transaction durable: ${error.message}`);
        this.peer.replyError(id, new OvsdbError('I/O error', error.message).toJson());
      },
    );
  }

  #wait(id: Json, dueMs: number, attempt: () => void): void {
    if (this.#waiting.length >= WAITING_MAX) {
      const details = `more than ${WAITING_MAX} transactions of one client wait`;
      this.peer.replyError(id, new OvsdbError('resources exhausted', details).toJson());
      return;
    }
    const delayMs = dueMs - this.#host.clock.nowMs();
    const waiting: Waiting = { id, attempt, cancelTimer: () => {} };
    // Longer than a timer can count is as good as for ever.
    if (delayMs < 2 ** 31) {
      const due = () => {
        this.#forget(waiting);
        attempt();
      };
      waiting.cancelTimer = this.#host.clock.after(Math.max(1, Math.ceil(delayMs)), due);
    }
    this.#waiting.push(waiting);
  }

  #forget(waiting: Waiting): void {
    this.#waiting = this.#waiting.filter((each) => each !== waiting);
  }

  /** RFC 7047, 4.1.4: the cancelled transaction is answered, the notification itself is not. */
  #cancel(id: Json): void {
    const waiting = this.#waiting.find((each) => jsonEqual(each.id, id));
    if (!waiting) return;
    waiting.cancelTimer();
    this.#forget(waiting);
    this.peer.replyError(id, 'canceled');
  }

  #monitor(method: string, version: MonitorVersion, params: readonly Json[]): Json {
    const database = this.#database(method, params);
    const [, id, requests, since] = params;
    if (params.length !== (version === 3 ? 4 : 3) || id === undefined || requests === undefined) {
      throw syntaxError(params, `${method} request params must be <db-name>, <json-value>, <monitor-requests>`);
    }
    if (version === 3 && (typeof since !== 'string' || !isUuid(since))) {
      throw syntaxError(since ?? null, 'last-txn-id must be UUID format.');
    }
    if (this.#findMonitor(id)) throw syntaxError(id, 'duplicate monitor ID');
    if (this.#monitors.length >= MONITORS_MAX) throw new OvsdbError('resources exhausted', 'too many monitors');
    const monitor = new Monitor(id, version, parseMonitorRequests(database.database, requests, version > 1));
    this.#monitors.push({ database, monitor });
    return version === 3 ? this.#since(database, monitor, String(since)) : monitor.initial();
  }

  #since(database: ServedDatabase, monitor: Monitor, id: string): Json {
    const { history } = database;
    const missed = history.since(id);
    return missed ? [true, history.lastId, monitor.updates(missed) ?? {}] : [false, history.lastId, monitor.initial()];
  }

  #findMonitor(id: Json): { database: ServedDatabase; monitor: Monitor } | undefined {
    return this.#monitors.find(({ monitor }) => jsonEqual(monitor.id, id));
  }

  #monitorCondChange(params: readonly Json[]): Json {
    const [id, newId, requests] = params;
    if (params.length !== 3 || id === undefined || newId === undefined || requests === undefined) {
      throw syntaxError(params, 'monitor_cond_change params must be <json-value>, <json-value>, <requests>');
    }
    const entry = this.#findMonitor(id);
    if (!entry) throw syntaxError(id, 'unknown monitor session');
    const other = this.#findMonitor(newId);
    if (other && other !== entry) throw syntaxError(newId, 'duplicate monitor ID');
    const { monitor, database } = entry;
    if (monitor.version === 1) throw syntaxError(id, 'a monitor without conditions cannot change them');
    const changes = parseConditionChange(monitor.tables, requests);
    monitor.id = newId;
    const updates = monitor.changeConditions(changes);
    if (updates) this.#update(monitor, updates, database.history.lastId);
    return {};
  }

  #monitorCancel(params: readonly Json[], requestId: Json): Json | undefined {
    const id = params[0];
    const at = id === undefined ? -1 : this.#monitors.findIndex(({ monitor }) => jsonEqual(monitor.id, id));
    if (at < 0) {
      // A plain string, as ovsdb-server answers.
      this.peer.replyError(requestId, 'unknown monitor');
      return undefined;
    }
    this.#monitors.splice(at, 1);
    return {};
  }

  #update(monitor: Monitor, updates: Json, id: string): void {
    if (this.peer.channel.pendingBytes > BACKLOG_MAX_BYTES) {
      const text = `${this.peer.channel.pendingBytes} bytes of replies and updates wait to be read, disconnecting`;
      log.warn(`${this.peer.channel.name}: ${text}`);
      this.peer.channel.close(text);
      return;
    }
    if (monitor.version === 1) this.peer.notify('update', [monitor.id, updates]);
    else if (monitor.version === 2) this.peer.notify('update2', [monitor.id, updates]);
    else this.peer.notify('update3', [monitor.id, id, updates]);
  }

  #lockName(method: string, params: readonly Json[]): string {
    const [name] = params;
    if (params.length === 1 && typeof name === 'string' && isId(name)) return name;
    throw syntaxError(params, `${method} request params must be <id>`);
  }

  #lock(method: 'lock' | 'steal', params: readonly Json[]): Json {
    const name = this.#lockName(method, params);
    const { locks } = this.#host;
    if (locks.involves(this, name)) throw syntaxError(params, `must issue "unlock" before new "${method}"`);
    if (this.#locks.size >= LOCKS_MAX) throw new OvsdbError('resources exhausted', 'too many locks');
    this.#locks.add(name);
    if (method === 'lock') return { locked: locks.lock(this, name) };
    locks.steal(this, name);
    return { locked: true };
  }

  #unlock(params: readonly Json[]): Json {
    const name = this.#lockName('unlock', params);
    if (!this.#locks.delete(name)) throw syntaxError(params, 'unlock: "unlock" without "lock" or "steal"');
    this.#host.locks.unlock(this, name);
    return {};
  }

  #closed(reason: string): void {
    for (const waiting of this.#waiting) waiting.cancelTimer();
    this.#waiting = [];
    this.#monitors.length = 0;
    this.#host.locks.release(this);
    this.#host.closed(this, reason);
  }
}
