// A passive target: listens, and keeps one OfConn for each client that came.

import type { Server, Socket } from 'node:net';
import { logger } from '../../lib/log.ts';
import type { OfConn } from './ofconn.ts';
import { closeServer, listen, streamErrorText } from './stream.ts';
import type { ControllerTarget } from './target.ts';

const log = logger('connmgr');

/** Clients of one listener at a time: enough for any use, and a bound on what strangers can make us hold. */
const CLIENTS_MAX = 256;

let unixClients = 0;

export class Listener {
  readonly conns = new Set<OfConn>();
  readonly #bridge: string;
  readonly #target: ControllerTarget;
  /** Makes the connection of a client; its end calls `ended`. */
  readonly #makeConn: (name: string, ended: () => void) => OfConn;
  #server: Server | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;
  #error: string | undefined;

  constructor(bridge: string, target: ControllerTarget, makeConn: (name: string, ended: () => void) => OfConn) {
    this.#bridge = bridge;
    this.#target = target;
    this.#makeConn = makeConn;
  }

  /** Why it does not listen. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Starts listening; rejects when it cannot. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const conn of [...this.conns]) conn.close();
    await this.#opening?.catch(() => {});
    if (this.#server) await closeServer(this.#server);
    this.#server = undefined;
  }

  async #open(): Promise<void> {
    try {
      const server = await listen(this.#target, (socket) => this.#accepted(socket));
      this.#server = server;
    } catch (error) {
      this.#error = streamErrorText(error as Error);
      throw error;
    }
  }

  #accepted(socket: Socket): void {
    if (this.#closed || this.conns.size >= CLIENTS_MAX) {
      if (!this.#closed) log.warn(`${this.#bridge}: ${CLIENTS_MAX} clients are connected, refusing one more`);
      socket.destroy();
      return;
    }
    const conn = this.#makeConn(this.#clientName(socket), () => this.conns.delete(conn));
    this.conns.add(conn);
    conn.adopt(socket);
  }

  #clientName(socket: Socket): string {
    if (this.#target.kind === 'punix') return `${this.#bridge}<->unix#${unixClients++}`;
    const host = socket.remoteFamily === 'IPv6' ? `[${socket.remoteAddress}]` : socket.remoteAddress;
    return `${this.#bridge}<->tcp:${host}:${socket.remotePort}`;
  }
}
