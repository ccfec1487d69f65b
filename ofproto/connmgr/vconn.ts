// One OpenFlow connection at message granularity: hello exchange, framing, and bounded buffers in both directions.
//
// Input: the socket is paused while more than INPUT_MAX_BYTES wait to be taken with recv(), so a peer that sends faster
// than it is served waits in its own socket buffer. Output: what the peer does not read is queued; `congested` tells
// the owner to stop producing, and past OUTPUT_MAX_BYTES the connection is closed. The end of the stream is reported
// after the last message before it was taken.

import type { Socket } from 'node:net';
import { coverage } from '../../lib/coverage.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { logger } from '../../lib/log.ts';
import { decodeHello, encodeHello, encodeHelloFailed, negotiate, type WireVersion } from './hello.ts';
import { MessageReader } from './message-reader.ts';
import { streamErrorText } from './stream.ts';

const log = logger('vconn');
const received = coverage('vconn_received');
const sent = coverage('vconn_sent');

const INPUT_MAX_BYTES = 128 * 1024;
const OUTPUT_HIGH_BYTES = 256 * 1024;
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;
/** How long a closing connection may take to hand its last bytes to the peer. */
const LINGER_MS = 2000;

/** Why a connection ended: the text that Controller.status:last_error shows. */
export const END_OF_FILE = 'End of file';
export const PROTOCOL_ERROR = 'Protocol error';

export interface VconnHandler {
  /** The hello exchange is over; messages may flow. */
  opened(version: WireVersion): void;
  /** Bytes arrived, whether or not they complete a message. */
  activity(): void;
  /** recv() may have something. */
  readable(): void;
  /** No longer congested. */
  drained(): void;
  /** Called once, never from inside a call the owner makes. */
  closed(reason: string): void;
}

export class Vconn {
  readonly name: string;
  readonly #socket: Socket;
  readonly #handler: VconnHandler;
  readonly #versions: readonly WireVersion[];
  readonly #reader = new MessageReader();
  #version: WireVersion | undefined;
  #ended = false;
  #closed = false;

  /** Takes over `socket`, connected or still connecting, and offers `versions` to the peer. */
  constructor(socket: Socket, name: string, versions: readonly WireVersion[], handler: VconnHandler) {
    this.name = name;
    this.#socket = socket;
    this.#versions = versions;
    this.#handler = handler;
    socket.on('error', (error) => this.#close(streamErrorText(error)));
    socket.on('close', () => this.#close(END_OF_FILE));
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('end', () => this.#endOfInput());
    socket.on('drain', () => this.#handler.drained());
    if (socket.connecting) socket.once('connect', () => this.#sendHello());
    else this.#sendHello();
  }

  /** undefined until the hello exchange is over. */
  get version(): WireVersion | undefined {
    return this.#version;
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  /** The peer reads slower than we answer. */
  get congested(): boolean {
    return this.#socket.writableLength > OUTPUT_HIGH_BYTES;
  }

  /** A message waits to be taken: silence on the socket is then our doing, not the peer's. */
  get hasInput(): boolean {
    return this.#reader.hasMessage;
  }

  /** The next message after the hello; a view that stays valid. */
  recv(): Uint8Array | undefined {
    if (this.#closed || this.#version === undefined) return undefined;
    const message = this.#take();
    if (this.#reader.bufferedBytes < INPUT_MAX_BYTES / 2) this.#socket.resume();
    if (message === undefined && this.#ended) this.close(END_OF_FILE);
    return message;
  }

  send(message: Uint8Array): void {
    if (this.#closed) return;
    sent.inc();
    this.#socket.write(message);
    if (this.#socket.writableLength > OUTPUT_MAX_BYTES) {
      log.warn(`${this.name}: peer does not read: ${this.#socket.writableLength} bytes are queued, closing`);
      this.close('No buffer space available');
    }
  }

  /** Ends the connection after what was sent is out; `reason` is reported to the handler in a later turn. */
  close(reason: string): void {
    if (this.#closed) return;
    queueMicrotask(() => this.#handler.closed(reason));
    this.#shut();
  }

  /** Ends the connection without telling the handler. */
  abandon(): void {
    this.#shut();
  }

  #sendHello(): void {
    this.send(encodeHello(this.#versions, nextHelloXid()));
  }

  #received(chunk: Buffer): void {
    if (this.#closed) return;
    this.#reader.push(chunk);
    if (this.#reader.bufferedBytes > INPUT_MAX_BYTES) this.#socket.pause();
    this.#handler.activity();
    if (this.#version === undefined) this.#awaitHello();
    if (this.#version !== undefined) this.#handler.readable();
  }

  #endOfInput(): void {
    this.#ended = true;
    if (this.#version === undefined) this.#close(END_OF_FILE);
    else this.#handler.readable();
  }

  #awaitHello(): void {
    const message = this.#take();
    if (!message) return;
    try {
      this.#agree(decodeHello(message));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log.warn(`${this.name}: ${error.message}`);
      this.close(PROTOCOL_ERROR);
    }
  }

  #agree(theirs: number): void {
    const version = negotiate(this.#versions, theirs);
    if (version === undefined) {
      log.warn(`${this.name}: version negotiation failed: no common OpenFlow version`);
      this.#socket.write(encodeHelloFailed(this.#versions, theirs));
      this.close(PROTOCOL_ERROR);
      return;
    }
    this.#version = version;
    this.#handler.opened(version);
  }

  #take(): Uint8Array | undefined {
    try {
      const message = this.#reader.next();
      if (message) received.inc();
      return message;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log.warn(`${this.name}: ${error.message}`);
      this.close(PROTOCOL_ERROR);
      return undefined;
    }
  }

  #close(reason: string): void {
    if (this.#closed) return;
    this.#shut();
    this.#handler.closed(reason);
  }

  #shut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.setTimeout(LINGER_MS, () => this.#socket.destroy());
    this.#socket.resume();
    this.#socket.destroySoon();
  }
}

let helloXid = 0;
function nextHelloXid(): number {
  helloXid = (helloXid + 1) >>> 0;
  return helloXid;
}
