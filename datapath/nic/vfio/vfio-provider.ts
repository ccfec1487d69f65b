// PCI functions as a card: options:pci names the function. It forwards nothing by itself, so it takes no flows. A function
// that cannot be had, because the kernel drives it or another program has it, is asked for again until it can.

import type { Clock } from '../../../lib/clock.ts';
import { UserError } from '../../../lib/errors.ts';
import { KEY_SIZE } from '../../layout/flow-key.ts';
import type {
  HardwareFlow,
  HardwareMeter,
  InsertResult,
  NicCapabilities,
  NicPort,
  NicProvider,
  Vport,
} from '../provider.ts';
import { NO_METERS } from '../provider.ts';
import { PCI_CARD } from './pci-card.ts';
import { parsePciAddress } from './pci-facts.ts';
import type { FunctionOpener } from './pci-function.ts';
import { PciPort } from './pci-port.ts';

const RETRY_MS = 2000;

export class VfioProvider implements NicProvider {
  readonly name = PCI_CARD;
  readonly capabilities: NicCapabilities = {
    matches: new Uint8Array(KEY_SIZE),
    actions: new Set(),
    outputMax: 0,
    tableSize: 0,
    counters: false,
    outputCounters: false,
    meters: NO_METERS,
  };
  readonly #opener: FunctionOpener;
  readonly #clock: Clock;
  readonly #retry: () => void;
  readonly #ports = new Map<PciPort, string>();
  /** Functions that were asked for in vain, and what stood in the way. */
  readonly #wanted = new Map<string, string>();
  #cancel: (() => void) | undefined;
  #vports: Vport = 0;

  /** `retry`: tells ports that wait to ask again. */
  constructor(opener: FunctionOpener, clock: Clock, retry: () => void) {
    this.#opener = opener;
    this.#clock = clock;
    this.#retry = retry;
  }

  openPort(options: Readonly<Record<string, string>>): NicPort {
    const address = parsePciAddress(options['pci'] ?? '');
    if ([...this.#ports.values()].includes(address)) throw new UserError(`${address} is another port's already`);
    try {
      const port = new PciPort(this.#opener.open(address), ++this.#vports, this.#clock);
      this.#ports.set(port, address);
      return port;
    } catch (error) {
      this.#askAgain(address, error);
      throw error;
    }
  }

  async closePort(port: NicPort): Promise<void> {
    if (!(port instanceof PciPort) || !this.#ports.delete(port)) return;
    port.close();
    this.#retry();
  }

  async insert(flows: readonly HardwareFlow[]): Promise<readonly InsertResult[]> {
    return flows.map(() => ({ refused: 'unsupported', reason: 'a PCI function has no flow table' }));
  }

  async remove(handles: readonly number[]): Promise<readonly undefined[]> {
    return handles.map(() => undefined);
  }

  async query(handles: readonly number[]): Promise<readonly undefined[]> {
    return handles.map(() => undefined);
  }

  async setMeters(meters: readonly HardwareMeter[]): Promise<readonly string[]> {
    return meters.map(() => 'a PCI function has no meters');
  }

  async removeMeters(ids: readonly number[]): Promise<readonly undefined[]> {
    return ids.map(() => undefined);
  }

  async queryMeters(ids: readonly number[]): Promise<readonly undefined[]> {
    return ids.map(() => undefined);
  }

  async resetFunction(vport: Vport): Promise<void> {
    for (const port of this.#ports.keys()) if (port.vport === vport) port.reset();
  }

  onReset(): void {}

  async describe(): Promise<string> {
    const lines = [...this.#ports].map(([port, address]) => {
      const link = port.error ?? (port.linkUp ? 'link up' : 'link down');
      return `  ${address}: ${port.status()['driver_name']}, ${port.mac}, ${link}`;
    });
    return [`${this.name}: PCI functions driven by weft (no flow table)`, ...lines].join('\n');
  }

  async close(): Promise<void> {
    this.#cancel?.();
    for (const port of this.#ports.keys()) port.close();
    this.#ports.clear();
  }

  #askAgain(address: string, error: unknown): void {
    this.#wanted.set(address, error instanceof Error ? error.message : String(error));
    this.#cancel ??= this.#clock.after(RETRY_MS, () => this.#lookAgain());
  }

  /** Who still wants a function says so by failing once more. */
  #lookAgain(): void {
    this.#cancel = undefined;
    let isChanged = false;
    for (const [address, problem] of [...this.#wanted]) {
      if (this.#opener.obstacle(address) === problem) continue;
      this.#wanted.delete(address);
      isChanged = true;
    }
    if (this.#wanted.size > 0) this.#cancel = this.#clock.after(RETRY_MS, () => this.#lookAgain());
    if (isChanged) this.#retry();
  }
}
