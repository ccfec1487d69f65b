// One front-end connection, from accept or connect until it is closed: brings its messages to the back-end one at a
// time and in order, sends the replies, and ends when the front-end goes or breaks the protocol.
//
// While a request waits for PMD threads (GET_VRING_BASE), the socket is not read: later messages wait in it.

import { ProtocolError, SyscallError, UserError } from '../../../lib/errors.ts';
import type { IoPoller, IoWatch } from '../../../lib/io-poller.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import { sendWithFds } from '../../../lib/syscalls/unix-socket.ts';
import { BackEnd, type ReplyPayload } from './back-end.ts';
import { type Message, MessageReader } from './message-reader.ts';
import { encodeReply, encodeU64 } from './protocol.ts';
import type { Ring } from './ring.ts';
import type { VhostDevice } from './services.ts';

/** Messages handled before the event loop gets its turn. */
const MESSAGES_PER_SLICE = 32;

const ACK = 0n;
const NACK = 1n;

export interface SessionEvents {
  /** Rings, features or memory changed. */
  changed(): void;
  /** The datapath gave a ring up. */
  ringBroken(ring: Ring): void;
  /** The front-end is gone (`reason` undefined) or broke the protocol; close() is the owner's to call. */
  ended(reason: string | undefined): void;
}

export class VhostSession {
  readonly backEnd: BackEnd;
  readonly #socket: number;
  readonly #io: IoPoller;
  readonly #events: SessionEvents;
  readonly #reader: MessageReader;
  #watch: IoWatch | undefined;
  #pending: Promise<void> | undefined;
  #open = true;
  #ended = false;

  /** Takes over `socket`, a connected and non-blocking one, and `device`. */
  constructor(socket: number, device: VhostDevice, io: IoPoller, events: SessionEvents) {
    this.#socket = socket;
    this.#io = io;
    this.#events = events;
    this.#reader = new MessageReader(socket);
    this.backEnd = new BackEnd(device, (ring) => {
      if (this.#open) events.ringBroken(ring);
    });
    this.#resume();
  }

  /** The first queue pair passes packets. */
  get linkUp(): boolean {
    const [receive, transmit] = this.backEnd.rings;
    return receive!.passing && transmit!.passing;
  }

  /** Closes the connection, stops the rings and gives the memory back. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#pause();
    this.#reader.close();
    close(this.#socket);
    await this.backEnd.close();
    await this.#pending;
  }

  #resume(): void {
    this.#watch = this.#io.watch(this.#socket, () => this.#readMessages());
  }

  #pause(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #readMessages(): void {
    try {
      for (let count = 0; count < MESSAGES_PER_SLICE && this.#watch; count++) {
        const message = this.#reader.next();
        if (message === undefined) break;
        if (message === 'end') this.#end(undefined);
        else this.#serve(message);
      }
    } catch (error) {
      this.#fail(error);
    }
    if (this.#open && !this.#ended) this.#events.changed();
  }

  #serve(message: Message): void {
    let result: ReplyPayload | Promise<ReplyPayload>;
    try {
      result = this.backEnd.handle(message.request, message.payload, message.fds);
    } catch (error) {
      message.fds.closeRest();
      this.#refuse(message, error);
      return;
    }
    if (result instanceof Promise) {
      this.#pause();
      this.#pending = this.#finishLater(message, result);
    } else {
      message.fds.closeRest();
      this.#reply(message, result);
    }
  }

  async #finishLater(message: Message, result: Promise<ReplyPayload>): Promise<void> {
    try {
      const payload = await result.finally(() => message.fds.closeRest());
      if (this.#open) this.#reply(message, payload);
    } catch (error) {
      if (this.#open) this.#failAfter(() => this.#refuse(message, error));
    }
    if (!this.#open || this.#ended) return;
    this.#resume();
    this.#events.changed();
  }

  #failAfter(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #reply(message: Message, payload: ReplyPayload): void {
    if (payload) this.#send(message.request, payload);
    else if (message.needReply && this.backEnd.replyAck) this.#send(message.request, encodeU64(ACK));
  }

  /** Memory that does not fit and requests that are not offered are refused, where the front-end can be told. */
  #refuse(message: Message, error: unknown): void {
    const told = message.needReply && this.backEnd.replyAck;
    if (told) this.#send(message.request, encodeU64(NACK));
    const unsupported = error instanceof ProtocolError && error.code === 'vhost-user-unsupported';
    if (error instanceof UserError || (told && unsupported)) return;
    throw error;
  }

  #send(request: number, payload: Uint8Array): void {
    const bytes = encodeReply(request, payload);
    if (sendWithFds(this.#socket, bytes, []) !== bytes.length) {
      throw new ProtocolError('vhost-user-stalled', 'the front-end does not read its replies');
    }
  }

  /** A peer's fault ends this session; anything else is ours, and ends it too before it is passed on. */
  #fail(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.#end(`${error.message} (${error.code})`);
    } else if (error instanceof SyscallError) {
      // A connection that was reset, or a descriptor that is not what it should be (mmap: ENODEV).
      this.#end(isReset(error) ? undefined : error.message);
    } else {
      this.#end(`internal error: ${String(error)}`);
      throw error;
    }
  }

  #end(reason: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#pause();
    this.#events.ended(reason);
  }
}

function isReset(error: SyscallError): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}
