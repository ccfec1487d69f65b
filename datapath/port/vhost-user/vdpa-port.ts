// vDPA: a vhost-user port whose guest can be served by a function of a card, options:vdpa-nic and options:vdpa-vf. The guest's
// front-end talks to weft as ever; its memory and virtqueues are handed to the function, and what the card does not forward
// by itself comes and goes by the function's representor, which then is this datapath port.
//
//            guest's rings served by     the datapath port's rings
//   guest    PMD threads                 the guest's
//   nobody   nobody, for a moment        none: what is sent is dropped
//   card     the function                the representor's
//
// A card that goes, dies or is not wanted any more gives the rings back where it stopped, and software goes on there; the
// guest sees a pause. So a guest on a function migrates as any vhost-user guest does: from when its front-end wants to know
// what is written into the guest's memory (VHOST_F_LOG_ALL) until it does not any more, software serves it.

import { logger } from '../../../lib/log.ts';
import type { LinkSpeed, PortSpec, PortStats } from '../../dpif.ts';
import type { NicPort, NicProvider } from '../../nic/provider.ts';
import type { PortContext, PortDriver } from '../port.ts';
import { VfPort, type VfServices } from '../vf/vf-port.ts';
import { enabledRings } from './enabled-rings.ts';
import type { VhostServices } from './services.ts';
import { type MakeDevice, SwitchedDevice } from './switched-device.ts';
import type { VhostPort } from './vhost-port.ts';

const log = logger('netdev_dpdk');
const PREFIX = 'vdpa-';

type Owner = 'guest' | 'card' | 'nobody';

/** Makes the port that talks to the front-end. */
export type MakeVhostPort = (services: VhostServices) => VhostPort;

export class VdpaPort implements PortDriver {
  readonly ifindex = undefined;
  readonly #context: PortContext;
  readonly #vhost: VhostServices;
  readonly #vf: VfServices;
  readonly #port: VhostPort;
  #spec: PortSpec;
  /** Of the session there is. */
  #device: SwitchedDevice | undefined;
  /** The representor's rings; undefined without options:vdpa-nic. */
  #function: VfPort | undefined;
  /** Options of #function. */
  #applied = '';
  #isOpen = false;
  /** The guest migrates: writes to its memory are noted, which a card does not do. */
  #isLogging = false;
  #work: Promise<void> = Promise.resolve();
  #owner: Owner = 'guest';
  /** The card is still there, but its flows shall not be. */
  #isLeaving = false;
  #cardDevice: MakeDevice | undefined;

  constructor(spec: PortSpec, context: PortContext, vhost: VhostServices, vf: VfServices, makePort: MakeVhostPort) {
    this.#spec = spec;
    this.#context = context;
    this.#vhost = vhost;
    this.#vf = vf;
    this.#port = makePort({ createDevice: () => this.#createDevice() });
  }

  get mac(): string | undefined {
    return this.#port.mac;
  }

  get mtu(): number {
    return this.#port.mtu;
  }

  get linkUp(): boolean {
    return this.#port.linkUp;
  }

  get adminUp(): boolean {
    return this.#port.adminUp;
  }

  get linkResets(): number {
    return this.#port.linkResets;
  }

  get linkSpeed(): LinkSpeed | undefined {
    return this.#owner === 'card' ? this.#function?.linkSpeed : undefined;
  }

  get error(): string | undefined {
    return this.#port.error;
  }

  get ringsOf(): Owner {
    return this.#owner;
  }

  /** Where its flows can be offloaded. */
  get place(): VfPort['place'] {
    return this.#owner === 'card' && !this.#isLeaving ? this.#function?.place : undefined;
  }

  async open(): Promise<void> {
    await this.#port.open();
    this.#isOpen = true;
    await this.#settle();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#port.close();
    await this.#settle();
  }

  setAdminUp(up: boolean): void {
    this.#port.setAdminUp(up);
    this.#function?.setAdminUp(up);
  }

  /** The guest keeps its session when it gets a function, another one or none. */
  async reconfigure(spec: PortSpec): Promise<boolean> {
    this.#spec = spec;
    const isKept = await this.#port.reconfigure(spec);
    await this.#settle();
    return isKept;
  }

