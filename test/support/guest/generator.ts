// The bench's guest generator as a process that a test may kill: words in, JSON events out.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { GuestCounters } from '../../../bench/guest/guest.ts';

const MAIN = fileURLToPath(new URL('../../../dist/bench/guest/guest-main.js', import.meta.url));
const TIMEOUT_MS = 20_000;

interface Event {
  readonly event: string;
  readonly message?: string;
  readonly guests?: readonly GuestCounters[];
}

export class GeneratorGuest {
  readonly #child: ChildProcess;
  readonly #events: Event[] = [];
  #errors = '';

  /** `guests`: the generator's own words for its guests, `side=a,role=both,connect=/path`. */
  constructor(guests: readonly string[], args: readonly string[] = []) {
    const words = guests.flatMap((guest) => ['--guest', guest]);
    // Ordinary pages, and a sleep whenever nothing moved: tests share their machine.
    const gentle = ['--no-hugepages', '--yield-us', '200', '--core', '0'];
    this.#child = spawn(process.execPath, ['--no-liftoff', MAIN, ...words, ...gentle, ...args]);
    this.#child.stderr!.on('data', (chunk) => (this.#errors += chunk));
    this.#child.stdin!.on('error', () => {});
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#events.push(JSON.parse(line)));
  }

  /** Of the thread that sends and receives, too. */
  get pid(): number {
    return this.#child.pid!;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves once every guest is attached. */
  async ready(): Promise<void> {
    await this.#next('ready');
  }

  send(word: 'start' | 'stop' | 'quit'): void {
    this.#child.stdin!.write(`${word}\n`);
  }

  /** Counters by guest, in the order that they were given. */
  async stats(): Promise<readonly GuestCounters[]> {
    this.#child.stdin!.write('stats\n');
    return (await this.#next('stats')).guests!;
  }

  /** Stops sending, drains, ends, and returns the totals. */
  async finish(): Promise<readonly GuestCounters[]> {
    this.#child.stdin!.write('stop\nquit\n');
    const totals = (await this.#next('done')).guests!;
    if (!this.ended) await once(this.#child, 'exit');
    return totals;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #next(name: string): Promise<Event> {
    const deadlineMs = performance.now() + TIMEOUT_MS;
    for (;;) {
      const at = this.#events.findIndex(({ event }) => event === name || event === 'error');
      if (at >= 0) {
        const [event] = this.#events.splice(at, 1) as [Event];
        if (event.event === 'error') throw new Error(`generator: ${event.message}`);
        return event;
      }
      if (this.ended) throw new Error(`generator ended: ${this.#errors}`);
      if (performance.now() > deadlineMs) throw new Error(`generator: no ${name} within ${TIMEOUT_MS / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
