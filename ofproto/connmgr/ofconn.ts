// One OpenFlow connection of a bridge: takes messages from its Rconn in bounded turns, has them handled in order, and
// answers. A connection with a hundred thousand flow-mods waiting gives way to the others after MESSAGES_PER_TURN.

import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';
import { OfError } from '../model/flow-mod.ts';
import { type AsyncConfig, OFP13_VERSION, type OfMessage } from '../model/messages.ts';
import { decodeMessage } from '../wire/index.ts';
import { ADMITTED_AFTER_MS, admits } from './admission.ts';
import { handlers } from './handlers/index.ts';
import type { WireVersion } from './hello.ts';
import { Linger } from './linger.ts';
import { handleOtherVersion } from './other-version.ts';
import { PacketInLimiter, type RateLimit } from './packet-in-limiter.ts';
import { Rconn, type RconnOptions, type RconnTimes } from './rconn.ts';
import { Session, type SessionOutput } from './session.ts';
import type { SwitchState } from './switch-state.ts';

const log = logger('connmgr');

const MESSAGES_PER_TURN = 200;
/** What a connection may take of one turn of the event loop, looked at every so many messages. */
const TURN_MS = 1;
const MESSAGES_PER_LOOK = 16;
/** Packet-ins that may wait in the connection for a slow reader. */
const PACKET_IN_QUEUE_BYTES = 256 * 1024;

/** What may change while it is connected. */
export interface OfConnSettings extends RconnTimes {
  /** For connections that come: a controller's own requests go on in those that are there. */
  readonly asyncConfig: AsyncConfig;
  readonly rateLimit: RateLimit | undefined;
}

export interface OfConnOptions {
  readonly rconn: Omit<RconnOptions, keyof RconnTimes>;
  readonly settings: OfConnSettings;
  readonly isService: boolean;
  /** Sees every message received and sent, for snoopers. */
  readonly copy?: (message: Uint8Array) => void;
  /** An accepted connection ended. */
  readonly ended?: () => void;
}

export class OfConn implements SessionOutput {
  readonly rconn: Rconn;
  readonly #state: SwitchState;
  readonly #options: OfConnOptions;
  readonly #clock: Clock;
  #settings: OfConnSettings;
  #session: Session | undefined;
  #limiter: PacketInLimiter | undefined;
  #isAdmitted = false;
  #cancelAdmission: () => void = () => {};
  #scheduled = false;
  #busy = false;
  readonly #linger = new Linger();
  #waiters: (() => void)[] = [];

  constructor(state: SwitchState, options: OfConnOptions) {
    this.#state = state;
    this.#options = options;
    this.#settings = options.settings;
    this.#clock = options.rconn.clock;
    const { probeIntervalMs, maxBackoffMs } = options.settings;
    this.rconn = new Rconn(
      { ...options.rconn, probeIntervalMs, maxBackoffMs },
      {
        connected: (version) => this.#connected(version),
        readable: () => this.#readable(),
        drained: () => this.#drained(),
        disconnected: () => this.#disconnected(),
        changed: () => state.changed(),
      },
    );
  }

  /** Undefined unless connected. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Connected, and at work. */
  get isAdmitted(): boolean {
    return this.#isAdmitted;
  }

  /** Rate limiting counters of the current connection. */
  limiterCounters(): Record<string, string> {
    return this.#limiter?.counters() ?? {};
  }

