// `vf`: a function of a card (options:nic names it, the card's other options say which function). PMD threads drive the
// rings between the card and weft; link, address and counters are the card's.
//
//   waiting (no card, or it refuses) ──card there──> opened ──rings made, card attached──> running
//        ^───────────────────────────card gone──────────┘ ^──────────reset────────────────────┘
//
// Steps follow each other in #work: whatever happens meanwhile is found when the next one looks.

import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import type { LinkSpeed, PortSpec, PortStats } from '../../dpif.ts';
import type { NicPort, NicProvider } from '../../nic/provider.ts';
import type { NicRegistry } from '../../nic/registry.ts';
import { type QueueServices, VirtioQueues } from '../../nic/virtio-ring.ts';
import type { PortContext, PortDriver } from '../port.ts';
import { frameSizes, type VfOptions, vfOptions } from './vf-options.ts';

const log = logger('netdev_dpdk');
/** A card that lied gets new rings, but not at the pace at which it may lie again. */
const REPAIR_PAUSE_MS = 30_000;

/** What a VF port needs of the datapath. */
export interface VfServices {
  readonly nics: NicRegistry;
  readonly queues: QueueServices;
}

/** Steps of whoever shares the datapath port with the function (datapath/port/vhost-user/vdpa-port.ts). */
export interface VfSteps {
  /** The card has the rings, PMD threads do not poll them yet. */
  beforeStart(card: NicProvider, port: NicPort): Promise<void>;
  /** `isReset`: the card has forgotten the rings already. */
  beforeStop(isReset: boolean): Promise<void>;
  /** PMD threads have let go of the rings. */
  afterStop(): Promise<void>;
}

interface Opened {
  readonly card: NicProvider;
  readonly port: NicPort;
}

export class VfPort implements PortDriver {
  readonly ifindex = undefined;
  adminUp = true;
  linkResets = 0;
  readonly #context: PortContext;
  readonly #services: VfServices;
  readonly #steps: VfSteps | undefined;
  #spec: PortSpec;
  #options: VfOptions | undefined;
  #isOpen = false;
  #opened: Opened | undefined;
  #queues: VirtioQueues | undefined;
  #running = false;
  #linkUp = false;
  /** Why there is no function, or no rings; and what happened to a ring. */
  #error: string | undefined;
  #ringError: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #forget: (() => void) | undefined;
  #cancelRepair: (() => void) | undefined;

  constructor(spec: PortSpec, context: PortContext, services: VfServices, steps?: VfSteps) {
    this.#spec = spec;
    this.#context = context;
    this.#services = services;
    this.#steps = steps;
  }

  get mac(): string | undefined {
    return this.#opened?.port.mac;
  }

