// One function of a NIC model as a port of weft sees it: what the card told last, and the way to tell it something.

import { logger } from '../../../lib/log.ts';
import type { LinkSpeed } from '../../dpif.ts';
import type { NicPort, PairDoorbells, QueuePair, RingMemory, Vport } from '../provider.ts';
import { CardReset, type CardThread } from './card-thread.ts';
import type { VportState } from './protocol.ts';

const log = logger('nic');

/** What the port needs of its card. */
export interface PortOwner {
  readonly card: CardThread;
  stateOf(vport: Vport): VportState | undefined;
  /** Interface.status of the function. */
  statusOf(vport: Vport): Record<string, string>;
  /** Takes over the properties of a function; false when the port must be opened anew. */
  reconfigure(port: ModelPort, options: Readonly<Record<string, string>>): Promise<boolean>;
}

export class ModelPort implements NicPort {
  readonly vport: Vport;
  readonly linkSpeed: LinkSpeed | undefined = undefined;
  readonly #owner: PortOwner;
  readonly #listeners: (() => void)[] = [];
  readonly #resetListeners: (() => void)[] = [];
  /** Asked for through this port, and again of a card that was reset. */
  linkAsked = true;

  constructor(owner: PortOwner, vport: Vport) {
    this.#owner = owner;
    this.vport = vport;
  }

  get mac(): string | undefined {
    return this.#state?.mac;
  }

  get mtu(): number | undefined {
    return this.#state?.mtu;
  }

  get linkUp(): boolean {
    return this.#state?.linkUp ?? false;
  }

  get error(): string | undefined {
    return this.#state?.error;
  }

  status(): Record<string, string> {
    return this.#owner.statusOf(this.vport);
  }

  stats(): Record<string, bigint> {
    const counters = this.#state?.counters;
    if (!counters) return {};
    return {
      nic_rx_packets: counters.rxPackets,
      nic_rx_bytes: counters.rxBytes,
      nic_rx_missed: counters.missed,
      nic_rx_spoofed: counters.spoofed,
      nic_rx_policed: counters.policed,
      nic_rx_disabled: counters.disabled,
      nic_tx_packets: counters.txPackets,
      nic_tx_bytes: counters.txBytes,
      nic_tx_dropped: counters.txDropped,
      nic_tx_no_buffer: counters.txNoBuffer,
      nic_tx_link_down: counters.txLinkDown,
      nic_representor_rx_packets: counters.fromSwitch,
      nic_representor_tx_packets: counters.toSwitch,
      nic_representor_tx_dropped: counters.toSwitchDropped,
    };
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  onReset(listener: () => void): void {
    this.#resetListeners.push(listener);
  }

  /** Tells that the rings are gone. */
  wasReset(): void {
    for (const listener of this.#resetListeners) listener();
    this.changed();
  }

  /** Tells that the card has told something new. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The card polls: nobody has to be rung. */
  async attach(memory: RingMemory, pairs: readonly QueuePair[]): Promise<readonly PairDoorbells[] | undefined> {
    await voidUnlessReset(this.#owner.card.call('attach', this.vport, memory, pairs));
    return undefined;
  }

  detach(): Promise<void> {
    return voidUnlessReset(this.#owner.card.call('detach', this.vport));
  }

  setLinkUp(up: boolean): Promise<void> {
    this.linkAsked = up;
    return voidUnlessReset(this.#owner.card.call('setLinkUp', this.vport, up));
  }

  reconfigure(options: Readonly<Record<string, string>>): Promise<boolean> {
    return this.#owner.reconfigure(this, options);
  }

  get #state(): VportState | undefined {
    return this.#owner.stateOf(this.vport);
  }
}

/** A card that was reset has nothing attached and nothing to detach: who asked is told to ask again. */
async function voidUnlessReset(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof CardReset)) throw error;
    log.dbg(error.message);
  }
}
