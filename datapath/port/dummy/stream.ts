// Links between dummy ports: options:stream=unix:PATH or tcp:HOST:PORT connects to a port with options:pstream=punix:PATH or
// ptcp:PORT[:HOST], in this process or another, Open vSwitch's included. A stream carries frames, each behind its length
// in 16 bits, big-endian.

import { rmSync } from 'node:fs';
import {
  createConnection,
  createServer,
  type ListenOptions,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import type { Clock } from '../../../lib/clock.ts';

const LENGTH_SIZE = 2;
const ETH_HEADER_SIZE = 14;
/** What a peer that does not read may leave waiting. */
const BACKLOG_MAX_BYTES = 1 << 20;
const RECONNECT_MS = 1000;

export interface StreamParts {
  readonly clock: Clock;
  receive(frame: Uint8Array): void;
  failed(error: string): void;
}

/** One end of a link: a listener with its connections, or a connection that is made again and again. */
export class DummyLink {
  readonly #parts: StreamParts;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #cancelRetry: () => void = () => {};
  #closed = false;
  readonly isActive: boolean;

  /** Undefined when the options ask for none. */
  static open(options: Readonly<Record<string, string>>, parts: StreamParts): DummyLink | undefined {
    const { stream, pstream } = options;
    if (stream !== undefined) return new DummyLink(stream, true, parts);
    return pstream === undefined ? undefined : new DummyLink(pstream, false, parts);
  }

  private constructor(target: string, isActive: boolean, parts: StreamParts) {
    this.#parts = parts;
    this.isActive = isActive;
    const address = isActive ? connectAddress(target) : listenAddress(target);
    if (!address) parts.failed(`${target}: unknown stream name`);
    else if (isActive) this.#connect(address as NetConnectOpts);
    else this.#listen(address as ListenOptions);
  }

  get isConnected(): boolean {
    return [...this.#sockets].some((socket) => socket.readyState === 'open');
  }

  send(frame: Uint8Array): void {
    for (const socket of this.#sockets) {
      if (socket.readyState !== 'open' || socket.writableLength > BACKLOG_MAX_BYTES) continue;
      const message = Buffer.alloc(LENGTH_SIZE + frame.length);
      message.writeUInt16BE(frame.length);
      message.set(frame, LENGTH_SIZE);
      socket.write(message);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #listen(address: ListenOptions): void {
    if (address.path !== undefined) rmSync(address.path, { force: true });
    this.#server = createServer((socket) => this.#adopt(socket));
    this.#server.on('error', (error) => this.#parts.failed(error.message));
    this.#server.listen(address).unref();
  }

  #connect(address: NetConnectOpts): void {
    const socket = createConnection(address);
    this.#adopt(socket);
    socket.on('close', () => {
      if (!this.#closed) this.#cancelRetry = this.#parts.clock.after(RECONNECT_MS, () => this.#connect(address));
    });
  }

  #adopt(socket: Socket): void {
    let rest: Buffer = Buffer.alloc(0);
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const left = this.#takeFrames(Buffer.concat([rest, chunk]));
      if (left) rest = left;
      else socket.destroy();
    });
  }

  /** Returns what is not a whole frame yet; undefined when the peer sends something else. */
  #takeFrames(bytes: Buffer): Buffer | undefined {
    let at = 0;
    while (bytes.length - at >= LENGTH_SIZE) {
      const size = bytes.readUInt16BE(at);
      if (size < ETH_HEADER_SIZE) return undefined;
      if (bytes.length - at < LENGTH_SIZE + size) break;
      this.#parts.receive(bytes.subarray(at + LENGTH_SIZE, at + LENGTH_SIZE + size));
      at += LENGTH_SIZE + size;
    }
    return bytes.subarray(at);
  }
}

function connectAddress(target: string): NetConnectOpts | undefined {
  const [, path] = /^unix:(.+)$/.exec(target) ?? [];
  if (path !== undefined) return { path };
  const [, host, port] = /^tcp:(?:\[([^\]]+)\]|[^:]+):(\d+)$/.exec(target) ?? [];
  return port === undefined ? undefined : { host: host ?? target.split(':')[1]!, port: Number(port) };
}

function listenAddress(target: string): ListenOptions | undefined {
  const [, path] = /^punix:(.+)$/.exec(target) ?? [];
  if (path !== undefined) return { path };
  const [, port, host] = /^ptcp:(\d+)(?::(.+))?$/.exec(target) ?? [];
  return port === undefined ? undefined : { port: Number(port), host: host ?? '0.0.0.0' };
}
