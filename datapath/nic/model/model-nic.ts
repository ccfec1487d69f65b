// The NIC model as a NicProvider: settings on this side, the card on the other (card-thread.ts). What the card says it
// has done is all that is known here, and when it dies, everything but the settings is gone.

import { UserError } from '../../../lib/errors.ts';
import type { DpMeterStats } from '../../dpif.ts';
import { registerDummyEnd } from '../../port/dummy/dummy-port.ts';
import type { VhostDevice } from '../../port/vhost-user/services.ts';
import type {
  FlowHandle,
  HardwareCounts,
  HardwareFlow,
  HardwareMeter,
  InsertResult,
  NicCapabilities,
  NicPort,
  NicProvider,
  Vport,
} from '../provider.ts';
import { WIRE } from '../provider.ts';
import { capabilitiesOf } from './capabilities.ts';
import { CardReset, CardThread } from './card-thread.ts';
import { describeCard } from './describe.ts';
import { relayedDevice } from './device-relay.ts';
import { parseCard, withInterfaceOptions } from './model-options.ts';
import { ModelPort, type PortOwner } from './model-port.ts';
import { packFlows } from './packed-flows.ts';
import { needsReset, type VportState } from './protocol.ts';
import { type CardSettings, type FunctionSettings, PF, vfOfVport, vportOfVf } from './settings.ts';

type Options = Readonly<Record<string, string>>;

export class ModelNic implements NicProvider, PortOwner {
  readonly name: string;
  readonly card: CardThread;
  /** other_config:nic-NAME */
  #text: string;
  #settings: CardSettings;
  readonly #ports = new Map<Vport, ModelPort>();
  /** Options of the interfaces that hold functions, by VF. */
  readonly #interfaceOptions = new Map<number, Options>();
  readonly #states = new Map<Vport, VportState>();
  readonly #resetListeners: (() => void)[] = [];
  /** Dummies behind vports: they are forgotten here when the card changes. */
  #dummies: (() => void)[] = [];
  /** Called with each frame that leaves by a dummy which is watched. */
  onSent: ((vport: Vport, frame: Uint8Array) => void) | undefined;

