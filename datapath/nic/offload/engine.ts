// The offload engine: moves megaflows of ports that are on a card with an embedded switch into the card, and sees to it that
// nobody can tell from the packets or the counts.
//
// It watches the flow table and the ports; what a card is told, and when, is card.ts; whether it can do what a megaflow says
// is examine.ts. Everything happens on the control thread, and nothing of it on a packet's way.
//
// What changes how a port's packets are treated takes the flows out of the card that name the port, before the change: the
// barrier of the datapath (Dpif.barrier) then waits until the card has done so.

import type { Clock } from '../../../lib/clock.ts';
import { logger } from '../../../lib/log.ts';
import { inSlices } from '../../../lib/slices.ts';
import type { DpFlow, DpMeterStats, FlowOffload, FlowPut, Offload, OffloadCard, OffloadLook } from '../../dpif.ts';
import type { NicProvider } from '../provider.ts';
import { Card } from './card.ts';
import { type Copy, Entry, type Late, type OffloadFlow } from './entry.ts';
import { LOOKS, type Surroundings } from './examine.ts';
import { MeterBook } from './meters.ts';
import type { Place } from './place.ts';
import type { PortCountTable } from './port-counts.ts';
import { metersOf } from './shared-meter.ts';

const log = logger('netdev_offload');

/** Between two readings of the cards' counters, in milliseconds: idle times and rates are that fresh. */
export const READ_INTERVAL_MS = 250;
/** Readings between two rankings. */
const READINGS_PER_RANKING = 4;

export interface EngineParts {
  /** All megaflows. */
  readonly flows: Iterable<OffloadFlow>;
  readonly clock: Clock;
  /** What cards forwarded, by port. */
  readonly ports: PortCountTable;
  portName(odpPort: number): string;
  /** A card has counted so much more by a meter that software has too. */
  chargeMeter(id: number, more: DpMeterStats): void;
  /** How long a card may take for an answer; the usual time when absent. */
  readonly answerMsMax?: number | undefined;
}

