// Two ends of a Unix socket in a directory of its own, and patience: what the connection tests share.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir {
  readonly path: string;
  [Symbol.dispose](): void;
}

export function tempDir(): TempDir {
  const path = mkdtempSync(join(tmpdir(), 'weft-connmgr-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Resolves when `condition` holds; throws after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Bytes of hex text, spaces allowed. */
export function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** A raw peer: collects what it receives. */
export class Peer {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async connect(path: string): Promise<Peer> {
    const socket = connect({ path });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Peer(socket);
  }

  send(hex: string): void {
    this.socket.write(bytes(hex));
  }

  /** Whole messages received so far, in hex. */
  messages(): string[] {
    const list: string[] = [];
    for (let rest = this.received; rest.length >= 8 && rest.length >= rest.readUInt16BE(2); ) {
      const length = rest.readUInt16BE(2);
      list.push(rest.subarray(0, length).toString('hex'));
      rest = rest.subarray(length);
    }
    return list;
  }
}

/** A listener at `path` that keeps every peer that comes. */
export async function acceptPeers(path: string): Promise<{ server: Server; peers: Peer[] }> {
  const peers: Peer[] = [];
  const server = createServer((socket) => peers.push(new Peer(socket)));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { server, peers };
}
