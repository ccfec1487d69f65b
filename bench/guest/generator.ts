// The generator process's loop: attaches its guests, polls their rings in slices, paces, reports.

import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { SyscallError, UserError } from '../../lib/errors.ts';
import { Guest } from './guest.ts';
import { CREDIT_UNLIMITED } from './hot/layout.ts';
import type { GeneratorOptions } from './options.ts';
import { featureNames } from './vhost-messages.ts';

const MEMORY_PAGES = 65536;
const SLICE_MS = 2;
const PASSES = 64;
const PASSES_PACED = 1;
const ATTACH_RETRY_MS = 20;
const ATTACH_TIMEOUT_MS = 30_000;
const DRAIN_MS = 100;
const HANGUP_CHECK_MS = 100;
/** A paced sender that was held up catches up with at most this many packets at once. */
const CATCH_UP_MAX = 256;
const ANNOUNCE_MAX = 4096;
const FIRST_PACKETS_MAX = 500;
const FIRST_PACKET_TIMEOUT_MS = 200;
/** Between two looks, and between two first packets: their core may be the switch's too. */
const LOOK_MS = 0.02;
const PAUSE_MS = 1;

interface HotModule {
  _start(): void;
  prepare(guest: number): void;
  poll(guests: number, passes: number, spin: number): number;
}

/** A line of the generator's output. */
export type Report = (event: string, fields: Record<string, unknown>) => void;

export class Generator {
  readonly #options: GeneratorOptions;
  readonly #report: Report;
  readonly #guests: readonly Guest[];
  readonly #hot: HotModule;
  readonly #idle = new Int32Array(new SharedArrayBuffer(4));
  #running = false;
  #quitting = false;
  #startedMs = 0;
  #granted = 0;

  private constructor(options: GeneratorOptions, report: Report, guests: readonly Guest[], hot: HotModule) {
    this.#options = options;
    this.#report = report;
    this.#guests = guests;
    this.#hot = hot;
  }

