// `dpdkvhostuserclient`: the front-end listens (QEMU with `server=on`) and the switch dials options:vhost-server-path,
// for ever: the guest may come later, and come back.

import { SyscallError } from '../../../lib/errors.ts';
import { unixConnect } from '../../../lib/syscalls/unix-socket.ts';
import type { PortSpec } from '../../dpif.ts';
import type { PortContext } from '../port.ts';
import type { VhostServices } from './services.ts';
import { log, VhostPort } from './vhost-port.ts';

const REDIAL_INTERVAL_MS = 1000;

export class VhostClientPort extends VhostPort {
  protected readonly mode = 'client';
  protected socketPath: string | undefined;
  #open = false;
  #cancelRedial: (() => void) | undefined;
  /** What the last attempt came to, so that a change is logged and a repetition is not. */
  #lastFailure: string | undefined;

  constructor(spec: PortSpec, context: PortContext, services: VhostServices) {
    super(spec, context, services);
    this.socketPath = spec.options['vhost-server-path'];
  }

  open(): Promise<void> {
    this.#open = true;
    this.#start();
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#cancel();
    await this.detach();
  }

  /** A new path is dialled in place. */
  async reconfigure(spec: PortSpec): Promise<boolean> {
    this.mtu = spec.mtu ?? this.mtu;
    const path = spec.options['vhost-server-path'];
    if (path === this.socketPath) return true;
    this.#cancel();
    await this.detach();
    this.socketPath = path;
    this.#lastFailure = undefined;
    if (this.#open) this.#start();
    this.context.changed();
    return true;
  }

  protected sessionEnded(): void {
    // Not at once: a front-end that hangs up on every connection would have us spin.
    this.#redialLater();
  }

  #start(): void {
    this.setupError = this.socketPath ? undefined : 'options:vhost-server-path is not set: where the guest listens';
    if (this.socketPath) void this.#dial(this.socketPath);
  }

  async #dial(path: string): Promise<void> {
    let socket: number;
    try {
      socket = unixConnect(path);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      this.#failed(error);
      return;
    }
    this.#lastFailure = undefined;
    await this.attach(socket, () => this.#open && path === this.socketPath);
  }

  /** Nobody listening yet is the normal start of this port's life, no fault to show. */
  #failed(error: SyscallError): void {
    const waiting = error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'EAGAIN';
    this.setupError = waiting ? undefined : error.message;
    if (error.message !== this.#lastFailure) {
      this.#lastFailure = error.message;
      if (waiting) log.info(`vhost-user port ${this.name}: ${error.message}; dialling until the guest listens`);
      else log.warn(`vhost-user port ${this.name}: ${error.message}`);
      this.context.changed();
    }
    this.#redialLater();
  }

  #redialLater(): void {
    this.#cancel();
    if (!this.#open) return;
    this.#cancelRedial = this.context.clock.after(REDIAL_INTERVAL_MS, () => this.#start());
  }

  #cancel(): void {
    this.#cancelRedial?.();
    this.#cancelRedial = undefined;
  }
}
