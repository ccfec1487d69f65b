// One card's flow table as weft uses it: which megaflows wait for it, which are in it, which have to leave it.
//
// Order. The card is asked one thing at a time, removals before anything else. So a copy is in one state only, and a flow
// is never written while an older one of the same packets is still there: hardware flows do not overlap.
//
// No stale flow. withdraw() ends a copy at once as far as weft is concerned, and the card is told at the next moment that
// it listens. A copy that is being written is taken out when its handle is known. settled() waits for both.
//
// Counts. Each answer of the card adds what is new in it to the entry (entry.ts), the answer to a removal too: nothing is
// counted twice, and only a card that loses its memory takes counts with it.
//
// Full. What does not fit waits, and is ranked (rank()): a flow in the card gives way to one that is at least twice as busy,
// and only after it has been there for a while; few at a time. So flows whose rates are alike do not push each other out.

import type { Clock } from '../../../lib/clock.ts';
import { logger } from '../../../lib/log.ts';
import { inSlices } from '../../../lib/slices.ts';
import type { HardwareFlow, InsertResult, NicProvider } from '../provider.ts';
import { ANSWER_MS_MAX, CardLink } from './card-link.ts';
import { Doomed } from './doomed.ts';
import { Copy, type Entry } from './entry.ts';
import { hardwareFlow, problemOf, type Surroundings } from './examine.ts';
import { Latency } from './latency.ts';
import type { PortCountTable } from './port-counts.ts';
import { busiest, exchanges, idlest } from './ranking.ts';
import { Reading } from './reading.ts';
import { QUEUE_MAX, WriteQueue } from './write-queue.ts';

const log = logger('netdev_offload');

/** Flows of one question. */
const REMOVE_BATCH = 256;
const QUERY_BATCH = 256;
/** How long a flow stays in the card before it gives way. */
export const RESIDENCE_MS = 2000;
/** Flows that give way in one ranking at most: this part of the table, and so many. */
const SWAP_SHARE = 8;
const SWAPS_MAX = 256;

const WAITS = 'it waits to be written into the card';
const OUT_OF_ORDER = 'the card is out of order';
const FULL = "the card's table is full of busier flows";

export interface CardTotals {
  inserted: number;
  removed: number;
  /** Flows that gave way to busier ones. */
  gaveWay: number;
  /** Flows that the card itself refused, without those for which it was full. */
  refused: number;
  full: number;
  resets: number;
}

export interface CardParts {
  readonly clock: Clock;
  readonly ports: PortCountTable;
  /** How long the card may take for an answer. */
  readonly answerMsMax?: number | undefined;
}

export class Card {
  readonly provider: NicProvider;
  readonly around: Surroundings;
  readonly latency = new Latency();
  readonly totals: CardTotals = { inserted: 0, removed: 0, gaveWay: 0, refused: 0, full: 0, resets: 0 };
  readonly #clock: Clock;
  readonly #ports: PortCountTable;
  readonly #link: CardLink;
  /** Of all megaflows whose in_port is on the card. */
  readonly #entries = new Set<Entry>();
  /** There, or being written; not those to be removed. */
  readonly #copies = new Set<Copy>();
  readonly #doomed = new Doomed();
  readonly #reading = new Reading();
  readonly #queue = new WriteQueue();
  #isRunning = false;
  #isScheduled = false;
  /** Something came since it was last looked for. */
  #hasNews = false;
  /** A card that failed is asked once more. */
  #knocks = false;
  /** The table's size as far as it is known: what a card says of itself, or what fitted in when it was full. */
  #size: number;

