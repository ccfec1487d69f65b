// QEMU's machine protocol (QMP) over a UNIX socket, as far as migrating a guest needs it.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const PATIENCE_MS = 60_000;

type Answer = Readonly<Record<string, unknown>>;

export class Monitor {
  readonly #socket: Socket;
  readonly #answers: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async connect(path: string): Promise<Monitor> {
    const socket = connect(path);
    await once(socket, 'connect');
    const monitor = new Monitor(socket);
    await monitor.execute('qmp_capabilities');
    return monitor;
  }

  /** Runs a command; events that come meanwhile are passed over. */
  async execute(command: string, args: Answer = {}): Promise<Answer> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    for (;;) {
      const { value, done } = await this.#answers.next();
      if (done) throw new Error(`QEMU closed its monitor on ${command}`);
      const answer = JSON.parse(value) as Answer;
      if (answer['error']) throw new Error(`${command}: ${JSON.stringify(answer['error'])}`);
      if (answer['return']) return answer['return'] as Answer;
    }
  }

  /** Sends the guest's state to `uri`; resolves when all of it is there and the guest goes on at the other end. */
  async migrate(uri: string): Promise<void> {
    await this.execute('migrate', { uri });
    for (const endMs = performance.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const answer = await this.execute('query-migrate');
      if (answer['status'] === 'completed') return;
      const isOver = answer['status'] === 'failed' || performance.now() > endMs;
      if (isOver) throw new Error(`the migration did not end: ${JSON.stringify(answer)}`);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