  /** Makes the card. Throws UserError when `text` says something that it cannot be. */
  constructor(name: string, text: string, rundir: string) {
    this.name = name;
    this.#text = text;
    this.#settings = parseCard(name, text);
    this.card = new CardThread(name, rundir, this.#settings, {
      state: (vports) => this.#heard(vports),
      sent: (vport, frame) => this.onSent?.(vport, frame),
      reset: () => this.#wasReset(),
    });
    this.#registerDummies();
  }

  get capabilities(): NicCapabilities {
    return capabilitiesOf(this.#settings);
  }

  get settings(): CardSettings {
    return this.#settings;
  }

  /** Takes over another other_config:nic-NAME. Throws UserError, and all stays as it was. */
  async configure(text: string): Promise<void> {
    if (text === this.#text) return;
    const line = parseCard(this.name, text);
    this.#text = text;
    await this.#apply(this.#withInterfaces(line));
  }

  openPort(options: Options): NicPort {
    const vport = this.#vportOf(options);
    if (this.#ports.has(vport)) throw new UserError(`${this.name}: ${this.#nameOf(vport)} is held by another port`);
    const port = new ModelPort(this, vport);
    void this.#takeOptions(vport, options);
    this.#ports.set(vport, port);
    return port;
  }

  async closePort(port: NicPort): Promise<void> {
    if (this.#ports.get(port.vport) !== port) return;
    this.#ports.delete(port.vport);
    await port.detach();
    if (this.#interfaceOptions.delete(vfOfVport(port.vport))) {
      await this.#apply(this.#withInterfaces(parseCard(this.name, this.#text)));
    }
    await port.setLinkUp(true);
  }

  async insert(flows: readonly HardwareFlow[]): Promise<readonly InsertResult[]> {
    const reset = { refused: 'reset', reason: 'the card was reset' } as const;
    return this.#orReset(
      this.card.call('insert', packFlows(flows)),
      flows.map(() => reset),
    );
  }

  remove(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]> {
    return this.#orReset(
      this.card.call('remove', handles),
      handles.map(() => undefined),
    );
  }

  query(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]> {
    return this.#orReset(
      this.card.call('query', handles),
      handles.map(() => undefined),
    );
  }

  setMeters(meters: readonly HardwareMeter[]): Promise<readonly (string | undefined)[]> {
    return this.#orReset(
      this.card.call('setMeters', meters),
      meters.map(() => undefined),
    );
  }

  removeMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]> {
    return this.#orReset(
      this.card.call('removeMeters', ids),
      ids.map(() => undefined),
    );
  }

  queryMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]> {
    return this.#orReset(
      this.card.call('queryMeters', ids),
      ids.map(() => undefined),
    );
  }

  async resetFunction(vport: Vport): Promise<void> {
    await this.#orReset(this.card.call('resetFunction', vport), undefined);
    this.#ports.get(vport)?.wasReset();
  }

  check(): Promise<void> {
    return this.card.check();
  }

  onReset(listener: () => void): void {
    this.#resetListeners.push(listener);
  }

  /** A function's queues for a guest whose control path is elsewhere: they are the function's end until they are closed. */
  functionDevice(vport: Vport): VhostDevice | undefined {
    return this.#settings.mode === 'switchdev' ? relayedDevice(this.card, vport) : undefined;
  }

  async describe(): Promise<string> {
    const state = await this.#orReset(this.card.call('describe'), undefined);
    return describeCard(this.name, this.#settings, this.card.restarts, state);
  }

  close(): Promise<void> {
    for (const forget of this.#dummies) forget();
    return this.card.close();
  }

  stateOf(vport: Vport): VportState | undefined {
    return this.#states.get(vport);
  }

  statusOf(vport: Vport): Record<string, string> {
    const state = this.#states.get(vport);
    const settings = this.#functionOf(vport);
    const status: Record<string, string> = { nic: this.name, eswitch: this.#settings.mode, vport: String(vport) };
    if (settings) {
      status['vf'] = String(vfOfVport(vport));
      status['vf_mac'] = settings.mac;
      status['vf_link'] = settings.link;
      for (const key of ['vlan', 'trust', 'spoofchk'] as const) status[`vf_${key}`] = String(settings[key]);
      status['vf_rate_mbps'] = String(settings.rateMbps);
    }
    if (state) status['vf_end'] = `${state.end['type']}:${state.end['name']}`;
    return status;
  }

  async reconfigure(port: ModelPort, options: Options): Promise<boolean> {
    if (options['nic'] !== this.name || this.#vportOf(options) !== port.vport) return false;
    await this.#takeOptions(port.vport, options);
    return true;
  }

  #functionOf(vport: Vport): FunctionSettings | undefined {
    return this.#settings.functions[vfOfVport(vport)];
  }

  #nameOf(vport: Vport): string {
    return vport === WIRE ? 'the wire' : vport === PF ? 'the PF' : `VF ${vfOfVport(vport)}`;
  }

  /** Without a `vf` the port is the PF's: in switchdev mode that is the wire's representor. */
  #vportOf(options: Options): Vport {
    const { vf } = options;
    if (vf === undefined) return this.#settings.mode === 'switchdev' ? WIRE : PF;
    const number = /^\d+$/.test(vf) ? Number(vf) : Number.NaN;
    if (number < this.#settings.vfs) return vportOfVf(number);
    throw new UserError(`${this.name} has no VF "${vf}": there are ${this.#settings.vfs}, from 0 on`);
  }

  /** Throws UserError at once; resolves when the card goes by them. */
  #takeOptions(vport: Vport, options: Options): Promise<void> {
    if (!this.#functionOf(vport)) return Promise.resolve();
    const vf = vfOfVport(vport);
    const own = withInterfaceOptions(this.name, this.#text, vf, options);
    this.#interfaceOptions.set(vf, options);
    const functions = this.#settings.functions.map((settings, i) => (i === vf ? own : settings));
    return this.#apply({ ...this.#settings, functions });
  }

  #withInterfaces(settings: CardSettings): CardSettings {
    const functions = settings.functions.map((own, vf) => {
      const options = this.#interfaceOptions.get(vf);
      return options ? withInterfaceOptions(this.name, this.#text, vf, options) : own;
    });
    return { ...settings, functions };
  }

  async #apply(settings: CardSettings): Promise<void> {
    const before = this.#settings;
    if (JSON.stringify(before) === JSON.stringify(settings)) return;
    this.#settings = settings;
    this.card.settings = settings;
    this.#registerDummies();
    if (needsReset(before, settings)) await this.card.kill();
    else await this.#orReset(this.card.call('configure', settings), undefined);
  }

  /** Tests put frames into the card's dummies by the names that they have there. */
  #registerDummies(): void {
    for (const forget of this.#dummies) forget();
    const ends = [this.#settings.wire, ...this.#settings.functions.map(({ end }) => end)];
    this.#dummies = ends.flatMap(({ type, name }, vport) =>
      type === 'dummy' ? [this.#registerDummy(name, vport)] : [],
    );
  }

  #registerDummy(name: string, vport: Vport): () => void {
    return registerDummyEnd({
      name,
      connectionState: undefined,
      inject: (frame) => this.#orReset(this.card.call('inject', vport, frame), undefined),
      setAdminUp: (up) => void this.#orReset(this.card.call('setLinkUp', vport, up), undefined),
    });
  }

  #heard(vports: readonly VportState[]): void {
    for (const state of vports) {
      const before = this.#states.get(state.vport);
      this.#states.set(state.vport, state);
      if (shownOf(before) !== shownOf(state)) this.#ports.get(state.vport)?.changed();
    }
  }

  #wasReset(): void {
    this.#states.clear();
    for (const port of this.#ports.values()) if (!port.linkAsked) void port.setLinkUp(false);
    for (const listener of this.#resetListeners) listener();
    for (const port of this.#ports.values()) port.wasReset();
  }

  async #orReset<T>(call: Promise<T>, otherwise: T): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof CardReset) return otherwise;
      throw error;
    }
  }
}

/** What a port shows of it, counters aside. */
function shownOf(state: VportState | undefined): string {
  return state ? JSON.stringify({ ...state, counters: undefined }) : '';
}
