// One OpenFlow connection to a switch, as commands use it: open, ask, change, close. A failed connection is a UserError
// that says why; an error reply is handed to the caller.

import { must } from '../../../lib/assert.ts';
import { UserError } from '../../../lib/errors.ts';
import { dial, streamErrorText } from '../../../ofproto/connmgr/stream.ts';
import type { ControllerTarget } from '../../../ofproto/connmgr/target.ts';
import { END_OF_FILE, Vconn } from '../../../ofproto/connmgr/vconn.ts';
import type { OfBodies, OfMessage, OfMessageOf, OfType } from '../../../ofproto/model/messages.ts';
import { decodeMessage, encodeMessage } from '../../../ofproto/wire/index.ts';

/** A message as it arrived: printing an error wants the bytes too. */
export interface Received {
  readonly message: OfMessage;
  readonly bytes: Uint8Array;
}

/** The switch refused; `message` is its error. */
export class ErrorReply extends Error {
  override readonly name = 'ErrorReply';
  readonly reply: OfMessageOf<'error'>;
  readonly version: number;

  constructor(reply: OfMessageOf<'error'>, version: number) {
    super(reply.code);
    this.reply = reply;
    this.version = version;
  }
}

let lastXid = 0;

/** The next transaction id of this process: hellos use one each, as Open vSwitch's do. */
export function newXid(): number {
  lastXid++;
  return lastXid;
}

type Draft<T extends OfType> = { readonly type: T } & OfBodies[T];

/** A message that asks for a change. */
export type ChangeDraft = Draft<OfType>;

export class OfClient {
  readonly version: number;
  /** Changes are sent in a bundle. */
  atomically = false;
  /** How the switch is reached, as a connection method. */
  address = '';
  readonly #vconn: Vconn;
  readonly #name: string;
  #wake: (() => void) | undefined;
  #ended: string | undefined;

  /** Use connect(). */
  private constructor(vconn: Vconn, name: string) {
    this.#vconn = vconn;
    this.#name = name;
    this.version = must(vconn.version);
  }

  /** Connects and agrees on a version; `name` is what the user called the switch. Throws UserError. */
  static connect(target: ControllerTarget, name: string, versions: readonly number[]): Promise<OfClient> {
    newXid();
    return new Promise((resolve, reject) => {
      let client: OfClient | undefined;
      let failure: string | undefined;
      const socket = dial(target);
      socket.on('error', (error) => {
        failure = streamErrorText(error);
      });
      const vconn = new Vconn(socket, name, versions, {
        opened: () => {
          client = new OfClient(vconn, name);
          resolve(client);
        },
        activity: () => {},
        readable: () => {
          if (client) client.#signal();
        },
        drained: () => {
          if (client) client.#signal();
        },
        closed: (reason) => {
          if (client) client.#end(reason);
          else reject(new UserError(connectError(name, failure, reason)));
        },
      });
    });
  }

  /** Sends a message with the next transaction id, which it returns. */
  send<T extends OfType>(draft: Draft<T>): number {
    return this.sendAs(newXid(), draft);
  }

  sendAs<T extends OfType>(xid: number, draft: Draft<T>): number {
    const message = { ...draft, xid } as unknown as OfMessage;
    for (const part of encodeMessage(message, this.version)) this.#vconn.send(part);
    return xid;
  }

  /** Waits while the switch reads slower than we send. */
  async drain(): Promise<void> {
    while (this.#vconn.congested && this.#ended === undefined) await this.#signalled();
  }

  /** The next message. Throws UserError when the connection ends. */
  async recv(): Promise<Received> {
    for (;;) {
      const bytes = this.#vconn.recv();
      if (bytes) return { bytes, message: decodeMessage(bytes) };
      if (this.#ended !== undefined) {
        const text = this.#ended === END_OF_FILE ? 'end of file' : this.#ended;
        throw new UserError(`${this.#name}: OpenFlow packet receive failed (${text})`);
      }
      await this.#signalled();
    }
  }

  /** Sends a request and returns every part of its reply. Throws ErrorReply. */
  async transact<T extends OfType>(draft: Draft<T>): Promise<OfMessage[]> {
    const xid = this.send(draft);
    const parts: OfMessage[] = [];
    for (;;) {
      const { message } = await this.recv();
      if (message.xid !== xid) {
        this.#answerEcho(message);
        continue;
      }
      if (message.type === 'error') throw new ErrorReply(message, this.version);
      parts.push(message);
      if (!('more' in message && message.more)) return parts;
    }
  }

  /** Sends a request whose reply has type `reply`. Throws ErrorReply, UserError. */
  async ask<T extends OfType, R extends OfType>(draft: Draft<T>, reply: R): Promise<OfMessageOf<R>[]> {
    const parts = await this.transact(draft);
    return parts.map((part) => {
      if (part.type !== reply) throw new UserError(`${this.#name}: unexpected ${part.type} in answer to ${draft.type}`);
      return part as OfMessageOf<R>;
    });
  }

  /** Sends changes and waits until all are done. Returns the errors that came back, in order. */
  async change(drafts: Iterable<Draft<OfType>>): Promise<OfMessageOf<'error'>[]> {
    const sent = new Set<number>();
    for (const draft of drafts) {
      // Those that have a number keep it.
      const xid = 'xid' in draft ? Number(draft.xid) : newXid();
      sent.add(this.sendAs(xid, draft));
      await this.drain();
    }
    const barrier = this.send({ type: 'barrier_request' });
    const errors: OfMessageOf<'error'>[] = [];
    for (;;) {
      const { message } = await this.recv();
      if (message.xid === barrier && message.type !== 'echo_request') return errors;
      if (message.type === 'error' && sent.has(message.xid)) errors.push(message);
      else this.#answerEcho(message);
    }
  }

  /** Sends a request; its error's code, if it is refused. Errors about other messages go to `onError`. */
  async outcome<T extends OfType>(
    xid: number,
    draft: Draft<T>,
    onError: (error: OfMessageOf<'error'>) => void,
  ): Promise<{ code: string | undefined }> {
    this.sendAs(xid, draft);
    for (;;) {
      const { message } = await this.recv();
      if (message.xid === xid) return { code: message.type === 'error' ? message.code : undefined };
      if (message.type === 'error') onError(message);
      else this.#answerEcho(message);
    }
  }

  /** Sends one change. Throws ErrorReply. */
  async commit(draft: Draft<OfType>): Promise<void> {
    const [error] = await this.change([draft]);
    if (error) throw new ErrorReply(error, this.version);
  }

  /** Ends the connection; what was sent still goes out. */
  close(): void {
    this.#vconn.abandon();
  }

  #answerEcho(message: OfMessage): void {
    if (message.type === 'echo_request') this.sendAs(message.xid, { type: 'echo_reply', data: message.data });
  }

  #signalled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #end(reason: string): void {
    this.#ended = reason;
    this.#signal();
  }
}

/** A name with a colon is a connection method, which is what failed; else it is a bridge. */
function connectError(name: string, failure: string | undefined, reason: string): string {
  if (name.includes(':')) return `connecting to ${name} (${failure ?? reason})`;
  return `${name}: failed to connect to socket (${failure ?? 'Broken pipe'})`;
}
