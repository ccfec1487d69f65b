// The end of a network cable of QEMU's: `-netdev stream` on a UNIX socket, frames with their length in front (32 bits,
// big-endian). It loses nothing: a sender waits.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const PATIENCE_MS = 60_000;

export class Wire {
  readonly #socket: Socket;
  readonly #frames: Buffer[] = [];
  #bytes: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => {});
  }

  static async connect(path: string): Promise<Wire> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Wire(socket);
  }

  send(frame: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(frame.length);
    this.#socket.write(Buffer.concat([length, frame]));
  }

  /** The next `count` frames that came. */
  async receive(count: number): Promise<Buffer[]> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (this.#frames.length < count) {
      if (performance.now() > deadlineMs) throw new Error(`${this.#frames.length} of ${count} frames came`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.#frames.splice(0, count);
  }

  /** Frames that came and nobody has asked for. */
  get left(): number {
    return this.#frames.length;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE(0)) {
      const end = 4 + this.#bytes.readUInt32BE(0);
      this.#frames.push(this.#bytes.subarray(4, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}
