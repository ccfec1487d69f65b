// A connection that is kept alive: it dials again with exponential backoff, and asks a silent peer whether it is there.
//
//   VOID -> BACKOFF -> CONNECTING -> ACTIVE <-> IDLE
//              ^___________|___________|________|
//
// CONNECTING includes the hello exchange. ACTIVE turns IDLE when nothing was received for the probe interval (an echo
// request goes out), and IDLE gives up after one more interval. A connection that was accepted rather than dialled runs
// through the same states from CONNECTING and ends in VOID. All times come from the clock that is handed in.

import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { logger } from '../../lib/log.ts';
import type { ConnectionState } from './controller.ts';
import type { WireVersion } from './hello.ts';
import { END_OF_FILE, Vconn } from './vconn.ts';

const log = logger('rconn');

const BACKOFF_MIN_MS = 1000;
const ACCEPT_HELLO_MS = 10_000;
const OFPT_ECHO_REQUEST = 2;

/** What may change while it is connected. */
export interface RconnTimes {
  /** 0: never probes. */
  readonly probeIntervalMs: number;
  readonly maxBackoffMs: number;
}

export interface RconnOptions extends RconnTimes {
  /** Shown in logs: `br0<->tcp:127.0.0.1:6653`. */
  readonly name: string;
  readonly clock: Clock;
  readonly versions: () => readonly WireVersion[];
  /** How to dial; undefined for an accepted connection. */
  readonly dial: (() => Socket) | undefined;
}

export interface RconnHandler {
  connected(version: WireVersion): void;
  readable(): void;
  drained(): void;
  /** A connection that had been up, or an attempt, ended. */
  disconnected(): void;
  /** state, lastError or a time changed. */
  changed(): void;
}

export class Rconn {
  readonly name: string;
  readonly #options: RconnOptions;
  readonly #handler: RconnHandler;
  #times: RconnTimes;
  #state: ConnectionState = 'VOID';
  /** When the state was entered. */
  #enteredMs = 0;
  #vconn: Vconn | undefined;
  #backoffMs = 0;
  #lastActivityMs = 0;
  #cancelTimer: () => void = () => {};
  #lastError: string | undefined;
  #lastConnectedMs: number | undefined;
  #lastDisconnectedMs: number | undefined;

  constructor(options: RconnOptions, handler: RconnHandler) {
    this.name = options.name;
    this.#options = options;
    this.#times = options;
    this.#handler = handler;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isConnected(): boolean {
    return this.#state === 'ACTIVE' || this.#state === 'IDLE';
  }

  /** OpenFlow version in use, undefined unless connected. */
  get version(): WireVersion | undefined {
    return this.isConnected ? this.#vconn?.version : undefined;
  }

  get congested(): boolean {
    return this.#vconn?.congested ?? false;
  }

