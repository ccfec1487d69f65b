// Port `dummy`: no I/O. Tests feed it frames (netdev-dummy/receive) and read what it sent from a pcap file
// (options:tx_pcap for what is sent, options:rxq_pcap for what is received, options:pcap for both) or through onSend. Two of
// them can be linked (stream.ts).

import { UserError } from '../../../lib/errors.ts';
import type { PortSpec, PortStats } from '../../dpif.ts';
import { SlowPortCounters } from '../kernel/counters.ts';
import type { PortContext, PortDriver } from '../port.ts';
import { PcapFile } from './pcap.ts';
import { DummyLink } from './stream.ts';

const MTU_DEFAULT = 1500;
const ETH_HEADER_SIZE = 14;
/** `aa:55:aa:55:00:01` and so on, as Open vSwitch numbers its own. */
let nextAddress = 1;

const portsByName = new Map<string, DummyPort>();

/** A dummy as tests reach it from outside; it may be the end of a card's vport, in another thread. */
export interface DummyEnd {
  readonly name: string;
  readonly connectionState: 'connected' | 'disconnected' | undefined;
  /** A frame arrives from the outside; resolves when it has been taken. */
  inject(frame: Uint8Array): void | Promise<void>;
  setAdminUp(up: boolean): void;
}

const endsElsewhere = new Set<DummyEnd>();

/** Makes a dummy of another thread known here, until the returned function is called. */
export function registerDummyEnd(end: DummyEnd): () => void {
  endsElsewhere.add(end);
  return () => endsElsewhere.delete(end);
}

/** The dummy of that name, wherever it is. Throws UserError. */
export function findDummyEnd(name: string): DummyEnd {
  for (const end of endsElsewhere) if (end.name === name) return end;
  return findDummyPort(name);
}

/** The open dummy port of that name. Throws UserError. */
export function findDummyPort(name: string): DummyPort {
  const port = portsByName.get(name);
  if (!port) throw new UserError('no such dummy netdev');
  return port;
}

/** Every open dummy port. */
export function dummyPorts(): readonly DummyPort[] {
  return [...portsByName.values()];
}

export class DummyPort implements PortDriver, DummyEnd {
  #spec: PortSpec;
  readonly #context: PortContext;
  readonly #counters = new SlowPortCounters();
  readonly #ownMac: string;
  #adminUp = true;
  #error: string | undefined;
  #rxPcap: PcapFile | undefined;
  #txPcap: PcapFile | undefined;
  #link: DummyLink | undefined;
  readonly linkResets = 0;
  readonly ifindex = undefined;
  /** Called with each frame sent; the frame is only valid during the call. */
  onSend: ((frame: Uint8Array) => void) | undefined;

  constructor(spec: PortSpec, context: PortContext) {
    this.#spec = spec;
    this.#context = context;
    const low = nextAddress++ & 0xffff;
    const pair = (byte: number) => byte.toString(16).padStart(2, '0');
    this.#ownMac = `aa:55:aa:55:${pair(low >> 8)}:${pair(low & 0xff)}`;
  }

  get name(): string {
    return this.#spec.name;
  }
  get mac(): string {
    return this.#spec.mac?.toLowerCase() ?? this.#ownMac;
  }
  get mtu(): number {
    return this.#spec.mtu ?? MTU_DEFAULT;
  }
  get linkUp(): boolean {
    return this.#adminUp;
  }
  get adminUp(): boolean {
    return this.#adminUp;
  }
  get error(): string | undefined {
    return this.#error;
  }
  get odpPort(): number {
    return this.#context.odpPort;
  }

  async open(): Promise<void> {
    portsByName.set(this.#spec.name, this);
    this.#openPcaps();
    this.#openLink();
  }

  async close(): Promise<void> {
    if (portsByName.get(this.#spec.name) === this) portsByName.delete(this.#spec.name);
    this.#closePcaps();
    this.#link?.close();
  }

  /** Of options:stream: whether it is connected. */
  get connectionState(): 'connected' | 'disconnected' | undefined {
    if (!this.#link?.isActive) return undefined;
    return this.#link.isConnected ? 'connected' : 'disconnected';
  }

  setAdminUp(up: boolean): void {
    if (up === this.#adminUp) return;
    this.#adminUp = up;
    this.#context.changed();
  }

  async reconfigure(spec: PortSpec): Promise<boolean> {
    if (spec.name !== this.#spec.name || spec.type !== this.#spec.type) return false;
    const before = this.#spec.options;
    this.#spec = spec;
    if (PCAP_OPTIONS.some((option) => before[option] !== spec.options[option])) {
      this.#closePcaps();
      this.#openPcaps();
    }
    if (LINK_OPTIONS.some((option) => before[option] !== spec.options[option])) {
      this.#link?.close();
      this.#openLink();
    }
    return true;
  }

  status(): Record<string, string> {
    return {};
  }

  stats(): PortStats {
    const { rxBytes, rxPackets, txBytes, txPackets } = this.#counters;
    return { rx_bytes: rxBytes, rx_packets: rxPackets, tx_bytes: txBytes, tx_packets: txPackets };
  }

  /** A frame arrives from the outside. */
  inject(frame: Uint8Array): void {
    if (!this.#adminUp) return;
    this.#counters.received(frame);
    this.#rxPcap?.write(frame);
    this.#context.receive(frame);
  }

  send(frame: Uint8Array): boolean {
    // A frame of which a trunc action left less than its header is none.
    const isFrame = frame.length >= ETH_HEADER_SIZE;
    if (!this.#counters.sent(frame, this.#adminUp && isFrame)) return false;
    this.#txPcap?.write(frame);
    this.#link?.send(frame);
    this.onSend?.(frame);
    return true;
  }

  #openPcaps(): void {
    const { pcap, rxq_pcap: rx, tx_pcap: tx } = this.#spec.options;
    this.#error = undefined;
    try {
      if (pcap !== undefined) this.#rxPcap = this.#txPcap = new PcapFile(pcap);
      else {
        if (rx !== undefined) this.#rxPcap = new PcapFile(rx);
        if (tx !== undefined) this.#txPcap = new PcapFile(tx);
      }
    } catch (error) {
      this.#error = `could not open pcap file: ${(error as Error).message}`;
    }
  }

  #openLink(): void {
    const { clock } = this.#context;
    const failed = (error: string) => {
      this.#error = error;
      this.#context.changed();
    };
    this.#link = DummyLink.open(this.#spec.options, { clock, receive: (frame) => this.inject(frame), failed });
  }

  #closePcaps(): void {
    this.#rxPcap?.close();
    if (this.#txPcap !== this.#rxPcap) this.#txPcap?.close();
    this.#rxPcap = this.#txPcap = undefined;
  }
}

const LINK_OPTIONS = ['stream', 'pstream'] as const;
const PCAP_OPTIONS = ['pcap', 'rxq_pcap', 'tx_pcap'] as const;