  /** Goes by other settings from now on; the connection stays. */
  configure(settings: OfConnSettings): void {
    const { rateLimit } = settings;
    this.#settings = settings;
    this.rconn.retime(settings);
    if (rateLimit && this.#limiter) this.#limiter.setLimit(rateLimit);
    else if (this.#session) this.#limit(rateLimit);
  }

  start(): void {
    this.rconn.start();
  }

  adopt(socket: Socket): void {
    this.rconn.adopt(socket);
  }

  /** Ends the connection for good. */
  close(): void {
    this.rconn.close();
    this.#disconnected();
  }

  // SessionOutput

  get open(): boolean {
    return this.#session !== undefined;
  }

  get congested(): boolean {
    return this.rconn.congested;
  }

  send(message: Uint8Array): void {
    this.#options.copy?.(message);
    this.rconn.send(message);
  }

  drained(): Promise<void> {
    if (!this.congested || !this.open) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  limitPacketIn(kind: 'miss' | 'action', inPort: number, send: () => void): void {
    const sendUnlessSlow = () => {
      if (this.open && this.rconn.queuedBytes < PACKET_IN_QUEUE_BYTES) send();
    };
    if (this.#limiter) this.#limiter.submit(kind, inPort, sendUnlessSlow);
    else sendUnlessSlow();
  }

  #connected(version: WireVersion): void {
    const { asyncConfig, rateLimit } = this.#settings;
    const { isService } = this.#options;
    this.#session = new Session(this.#state, this, { version, isService, asyncConfig, clock: this.#clock });
    this.#limit(rateLimit);
    this.#cancelAdmission = this.#clock.after(ADMITTED_AFTER_MS, () => this.#admitted());
    this.#state.sessions.add(this.#session);
    this.#state.changed();
  }

  #admitted(): void {
    this.#cancelAdmission();
    this.#isAdmitted = true;
    this.#state.changed();
  }

  #limit(rate: RateLimit | undefined): void {
    this.#limiter?.stop();
    this.#limiter = rate && new PacketInLimiter(this.#clock, rate);
  }

  #disconnected(): void {
    if (this.#session) this.#state.sessions.delete(this.#session);
    this.#session?.stop();
    this.#session = undefined;
    this.#limit(undefined);
    this.#cancelAdmission();
    this.#isAdmitted = false;
    this.#drained();
    this.#state.changed();
    if (this.rconn.state === 'VOID') this.#options.ended?.();
  }

  #drained(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
    this.#schedule();
  }

  /** What came is served at once: a client that waits for each answer loses no turn of the event loop. */
  #readable(): void {
    this.#linger.end();
    if (!this.#scheduled && !this.#busy && this.#session) this.#turn();
  }

  #schedule(): void {
    if (this.#scheduled || this.#busy || !this.#session) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const startMs = performance.now();
    for (let count = 1; count <= MESSAGES_PER_TURN; count++) {
      const session = this.#session;
      // A peer that does not read its replies is not served until it does; drained() comes back here.
      if (!session || this.congested) return;
      const bytes = this.rconn.recv();
      if (!bytes) {
        if (count > 1) this.#linger.begin();
        return;
      }
      this.#options.copy?.(bytes);
      if (!this.#isAdmitted && admits(bytes[1]!)) this.#admitted();
      const pending = this.#handle(session, bytes);
      if (pending) {
        this.#wait(session, bytes, pending);
        return;
      }
      if (count % MESSAGES_PER_LOOK === 0 && performance.now() - startMs >= TURN_MS) break;
    }
    this.#schedule();
  }

  #wait(session: Session, bytes: Uint8Array, pending: Promise<void>): void {
    this.#busy = true;
    const done = () => {
      this.#busy = false;
      this.#schedule();
    };
    pending.catch((error) => this.#refuse(session, bytes, error)).finally(done);
  }

  #handle(session: Session, bytes: Uint8Array): Promise<void> | undefined {
    try {
      if (bytes[0] !== session.version) {
        handleOtherVersion(session, bytes);
        return undefined;
      }
      const whole = session.version >= OFP13_VERSION ? session.requests.take(bytes) : bytes;
      if (!whole) return undefined;
      const { tlvTable } = session.switch;
      const state = { flowModTableId: session.flowModTableId, takes, tunMetadata: tlvTable.fields };
      const message = tlvTable.resolve(decodeMessage(whole, state));
      return dispatch(session, message, whole) ?? undefined;
    } catch (error) {
      this.#refuse(session, bytes, error);
      return undefined;
    }
  }

  /** Answers the peer's mistakes with their OpenFlow error; ours are logged and cost this connection. */
  #refuse(session: Session, bytes: Uint8Array, error: unknown): void {
    if (error instanceof OfError || error instanceof ProtocolError) {
      log.info(`${this.rconn.name}: sending ${error.code} error reply to message of type ${bytes[1]}`);
      session.refuse(bytes, error.code);
      return;
    }
    log.err(`${this.rconn.name}: message of type ${bytes[1]}: ${(error as Error).stack}`);
    this.rconn.drop('Internal error');
  }
}

const takes = (type: OfMessage['type']): boolean => handlers[type] !== undefined;

function dispatch(session: Session, message: OfMessage, bytes: Uint8Array): void | Promise<void> {
  // Each handler takes the message of its own key; the type system cannot follow the look-up.
  const handler = handlers[message.type] as
    | ((session: Session, message: OfMessage, bytes: Uint8Array) => void | Promise<void>)
    | undefined;
  if (!handler) throw new OfError('OFPBRC_BAD_TYPE');
  return handler(session, message, bytes);
}
