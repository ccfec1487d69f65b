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
import { admit, FULL } from './admission.ts';
import { replaceableOf, waitingOf } from './candidates.ts';
import { ANSWER_MS_MAX, CardLink } from './card-link.ts';
import { CardTotals } from './card-totals.ts';
import { Doomed } from './doomed.ts';
import { Copy, type Entry } from './entry.ts';
import { hardwareFlow, type MappedActions, type Surroundings } from './examine.ts';
import { HardwareMeters } from './hardware-meters.ts';
import { Latency } from './latency.ts';
import type { MeterBook } from './meters.ts';
import type { PortCountTable } from './port-counts.ts';
import { busiest, exchanges, idlest } from './ranking.ts';
import { Reading } from './reading.ts';
import { Turns } from './turns.ts';
import { QUEUE_MAX, WriteQueue } from './write-queue.ts';

const log = logger('netdev_offload');

/** Flows of one question. */
const REMOVE_BATCH = 256;
const QUERY_BATCH = 256;
/** Flows that give way in one ranking at most: this part of the table, and so many. */
const SWAP_SHARE = 8;
const SWAPS_MAX = 256;

const WAITS = 'it waits to be written into the card';
const OUT_OF_ORDER = 'the card is out of order';

export interface CardParts {
  readonly clock: Clock;
  readonly ports: PortCountTable;
  readonly book: MeterBook;
  /** How long the card may take for an answer. */
  readonly answerMsMax?: number | undefined;
}

export class Card {
  readonly provider: NicProvider;
  readonly around: Surroundings;
  readonly latency = new Latency();
  readonly totals = new CardTotals();
  readonly #clock: Clock;
  readonly #ports: PortCountTable;
  readonly #link: CardLink;
  readonly #book: MeterBook;
  readonly #meters: HardwareMeters;
  /** Of all megaflows whose in_port is on the card. */
  readonly #entries = new Set<Entry>();
  /** There, or being written; not those to be removed. */
  readonly #copies = new Set<Copy>();
  readonly #doomed = new Doomed();
  readonly #reading = new Reading();
  readonly #queue = new WriteQueue();
  readonly #turns = new Turns(() => this.#askNext());
  /** A card that failed is asked once more. */
  #knocks = false;
  /** The table's size as far as it is known: what a card says of itself, or what fitted in when it was full. */
  #size: number;

