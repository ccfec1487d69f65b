// The front-end's side of a vhost-user connection, for tests: sends any message, well-formed or not, and hears replies.
import { unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADER_SIZE, VHOST_USER_NEED_REPLY, VHOST_USER_VERSION } from '../../../datapath/port/vhost-user/protocol.ts';
import { SyscallError } from '../../../lib/errors.ts';
import { createIoPoller, type IoWatch } from '../../../lib/io-poller.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import { WOULD_BLOCK } from '../../../lib/syscalls/libc.ts';
import { accept } from '../../../lib/syscalls/socket.ts';
import { receiveWithFds, sendWithFds, unixConnect, unixListen } from '../../../lib/syscalls/unix-socket.ts';

const io = createIoPoller();
/** Waits end when what they wait for comes; this long only on a machine that has no time for it, or after a bug. */
export const PATIENCE_MS = 20_000;

export interface Reply {
  readonly request: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

export const bytesOf = (size: number) => new Uint8Array(new ArrayBuffer(size));

export function u64(value: bigint | number): Uint8Array {
  const bytes = bytesOf(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

export function vringState(index: number, value: number): Uint8Array {
  const bytes = bytesOf(8);
  new DataView(bytes.buffer).setUint32(0, index, true);
  new DataView(bytes.buffer).setUint32(4, value, true);
  return bytes;
}

export function message(
  request: number,
  payload: Uint8Array = bytesOf(0),
  flags = 0,
  size = payload.length,
): Uint8Array {
  const bytes = bytesOf(HEADER_SIZE + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, request, true);
  view.setUint32(4, VHOST_USER_VERSION | flags, true);
  view.setUint32(8, size, true);
  bytes.set(payload, HEADER_SIZE);
  return bytes;
}

export class FrontEnd {
  /** Resolves when the switch has closed the connection, or close() was called. */
  readonly closed: Promise<void>;
  readonly socket: number;
  readonly #watch: IoWatch;
  #open = true;
  #onClosed: () => void = () => {};
  #received = bytesOf(0);
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];

  /** Takes over a connected socket. */
  constructor(socket: number) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#watch = io.watch(socket, () => this.#read());
  }

  /** Connects, waiting for the socket to be there. */
  static async connect(path: string, timeoutMs = PATIENCE_MS): Promise<FrontEnd> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      try {
        return new FrontEnd(unixConnect(path));
      } catch (error) {
        const waiting = error instanceof SyscallError && ['ENOENT', 'ECONNREFUSED', 'EAGAIN'].includes(error.code);
        if (!waiting || performance.now() > deadlineMs) throw error;
      }
      await sleep(20);
    }
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array, fds: readonly number[] = []): void {
    sendWithFds(this.socket, bytes, fds);
  }

  /** Sends a request that has no reply. */
  send(request: number, payload?: Uint8Array, fds: readonly number[] = []): void {
    this.raw(message(request, payload), fds);
  }

  /** Sends a request and resolves with its reply's payload; rejects when the connection is closed instead. */
  async call(request: number, payload?: Uint8Array, fds: readonly number[] = [], flags = 0): Promise<Uint8Array> {
    const reply = this.#nextReply();
    this.raw(message(request, payload, flags), fds);
    const { request: answered, payload: result } = await reply;
    if (answered !== request) throw new Error(`reply to request ${answered} where ${request} was sent`);
    return result;
  }

  async callU64(request: number, payload?: Uint8Array, fds: readonly number[] = [], flags = 0): Promise<bigint> {
    const result = await this.call(request, payload, fds, flags);
    return new DataView(result.buffer, result.byteOffset, 8).getBigUint64(0, true);
  }

  /** Sends a request with need_reply; true when it was acknowledged with 0. */
  async acknowledged(request: number, payload?: Uint8Array, fds: readonly number[] = []): Promise<boolean> {
    return (await this.callU64(request, payload, fds, VHOST_USER_NEED_REPLY)) === 0n;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    close(this.socket);
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the connection was closed'));
    this.#onClosed();
  }

  #nextReply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no reply')), PATIENCE_MS);
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          settle(value);
        };
      this.#waiting.push({ resolve: done(resolve), reject: done(reject) });
    });
  }

  #read(): void {
    const chunk = bytesOf(4096);
    let size: number;
    try {
      size = receiveWithFds(this.socket, chunk, 8).size;
    } catch {
      size = 0;
    }
    if (size === WOULD_BLOCK) return;
    if (size === 0) {
      this.close();
      return;
    }
    this.#received = Buffer.concat([this.#received, chunk.subarray(0, size)]);
    this.#parse();
  }

  #parse(): void {
    for (;;) {
      const view = new DataView(this.#received.buffer, this.#received.byteOffset, this.#received.length);
      if (view.byteLength < HEADER_SIZE) return;
      const end = HEADER_SIZE + view.getUint32(8, true);
      if (view.byteLength < end) return;
      const payload = this.#received.slice(HEADER_SIZE, end);
      this.#received = this.#received.slice(end);
      this.#waiting.shift()?.resolve({ request: view.getUint32(0, true), flags: view.getUint32(4, true), payload });
    }
  }
}

/** A listening front-end, for `dpdkvhostuserclient` ports. */
export class FrontEndListener {
  readonly #socket: number;
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    this.#socket = unixListen(path);
  }

  /** The next connection of the switch. */
  async accept(timeoutMs = PATIENCE_MS): Promise<FrontEnd> {
    const deadlineMs = performance.now() + timeoutMs;
    while (performance.now() < deadlineMs) {
      const socket = accept(this.#socket);
      if (socket !== WOULD_BLOCK) return new FrontEnd(socket);
      await sleep(10);
    }
    throw new Error(`nobody connected to ${this.path}`);
  }

  close(): void {
    close(this.#socket);
    unlinkSync(this.path);
  }
}
