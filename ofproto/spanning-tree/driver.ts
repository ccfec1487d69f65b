// A spanning tree protocol as a bridge drives it: ports go by their OpenFlow numbers, and get numbers in the protocol.

import type { PortTree } from './port-tree.ts';

/** Settings of a port; without a number the first free one. */
export type Numbered<Settings> = Omit<Settings, 'number'> & { readonly number: number | undefined };

export interface TreeDriver {
  /** As traces name the protocol. */
  readonly label: 'STP' | 'RSTP';
  receive(ofPort: number, bpdu: Uint8Array): void;
  setEnabled(ofPort: number, isEnabled: boolean): void;
  removePort(ofPort: number): void;
  portTree(ofPort: number): PortTree | undefined;
  forceTopologyChange(): void;
  /** Milliseconds until tick() has something to do. */
  dueInMs(): number;
  tick(): void;
}

interface PortOwner<Port, Settings> {
  add(settings: Settings): Port;
  change(port: Port, settings: Settings): void;
  remove(port: Port): void;
}

/** Keeps a protocol's set of ports equal to what is wanted. */
export class PortSet<Port, Settings extends { readonly number: number }> {
  readonly #members = new Map<number, { port: Port; number: number }>();
  readonly #protocol: PortOwner<Port, Settings>;
  readonly #numberMax: number;

  constructor(protocol: PortOwner<Port, Settings>, numberMax: number) {
    this.#protocol = protocol;
    this.#numberMax = numberMax;
  }

  get(ofPort: number): Port | undefined {
    return this.#members.get(ofPort)?.port;
  }

  /** A port that wants another number is another port. */
  configure(wanted: ReadonlyMap<number, Numbered<Settings>>): void {
    for (const [ofPort, { number }] of this.#members) {
      const asked = wanted.get(ofPort);
      if (!asked || (asked.number !== undefined && asked.number !== number)) this.remove(ofPort);
    }
    const order = [...wanted].sort(([a, x], [b, y]) => rank(x) - rank(y) || a - b);
    for (const [ofPort, settings] of order) this.#set(ofPort, settings);
  }

  #set(ofPort: number, settings: Numbered<Settings>): void {
    const known = this.#members.get(ofPort);
    const number = known?.number ?? this.#freeNumber(settings.number);
    if (number === undefined) return;
    const whole = { ...settings, number } as unknown as Settings;
    if (known) this.#protocol.change(known.port, whole);
    else this.#members.set(ofPort, { port: this.#protocol.add(whole), number });
  }

  #freeNumber(wanted: number | undefined): number | undefined {
    const taken = new Set([...this.#members.values()].map(({ number }) => number));
    if (wanted !== undefined && !taken.has(wanted)) return wanted;
    for (let number = 1; number <= this.#numberMax; number++) if (!taken.has(number)) return number;
    return undefined;
  }

  remove(ofPort: number): void {
    const member = this.#members.get(ofPort);
    if (!member) return;
    this.#members.delete(ofPort);
    this.#protocol.remove(member.port);
  }
}

/** Whoever asks for a number goes first. */
const rank = ({ number }: { readonly number: number | undefined }): number => (number === undefined ? 1 : 0);
