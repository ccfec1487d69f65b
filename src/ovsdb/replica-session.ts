// One connection of a replica: get_schema, then the newest of the three monitor methods that the server offers.
//
// Replies are taken with JsonRpcPeer.call(), not promises: an update that follows a monitor reply in the same read
// must be applied after it.
import { ProtocolError } from '../../lib/errors.ts';
import type { Channel } from '../json-rpc/channel.ts';
import { isArray, isObject, type Json, jsonEqual } from '../json-rpc/json.ts';
import { type ConnectionLost, JsonRpcError, JsonRpcPeer, type PeerOptions } from '../json-rpc/peer.ts';
import { type DatabaseSchema, schemaFromJson, type TableSchema } from './schema.ts';

/** Monitored columns by table; `all` for every column that the server has. */
export type TableSelection = Readonly<Record<string, readonly string[] | 'all'>>;

export interface SessionEvents {
  /** The schema came; returns the id of the last transaction known under it, or undefined. */
  schema(schema: DatabaseSchema, json: Json, tables: readonly MonitoredTable[]): string | undefined;
  /** The monitor's reply: all rows (`whole`), or what happened since the last known transaction. */
  initial(updates: Json, version: 1 | 2, whole: boolean, lastId: string | undefined): void;
  updates(updates: Json, version: 1 | 2, lastId: string | undefined): void;
  locked(name: string): void;
  /** Another client has it. */
  refused(name: string): void;
  stolen(name: string): void;
  closed(reason: string): void;
}

export type MonitoredTable = readonly [TableSchema, readonly string[]];

const METHODS = ['monitor_cond_since', 'monitor_cond', 'monitor'] as const;
const NO_TRANSACTION = '00000000-0000-0000-0000-000000000000';

function text(json: Json | undefined): string {
  if (typeof json !== 'string') throw new ProtocolError('ovsdb-reply', 'a transaction id is not a string');
  return json;
}

export class ReplicaSession {
  readonly peer: JsonRpcPeer;
  readonly #database: string;
  readonly #selection: TableSelection | 'all';
  readonly #events: SessionEvents;
  readonly #monitorId: Json;

  constructor(
    channel: Channel,
    database: string,
    selection: TableSelection | 'all',
    events: SessionEvents,
    options: PeerOptions,
  ) {
    this.#database = database;
    this.#selection = selection;
    this.#events = events;
    this.#monitorId = ['replica', database];
    this.peer = new JsonRpcPeer(
      channel,
      {
        notification: (method, params) => this.#guard(() => this.#notified(method, params)),
        closed: (reason) => events.closed(reason),
      },
      options,
    );
    this.#call('get_schema', [database], (schema) => this.#monitor(schema, 0));
  }

  /** Runs a reply's or notification's handler; what the server sent wrong ends this connection, not the process. */
  #guard(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.peer.close(`bad message from the database server: ${error.message}`);
    }
  }

  #call(
    method: string,
    params: readonly Json[],
    done: (result: Json) => void,
    refused?: (error: JsonRpcError) => void,
  ): void {
    const failed = (error: JsonRpcError | ConnectionLost) => {
      if (!(error instanceof JsonRpcError)) return;
      if (refused) refused(error);
      else this.peer.close(`${method} failed: ${error.message}`);
    };
    this.peer.call(method, params, (result) => this.#guard(() => done(result)), failed);
  }

  #monitor(schemaJson: Json, attempt: number, known?: { requests: Json; lastId: string | undefined }): void {
    const method = METHODS[attempt];
    if (!method) {
      this.peer.close('the database server offers no way to monitor');
      return;
    }
    const { requests, lastId } = known ?? this.#prepare(schemaJson);
    const since = method === 'monitor_cond_since' ? [lastId ?? NO_TRANSACTION] : [];
    this.#call(
      method,
      [this.#database, this.#monitorId, requests, ...since],
      (result) => this.#initial(method, result),
      (error) => {
        if (error.error === 'unknown method') this.#monitor(schemaJson, attempt + 1, { requests, lastId });
        else this.peer.close(`${method} failed: ${error.message}`);
      },
    );
  }

  #prepare(schemaJson: Json): { requests: Json; lastId: string | undefined } {
    const schema = schemaFromJson(schemaJson);
    const tables = this.#select(schema);
    const requests = Object.fromEntries(tables.map(([table, columns]) => [table.name, [{ columns }]]));
    return { requests, lastId: this.#events.schema(schema, schemaJson, tables) };
  }

  /** What of the selection this server has: an older schema lacks tables and columns, which is no error. */
  #select(schema: DatabaseSchema): MonitoredTable[] {
    const picked: MonitoredTable[] = [];
    for (const table of schema.tables.values()) {
      const wanted =
        this.#selection === 'all'
          ? 'all'
          : Object.hasOwn(this.#selection, table.name)
            ? this.#selection[table.name]
            : undefined;
      if (wanted === undefined) continue;
      picked.push([
        table,
        wanted === 'all' ? [...table.columns.keys()] : wanted.filter((name) => table.columns.has(name)),
      ]);
    }
    return picked;
  }

  #initial(method: (typeof METHODS)[number], result: Json): void {
    if (method !== 'monitor_cond_since') {
      this.#events.initial(result, method === 'monitor' ? 1 : 2, true, undefined);
      return;
    }
    if (!isArray(result) || result.length !== 3) throw new ProtocolError('ovsdb-reply', 'bad monitor_cond_since reply');
    const [found, lastId, updates] = result;
    this.#events.initial(updates ?? null, 2, found !== true, text(lastId));
  }

  #notified(method: string, params: readonly Json[]): void {
    if (method === 'locked') this.#events.locked(text(params[0]));
    else if (method === 'stolen') this.#events.stolen(text(params[0]));
    else if (!jsonEqual(params[0], this.#monitorId)) return;
    else if (method === 'update') this.#events.updates(params[1] ?? null, 1, undefined);
    else if (method === 'update2') this.#events.updates(params[1] ?? null, 2, undefined);
    else if (method === 'update3') this.#events.updates(params[2] ?? null, 2, text(params[1]));
  }

  /** Asks for a lock; `locked` comes as an event, now or when its holder lets go. */
  lock(name: string): void {
    this.#call('lock', [name], (result) => {
      if (!isObject(result)) return;
      if (result['locked'] === true) this.#events.locked(name);
      else this.#events.refused(name);
    });
  }

  unlock(name: string): void {
    this.#call('unlock', [name], () => {});
  }
}
