// Drives one generator process (bench/guest): starts it, sends it words, collects its reports.

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../lib/errors.ts';
import type { GuestCounters } from '../guest/guest.ts';
import { type Child, type Cleanup, waitFor } from './children.ts';

const ATTACH_TIMEOUT_MS = 40_000;
const ANSWER_TIMEOUT_MS = 10_000;
const FIRST_PACKETS_TIMEOUT_MS = 120_000;
const MAIN = fileURLToPath(new URL('../guest/guest-main.js', import.meta.url));

export interface AttachedGuest {
  readonly path: string;
  readonly features: string;
  readonly hugepages: boolean;
}

export interface GeneratorStats {
  readonly timeMs: number;
  readonly guests: readonly GuestCounters[];
}

export interface FirstPackets {
  readonly ms: readonly number[];
  readonly lost: number;
}

type Event = { readonly event: string } & Record<string, unknown>;

export class GeneratorProcess {
  readonly #child: Child;
  readonly #events: Event[] = [];

  constructor(cleanup: Cleanup, args: readonly string[]) {
    this.#child = cleanup.spawn('generator', { file: process.execPath, args: ['--no-liftoff', MAIN, ...args] });
    const lines = createInterface({ input: this.#child.process.stdout! });
    lines.on('line', (line) => {
      this.#events.push(JSON.parse(line) as Event);
    });
  }

  /** Resolves once every guest is attached to its port. */
  async ready(): Promise<readonly AttachedGuest[]> {
    const event = await this.#next('ready', ATTACH_TIMEOUT_MS);
    return event['guests'] as readonly AttachedGuest[];
  }

  get pid(): number {
    return this.#child.pid;
  }

  send(word: 'start' | 'stop' | 'announce'): void {
    this.#child.process.stdin?.write(`${word}\n`);
  }

  async stats(): Promise<GeneratorStats> {
    this.#child.process.stdin?.write('stats\n');
    return (await this.#next('stats', ANSWER_TIMEOUT_MS)) as unknown as GeneratorStats;
  }

  /** Sends the first packet of flow after flow: milliseconds that each took. */
  async firstPackets(): Promise<FirstPackets> {
    this.#child.process.stdin?.write('first-packets\n');
    return (await this.#next('first-packets', FIRST_PACKETS_TIMEOUT_MS)) as unknown as FirstPackets;
  }

  /** Stops sending, lets the rings drain, ends the process and returns the totals. */
  async finish(): Promise<GeneratorStats> {
    this.#child.process.stdin?.write('stop\nquit\n');
    const totals = (await this.#next('done', ANSWER_TIMEOUT_MS)) as unknown as GeneratorStats;
    await waitFor('the generator to end', ANSWER_TIMEOUT_MS, () => this.#child.exited);
    return totals;
  }

  /** The newest periodic report, if any came. */
  latest(): GeneratorStats | undefined {
    return this.#events.filter(({ event }) => event === 'stats').at(-1) as unknown as GeneratorStats | undefined;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  async #next(name: string, timeoutMs: number): Promise<Event> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const at = this.#events.findIndex(({ event }) => event === name || event === 'error');
      const event = this.#events[at];
      if (event?.event === 'error') throw new UserError(`generator: ${String(event['message'])}`);
      if (event) {
        this.#events.splice(at, 1);
        return event;
      }
      if (this.#child.exited) throw new UserError(`generator ended: ${this.#child.output}`);
      if (performance.now() > deadlineMs) throw new UserError(`generator: no ${name} within ${timeoutMs / 1000} s`);
      await sleep(5);
    }
  }
}
