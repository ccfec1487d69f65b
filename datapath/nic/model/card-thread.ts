// The card's thread as the switch sees it: started, spoken to, found dead and replaced. What was asked of a card that
// died is answered with "the card was reset"; its descriptors are closed, so that the guests on its vports notice.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type LogRecord, logger } from '../../../lib/log.ts';
import { createLedger, openIn } from '../../../lib/syscalls/descriptors.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import { allowedCores, coreForNic, noteNicCore } from '../../pmd/cores.ts';
import type { Vport } from '../provider.ts';
import type { CardCommand, CardCommands, CardMessage, CardWorkerData, CommandName, VportState } from './protocol.ts';
import type { CardSettings } from './settings.ts';

const log = logger('nic');
/** A card that dies again and again is started anew after this, in milliseconds. */
const RESTART_PAUSE_MS = 500;
const QUICK_RESTARTS = 3;

/** What was asked of the card is void: it lost everything. */
export class CardReset extends Error {
  override readonly name = 'CardReset';

  constructor() {
    super('the card was reset');
  }
}

type Result<K extends CommandName> = Awaited<ReturnType<CardCommands[K]>>;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export interface CardEvents {
  state(vports: readonly VportState[]): void;
  sent(vport: Vport, frame: Uint8Array): void;
  /** A new thread runs, and knows the settings only. */
  reset(): void;
}

/** Workers cannot load .ts on Node 20: they always run the build. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('./card-worker.js', import.meta.url));
  const built = new URL('../../../dist/datapath/nic/model/card-worker.js', import.meta.url);
  return existsSync(beside) ? beside : fileURLToPath(built);
}

export class CardThread {
  readonly #name: string;
  readonly #rundir: string;
  readonly #events: CardEvents;
  #settings: CardSettings;
  #worker: Worker | undefined;
  #waiting = new Map<number, Waiting>();
  readonly #brokenListeners = new Map<Vport, Set<(index: number, reason: string) => void>>();
  #nextId = 1;
  #closing = false;
  restarts = 0;

  constructor(name: string, rundir: string, settings: CardSettings, events: CardEvents) {
    this.#name = name;
    this.#rundir = rundir;
    this.#settings = settings;
    this.#events = events;
    this.#start();
  }

  /** Has the card do something; answers when it is done. Rejects with CardReset when the card died before. */
  call<K extends CommandName>(name: K, ...args: Parameters<CardCommands[K]>): Promise<Result<K>> {
    const worker = this.#worker;
    if (!worker) return Promise.reject(new CardReset());
    const id = this.#nextId++;
    return new Promise<Result<K>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, name, args } as unknown as CardCommand);
    });
  }

  /** What the next thread starts with. */
  set settings(settings: CardSettings) {
    this.#settings = settings;
    if (settings.core !== undefined) noteNicCore(this, settings.core);
  }

  onRingBroken(vport: Vport, listener: (index: number, reason: string) => void): () => void {
    const listeners = this.#brokenListeners.get(vport) ?? new Set();
    this.#brokenListeners.set(vport, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Ends the thread at once, as a fault would: test hook, and how settings that need a reset are taken over. */
  async kill(): Promise<void> {
    await this.#worker?.terminate();
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.call('close').catch(() => {});
    await this.kill();
    noteNicCore(this, undefined);
  }

  #start(): void {
    const ledger = createLedger();
    const core = this.#settings.core ?? coreForNic();
    noteNicCore(this, core);
    const data: CardWorkerData = {
      name: this.#name,
      rundir: this.#rundir,
      settings: { ...this.#settings, core },
      ledger,
      allowedCores: allowedCores(),
    };
    const worker = new Worker(workerFile(), { workerData: data, name: `nic-${this.#name}` });
    this.#worker = worker;
    // The process may end while the card runs.
    worker.unref();
    worker.on('message', (message: CardMessage) => this.#received(message));
    worker.on('error', (error) => log.err(`${this.#name}: the card's thread failed: ${error.stack ?? error.message}`));
    worker.on('exit', () => this.#exited(ledger));
  }

  #received(message: CardMessage): void {
    if (message.type === 'done') this.#taken(message.id)?.resolve(message.result as never);
    else if (message.type === 'failed') this.#taken(message.id)?.reject(new Error(message.message));
    else if (message.type === 'state') this.#events.state(message.vports);
    else if (message.type === 'sent') this.#events.sent(message.vport, message.frame);
    else if (message.type === 'log') relay(message.record);
    else for (const listener of this.#brokenListeners.get(message.vport) ?? []) listener(message.index, message.reason);
  }

  #taken(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #exited(ledger: Int32Array): void {
    for (const fd of openIn(ledger)) close(fd);
    this.#worker = undefined;
    const lost = this.#waiting;
    this.#waiting = new Map();
    if (!this.#closing) this.#restart();
    for (const { reject } of lost.values()) reject(new CardReset());
  }

  #restart(): void {
    this.restarts++;
    log.warn(`${this.#name}: the card's thread ended; it is started again (${this.restarts})`);
    const start = () => {
      if (this.#closing) return;
      this.#start();
      this.#events.reset();
    };
    if (this.restarts <= QUICK_RESTARTS) start();
    else setTimeout(start, RESTART_PAUSE_MS).unref();
  }
}

/** The card's log goes the way of the switch's own. */
function relay({ module, level, text }: LogRecord): void {
  logger(module)[level](text);
}
