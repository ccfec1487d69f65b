// One PMD thread as the control thread manages it: a Piscina of size 1 whose only task polls until told to stop. A
// worker that dies is reported, its locks are broken, and its queues go on in a fresh worker over the same area.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { logger } from '../../lib/log.ts';
import type { Arena } from '../arena/arena.ts';
import type { PollingThread } from '../guest/rings.ts';
import {
  TB_GIVES_WAY,
  TB_SLEEP_US_MAX,
  TB_SLEEP_WORD,
  TB_STATE,
  TB_STOP,
  TB_TEST_HOOK,
  THREAD_DEAD,
} from '../layout/thread-block.ts';
import type { PmdTask, PmdWorkerData } from './pmd-worker.ts';

const log = logger('dpif_netdev');
/** A worker that dies again within this time is restarted after a pause. */
const RESTART_PAUSE_MS = 200;

/** Workers cannot load .ts on Node 20: they always run the build. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('./pmd-worker.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/datapath/pmd/pmd-worker.js', import.meta.url));
}

export class PmdThread implements PollingThread {
  readonly index: number;
  readonly core: number;
  restarts = 0;
  readonly #arena: Arena;
  readonly #module: WebAssembly.Module;
  readonly #onDeath: (thread: PmdThread) => void;
  #pool: Piscina | undefined;
  #stopping = false;
  #finished: Promise<void> = Promise.resolve();

  /** `onDeath` runs after a worker died and before the next one starts. */
  constructor(arena: Arena, module: WebAssembly.Module, index: number, core: number, onDeath: (t: PmdThread) => void) {
    this.#arena = arena;
    this.#module = module;
    this.index = index;
    this.core = core;
    this.#onDeath = onDeath;
  }

  get name(): string {
    return `pmd-c${String(this.core).padStart(2, '0')}/id:${this.index}`;
  }

  start(): void {
    this.#store(TB_STOP, 0);
    this.#pool = new Piscina<PmdTask, void>({
      filename: workerFile(),
      minThreads: 1,
      maxThreads: 1,
      workerData: { memory: this.#arena.memory, module: this.#module } satisfies PmdWorkerData,
      // The task never waits for another one.
      atomics: 'disabled',
    }) as Piscina;
    const task: PmdTask = {
      name: this.name,
      index: this.index,
      core: this.core,
      area: this.#arena.threadArea(this.index),
      timeOrigin: performance.timeOrigin,
    };
    const pool = this.#pool;
    this.#finished = pool.run(task).then(
      () => {},
      (error: unknown) => this.#died(pool, error),
    );
  }

  /** Wakes the thread from its sleep so that it sees a new poll list or stop word. */
  wake(): void {
    const word = (this.#arena.threadArea(this.index) + TB_SLEEP_WORD) >> 2;
    Atomics.add(this.#arena.views.i32, word, 1);
    Atomics.notify(this.#arena.views.i32, word);
  }

  /** The longest nap, in microseconds, and whether it lets others onto its core after every slice. */
  setManners(sleepUsMax: number, givesWay: boolean): void {
    this.#store(TB_SLEEP_US_MAX, sleepUsMax);
    this.#store(TB_GIVES_WAY, givesWay ? 1 : 0);
    this.wake();
  }

  /** Test hook: 1 traps, 2 exits the worker. */
  kill(how: 'trap' | 'exit'): void {
    this.#store(TB_TEST_HOOK, how === 'trap' ? 1 : 2);
    this.wake();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#store(TB_STOP, 1);
    this.wake();
    await this.#finished;
    await this.#pool?.destroy();
  }

  async #died(pool: Piscina, error: unknown): Promise<void> {
    this.#store(TB_STATE, THREAD_DEAD);
    if (this.#stopping) return;
    log.err(`${this.name}: thread died: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    this.#onDeath(this);
    this.restarts++;
    await pool.destroy().catch(() => {});
    setTimeout(
      () => {
        if (this.#stopping) return;
        log.warn(`${this.name}: restarted (${this.restarts})`);
        this.start();
      },
      this.restarts > 3 ? RESTART_PAUSE_MS : 0,
    );
  }

  #store(offset: number, value: number): void {
    Atomics.store(this.#arena.views.i32, (this.#arena.threadArea(this.index) + offset) >> 2, value);
  }
}