  constructor(
    provider: NicProvider,
    around: Surroundings,
    { clock, ports, book, answerMsMax = ANSWER_MS_MAX }: CardParts,
  ) {
    this.provider = provider;
    this.around = around;
    this.#clock = clock;
    this.#ports = ports;
    this.#book = book;
    this.#size = provider.capabilities.tableSize;
    this.#link = new CardLink(provider.name, answerMsMax, {
      check: async () => provider.check?.(),
      died: () => this.#out(),
      revived: () => this.offerAll(),
    });
    this.#meters = new HardwareMeters(provider, {
      ask: (question) => this.#link.ask(question),
      news: () => this.#turns.soon(),
      refused: (meter, reason) => book.refused(meter, `the card refused its meter: ${plain(reason)}`),
      counted: (meter, more) => book.counted(meter, more),
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
    return (this.#doomed.size > 0 || this.#meters.isUnsettled) && this.problem === undefined;
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
    if (this.#queue.push(entry)) this.#turns.soon();
  }

  /** From now on the flow is forwarded in software; the card is told at once. */
  withdraw(entry: Entry): void {
    entry.isQueued = false;
    const { copy } = entry;
    if (!copy) return;
    entry.copy = undefined;
    this.#copies.delete(copy);
    this.#doomed.add(copy);
    this.#turns.now();
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
  async settled(): Promise<void> {
    if (!this.isUnsettled) return;
    if (this.#doomed.size > 0) await this.#doomed.settled();
    if (this.problem === undefined) await this.#meters.settled();
  }

  /** Why the card does not measure by these meters; undefined when it can. */
  meterProblem(ids: readonly number[]): string | undefined {
    return this.#book.problem(ids, this.#meters);
  }

  /** Resolves when counters of these copies, or of all, that were read after the call have been added. */
  read(copies?: readonly Copy[]): Promise<void> {
    const mine = copies?.filter((copy) => this.#copies.has(copy));
    if ((mine?.length ?? this.#copies.size) === 0 || this.problem !== undefined) return Promise.resolve();
    const done = this.#reading.want(mine);
    this.#turns.soon();
    return done;
  }

  // The conversation

  /** Asks one question; false when there was none, or the card failed: so do the ones that it goes by. */
  async #askNext(): Promise<boolean> {
    if (await this.#removeSome()) return true;
    if (this.problem === undefined) {
      if (await this.#meters.removeSome()) return true;
      if (this.#meters.hasNews && (await this.#meters.tellSome())) return true;
    }
    return (await this.#writeSome()) || (await this.#readSome());
  }

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
    const mapped: MappedActions = new Map();
    this.#queue.take((entry) => {
      const copy = this.#copyOf(entry);
      if (!copy) return false;
      copies.push(copy);
      flows.push(hardwareFlow(entry.flow, this.around, mapped));
      return true;
    });
    if (copies.length === 0) return false;
    await this.#prepare();
    const startMs = performance.now();
    const results = this.problem === undefined ? await this.#link.ask(() => this.provider.insert(flows)) : undefined;
    this.#queue.took(performance.now() - startMs);
    copies.forEach((copy, i) => {
      this.#written(copy, results?.[i]);
    });
    this.#doomed.wake(this.problem !== undefined);
    return results !== undefined;
  }

  /** Tells the card of meters that flows name which are taken from the queue already, and takes out what was withdrawn. */
  async #prepare(): Promise<void> {
    while (this.problem === undefined && (this.#meters.hasNews || this.#doomed.hasWritten)) {
      if (this.#meters.hasNews) await this.#meters.tellSome();
      else await this.#removeSome();
    }
  }

  /** What is to be sent of an entry of the queue; undefined when it stays in software. */
  #copyOf(entry: Entry): Copy | undefined {
    if (entry.copy || !entry.flow.alive || !this.#entries.has(entry)) return undefined;
    const { around } = this;
    if (!admit(entry, { around, book: this.#book, meters: this.#meters, room: this.#room })) return undefined;
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
      entry.reason = `the card refused it: ${plain(result.reason)}`;
      this.#book.look(entry.flow, this.#meters, entry.reason);
      this.totals.refused++;
    } else if (result.refused === 'reset') entry.reason = WAITS;
    else {
      entry.reason = FULL;
      this.#book.noRoom(entry.flow);
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
    if (this.#reading.isEnding) await this.#meters.read();
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
    this.#book.evictAll(this.#meters);
    this.withdrawAll();
    this.#queue.clear();
    for (const entry of this.#entries) if (!entry.isRefused) entry.reason = OUT_OF_ORDER;
    this.#reading.stop();
    this.#doomed.wake(this.problem !== undefined);
    this.#meters.wake(this.problem !== undefined);
  }

  /** All handles are void. What is being written may yet come into the table that the card has now. */
  #reset(): void {
    this.totals.resets++;
    log.warn(`${this.provider.name}: the card was reset, ${this.#copies.size} flows are written anew`);
    this.#size = this.provider.capabilities.tableSize;
    this.#doomed.forget();
    this.#meters.reset();
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
      this.#turns.now();
      return;
    }
    // It may have been full of what only it knows.
    this.#size = Math.min(this.provider.capabilities.tableSize, this.#size + Math.ceil(this.#size / SWAP_SHARE));
    const swaps = Math.min(SWAPS_MAX, Math.ceil(this.#size / SWAP_SHARE));
    const room = Math.max(0, Math.min(QUEUE_MAX, this.#room) - this.#queue.size);
    const waiting = busiest(waitingOf(this.#entries), room + swaps);
    for (const entry of waiting.splice(0, room)) this.offer(entry);
    // A meter comes and goes as a whole.
    this.#swap(
      waiting.filter(({ flow }) => !this.#book.has(flow)),
      swaps,
      nowMs,
    );
  }

  #swap(waiting: readonly Entry[], count: number, nowMs: number): void {
    if (waiting.length === 0) return;
    const replaceable = replaceableOf(this.#copies, this.#book, nowMs);
    for (const [comes, leaves] of exchanges(waiting, idlest(replaceable, count))) {
      this.withdraw(leaves);
      leaves.reason = FULL;
      this.totals.gaveWay++;
      this.offer(comes);
    }
  }
}

/** Without what dpctl/dump-flows puts around a reason. */
const plain = (reason: string): string => reason.replaceAll(/[,()]/g, '');