  constructor(provider: NicProvider, around: Surroundings, { clock, ports, answerMsMax = ANSWER_MS_MAX }: CardParts) {
    this.provider = provider;
    this.around = around;
    this.#clock = clock;
    this.#ports = ports;
    this.#size = provider.capabilities.tableSize;
    this.#link = new CardLink(provider.name, answerMsMax, {
      died: () => this.#out(),
      revived: () => this.offerAll(),
    });
    provider.onReset(() => this.#reset());
  }

  get problem(): string | undefined {
    return this.#link.problem;
  }

  get deaths(): number {
    return this.#link.deaths;
  }

  get entries(): ReadonlySet<Entry> {
    return this.#entries;
  }

  /** Flows in the card that are still those of a megaflow. */
  get used(): number {
    return this.#copies.size;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Something that is no megaflow's any more may still be in the card. */
  get isUnsettled(): boolean {
    return this.#doomed.size > 0 && this.problem === undefined;
  }

  get #room(): number {
    return this.#size - this.#copies.size - this.#doomed.size;
  }

  // Megaflows

  add(entry: Entry): void {
    this.#entries.add(entry);
    this.offer(entry);
  }

  delete(entry: Entry): void {
    this.#entries.delete(entry);
    this.withdraw(entry);
  }

  /** Looks at the flow anew: it is written if it can be and there is room. */
  offer(entry: Entry): void {
    if (entry.copy) return;
    entry.isRefused = false;
    entry.reason = WAITS;
    if (this.#queue.push(entry)) this.#soon();
  }

  /** From now on the flow is forwarded in software; the card is told at once. */
  withdraw(entry: Entry): void {
    entry.isQueued = false;
    const { copy } = entry;
    if (!copy) return;
    entry.copy = undefined;
    this.#copies.delete(copy);
    this.#doomed.add(copy);
    void this.#run();
  }

  /** Withdraws all flows for which that is so. */
  withdrawAll(isMeant: (copy: Copy) => boolean = () => true): void {
    for (const copy of [...this.#copies]) if (isMeant(copy)) this.withdraw(copy.entry);
  }

  /** Looks at every flow anew that is not in the card. */
  offerAll(): void {
    const outside = [...this.#entries].filter(({ copy }) => !copy);
    for (const entry of outside) {
      entry.isRefused = false;
      entry.reason = WAITS;
    }
    for (const entry of busiest(outside, QUEUE_MAX)) this.offer(entry);
  }

  /** Resolves when no packet is forwarded any more by what was withdrawn so far, or the card counts as dead. */
  settled(): Promise<void> {
    return this.isUnsettled ? this.#doomed.settled() : Promise.resolve();
  }

  /** Resolves when counters of these copies, or of all, that were read after the call have been added. */
  read(copies?: readonly Copy[]): Promise<void> {
    const mine = copies?.filter((copy) => this.#copies.has(copy));
    if ((mine?.length ?? this.#copies.size) === 0 || this.problem !== undefined) return Promise.resolve();
    const done = this.#reading.want(mine);
    this.#soon();
    return done;
  }

  // The conversation

  #soon(): void {
    this.#hasNews = true;
    if (this.#isScheduled || this.#isRunning) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#run();
    });
  }

  /** Asks until nothing is left to ask, or the card failed. */
  async #run(): Promise<void> {
    this.#hasNews = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#hasNews) {
        this.#hasNews = false;
        while ((await this.#removeSome()) || (await this.#writeSome()) || (await this.#readSome()));
      }
    } finally {
      this.#isRunning = false;
    }
  }

  /** Each of these asks one question; false when there was none, or the card failed. */
  async #removeSome(): Promise<boolean> {
    const batch = this.#doomed.first(REMOVE_BATCH);
    if (batch.length === 0) return false;
    const answers = await this.#link.ask(() => this.provider.remove(batch.map(({ handle }) => handle!)));
    if (!answers) return false;
    const nowMs = this.#clock.nowMs();
    batch.forEach((copy, i) => {
      this.#doomed.delete(copy);
      const counts = answers[i];
      if (counts) copy.count(counts, nowMs, this.#ports);
    });
    this.totals.removed += batch.length;
    this.#doomed.wake(this.problem !== undefined);
    return true;
  }

  async #writeSome(): Promise<boolean> {
    if (this.problem !== undefined) return false;
    const copies: Copy[] = [];
    const flows: HardwareFlow[] = [];
    this.#queue.take((entry) => {
      const copy = this.#copyOf(entry);
      if (!copy) return false;
      copies.push(copy);
      flows.push(hardwareFlow(entry.flow, this.around));
      return true;
    });
    if (copies.length === 0) return false;
    const startMs = performance.now();
    const results = await this.#link.ask(() => this.provider.insert(flows));
    this.#queue.took(performance.now() - startMs);
    copies.forEach((copy, i) => {
      this.#written(copy, results?.[i]);
    });
    this.#doomed.wake(this.problem !== undefined);
    return results !== undefined;
  }

  /** What is to be sent of an entry of the queue; undefined when it stays in software. */
  #copyOf(entry: Entry): Copy | undefined {
    if (!entry.flow.alive || !this.#entries.has(entry)) return undefined;
    const problem = problemOf(entry.flow, this.around);
    entry.isRefused = problem !== undefined;
    entry.reason = problem ?? (this.#room <= 0 ? FULL : undefined);
    if (entry.reason !== undefined) return undefined;
    const copy = new Copy(entry);
    entry.copy = copy;
    this.#copies.add(copy);
    return copy;
  }

  #written(copy: Copy, result: InsertResult | undefined): void {
    const { entry } = copy;
    if (result && 'handle' in result) {
      copy.handle = result.handle;
      copy.sinceMs = this.#clock.nowMs();
      this.totals.inserted++;
      this.latency.add((performance.now() - entry.queuedMs) * 1000);
      return;
    }
    this.#copies.delete(copy);
    this.#doomed.delete(copy);
    if (entry.copy !== copy) return;
    entry.copy = undefined;
    if (!result) entry.reason = OUT_OF_ORDER;
    else if (result.refused === 'unsupported') {
      entry.isRefused = true;
      entry.reason = `the card refused it: ${result.reason.replaceAll(/[,()]/g, '')}`;
      this.totals.refused++;
    } else if (result.refused === 'reset') entry.reason = WAITS;
    else {
      entry.reason = FULL;
      this.totals.full++;
      this.#size = Math.max(1, this.#copies.size + this.#doomed.size);
    }
  }

  async #readSome(): Promise<boolean> {
    if (this.problem !== undefined) {
      this.#reading.stop();
      // Changes nothing: when it answers, it lives.
      if (this.#knocks) await this.#link.ask(() => this.provider.query([]));
      this.#knocks = false;
      return this.problem === undefined;
    }
    const taken = this.#reading.take(QUERY_BATCH, this.#copies);
    const batch = taken.filter((copy) => this.#copies.has(copy) && copy.handle !== undefined);
    if (batch.length > 0) {
      const answers = await this.#link.ask(() => this.provider.query(batch.map(({ handle }) => handle!)));
      const nowMs = this.#clock.nowMs();
      batch.forEach((copy, i) => {
        const counts = answers?.[i];
        if (counts) copy.count(counts, nowMs, this.#ports);
        else if (answers && this.#copies.has(copy)) this.#lost(copy);
      });
    }
    this.#reading.done();
    return this.problem === undefined && this.#reading.hasMore;
  }

  /** The card does not know the handle: a function of it was reset. */
  #lost(copy: Copy): void {
    this.#copies.delete(copy);
    copy.entry.copy = undefined;
    this.offer(copy.entry);
  }

  // Misfortune

  /** Every flow is forwarded in software; what was in the card has to be taken out of it, should it ever listen again. */
  #out(): void {
    this.withdrawAll();
    this.#queue.clear();
    for (const entry of this.#entries) if (!entry.isRefused) entry.reason = OUT_OF_ORDER;
    this.#reading.stop();
    this.#doomed.wake(this.problem !== undefined);
  }

  /** All handles are void. What is being written may yet come into the table that the card has now. */
  #reset(): void {
    this.totals.resets++;
    log.warn(`${this.provider.name}: the card was reset, ${this.#copies.size} flows are written anew`);
    this.#size = this.provider.capabilities.tableSize;
    this.#doomed.forget();
    for (const copy of this.#copies) {
      copy.entry.copy = undefined;
      if (copy.handle === undefined) this.#doomed.add(copy);
    }
    this.#copies.clear();
    this.#link.revive();
    this.#doomed.wake(this.problem !== undefined);
    this.offerAll();
  }

  // Ranking

  /** Measures all rates, fills free room with the busiest flows, and lets idle ones give way to busier ones. */
  async rank(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await inSlices(this.#entries, (entry) => entry.measure(nowMs));
    if (this.problem !== undefined) {
      this.#knocks = true;
      void this.#run();
      return;
    }
    // It may have been full of what only it knows.
    this.#size = Math.min(this.provider.capabilities.tableSize, this.#size + Math.ceil(this.#size / SWAP_SHARE));
    const swaps = Math.min(SWAPS_MAX, Math.ceil(this.#size / SWAP_SHARE));
    const room = Math.max(0, Math.min(QUEUE_MAX, this.#room) - this.#queue.size);
    const waiting = busiest(this.#waiting(), room + swaps);
    for (const entry of waiting.splice(0, room)) this.offer(entry);
    this.#swap(waiting, swaps, nowMs);
  }

  *#waiting(): Generator<Entry> {
    for (const entry of this.#entries) {
      if (!entry.copy && !entry.isQueued && !entry.isRefused && entry.rate > 0) yield entry;
    }
  }

  *#settledEntries(nowMs: number): Generator<Entry> {
    for (const { entry, handle, sinceMs } of this.#copies) {
      if (handle !== undefined && nowMs - sinceMs >= RESIDENCE_MS) yield entry;
    }
  }

  #swap(waiting: readonly Entry[], count: number, nowMs: number): void {
    if (waiting.length === 0) return;
    for (const [comes, leaves] of exchanges(waiting, idlest(this.#settledEntries(nowMs), count))) {
      this.withdraw(leaves);
      leaves.reason = FULL;
      this.totals.gaveWay++;
      this.offer(comes);
    }
  }
}
