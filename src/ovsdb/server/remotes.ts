// The server's remotes: sockets that it listens on, and managers that it dials and keeps dialling.
import type { Clock } from '../../../lib/clock.ts';
import { type Logger, logger } from '../../../lib/log.ts';
import type { Channel } from '../../json-rpc/channel.ts';
import { dial, isPassive, type Listener, listen, parseRemote } from '../../json-rpc/remote.ts';
import type { Session } from './session.ts';

const log: Logger = logger('ovsdb_jsonrpc_server');
const BACKOFF_MIN_MS = 1000;

export interface RemoteOptions {
  /** Echo interval towards clients of this remote, 0 for none; by default 5000, and 0 on unix sockets. */
  readonly probeIntervalMs?: number;
  /** Longest wait between attempts to dial; 8000 by default. */
  readonly backoffMaxMs?: number;
}

export interface RemoteStatus {
  /** `VOID`, `BACKOFF`, `CONNECTING` or `ACTIVE`, as Manager.status has it. */
  readonly state: string;
  readonly connected: boolean;
  readonly sessions: number;
  /** The bound port of a ptcp remote. */
  readonly port: number;
  readonly lastError: string;
}

export interface RemoteHost {
  readonly clock: Clock;
  /** Makes a session of a connection; undefined when the server takes no more. */
  accept(channel: Channel, probeIntervalMs: number): Session | undefined;
}

export abstract class ServedRemote {
  readonly target: string;
  readonly sessions = new Set<Session>();
  /** Told when a session came or went. */
  changed: () => void = () => {};
  protected lastError = '';
  readonly #host: RemoteHost;
  readonly #probeIntervalMs: number;

  constructor(target: string, host: RemoteHost, options: RemoteOptions) {
    this.target = target;
    this.#host = host;
    this.#probeIntervalMs = options.probeIntervalMs ?? (target.includes('unix:') ? 0 : 5000);
  }

  abstract status(): RemoteStatus;

  /** Stops listening or dialling, and ends the remote's sessions. */
  async close(): Promise<void> {
    for (const session of [...this.sessions]) session.peer.close('the remote was removed');
  }

  /** A session of this remote ended. */
  ended(session: Session, reason: string): void {
    if (!this.sessions.delete(session)) return;
    this.lastError = reason;
    this.changed();
  }

  protected serve(channel: Channel): boolean {
    const session = this.#host.accept(channel, this.#probeIntervalMs);
    if (!session) return false;
    this.sessions.add(session);
    this.changed();
    return true;
  }
}

class PassiveRemote extends ServedRemote {
  #listener: Listener | undefined;

  async start(): Promise<void> {
    this.#listener = await listen(this.target, (channel) => this.serve(channel));
  }

  status(): RemoteStatus {
    const sessions = this.sessions.size;
    const state = sessions > 0 ? 'ACTIVE' : 'LISTENING';
    return { state, connected: sessions > 0, sessions, port: this.#listener?.port ?? 0, lastError: this.lastError };
  }

  override async close(): Promise<void> {
    await this.#listener?.close();
    await super.close();
  }
}

class ActiveRemote extends ServedRemote {
  readonly #clock: Clock;
  readonly #backoffMaxMs: number;
  #backoffMs = BACKOFF_MIN_MS;
  #state: 'CONNECTING' | 'BACKOFF' | 'ACTIVE' | 'VOID' = 'VOID';
  #cancelRetry = () => {};
  #closed = false;

  constructor(target: string, host: RemoteHost, options: RemoteOptions) {
    super(target, host, options);
    this.#clock = host.clock;
    this.#backoffMaxMs = options.backoffMaxMs ?? 8000;
  }

  start(): void {
    this.#setState('CONNECTING');
    dial(this.target).then(
      (channel) => this.#connected(channel),
      (error: Error) => this.#retry(error.message),
    );
  }

  #connected(channel: Channel): void {
    if (this.#closed || !this.serve(channel)) {
      channel.close();
      if (!this.#closed) this.#retry('too many sessions');
      return;
    }
    this.#backoffMs = BACKOFF_MIN_MS;
    this.#setState('ACTIVE');
  }

  override ended(session: Session, reason: string): void {
    super.ended(session, reason);
    this.#retry(reason || 'connection closed by peer');
  }

  #retry(reason: string): void {
    if (this.#closed) return;
    this.lastError = reason;
    log.info(`${this.target}: ${reason}; trying again in ${this.#backoffMs} ms`);
    this.#cancelRetry = this.#clock.after(this.#backoffMs, () => this.start());
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#backoffMaxMs);
    this.#setState('BACKOFF');
  }

  #setState(state: 'CONNECTING' | 'BACKOFF' | 'ACTIVE'): void {
    this.#state = state;
    this.changed();
  }

  status(): RemoteStatus {
    const sessions = this.sessions.size;
    return { state: this.#state, connected: sessions > 0, sessions, port: 0, lastError: this.lastError };
  }

  override async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await super.close();
  }
}

/** Opens a remote; rejects with UserError when the target makes no sense or cannot be listened on. */
export async function openRemote(target: string, host: RemoteHost, options: RemoteOptions = {}): Promise<ServedRemote> {
  if (isPassive(parseRemote(target))) {
    const remote = new PassiveRemote(target, host, options);
    await remote.start();
    return remote;
  }
  const remote = new ActiveRemote(target, host, options);
  remote.start();
  return remote;
}
