// `<bridge>.snoop`: whoever connects gets a copy of every message between the bridge and its primary controllers
// (ovs-ofctl's `snoop`). What a snooper says is ignored.

import type { Server, Socket } from 'node:net';
import type { WireVersion } from './hello.ts';
import { closeServer, listen } from './stream.ts';
import { Vconn } from './vconn.ts';

const SNOOPERS_MAX = 16;

export class SnoopListener {
  readonly #path: string;
  readonly #name: string;
  readonly #versions: () => readonly WireVersion[];
  readonly #snoopers = new Set<Vconn>();
  #server: Server | undefined;

  constructor(path: string, name: string, versions: () => readonly WireVersion[]) {
    this.#path = path;
    this.#name = name;
    this.#versions = versions;
  }

  async open(): Promise<void> {
    this.#server = await listen({ kind: 'punix', path: this.#path }, (socket) => this.#accepted(socket));
  }

  /** Sends `message` on; a snooper that does not keep up misses it. */
  copy(message: Uint8Array): void {
    for (const snooper of this.#snoopers) {
      if (snooper.version !== undefined && !snooper.congested) snooper.send(message);
    }
  }

  async close(): Promise<void> {
    for (const snooper of this.#snoopers) snooper.abandon();
    this.#snoopers.clear();
    if (this.#server) await closeServer(this.#server);
    this.#server = undefined;
  }

  #accepted(socket: Socket): void {
    if (this.#snoopers.size >= SNOOPERS_MAX) {
      socket.destroy();
      return;
    }
    const vconn: Vconn = new Vconn(socket, `${this.#name}<->snoop`, this.#versions(), {
      opened: () => {},
      activity: () => {},
      readable: () => {
        while (vconn.recv()) {}
      },
      drained: () => {},
      closed: () => this.#snoopers.delete(vconn),
    });
    this.#snoopers.add(vconn);
  }
}
