// The card's thread as the switch sees it: started, spoken to, found dead and replaced. What was asked of a card that
// died is answered with "the card was reset"; its descriptors are closed, so that the guests on its vports notice.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
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
/** How long one that is closed may take, should it hang. */
const CLOSE_MS_MAX = 5000;
/** The card's pulse is looked for so often, in milliseconds; it beats twice in the time. */
const LOOK_MS = 1000;
/** Looks in vain that a card has to start. */
const START_LOOKS = 60;
/** Looks in vain after which somebody who waits for an answer takes the card for dead. */
const SILENT_LOOKS = 2;

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
  /** Looks in vain for its pulse, one after the other. */
  #silentLooks = 0;
  readonly #watch: NodeJS.Timeout;
  restarts = 0;

  constructor(name: string, rundir: string, settings: CardSettings, events: CardEvents) {
    this.#name = name;
    this.#rundir = rundir;
    this.#settings = settings;
    this.#events = events;
    this.#start();
    // Of the machine's time: the card is not in the switch, whose clock a test may stop.
    this.#watch = setInterval(() => this.#look(), LOOK_MS).unref();
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

  /** Somebody has waited long for an answer: resolves when the card is found slow but well, or was reset. */
  async check(): Promise<void> {
    while (this.#silentLooks > 0 && this.#silentLooks < SILENT_LOOKS) await sleep(LOOK_MS);
    if (this.#silentLooks >= SILENT_LOOKS) await this.#giveUp();
  }

  #look(): void {
    const { watchdogS } = this.#settings;
    if (++this.#silentLooks > watchdogS && watchdogS > 0 && !this.#closing) void this.#giveUp();
  }

  /** Nothing is forwarded any more by a card that nobody can ask. */
  async #giveUp(): Promise<void> {
    if (!this.#worker) return;
    log.err(`${this.#name}: the card does not answer (no sign of life for ${this.#silentLooks} s): it is reset`);
    this.#silentLooks = -START_LOOKS;
    await this.kill();
  }

  /** Ends the thread at once, as a fault would: test hook, and how settings that need a reset are taken over. */
  async kill(): Promise<void> {
    await this.#worker?.terminate();
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#watch);
    await Promise.race([this.call('close').catch(() => {}), sleep(CLOSE_MS_MAX, undefined, { ref: false })]);
    await this.kill();
    noteNicCore(this, undefined);
  }

  #start(): void {
    this.#silentLooks = -START_LOOKS;
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
    // It has started.
    if (message.type === 'done') this.#silentLooks = Math.max(0, this.#silentLooks);
    if (message.type === 'done') this.#taken(message.id)?.resolve(message.result as never);
    else if (message.type === 'failed') this.#taken(message.id)?.reject(new Error(message.message));
    else if (message.type === 'state') this.#events.state(message.vports);
    else if (message.type === 'sent') this.#events.sent(message.vport, message.frame);
    else if (message.type === 'log') relay(message.record);
    else if (message.type === 'pulse') this.#silentLooks = 0;
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
