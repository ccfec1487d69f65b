// JSON-RPC 1.0 over a channel, as RFC 7047 section 4 has it: requests, replies, notifications, and echo both ways.
import type { Clock } from '../../lib/clock.ts';
import { systemClock } from '../../lib/clock.ts';
import { ProtocolError } from '../../lib/errors.ts';
import type { Channel } from './channel.ts';
import { isArray, isObject, type Json, type JsonObject, own } from './json.ts';

/** The peer answered with an error; `error` is what it sent. */
export class JsonRpcError extends Error {
  override readonly name = 'JsonRpcError';
  readonly error: Json;

  constructor(error: Json) {
    super(errorText(error));
    this.error = error;
  }
}

/** The connection ended before the reply came. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

function errorText(error: Json): string {
  if (!isObject(error)) return typeof error === 'string' ? error : JSON.stringify(error);
  const details = own(error, 'details');
  return `${String(own(error, 'error'))}${typeof details === 'string' ? `: ${details}` : ''}`;
}

export interface PeerEvents {
  /** A request other than echo; answer with reply() or replyError(). */
  request?(id: Json, method: string, params: readonly Json[]): void;
  notification?(method: string, params: readonly Json[]): void;
  closed?(reason: string): void;
  /** The peer has taken everything that was sent. */
  drained?(): void;
}

export interface PeerOptions {
  readonly clock?: Clock;
  /** Idle time after which an echo is sent, and again before the peer is given up; 0 never probes. */
  readonly probeIntervalMs?: number;
}

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: Json; readonly method: string; readonly params: readonly Json[] }
  | { readonly kind: 'notification'; readonly method: string; readonly params: readonly Json[] }
  | { readonly kind: 'reply'; readonly id: Json; readonly result: Json; readonly error: Json };

const MEMBERS = new Set(['method', 'params', 'result', 'error', 'id']);

function bad(text: string): never {
  throw new ProtocolError('json-rpc', text);
}

/** Sorts a message into its kind; throws ProtocolError `json-rpc` when it is none. */
export function classify(message: JsonObject): RpcMessage {
  for (const key of Object.keys(message)) if (!MEMBERS.has(key)) bad(`message has unexpected member '${key}'`);
  const method = own(message, 'method') ?? null;
  const id = own(message, 'id') ?? null;
  if (method === null) {
    if (id === null) bad('reply must have "id"');
    return { kind: 'reply', id, result: own(message, 'result') ?? null, error: own(message, 'error') ?? null };
  }
  const params = own(message, 'params');
  if (typeof method !== 'string') bad('"method" must be a string');
  if (!isArray(params)) bad('"params" must be an array');
  if ((own(message, 'result') ?? null) !== null || (own(message, 'error') ?? null) !== null) {
    bad('request must not have "result" or "error"');
  }
  return id === null ? { kind: 'notification', method, params } : { kind: 'request', id, method, params };
}

interface Waiter {
  resolve(result: Json): void;
  reject(error: JsonRpcError | ConnectionLost): void;
}

export class JsonRpcPeer {
  readonly channel: Channel;
  readonly #events: PeerEvents;
  readonly #clock: Clock;
  readonly #probeIntervalMs: number;
  readonly #waiting = new Map<number, Waiter>();
  #nextId = 1;
  #heardMs: number;
  #probing = false;
  #cancelProbe = () => {};

  constructor(channel: Channel, events: PeerEvents, options: PeerOptions = {}) {
    this.channel = channel;
    this.#events = events;
    this.#clock = options.clock ?? systemClock;
    this.#probeIntervalMs = options.probeIntervalMs ?? 0;
    this.#heardMs = this.#clock.nowMs();
    channel.listen({
      message: (message) => this.#receive(message),
      closed: (reason) => this.#closed(reason),
      drained: () => events.drained?.(),
    });
    this.#armProbe();
  }

  get open(): boolean {
    return this.channel.open;
  }

  /** Sends a request; rejects with JsonRpcError when the peer refuses, ConnectionLost when it goes away. */
  request(method: string, params: readonly Json[]): Promise<Json> {
    return new Promise((resolve, reject) => this.call(method, params, resolve, reject));
  }

  /**
   * Like request(), but `resolve` runs before the next message is looked at: for replies whose order among
   * notifications matters, which a promise loses.
   */
  call(
    method: string,
    params: readonly Json[],
    resolve: (result: Json) => void,
    reject: (error: JsonRpcError | ConnectionLost) => void,
  ): void {
    if (!this.open) {
      reject(new ConnectionLost('not connected'));
      return;
    }
    const id = this.#nextId++;
    this.#waiting.set(id, { resolve, reject });
    this.channel.send({ method, params, id });
  }

  notify(method: string, params: readonly Json[], text?: string): void {
    this.channel.send({ method, params, id: null }, text);
  }

  reply(id: Json, result: Json): void {
    this.channel.send({ id, result, error: null });
  }

  replyError(id: Json, error: Json): void {
    this.channel.send({ id, error });
  }

  close(reason = ''): void {
    this.channel.close(reason);
  }

  #receive(message: JsonObject): void {
    this.#heardMs = this.#clock.nowMs();
    this.#probing = false;
    try {
      this.#dispatch(classify(message));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(`received bad JSON-RPC message: ${error.message}`);
    }
  }

  #dispatch(message: RpcMessage): void {
    if (message.kind === 'reply') this.#settle(message.id, message.result, message.error);
    else if (message.kind === 'notification') this.#events.notification?.(message.method, message.params);
    else if (message.method === 'echo') this.reply(message.id, message.params);
    else if (this.#events.request) this.#events.request(message.id, message.method, message.params);
    else this.replyError(message.id, 'unknown method');
  }

  #settle(id: Json, result: Json, error: Json): void {
    const waiter = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    // Replies to echo probes, and to requests that nobody waits for any more, end here.
    if (!waiter) return;
    this.#waiting.delete(id as number);
    if (error === null) waiter.resolve(result);
    else waiter.reject(new JsonRpcError(error));
  }

  #closed(reason: string): void {
    this.#cancelProbe();
    const lost = new ConnectionLost(reason || 'connection closed');
    for (const waiter of this.#waiting.values()) waiter.reject(lost);
    this.#waiting.clear();
    this.#events.closed?.(reason);
  }

  #armProbe(): void {
    if (this.#probeIntervalMs <= 0) return;
    const dueMs = this.#heardMs + this.#probeIntervalMs * (this.#probing ? 2 : 1);
    this.#cancelProbe = this.#clock.after(Math.max(1, dueMs - this.#clock.nowMs()), () => this.#probe());
  }

  #probe(): void {
    if (!this.open) return;
    const idleMs = this.#clock.nowMs() - this.#heardMs;
    if (this.#probing && idleMs >= 2 * this.#probeIntervalMs) {
      this.close(`no response to inactivity probe after ${this.#probeIntervalMs / 1000} seconds, disconnecting`);
      return;
    }
    if (!this.#probing && idleMs >= this.#probeIntervalMs) {
      this.#probing = true;
      this.channel.send({ method: 'echo', params: [], id: 'echo' });
    }
    this.#armProbe();
  }
}