  /** Makes the guests' memory and rings; nothing is connected yet. */
  static async create(options: GeneratorOptions, report: Report): Promise<Generator> {
    // Liftoff code is several times slower and is never replaced while a loop runs.
    setFlagsFromString('--no-liftoff');
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES, shared: true });
    const code = await readFile(new URL('./hot/guest.wasm', import.meta.url));
    const instance = await WebAssembly.instantiate(await WebAssembly.compile(code), { env: { memory } });
    const hot = instance.exports as unknown as HotModule;
    hot._start();
    const guests = options.guests.map((spec, index) => new Guest(memory, index, spec, options));
    for (const index of guests.keys()) hot.prepare(index);
    return new Generator(options, report, guests, hot);
  }

  /** Attaches every guest to its switch; sockets that do not answer yet are tried again. */
  async attach(): Promise<void> {
    const deadlineMs = performance.now() + ATTACH_TIMEOUT_MS;
    const waiting = new Set(this.#guests);
    while (waiting.size > 0) {
      for (const guest of waiting) if (tryAttach(guest)) waiting.delete(guest);
      if (waiting.size === 0) break;
      if (performance.now() > deadlineMs) {
        throw new UserError(`no switch on ${[...waiting].map((guest) => guest.path).join(', ')}`);
      }
      await sleep(ATTACH_RETRY_MS);
    }
    const guests = this.#guests.map(({ path, features, hugepages }) => ({
      path,
      features: featureNames(features),
      hugepages,
    }));
    this.#report('ready', { pid: process.pid, guests });
  }

  start(): void {
    this.#running = true;
    this.#startedMs = performance.now();
    this.#granted = 0;
    if (this.#options.pps === 0) this.#setCredit(CREDIT_UNLIMITED);
    this.stats('started');
  }

  stop(): void {
    this.#running = false;
    this.#setCredit(0);
  }

  quit(): void {
    this.stop();
    this.#quitting = true;
  }

  /** Lets every guest that only receives make its addresses known. */
  announce(): void {
    const count = Math.min(this.#options.flowCount, ANNOUNCE_MAX);
    for (const guest of this.#guests) if (!guest.transmits) guest.announce(count);
  }

  stats(event = 'stats'): void {
    this.#report(event, { timeMs: performance.now(), guests: this.#guests.map((guest) => guest.counters()) });
  }

  /** Sends packets one by one, each of another flow, and reports how long each took to arrive at another guest. */
  firstPackets(): void {
    const ms: number[] = [];
    const count = Math.min(this.#options.flowCount, FIRST_PACKETS_MAX);
    for (let i = 0; i < count; i++) {
      const tookMs = this.#sendOne();
      if (tookMs !== undefined) ms.push(tookMs);
      Atomics.wait(this.#idle, 0, 0, PAUSE_MS);
    }
    this.#report('first-packets', { ms, lost: count - ms.length });
  }

  /** Undefined when it got lost. */
  #sendOne(): number | undefined {
    const before = this.#received;
    const startMs = performance.now();
    this.#setCredit(1);
    for (;;) {
      this.#hot.poll(this.#guests.length, 1, 0);
      for (const guest of this.#guests) guest.kickIfWanted();
      const tookMs = performance.now() - startMs;
      if (this.#received > before) return tookMs;
      if (tookMs > FIRST_PACKET_TIMEOUT_MS) return undefined;
      Atomics.wait(this.#idle, 0, 0, LOOK_MS);
    }
  }

  get #received(): number {
    return this.#guests.reduce((sum, guest) => sum + guest.counters().rxPackets, 0);
  }

  /** Polls until quit(), or until --duration is over; resolves after the rings were drained. */
  async run(): Promise<void> {
    const { durationMs, intervalMs } = this.#options;
    let checkedMs = 0;
    let reportedMs = performance.now();
    if (durationMs !== undefined) this.start();
    while (!this.#quitting) {
      const nowMs = this.#slice();
      if (durationMs !== undefined && nowMs - this.#startedMs >= durationMs) this.quit();
      if (intervalMs > 0 && this.#running && nowMs - reportedMs >= intervalMs) {
        reportedMs += intervalMs;
        this.stats();
      }
      if (nowMs - checkedMs > HANGUP_CHECK_MS) {
        checkedMs = nowMs;
        this.#checkPeers();
      }
      await nextTurn();
    }
    const drainedMs = performance.now() + DRAIN_MS;
    while (performance.now() < drainedMs) this.#slice();
    this.stats('done');
  }

  close(): void {
    for (const guest of this.#guests) guest.close();
  }

  /** Polls for SLICE_MS and returns the time. */
  #slice(): number {
    const { pps, spin, yieldUs } = this.#options;
    const endMs = performance.now() + SLICE_MS;
    const passes = pps > 0 || yieldUs > 0 ? PASSES_PACED : PASSES;
    for (;;) {
      const nowMs = performance.now();
      if (pps > 0 && this.#running) this.#pace(nowMs);
      const moved = this.#hot.poll(this.#guests.length, passes, spin);
      if (nowMs >= endMs) break;
      if (moved === 0 && yieldUs > 0) Atomics.wait(this.#idle, 0, 0, yieldUs / 1000);
    }
    for (const guest of this.#guests) guest.kickIfWanted();
    return endMs;
  }

  #pace(nowMs: number): void {
    const due = Math.floor(((nowMs - this.#startedMs) * this.#options.pps) / 1000);
    const wanted = due - this.#granted;
    if (wanted <= 0) return;
    this.#granted = due;
    for (const guest of this.#guests) {
      if (guest.transmits) guest.setCredit(Math.min(guest.credit + wanted, CATCH_UP_MAX));
    }
  }

  #setCredit(packets: number): void {
    for (const guest of this.#guests) if (guest.transmits) guest.setCredit(packets);
  }

  #checkPeers(): void {
    for (const guest of this.#guests) {
      if (guest.isBroken) throw new UserError(`${guest.path}: the switch returned buffers that it was not given`);
      if (!guest.isDetached) continue;
      if (!this.#options.reattach) throw new UserError(`${guest.path}: the switch closed the connection`);
      if (tryAttach(guest)) this.#report('reattached', { path: guest.path });
    }
  }
}

function tryAttach(guest: Guest): boolean {
  try {
    return guest.tryAttach();
  } catch (error) {
    const notYet =
      error instanceof SyscallError && ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code);
    if (!notYet) throw error;
    return false;
  }
}