export class OffloadEngine implements Offload {
  readonly #parts: EngineParts;
  readonly ports: PortCountTable;
  readonly meters: MeterBook;
  readonly #places = new Map<number, Place>();
  readonly #policed = new Set<number>();
  readonly #cards = new Map<NicProvider, Card>();
  #isOn = false;
  #vlanLimit = 0;
  #readings = 0;
  #isRanking = false;
  #cancelTimer: () => void = () => {};

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.ports = parts.ports;
    this.meters = new MeterBook({
      clock: parts.clock,
      withdraw: (flow) => this.#withEntry(flow, (card, entry) => card.withdraw(entry)),
      offer: (flow) => this.#withEntry(flow, (card, entry) => card.offer(entry)),
      charge: (id, more) => parts.chargeMeter(id, more),
    });
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  get isUnsettled(): boolean {
    for (const card of this.#cards.values()) if (card.isUnsettled) return true;
    return false;
  }

  close(): void {
    this.#cancelTimer();
    this.#isOn = false;
  }

  // Surroundings

  configure(isOn: boolean, vlanLimit: number): void {
    if (vlanLimit !== this.#vlanLimit) {
      this.#vlanLimit = vlanLimit;
      this.#reconsider(() => true);
    }
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    log.info(`hardware offload is switched ${isOn ? 'on' : 'off'}`);
    this.#cancelTimer();
    if (isOn) {
      this.#schedule();
      void this.#takeIn(() => true);
    } else {
      this.meters.clear();
      for (const card of this.#cards.values()) for (const entry of card.entries) card.delete(entry);
    }
  }

  /** A port came onto a card, went down or away (no place), or is another function now. */
  setPlace(odpPort: number, place: Place | undefined): void {
    const before = this.#places.get(odpPort);
    if (before?.card === place?.card && before?.vport === place?.vport) return;
    if (place) this.#places.set(odpPort, place);
    else this.#places.delete(odpPort);
    this.#reconsider((copy) => copy.names(odpPort));
    const card = before && this.#cards.get(before.card);
    if (card && before.card !== place?.card) {
      for (const entry of card.entries) {
        if (entry.flow.inPort !== odpPort) continue;
        card.delete(entry);
        this.#lookElsewhere(entry.flow);
      }
    }
    if (place) {
      this.#cardAt(odpPort);
      void this.#takeIn((flow) => flow.inPort === odpPort);
    }
    if (card) void card.settled().then(() => this.#forget(card));
  }

  /** Software limits what the port receives, or does no more. */
  setPoliced(odpPort: number, isPoliced: boolean): void {
    if (isPoliced === this.#policed.has(odpPort)) return;
    if (isPoliced) this.#policed.add(odpPort);
    else this.#policed.delete(odpPort);
    if (this.#places.has(odpPort)) this.#reconsider((copy) => copy.inPort === odpPort);
  }

  /** Takes flows that name such ports out of their cards, and looks at all flows anew. */
  #reconsider(isMeant: (copy: Copy) => boolean): void {
    for (const card of this.#cards.values()) {
      card.withdrawAll(isMeant);
      card.offerAll();
    }
  }

  #around(provider: NicProvider): Surroundings {
    const engine = this;
    return {
      card: provider.name,
      // Of a card whose mode was changed they are others.
      get capabilities() {
        return provider.capabilities;
      },
      vportOf: (odpPort) => {
        const place = this.#places.get(odpPort);
        return place?.card === provider ? place.vport : undefined;
      },
      nameOf: this.#parts.portName,
      isPoliced: (odpPort) => this.#policed.has(odpPort),
      get vlanLimit() {
        return engine.#vlanLimit;
      },
    };
  }

  #cardAt(odpPort: number): Card | undefined {
    const place = this.#places.get(odpPort);
    if (!place) return undefined;
    let card = this.#cards.get(place.card);
    if (!card) {
      card = new Card(place.card, this.#around(place.card), {
        ...this.#parts,
        book: this.meters,
      });
      this.#cards.set(place.card, card);
    }
    return card;
  }

  /** The last port on it went. */
  #forget(card: Card): void {
    const { provider } = card;
    const isUsed = [...this.#places.values()].some((place) => place.card === provider);
    if (!isUsed && this.#cards.get(provider) === card) this.#cards.delete(provider);
  }

  /** Adds megaflows that were there before. */
  async #takeIn(isMeant: (flow: OffloadFlow) => boolean): Promise<void> {
    if (!this.#isOn) return;
    await inSlices(this.#parts.flows, (flow) => {
      if (flow.alive && isMeant(flow)) this.installed(flow);
    });
  }

  // The flow table

  /** A megaflow is there. */
  installed(flow: OffloadFlow): void {
    if (!this.#isOn) return;
    const card = this.#cardAt(flow.inPort);
    if (!card) {
      this.#lookElsewhere(flow);
      return;
    }
    const entry = this.#entryOf(flow) ?? new Entry(flow, this.#parts.clock.nowMs());
    if (card.entries.has(entry)) return;
    flow.hardware = entry;
    card.add(entry);
  }

  /** Its actions are about to be other ones. */
  changing(flow: OffloadFlow, late?: Late): void {
    const entry = this.#entryOf(flow);
    // Of its actions nobody knows yet.
    if (this.#isOn && !this.#cardAt(flow.inPort)) setImmediate(() => this.#lookElsewhere(flow));
    if (!entry) return;
    const card = this.#cardAt(flow.inPort);
    if (card?.entries.has(entry)) {
      card.withdraw(entry);
      card.offer(entry);
    }
    entry.withdrawn(late);
  }

  /** It is about to go. */
  removing(flow: OffloadFlow, late?: Late): void {
    this.meters.forget(flow);
    const entry = this.#entryOf(flow);
    if (!entry) return;
    this.#cardAt(flow.inPort)?.delete(entry);
    entry.withdrawn(late);
  }

  /** A flow of a port that is on no card keeps the meters in software that it names. */
  #lookElsewhere(flow: OffloadFlow): void {
    if (this.#isOn && flow.alive && !this.#cardAt(flow.inPort)) {
      this.meters.look(flow, undefined, this.#notOnCard(flow.inPort));
    }
  }

  #withEntry(flow: OffloadFlow, act: (card: Card, entry: Entry) => void): void {
    const [card, entry] = [this.#cardAt(flow.inPort), this.#entryOf(flow)];
    if (card && entry && card.entries.has(entry)) act(card, entry);
  }

  #entryOf({ hardware }: OffloadFlow): Entry | undefined {
    return hardware instanceof Entry ? hardware : undefined;
  }

  /** Resolves when no packet is forwarded any more by a hardware flow that is no megaflow's. */
  async settled(): Promise<void> {
    await Promise.all([...this.#cards.values()].map((card) => card.settled()));
  }

  // Time

  #schedule(): void {
    this.#cancelTimer = this.#parts.clock.after(READ_INTERVAL_MS, () => {
      void this.refresh();
      if (++this.#readings % READINGS_PER_RANKING === 0 && !this.#isRanking) void this.#rank();
      if (this.#isOn) this.#schedule();
    });
  }

  async #rank(): Promise<void> {
    this.#isRanking = true;
    try {
      for (const card of this.#cards.values()) await card.rank();
    } finally {
      this.#isRanking = false;
    }
  }

  holds({ hardware }: OffloadFlow & DpFlow): boolean {
    return hardware instanceof Entry && (hardware.copy !== undefined || hardware.leaving.size > 0);
  }

  async refresh(flows?: readonly (OffloadFlow & DpFlow)[]): Promise<void> {
    if (flows) await this.#refreshSome(flows);
    else await Promise.all([...this.#cards.values()].map((card) => card.read()));
  }

  async #refreshSome(flows: readonly OffloadFlow[]): Promise<void> {
    const copies = flows.flatMap((flow) => this.#entryOf(flow)?.copy ?? []);
    const isLeaving = flows.some((flow) => (this.#entryOf(flow)?.leaving.size ?? 0) > 0);
    await Promise.all([...this.#cards.values()].map((card) => card.read(copies)));
    if (isLeaving) await this.settled();
  }

  // What people see

  /** Of a flow of the flow table, which is what has a DpFlow. */
  stateOf(flow: OffloadFlow & DpFlow): FlowOffload | undefined {
    if (!this.#isOn) return undefined;
    const card = this.#cardAt(flow.inPort);
    const entry = this.#entryOf(flow);
    if (!card || !entry) return { offloaded: 'no', card: card?.provider.name, reason: this.#notOnCard(flow.inPort) };
    const { copy, reason } = entry;
    // While it is being written, software may forward it still.
    const isThere = copy?.handle !== undefined;
    const waits = copy ? 'it is being written into the card' : 'nobody has looked at it yet';
    return {
      offloaded: isThere ? 'yes' : 'no',
      card: card.provider.name,
      reason: isThere ? undefined : (reason ?? waits),
    };
  }

  #notOnCard(odpPort: number): string {
    return `${this.#parts.portName(odpPort)} is not up on a card`;
  }

  cards(): readonly OffloadCard[] {
    return [...this.#cards.values()].map((card) => ({
      name: card.provider.name,
      problem: card.problem,
      tableSize: card.provider.capabilities.tableSize,
      used: card.used,
      queued: card.queued,
      megaflows: card.entries.size,
      totals: { ...card.totals, deaths: card.deaths },
      latency: card.latency.us,
      reasons: reasonsOf(card),
    }));
  }

  explain(inPort: number, flow: FlowPut): readonly OffloadLook[] {
    const looks: OffloadLook[] = [
      { title: 'hw-offload', problem: this.#isOn ? undefined : 'other_config:hw-offload is not true' },
    ];
    const card = this.#cardAt(inPort);
    looks.push({ title: 'card', detail: card?.provider.name, problem: card ? undefined : this.#notOnCard(inPort) });
    if (!card) return looks;
    for (const { title, problem } of LOOKS) looks.push({ title, problem: problem(flow, card.around) });
    looks.push({ title: 'meters', problem: card.meterProblem(metersOf(flow.actions)) });
    const { tableSize } = card.provider.capabilities;
    looks.push({ title: 'table', detail: `${card.used} of ${tableSize} flows` });
    looks.push({ title: 'state of the card', problem: card.problem });
    return looks;
  }
}

function reasonsOf(card: Card): Map<string, number> {
  const reasons = new Map<string, number>();
  for (const { copy, reason } of card.entries) {
    if (copy || reason === undefined) continue;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return reasons;
}
