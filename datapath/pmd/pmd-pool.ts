// The PMD threads: started and stopped to match pmd-cpu-mask and whether there is anything to poll, one for each core.

import { logger } from '../../lib/log.ts';
import type { Arena } from '../arena/arena.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import type { Rings } from '../guest/rings.ts';
import { THREAD_MAX } from '../layout/memory-map.ts';
import { defaultPmdCores, isNicCore, keepOffPmdCores, onNicCores, parseCpuMask, planPmdCores } from './cores.ts';
import { PmdThread } from './pmd-thread.ts';

const log = logger('dpif_netdev');

export class PmdPool {
  readonly #arena: Arena;
  readonly #module: WebAssembly.Module;
  readonly #quiescence: Quiescence;
  readonly #rings: Rings;
  readonly #active: Set<number>;
  readonly #backed = new Set<number>();
  readonly #threads = new Map<number, PmdThread>();
  readonly onDeath: ((thread: PmdThread) => void)[] = [];
  #cores: readonly number[] = defaultPmdCores();
  #mask: string | undefined;
  #sleepUsMax = 0;
  #givesWay = false;
  #wanted = false;
  /** Areas of threads that have ended; a stopping thread still owns its own. */
  readonly #freeIndexes: number[] = [];
  #nextIndex = 1;
  #changing: Promise<void> = Promise.resolve();
  readonly #forgetNics = onNicCores(() => this.#teach());

  /** `active`: thread indexes that keep statistics, shared with the flow table; 0 is the control thread. */
  constructor(arena: Arena, module: WebAssembly.Module, quiescence: Quiescence, rings: Rings, active: Set<number>) {
    this.#arena = arena;
    this.#module = module;
    this.#quiescence = quiescence;
    this.#rings = rings;
    this.#active = active;
  }

  get threads(): readonly PmdThread[] {
    return [...this.#threads.values()].sort((a, b) => a.core - b.core);
  }

  /** Takes over pmd-cpu-mask and pmd-sleep-max. Bad masks are logged and the default used, as Open vSwitch does. */
  configure(mask: string | undefined, sleepUsMax: number, givesWay: boolean): void {
    this.#sleepUsMax = sleepUsMax;
    this.#givesWay = givesWay;
    if (mask !== this.#mask) {
      this.#mask = mask;
      this.#cores = this.#coresOf(mask);
      planPmdCores(this.#cores);
    }
    this.#apply();
  }

  /** Threads run while there is a polled port (true), and not before. */
  want(wanted: boolean): void {
    this.#wanted = wanted;
    this.#apply();
  }

  async close(): Promise<void> {
    this.#forgetNics();
    this.#wanted = false;
    this.#apply();
    await this.#changing;
  }

  #coresOf(mask: string | undefined): readonly number[] {
    if (!mask) return defaultPmdCores();
    try {
      const cores = parseCpuMask(mask).slice(0, THREAD_MAX - 1);
      if (cores.length > 0) return cores;
      log.warn(`pmd-cpu-mask ${mask} names no core of this machine: using the default`);
    } catch (error) {
      log.warn(String(error instanceof Error ? error.message : error));
    }
    return defaultPmdCores();
  }

  #apply(): void {
    const cores = this.#wanted ? this.#cores : [];
    const stopped: PmdThread[] = [];
    for (const [core, thread] of this.#threads) {
      if (cores.includes(core)) continue;
      this.#threads.delete(core);
      stopped.push(thread);
    }
    const started = cores.filter((core) => !this.#threads.has(core)).map((core) => this.#create(core));
    this.#teach();
    if (stopped.length === 0 && started.length === 0) return;
    this.#rings.setThreads(
      this.threads,
      stopped.map((thread) => thread.index),
    );
    keepOffPmdCores(cores);
    for (const thread of started) thread.start();
    this.#changing = this.#changing.then(() => this.#stopAll(stopped));
  }

  async #stopAll(stopped: readonly PmdThread[]): Promise<void> {
    for (const thread of stopped) {
      await thread.stop();
      this.#quiescence.removeThread(thread.index);
      this.#freeIndexes.push(thread.index);
    }
    // The cores of the ones that ended are everybody's again.
    if (stopped.length > 0) keepOffPmdCores([...this.#threads.keys()]);
  }

  #create(core: number): PmdThread {
    const index = this.#freeIndexes.pop() ?? this.#nextIndex++;
    if (!this.#backed.has(index)) {
      this.#arena.backThread(index);
      this.#backed.add(index);
    }
    this.#active.add(index);
    this.#quiescence.addThread(index);
    const thread = new PmdThread(this.#arena, this.#module, index, core, (dead) => {
      for (const listener of this.onDeath) listener(dead);
    });
    this.#threads.set(core, thread);
    this.#teachOne(thread);
    return thread;
  }

  #teach(): void {
    for (const thread of this.#threads.values()) this.#teachOne(thread);
  }

  /** One that shares its core with a card gives way as the card does, so that they take short turns. */
  #teachOne(thread: PmdThread): void {
    thread.setManners(this.#sleepUsMax, this.#givesWay || isNicCore(thread.core));
  }
}
