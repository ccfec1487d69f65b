// The typed API's sockets: <rundir>/weft.sock, and TCP where other_config:api-listen says so. Listening costs nothing;
// what speaks gRPC (connection.ts) is loaded when the first client comes.

import { chmodSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { logger } from '../../lib/log.ts';
import { rateLimited } from '../../lib/log-rate-limit.ts';
import { closeServer, listen, streamErrorText } from '../../ofproto/connmgr/stream.ts';
import type { Connections } from './connection.ts';
import type { ApiSwitch } from './context.ts';
import { isLoopback, type ListenAddress, parseListenAddress } from './listen-address.ts';

const log = logger('api');
const clientLog = rateLimited(log);

/** Enough for any use, and a bound on what strangers can make us hold. */
const CLIENTS_MAX = 64;
/** Whoever may connect may reprogram the switch. */
const SOCKET_MODE = 0o600;

export class ApiServer {
  readonly #switch: ApiSwitch;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();
  #unix: Server | undefined;
  #tcp: Server | undefined;
  #tcpWanted = '';
  /** Changes of the TCP listener, one after the other. */
  #tcpChange: Promise<void> = Promise.resolve();
  #connections: Promise<Connections> | undefined;
  #closed = false;

  constructor(apiSwitch: ApiSwitch, rundir: string) {
    this.#switch = apiSwitch;
    this.#path = join(rundir, 'weft.sock');
  }

  /** Opens the Unix socket; the switch runs without it when that fails, and the log says why. */
  async open(): Promise<void> {
    try {
      this.#unix = await listen({ kind: 'punix', path: this.#path }, (socket) => void this.#accept(socket));
      chmodSync(this.#path, SOCKET_MODE);
    } catch (error) {
      log.err(`${this.#path}: the API does not listen (${streamErrorText(error as Error)})`);
    }
  }

  /** other_config:api-listen; undefined for none. */
  configure(listenText: string | undefined): void {
    const wanted = listenText ?? '';
    if (wanted === this.#tcpWanted || this.#closed) return;
    this.#tcpWanted = wanted;
    this.#tcpChange = this.#tcpChange.then(() => this.#listenTcp(wanted));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#tcpWanted = '';
    await this.#tcpChange;
    for (const server of [this.#unix, this.#tcp]) if (server) await closeServer(server);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Clients that came in the old way stay. */
  async #listenTcp(wanted: string): Promise<void> {
    if (this.#tcp) await closeServer(this.#tcp);
    this.#tcp = undefined;
    if (wanted === '' || this.#closed) return;
    try {
      const address = parseListenAddress(wanted);
      this.#tcp = await listen({ kind: 'ptcp', ...address }, (socket) => void this.#accept(socket));
      sayWhere(address);
    } catch (error) {
      log.err(`other_config:api-listen: ${streamErrorText(error as Error)}; the API does not listen on TCP`);
    }
  }

  async #accept(socket: Socket): Promise<void> {
    if (this.#closed || this.#sockets.size >= CLIENTS_MAX) {
      if (!this.#closed) clientLog.warn(`${CLIENTS_MAX} clients are connected, refusing one more`);
      socket.destroy();
      return;
    }
    // OpenFlow's listener leaves sockets half-open; a gRPC client that ends its side is gone.
    socket.allowHalfOpen = false;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // HTTP/2 has its own listener for errors; until then a client that goes is only gone.
    socket.on('error', () => {});
    this.#connections ??= import('./connection.ts').then((module) => new module.Connections(this.#switch));
    const connections = await this.#connections;
    if (!socket.destroyed) connections.serve(socket);
  }
}

function sayWhere(address: ListenAddress): void {
  const where = `${address.host}:${address.port}`;
  if (isLoopback(address)) log.info(`API listens on ${where}`);
  else log.warn(`API listens on ${where} without authentication: whoever reaches it controls the switch`);
}