  status(): Record<string, string> {
    if (!this.#function && !this.#isLogging) return this.#port.status();
    if (!this.#function) return { ...this.#port.status(), vdpa: 'software', vdpa_error: 'the guest migrates' };
    const why = this.#owner === 'guest' ? this.#function.error : undefined;
    const served = this.#owner === 'guest' ? 'software' : this.place ? 'card' : 'changing';
    return {
      ...this.#port.status(),
      ...this.#function.status(),
      vdpa: served,
      ...(why === undefined ? {} : { vdpa_error: why }),
    };
  }

  stats(): PortStats {
    return { ...this.#function?.stats(), ...this.#port.stats() };
  }

  poll(): void {
    this.#function?.poll();
  }

  #createDevice(): SwitchedDevice {
    this.#device = new SwitchedDevice(this.#maker(), (isLogging) => this.#setLogging(isLogging));
    return this.#device;
  }

  /** How a device for the rings' owner is made. */
  #maker(): MakeDevice | undefined {
    if (this.#owner === 'card') return this.#cardDevice;
    return this.#owner === 'guest' ? () => this.#vhost.createDevice(this.#spec.name) : undefined;
  }

  async #setLogging(isLogging: boolean): Promise<void> {
    this.#isLogging = isLogging;
    await this.#settle();
    await this.#context.changed();
  }

  /** Resolves when the port has the function that it should have now, or none. */
  #settle(): Promise<void> {
    this.#work = this.#work.then(async () => {
      const options = this.#isOpen && !this.#isLogging ? functionOptions(this.#spec) : undefined;
      const wanted = options ? JSON.stringify(options) : '';
      if (wanted === this.#applied) return;
      this.#applied = wanted;
      await this.#function?.close();
      this.#function = undefined;
      if (options) await this.#openFunction(options);
    });
    return this.#work;
  }

  async #openFunction(options: Record<string, string>): Promise<void> {
    const spec: PortSpec = { name: this.#spec.name, type: 'vf', options, mtu: this.#port.mtu };
    this.#function = new VfPort(spec, this.#context, this.#vf, {
      beforeStart: (card, port) => this.#toCard(card, port),
      beforeStop: (isReset) => this.#fromCard(isReset),
      afterStop: () => this.#toSoftware(),
    });
    this.#function.setAdminUp(this.adminUp);
    await this.#function.open();
  }

  async #toCard(card: NicProvider, { vport }: NicPort): Promise<void> {
    let first = card.functionDevice?.(vport);
    if (!first) throw new Error(`${card.name} cannot serve a guest's virtqueues`);
    this.#cardDevice = () => {
      const device = first ?? card.functionDevice!(vport)!;
      first = undefined;
      return enabledRings(device);
    };
    this.#isLeaving = false;
    await this.#disown();
    await this.#device?.use(undefined);
    this.#owner = 'card';
    await this.#device?.use(this.#maker());
    // Cards do as they are told in the order of the calls: one that has answered has the rings.
    await card.query([]);
    log.info(`${this.#spec.name}: the guest is served by ${card.name}, vport ${vport}`);
  }

  /**
   * Nothing on its way is lost: the card's own flows end, so that everything goes by the representor; then the guest gets
   * what was sent to it, and PMD threads take what it had sent.
   */
  async #fromCard(isReset: boolean): Promise<void> {
    this.#isLeaving = true;
    await this.#context.changed();
    await this.#disown();
    if (!isReset) await this.#function?.drained('tx');
    await this.#device?.use(undefined);
    await this.#function?.drained('rx');
  }

  async #toSoftware(): Promise<void> {
    this.#owner = 'guest';
    await this.#device?.use(this.#maker());
    await this.#context.changed();
    log.info(`${this.#spec.name}: the guest is served in software`);
  }

  /** Threads see that nobody can be sent to before anybody else has the rings. */
  async #disown(): Promise<void> {
    this.#owner = 'nobody';
    await this.#context.changed();
    await this.#vf.queues.quiescence.barrier();
  }
}

/** options:vdpa-X is the option X of the function's port; undefined without a card. */
function functionOptions({ options }: PortSpec): Record<string, string> | undefined {
  if (!options[`${PREFIX}nic`]) return undefined;
  const own = Object.entries(options).filter(([name]) => name.startsWith(PREFIX));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(PREFIX.length), value]));
}
