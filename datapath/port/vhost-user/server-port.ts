// `dpdkvhostuser`: the switch listens on <rundir>/<interface name> and the front-end connects. One guest at a time.

import { lstatSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { SyscallError, UserError } from '../../../lib/errors.ts';
import type { IoWatch } from '../../../lib/io-poller.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import { WOULD_BLOCK } from '../../../lib/syscalls/libc.ts';
import { accept } from '../../../lib/syscalls/socket.ts';
import { unixConnect, unixListen } from '../../../lib/syscalls/unix-socket.ts';
import type { PortSpec } from '../../dpif.ts';
import type { PortContext } from '../port.ts';
import type { VhostServices } from './services.ts';
import { log, VhostPort } from './vhost-port.ts';

/** Connections taken before the event loop gets its turn. */
const ACCEPTS_PER_SLICE = 16;

export class VhostServerPort extends VhostPort {
  protected readonly mode = 'server';
  protected readonly socketPath: string;
  #listener: number | undefined;
  #watch: IoWatch | undefined;
  /** Inode of our socket file: another one at the same path is not ours to remove. */
  #inode = 0n;
  /** A connection was taken, and its session starts as soon as the one before has given everything back. */
  #attaching = false;

  constructor(spec: PortSpec, context: PortContext, services: VhostServices) {
    super(spec, context, services);
    this.socketPath = join(context.rundir, spec.name);
  }

  open(): Promise<void> {
    try {
      this.#listener = listenAt(this.socketPath);
      this.#inode = lstatSync(this.socketPath, { bigint: true }).ino;
      this.#watch = this.context.io.watch(this.#listener, () => this.#acceptAll());
      log.info(`Socket ${this.socketPath} created for vhost-user port ${this.name}`);
    } catch (error) {
      if (!(error instanceof UserError || error instanceof SyscallError)) throw error;
      this.setupError = error.message;
      log.err(`vhost-user port ${this.name}: ${error.message}`);
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#watch?.close();
    if (this.#listener !== undefined) {
      close(this.#listener);
      this.#removeSocketFile();
    }
    this.#watch = this.#listener = undefined;
    await this.detach();
  }

  reconfigure(spec: PortSpec): Promise<boolean> {
    this.mtu = spec.mtu ?? this.mtu;
    return Promise.resolve(true);
  }

  protected sessionEnded(): void {}

  #acceptAll(): void {
    for (let count = 0; count < ACCEPTS_PER_SLICE && this.#listener !== undefined; count++) {
      const socket = accept(this.#listener);
      if (socket === WOULD_BLOCK) return;
      this.#take(socket);
    }
  }

  #take(socket: number): void {
    if (this.connected || this.#attaching) {
      close(socket);
      this.warn(`vhost-user port ${this.name}: a second guest on ${this.socketPath} was refused`);
      return;
    }
    this.#attaching = true;
    void this.attach(socket, () => this.#listener !== undefined).finally(() => {
      this.#attaching = false;
    });
  }

  #removeSocketFile(): void {
    const stats = lstatSync(this.socketPath, { bigint: true, throwIfNoEntry: false });
    if (stats?.ino === this.#inode) unlinkSync(this.socketPath);
  }
}

/**
 * Listens at `path`, in place of the socket of a process that is gone. Throws UserError when something else is there:
 * a live socket, or a file that is none.
 */
function listenAt(path: string): number {
  try {
    return unixListen(path);
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === 'EADDRINUSE')) throw error;
  }
  if (!lstatSync(path).isSocket()) throw new UserError(`${path} is in the way: it is not a socket`);
  if (isLive(path)) throw new UserError(`${path} is in use by another process that listens on it`);
  unlinkSync(path);
  return unixListen(path);
}

/** Whether anyone would accept a connection at `path`. */
function isLive(path: string): boolean {
  try {
    close(unixConnect(path));
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return error.code !== 'ECONNREFUSED';
    throw error;
  }
}
