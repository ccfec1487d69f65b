// An OpenFlow client that asks for an echo again and again: how long the longest took tells how long the switch's control
// thread was busy with something else.

import { connect, type Socket } from 'node:net';

const INTERVAL_MS = 5;
const OFPT_ECHO_REPLY = 3;
const HELLO = Uint8Array.of(1, 0, 0, 8, 0, 0, 0, 1);
const ECHO_REQUEST = Uint8Array.of(1, 2, 0, 8, 0, 0, 0, 2);
const HEADER_SIZE = 8;

export class EchoProbe {
  readonly #socket: Socket;
  #pending = Buffer.alloc(0);
  #askedMs: number | undefined;
  #longestMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Connects to a bridge's management socket. */
  constructor(path: string) {
    this.#socket = connect(path, () => {
      this.#socket.write(HELLO);
      this.#timer = setInterval(() => this.#ask(), INTERVAL_MS);
    });
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', () => {});
  }

  /** Ends it: the longest time that an echo took, in milliseconds, one that is still missing included. */
  stop(): number {
    clearInterval(this.#timer);
    this.#socket.destroy();
    const waitedMs = this.#askedMs === undefined ? 0 : performance.now() - this.#askedMs;
    return Math.max(this.#longestMs, waitedMs);
  }

  #ask(): void {
    if (this.#askedMs !== undefined) return;
    this.#askedMs = performance.now();
    this.#socket.write(ECHO_REQUEST);
  }

  #take(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= HEADER_SIZE) {
      const length = this.#pending.readUInt16BE(2);
      if (this.#pending.length < length) return;
      if (this.#pending[1] === OFPT_ECHO_REPLY && this.#askedMs !== undefined) {
        this.#longestMs = Math.max(this.#longestMs, performance.now() - this.#askedMs);
        this.#askedMs = undefined;
      }
      this.#pending = this.#pending.subarray(length);
    }
  }
}