  /** Bytes sent that the peer has not taken yet. */
  get queuedBytes(): number {
    return this.#vconn?.queuedBytes ?? 0;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Milliseconds since the last connection came up; undefined when none ever did. */
  get sinceConnectMs(): number | undefined {
    return this.#since(this.#lastConnectedMs);
  }

  /** Milliseconds since the last connection ended; undefined when there was none. */
  get sinceDisconnectMs(): number | undefined {
    return this.#since(this.#lastDisconnectedMs);
  }

  get probeIntervalMs(): number {
    return this.#times.probeIntervalMs;
  }

  /** Goes by other times from now on; the connection stays. */
  retime(times: RconnTimes): void {
    this.#times = times;
    const { probeIntervalMs, maxBackoffMs } = times;
    const stateMs = this.#since(this.#enteredMs) ?? 0;
    if (this.#state === 'BACKOFF' && this.#backoffMs > maxBackoffMs) {
      const leftMs = Math.min(this.#backoffMs - stateMs, maxBackoffMs);
      this.#backoffMs = Math.max(BACKOFF_MIN_MS, maxBackoffMs);
      this.#arm(Math.max(1, leftMs));
    } else if (this.isConnected) {
      const quietMs = this.#state === 'IDLE' ? stateMs : (this.#since(this.#lastActivityMs) ?? 0);
      this.#arm(probeIntervalMs > 0 ? Math.max(1, probeIntervalMs - quietMs) : 0);
    }
  }

  /** Starts dialling (at once). */
  start(): void {
    this.#connect();
  }

  /** Takes a connection that came to us. */
  adopt(socket: Socket): void {
    this.#enter('CONNECTING', ACCEPT_HELLO_MS);
    this.#open(socket);
  }

  recv(): Uint8Array | undefined {
    return this.#vconn?.recv();
  }

  send(message: Uint8Array): void {
    if (this.isConnected) this.#vconn?.send(message);
  }

  /** Ends the current connection as a failure: `reason` becomes lastError. */
  drop(reason: string): void {
    if (this.#vconn) this.#disconnected(reason);
  }

  /** Drops the connection and, if it dials, does so again at once. */
  reconnect(): void {
    if (this.#state === 'VOID') return;
    this.#dropVconn();
    this.#backoffMs = 0;
    if (this.#options.dial) this.#connect();
    else this.#enter('VOID');
  }

  /** Ends for good, after what was sent is out; reports nothing more. */
  close(): void {
    this.#vconn?.abandon();
    this.#vconn = undefined;
    this.#cancelTimer();
    this.#state = 'VOID';
  }

  #connect(): void {
    if (this.#options.dial === undefined) return;
    log.info(`${this.name}: connecting...`);
    this.#enter('CONNECTING', Math.max(BACKOFF_MIN_MS, this.#backoffMs));
    this.#open(this.#options.dial());
  }

  #open(socket: Socket): void {
    const { clock, versions } = this.#options;
    const vconn: Vconn = new Vconn(socket, this.name, versions(), {
      opened: (version) => this.#opened(version),
      activity: () => {
        this.#lastActivityMs = clock.nowMs();
        if (this.#state === 'IDLE') this.#enter('ACTIVE', this.#times.probeIntervalMs);
      },
      readable: () => this.#handler.readable(),
      drained: () => this.#handler.drained(),
      closed: (reason) => {
        if (this.#vconn === vconn) this.#disconnected(reason);
      },
    });
    this.#vconn = vconn;
  }

  #opened(version: WireVersion): void {
    this.#say('connected');
    this.#lastConnectedMs = this.#options.clock.nowMs();
    this.#lastActivityMs = this.#lastConnectedMs;
    this.#enter('ACTIVE', this.#times.probeIntervalMs);
    this.#handler.connected(version);
  }

  /** The state's time is over. */
  #timeout(): void {
    switch (this.#state) {
      case 'BACKOFF':
        this.#connect();
        break;
      case 'CONNECTING':
        this.#disconnected('Connection timed out');
        break;
      case 'ACTIVE':
      case 'IDLE':
        this.#checkActivity(this.#times.probeIntervalMs);
        break;
      default:
        break;
    }
  }

  #checkActivity(probeIntervalMs: number): void {
    // Input that we have not taken yet is the peer's activity, not its silence.
    const silentMs = this.#vconn?.hasInput ? 0 : this.#options.clock.nowMs() - this.#lastActivityMs;
    if (silentMs < probeIntervalMs) {
      this.#arm(probeIntervalMs - silentMs);
    } else if (this.#state === 'ACTIVE') {
      this.#enter('IDLE', probeIntervalMs);
      this.#vconn?.send(echoRequest(this.#vconn.version ?? 1));
    } else {
      log.err(`${this.name}: no response to inactivity probe after ${probeIntervalMs / 1000} seconds, disconnecting`);
      this.#disconnected('Connection timed out');
    }
  }

  #disconnected(reason: string): void {
    const wasConnected = this.isConnected;
    this.#report(reason, wasConnected);
    this.#lastError = reason;
    const livedMs = wasConnected ? (this.sinceConnectMs ?? 0) : 0;
    this.#dropVconn();
    if (this.#options.dial === undefined) {
      this.#enter('VOID');
      return;
    }
    const settled = wasConnected && livedMs >= this.#backoffMs;
    this.#backoffMs = settled ? BACKOFF_MIN_MS : Math.max(BACKOFF_MIN_MS, this.#backoffMs * 2);
    this.#backoffMs = Math.min(this.#backoffMs, Math.max(BACKOFF_MIN_MS, this.#times.maxBackoffMs));
    log.info(`${this.name}: waiting ${this.#backoffMs / 1000} seconds before reconnect`);
    this.#enter('BACKOFF', this.#backoffMs);
  }

  #dropVconn(): void {
    this.#vconn?.abandon();
    this.#vconn = undefined;
    if (this.isConnected) this.#lastDisconnectedMs = this.#options.clock.nowMs();
    this.#state = 'VOID';
    this.#cancelTimer();
    this.#handler.disconnected();
  }

  #report(reason: string, wasConnected: boolean): void {
    if (!wasConnected) log.warn(`${this.name}: connection failed (${reason})`);
    else if (reason === END_OF_FILE) this.#say('connection closed by peer');
    else log.warn(`${this.name}: connection dropped (${reason})`);
  }

  /** Comings and goings of passing clients (ovs-ofctl) are not worth a line each. */
  #say(text: string): void {
    if (this.#options.dial) log.info(`${this.name}: ${text}`);
    else log.dbg(`${this.name}: ${text}`);
  }

  #enter(state: ConnectionState, timeoutMs = 0): void {
    this.#state = state;
    this.#enteredMs = this.#options.clock.nowMs();
    this.#arm(timeoutMs);
    this.#handler.changed();
  }

  #arm(timeoutMs: number): void {
    this.#cancelTimer();
    if (timeoutMs > 0) this.#cancelTimer = this.#options.clock.after(timeoutMs, () => this.#timeout());
  }

  #since(thenMs: number | undefined): number | undefined {
    return thenMs === undefined ? undefined : this.#options.clock.nowMs() - thenMs;
  }
}

function echoRequest(version: WireVersion): Uint8Array {
  return Uint8Array.of(version, OFPT_ECHO_REQUEST, 0, 8, 0, 0, 0, 0);
}