  get mtu(): number {
    return frameSizes(this.#spec.mtu, this.#opened?.port.mtu).mtu;
  }

  get linkUp(): boolean {
    return this.#linkUp;
  }

  get linkSpeed(): LinkSpeed | undefined {
    return this.#opened?.port.linkSpeed;
  }

  get error(): string | undefined {
    return this.#error ?? this.#ringError ?? this.#opened?.port.error;
  }

  /** Where its flows can be offloaded. */
  get place(): { readonly card: NicProvider; readonly vport: number } | undefined {
    return this.#running && this.#opened ? { card: this.#opened.card, vport: this.#opened.port.vport } : undefined;
  }

  async open(): Promise<void> {
    this.#isOpen = true;
    this.#forget = this.#services.nics.onChange(() => void this.#next(() => this.#cardsChanged()));
    await this.#next(() => this.#start());
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#forget?.();
    this.#cancelRepair?.();
    await this.#next(() => this.#stop());
  }

  setAdminUp(up: boolean): void {
    this.adminUp = up;
    this.#queues?.setAdminUp(up);
    void this.#opened?.port.setLinkUp(up).catch((error: unknown) => this.#warn(error));
  }

  /** The card may take over what concerns it in place; anything else makes the port anew. */
  async reconfigure(spec: PortSpec): Promise<boolean> {
    if (this.#options === undefined || !this.#opened) return false;
    try {
      const isSame = JSON.stringify(vfOptions(spec)) === JSON.stringify(this.#options);
      if (!isSame || !(await this.#opened.port.reconfigure?.(spec.options))) return false;
    } catch {
      return false;
    }
    this.#spec = spec;
    return true;
  }

  status(): Record<string, string> {
    const nic = this.#options?.nic;
    const rings = this.#running && this.#opened ? ringStatus(ringsOf(this.#options!, this.#opened.port)) : {};
    return { ...(nic ? { nic } : {}), ...rings, ...this.#opened?.port.status() };
  }

  stats(): PortStats {
    return this.#opened?.port.stats() ?? {};
  }

  /** Resolves when what one side had for the other has been taken (VirtioQueues). */
  async drained(direction: 'rx' | 'tx'): Promise<void> {
    await this.#queues?.drained(direction);
  }

  poll(): void {
    this.#queues?.poll();
  }

  /** A card of the name has come, or ours has gone, or is another one now. */
  async #cardsChanged(): Promise<void> {
    const card = this.#options && this.#services.nics.get(this.#options.nic);
    if (this.#opened && this.#opened.card === card) return;
    if (this.#opened) await this.#stop();
    await this.#start();
  }

  async #start(): Promise<void> {
    if (!this.#isOpen || this.#opened) return;
    try {
      this.#options = vfOptions(this.#spec);
      this.#opened = this.#openFunction(this.#options);
      await this.#attach();
    } catch (error) {
      this.#fail(error);
    }
    this.#update();
  }

  #openFunction({ nic }: VfOptions): Opened {
    const card = this.#services.nics.get(nic);
    if (!card) throw new UserError(`there is no NIC named ${nic}`);
    const port = card.openPort(this.#spec.options);
    port.onChange(() => this.#update());
    port.onReset(() => {
      if (this.#opened?.port === port) void this.#next(() => this.#restart(port));
    });
    if (!this.adminUp) void port.setLinkUp(false).catch((error: unknown) => this.#warn(error));
    return { card, port };
  }

  /** New rings, given to the card and then to the PMD threads. */
  async #attach(): Promise<void> {
    const { port } = this.#opened!;
    const { pairs, rxSize, txSize } = ringsOf(this.#options!, port);
    const kind = port.ringKind ?? 'virtio';
    const { frameMax } = frameSizes(this.#spec.mtu, port.mtu);
    const most = port.queuePairMax ?? 1;
    if (pairs > most) throw new UserError(`options:n_rxq=${pairs}: the function has ${most} queue pair(s)`);
    const { odpPort } = this.#context;
    this.#queues ??= this.#makeQueues({ portName: this.#spec.name, odpPort, pairs, rxSize, txSize, frameMax, kind });
    const doorbells = await port.attach(this.#queues.memory, this.#queues.pairs);
    if (doorbells) this.#queues.setDoorbells(doorbells);
    this.#queues.setAdminUp(this.adminUp);
    await this.#steps?.beforeStart(this.#opened!.card, port);
    this.#queues.start();
    this.#running = true;
    this.#error = undefined;
    this.#ringError = undefined;
  }

  #makeQueues(options: ConstructorParameters<typeof VirtioQueues>[1]): VirtioQueues {
    const queues = new VirtioQueues(this.#services.queues, options);
    queues.onBroken((queue, reason) => {
      this.#ringError = `${queue} is broken: ${reason}`;
      this.#repairLater();
      this.#update();
    });
    return queues;
  }

  /** The function has forgotten its rings: they begin anew. */
  async #restart(port: NicPort): Promise<void> {
    if (!this.#isOpen || this.#opened?.port !== port || !this.#queues) return;
    log.info(`${this.#spec.name}: ${this.#opened.card.name} was reset`);
    await this.#renew(this.#queues, true);
  }

  #repairLater(): void {
    this.#cancelRepair ??= this.#context.clock.after(REPAIR_PAUSE_MS, () => {
      this.#cancelRepair = undefined;
      void this.#next(() => this.#repair());
    });
  }

  /** Unless a reset has mended it meanwhile, or the function is gone. */
  async #repair(): Promise<void> {
    if (!this.#isOpen || !this.#running || !this.#queues || this.#ringError === undefined) return;
    log.info(`${this.#spec.name}: new rings, as a driver resets its device: ${this.#ringError}`);
    await this.#renew(this.#queues, false);
  }

  async #renew(queues: VirtioQueues, isReset: boolean): Promise<void> {
    try {
      await this.#halt(queues, isReset);
      if (!isReset) await this.#opened?.port.detach();
      await this.#attach();
    } catch (error) {
      this.#fail(error);
    }
    this.#update();
  }

  /** Memory that the card has not let go of is lost: nothing else may be put there. */
  async #stop(): Promise<void> {
    const opened = this.#opened;
    const queues = this.#queues;
    if (queues) await this.#halt(queues, false);
    this.#opened = undefined;
    this.#queues = undefined;
    this.#update();
    try {
      if (queues) await opened?.port.detach();
      queues?.release();
      if (opened) await opened.card.closePort(opened.port);
    } catch (error) {
      this.#warn(error);
    }
  }

  async #halt(queues: VirtioQueues, isReset: boolean): Promise<void> {
    const wasRunning = this.#running;
    if (wasRunning) await this.#steps?.beforeStop(isReset);
    this.#running = false;
    await queues.stop();
    if (wasRunning) await this.#steps?.afterStop();
  }

  #fail(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== this.#error) log.warn(`${this.#spec.name}: ${text}`);
    this.#error = text;
  }

  #warn(error: unknown): void {
    log.warn(`${this.#spec.name}: ${String(error)}`);
  }

  #update(): void {
    const up = this.#running && (this.#opened?.port.linkUp ?? false);
    if (up !== this.#linkUp) {
      this.#linkUp = up;
      this.linkResets++;
    }
    this.#context.changed();
  }

  #next(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((error: unknown) => this.#warn(error));
    return this.#work;
  }
}

type RingSizes = Pick<VfOptions, 'pairs' | 'rxSize' | 'txSize'>;

/** The rings asked for, no larger than the function takes. */
function ringsOf({ pairs, rxSize, txSize }: VfOptions, { queueSizeMax: most }: NicPort): RingSizes {
  return { pairs, rxSize: Math.min(rxSize, most ?? rxSize), txSize: Math.min(txSize, most ?? txSize) };
}

function ringStatus({ pairs, rxSize, txSize }: RingSizes): Record<string, string> {
  return { n_rxq: String(pairs), n_txq: String(pairs), n_rxq_desc: String(rxSize), n_txq_desc: String(txSize) };
}
