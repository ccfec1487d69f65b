// The embedded OVSDB server: databases, sessions, locks and remotes put together.
//
// Design. One thread, one writer: a request is run to its end before the next one is looked at. A commit is checked,
// appended to the log, applied, announced to monitors, and its reply is sent once the log is on disk; updates precede
// the reply on the wire. Transactions that wait are run again after every commit that changed something.
//
// References: RFC 7047; ovsdb(7), ovsdb-server(1), (5) and (7) of Open vSwitch.
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import { type Logger, logger } from '../../../lib/log.ts';
import { type Channel, localPair } from '../../json-rpc/channel.ts';
import { openStorage } from '../log/storage.ts';
import type { DatabaseSchema } from '../schema.ts';
import { OPEN_VSWITCH_SCHEMA } from '../vswitch-schema.ts';
import { Locks } from './locks.ts';
import { ManagerRemotes } from './manager-remotes.ts';
import { openRemote, type RemoteHost, type RemoteOptions, type RemoteStatus, type ServedRemote } from './remotes.ts';
import { selfDatabase } from './self-database.ts';
import { ServedDatabase } from './served-database.ts';
import { Session, type SessionHost } from './session.ts';

const log: Logger = logger('ovsdb_server');

export interface OvsdbServerOptions {
  /** The database file (`conf.db`); made when it is not there. */
  readonly file: string;
  /** Remotes to serve from the start, as `punix:/var/run/openvswitch/db.sock`. */
  readonly listen?: readonly string[];
  /** Also serve the remotes that Open_vSwitch.manager_options names, and write Manager.is_connected and status. */
  readonly managerOptions?: boolean;
  readonly schema?: DatabaseSchema;
  readonly clock?: Clock;
  /** Connections at one time; default 330, as ovsdb-server. */
  readonly sessionsMax?: number;
}

export interface OvsdbServer {
  /** A new connection inside this process: `new OvsdbReplica({ remote: server.connect })`. */
  readonly connect: () => Promise<Channel>;
  /** The remotes served now, by target. */
  readonly remotes: ReadonlyMap<string, RemoteStatus>;
  /**
   * Serves exactly these remotes besides those of `listen` and of manager_options. One that cannot be opened is logged
   * and left out.
   */
  setRemotes(targets: readonly string[]): Promise<void>;
  /** Rewrites the database file without history. */
  compact(): Promise<void>;
  /** Ends every session, makes the log durable and unlocks the file. */
  close(): Promise<void>;
}

/** Opens the database and its sockets. Throws UserError: a file that is in use or no database, a socket that is taken. */
export async function startOvsdbServer(options: OvsdbServerOptions): Promise<OvsdbServer> {
  const server = new Server(options);
  try {
    await server.openAll(options.listen ?? []);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

class Server implements OvsdbServer, SessionHost, RemoteHost {
  readonly clock: Clock;
  readonly databases: ReadonlyMap<string, ServedDatabase>;
  readonly locks = new Locks();
  readonly serverId = randomUUID();
  readonly #main: ServedDatabase;
  readonly #sessions = new Set<Session>();
  /** Remotes of `listen`, which stay, and of setRemotes(). */
  readonly #fixed = new Map<string, ServedRemote>();
  readonly #extra = new Map<string, ServedRemote>();
  readonly #managers: ManagerRemotes | undefined;
  readonly #sessionsMax: number;
  #retrying = false;

  constructor(options: OvsdbServerOptions) {
    this.clock = options.clock ?? systemClock;
    this.#sessionsMax = options.sessionsMax ?? 330;
    const schema = options.schema ?? OPEN_VSWITCH_SCHEMA;
    const storage = openStorage(options.file, schema);
    this.#main = new ServedDatabase(storage.database, storage, Date.now);
    const self = selfDatabase([schema], Date.now);
    this.databases = new Map([this.#main, self].map((database) => [database.name, database]));
    this.#managers = options.managerOptions ? new ManagerRemotes(this.#main, this) : undefined;
    this.#main.onCommit = (deltas, id) => {
      for (const session of this.#sessions) session.committed(this.#main, deltas, id);
      this.#retrySoon();
      this.#managers?.committed(deltas);
    };
  }

  get remotes(): ReadonlyMap<string, RemoteStatus> {
    return new Map([...this.#fixed, ...this.#extra].map(([target, remote]) => [target, remote.status()]));
  }

  readonly connect = async (): Promise<Channel> => {
    const [client, server] = localPair(['embedded database', 'internal']);
    this.#sessions.add(new Session(server, this, 0));
    return client;
  };

  /** Opens remotes that must work. */
  async openAll(targets: readonly string[]): Promise<void> {
    for (const target of targets) this.#fixed.set(target, await openRemote(target, this));
    this.#managers?.start();
  }

  async setRemotes(targets: readonly string[]): Promise<void> {
    for (const [target, remote] of [...this.#extra]) {
      if (targets.includes(target)) continue;
      this.#extra.delete(target);
      await remote.close();
    }
    for (const target of new Set(targets)) {
      if (this.#fixed.has(target) || this.#extra.has(target)) continue;
      const remote = await this.openOptional(target, {});
      if (remote) this.#extra.set(target, remote);
    }
  }

  /** Opens a remote that someone configured: what is wrong with it is logged, and costs only itself. */
  async openOptional(target: string, options: RemoteOptions): Promise<ServedRemote | undefined> {
    try {
      return await openRemote(target, this, options);
    } catch (error) {
      log.err(`cannot serve remote: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  accept(channel: Channel, probeIntervalMs: number): Session | undefined {
    if (this.#sessions.size >= this.#sessionsMax) {
      log.warn(`${channel.name}: connection refused: there are ${this.#sessions.size} sessions already`);
      channel.close();
      return undefined;
    }
    const session = new Session(channel, this, probeIntervalMs);
    this.#sessions.add(session);
    return session;
  }

  closed(session: Session, reason: string): void {
    this.#sessions.delete(session);
    if (reason !== '') log.info(`${session.peer.channel.name}: ${reason}`);
    for (const remote of this.#allRemotes()) remote.ended(session, reason);
  }

  #allRemotes(): ServedRemote[] {
    return [...this.#fixed.values(), ...this.#extra.values(), ...(this.#managers?.remotes() ?? [])];
  }

  #retrySoon(): void {
    if (this.#retrying) return;
    this.#retrying = true;
    setImmediate(() => {
      this.#retrying = false;
      for (const session of [...this.#sessions]) if (session.hasWaiting) session.retry();
    });
  }

  compact(): Promise<void> {
    return this.#main.compact();
  }

  async close(): Promise<void> {
    await this.#managers?.close();
    for (const remote of this.#allRemotes()) await remote.close();
    this.#fixed.clear();
    this.#extra.clear();
    for (const session of [...this.#sessions]) session.peer.close();
    await this.#main.close();
  }
}
