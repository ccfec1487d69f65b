// What the two vhost-user port types share: at most one session, the carrier and the texts that the database shows.
// The subtypes say how a connection comes about (server-port.ts, client-port.ts).

import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import type { PortSpec, PortStats } from '../../dpif.ts';
import type { PortContext, PortDriver } from '../port.ts';
import type { VhostServices } from './services.ts';
import { VhostSession } from './session.ts';

export const log = logger('netdev_dpdk');

const MTU_DEFAULT = 1500;
/** A front-end that breaks the protocol and comes back at once is logged this often, not each time. */
const WARN_INTERVAL_MS = 1000;

export abstract class VhostPort implements PortDriver {
  /** As Open vSwitch: a vhost-user port has no address of its own. */
  readonly mac = '00:00:00:00:00:00';
  readonly ifindex = undefined;
  mtu: number;
  adminUp = true;
  linkResets = 0;
  protected readonly name: string;
  protected readonly context: PortContext;
  protected abstract readonly mode: 'server' | 'client';
  protected abstract readonly socketPath: string | undefined;
  /** Why there can be no connection at all: no path, a path that is taken. */
  protected setupError: string | undefined;
  readonly #services: VhostServices;
  #session: VhostSession | undefined;
  /** Resolves when the last session has given everything back. */
  #released: Promise<void> = Promise.resolve();
  #linkUp = false;
  #shown = '';
  /** Why the last session ended, or what one of its rings did; forgotten when a guest runs again. */
  #sessionError: string | undefined;
  #warnedMs = Number.NEGATIVE_INFINITY;
  #warningsHeld = 0;

  /** Throws UserError for a name that cannot be a socket's. */
  constructor(spec: PortSpec, context: PortContext, services: VhostServices) {
    if (/[/\\]/.test(spec.name)) {
      throw new UserError(`could not open network device ${spec.name}: a vhost-user port's name has no '/' or '\\'`);
    }
    this.name = spec.name;
    this.context = context;
    this.mtu = spec.mtu ?? MTU_DEFAULT;
    this.#services = services;
  }

  abstract open(): Promise<void>;
  abstract close(): Promise<void>;
  abstract reconfigure(spec: PortSpec): Promise<boolean>;
  /** The session has ended and given everything back; a next one may come. */
  protected abstract sessionEnded(): void;

  get linkUp(): boolean {
    return this.#linkUp;
  }

  get error(): string | undefined {
    return this.setupError ?? this.#session?.backEnd.memoryError ?? this.#sessionError;
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  setAdminUp(up: boolean): void {
    this.adminUp = up;
  }

  stats(): PortStats {
    return {};
  }

  /** Open vSwitch's keys; vring_N_size for every ring that the guest has set up. */
  status(): Record<string, string> {
    const session = this.#session;
    if (!session || !this.socketPath) return { mode: this.mode, status: 'disconnected' };
    const rings = session.backEnd.rings.filter((ring) => ring.size > 0);
    return {
      mode: this.mode,
      status: 'connected',
      features: `0x${session.backEnd.features.toString(16).padStart(16, '0')}`,
      num_of_vrings: String(rings.length),
      numa: '0',
      socket: this.socketPath,
      ...Object.fromEntries(rings.map((ring) => [`vring_${ring.index}_size`, String(ring.size)])),
    };
  }

  /**
   * Starts a session on a connected socket, which it owns from here on, once the one before has ended for good;
   * `wanted` says whether it still should then.
   */
  protected async attach(socket: number, wanted: () => boolean): Promise<void> {
    await this.#released;
    if (this.#session || !wanted()) {
      close(socket);
      return;
    }
    const session = new VhostSession(socket, this.#services.createDevice(this.name), this.context.io, {
      changed: () => this.#update(),
      ringBroken: (ring) => {
        this.#sessionError = `vring ${ring.index} is broken: ${ring.broken}`;
        this.#announce();
      },
      ended: (reason) => this.#ended(reason),
    });
    this.#session = session;
    log.info(`vHost Device '${this.socketPath}' has been connected`);
    this.#announce();
  }

  /** Ends the session, if there is one; resolves when its memory and rings are given back. */
  protected detach(): Promise<void> {
    const session = this.#session;
    if (session) {
      this.#session = undefined;
      this.#released = session.close();
      this.#setLink(false);
    }
    return this.#released;
  }

  /** Logs a peer's fault, at most once in a while. */
  protected warn(text: string): void {
    const nowMs = this.context.clock.nowMs();
    if (nowMs - this.#warnedMs < WARN_INTERVAL_MS) {
      this.#warningsHeld++;
      return;
    }
    log.warn(this.#warningsHeld > 0 ? `${text} (${this.#warningsHeld} more like this were not logged)` : text);
    this.#warnedMs = nowMs;
    this.#warningsHeld = 0;
  }

  #ended(reason: string | undefined): void {
    this.#sessionError = reason && `guest disconnected: ${reason}`;
    if (reason) this.warn(`vhost-user port ${this.name}: closing the connection: ${reason}`);
    else log.info(`vHost Device '${this.socketPath}' has been removed`);
    void this.detach().then(() => this.sessionEnded());
    this.#announce();
  }

  #update(): void {
    const session = this.#session;
    if (!session) return;
    const up = session.linkUp;
    if (up && !session.backEnd.rings.some((ring) => ring.broken)) this.#sessionError = undefined;
    this.#setLink(up);
    this.#announce();
  }

  /** Tells the datapath what has changed, if anything has: a guest that only talks costs nobody else. */
  #announce(): void {
    const shown = JSON.stringify([this.#linkUp, this.error, this.status()]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.context.changed();
  }

  #setLink(up: boolean): void {
    if (up === this.#linkUp) return;
    this.#linkUp = up;
    this.linkResets++;
  }
}
