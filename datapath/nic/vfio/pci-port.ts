// A PCI function as a port of weft sees it: its device gets the port's rings, and is looked after twice a second. A
// device that asks for a reset, or whose registers do not answer, has lost its rings: the port attaches them anew.

import type { Clock } from '../../../lib/clock.ts';
import { logger } from '../../../lib/log.ts';
import type { LinkSpeed } from '../../dpif.ts';
import type { NicPort, PairDoorbells, QueuePair, RingMemory, Vport } from '../provider.ts';
import { makeDriver } from './drivers.ts';
import type { FunctionDriver, Link } from './function-driver.ts';
import type { PciFunction } from './pci-function.ts';

const log = logger('netdev_dpdk');
const LINK_INTERVAL_MS = 500;
const DOWN: Link = { up: false, speed: undefined };

export class PciPort implements NicPort {
  readonly vport: Vport;
  error: string | undefined;
  readonly #device: PciFunction;
  readonly #driver: FunctionDriver;
  readonly #clock: Clock;
  readonly #changes: (() => void)[] = [];
  readonly #resets: (() => void)[] = [];
  /** What the device can reach: it runs, or may. */
  #memory: RingMemory | undefined;
  #link = DOWN;
  #cancel: (() => void) | undefined;

  /** Owns `device`, also when it throws UserError. */
  constructor(device: PciFunction, vport: Vport, clock: Clock) {
    this.#device = device;
    this.vport = vport;
    this.#clock = clock;
    try {
      this.#driver = makeDriver(device);
    } catch (error) {
      device.close();
      throw error;
    }
  }

  get mac(): string {
    return this.#driver.mac;
  }

  get mtu(): number | undefined {
    return this.#driver.mtu;
  }

  get linkUp(): boolean {
    return this.#link.up;
  }

  get linkSpeed(): LinkSpeed | undefined {
    return this.#link.speed;
  }

  get queuePairMax(): number {
    return this.#driver.queuePairMax;
  }

  get queueSizeMax(): number {
    return this.#driver.queueSizeMax;
  }

  get ringKind() {
    return this.#driver.ringKind;
  }

  status(): Record<string, string> {
    return { pci: this.#device.address, driver_name: this.#driver.name };
  }

  /** The datapath counts what its threads took and gave. */
  stats(): Record<string, number> {
    return {};
  }

  onChange(listener: () => void): void {
    this.#changes.push(listener);
  }

  onReset(listener: () => void): void {
    this.#resets.push(listener);
  }

  async attach(memory: RingMemory, pairs: readonly QueuePair[]): Promise<readonly PairDoorbells[]> {
    this.#stop();
    this.#device.map(memory);
    this.#memory = memory;
    const doorbells = await this.#driver.start(pairs);
    this.error = undefined;
    log.info(`${this.#device.address}: ${this.#driver.name}, ${pairs.length} queue pair(s)`);
    this.#look();
    return doorbells;
  }

  async detach(): Promise<void> {
    this.#stop();
    this.#link = DOWN;
  }

  /** A PCI function has a link of its own, which the driver of a VF does not decide. */
  setLinkUp(): Promise<void> {
    return Promise.resolve();
  }

  /** The rings are taken from the device, and those who gave them told. */
  reset(): void {
    this.#stop();
    for (const listener of this.#resets) listener();
  }

  close(): void {
    this.#stop();
    this.#device.close();
  }

  /** A device that does not answer any more is kept from memory all the same. */
  #stop(): void {
    this.#cancel?.();
    const memory = this.#memory;
    if (!memory) return;
    this.#memory = undefined;
    try {
      this.#driver.stop();
      this.#device.setBusMaster(false);
    } catch (error) {
      log.warn(`${this.#device.address} cannot be stopped: ${String(error)}`);
    }
    this.#device.unmap(memory);
  }

  #look(): void {
    let link = DOWN;
    let problem: string | undefined;
    try {
      link = this.#driver.link();
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const isSame = link.up === this.#link.up && problem === this.error;
    this.#link = link;
    this.error = problem;
    this.#cancel = this.#clock.after(LINK_INTERVAL_MS, () => this.#look());
    if (!isSame) for (const listener of this.#changes) listener();
    if (problem !== undefined) for (const listener of this.#resets) listener();
  }
}
