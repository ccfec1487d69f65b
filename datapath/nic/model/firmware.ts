// The firmware of a NIC model: carries out the switch's commands, one after the other, on a datapath of the card's own. In
// switchdev mode it only decides what the datapath does alone; in legacy mode it is also asked about first packets
// (legacy-switch.ts).

import { UserError } from '../../../lib/errors.ts';
import type { DpMeterStats } from '../../dpif.ts';
import type { EswitchDpif } from '../../eswitch.ts';
import { findDummyPort } from '../../port/dummy/dummy-port.ts';
import type {
  FlowHandle,
  HardwareCounts,
  HardwareMeter,
  InsertResult,
  NicCapabilities,
  QueuePair,
  RingMemory,
  Vport,
} from '../provider.ts';
import { WIRE } from '../provider.ts';
import { capabilitiesOf } from './capabilities.ts';
import { CardFlows, type FlowOwner } from './card-flows.ts';
import { CardMeters } from './card-meters.ts';
import { CardVport } from './card-vport.ts';
import { callDevice } from './device-relay.ts';
import { FirmwareClock } from './firmware-clock.ts';
import { LegacySwitch } from './legacy-switch.ts';
import { type PackedFlows, unpackFlows } from './packed-flows.ts';
import type { CardCommands, CardMessage, CardState, DeviceCall, VportState } from './protocol.ts';
import { type CardSettings, type FunctionSettings, PF, REPRESENTORS, vportOfVf } from './settings.ts';

/** The longest nap of a card with nothing to do, in microseconds: it may share its core. */
const SLEEP_US_MAX = 50;
/** Turns of the event loop that an injected frame may take: an upcall, then a slow port. */
const PASSES_MAX = 8;

export interface FirmwareServices {
  readonly name: string;
  readonly dpif: EswitchDpif;
  send(message: CardMessage): void;
}

export class Firmware implements CardCommands, FlowOwner {
  readonly #services: FirmwareServices;
  readonly #dpif: EswitchDpif;
  readonly #flows: CardFlows;
  readonly #meters: CardMeters;
  readonly #clock = new FirmwareClock();
  readonly #legacy: LegacySwitch;
  readonly #vports = new Map<Vport, CardVport>();
  #settings: CardSettings;
  capabilities: NicCapabilities;
  /** When the command at hand came, in milliseconds. */
  arrivedMs = 0;

  constructor(services: FirmwareServices, settings: CardSettings) {
    this.#services = services;
    this.#dpif = services.dpif;
    this.#settings = settings;
    this.capabilities = capabilitiesOf(settings);
    this.#meters = new CardMeters(services.dpif, this);
    this.#flows = new CardFlows(services.dpif, this.#meters, this, () => performance.now());
    this.#legacy = new LegacySwitch(services.dpif, this.#vports);
    services.dpif.setUpcallSink((upcall) => this.#legacy.decide(upcall));
  }

  /** Makes every vport of the settings. */
  async start(): Promise<void> {
    const { wire, functions, mode } = this.#settings;
    this.#takeCore();
    await this.#add(WIRE, wireSettings(wire));
    for (const [vf, settings] of functions.entries()) await this.#add(vportOfVf(vf), settings);
    if (mode === 'legacy') await this.#add(PF, pfSettings(this.#services.name));
  }

  hasVport(vport: Vport): boolean {
    return this.#vports.has(vport);
  }

  sourceOf(vport: Vport): Uint8Array | undefined {
    return this.#vports.get(vport)?.source;
  }

  async configure(settings: CardSettings): Promise<void> {
    const before = this.#settings;
    // A core that nobody asks for is the one that was chosen at the start.
    this.#settings = { ...settings, core: settings.core ?? before.core };
    this.#takeCore();
    this.capabilities = capabilitiesOf(settings);
    if (JSON.stringify(before.wire) !== JSON.stringify(settings.wire)) {
      await this.#reconfigure(WIRE, wireSettings(settings.wire));
    }
    for (const [vf, wanted] of settings.functions.entries()) {
      const vport = vportOfVf(vf);
      if (JSON.stringify(this.#vports.get(vport)?.settings) !== JSON.stringify(wanted)) {
        await this.#reconfigure(vport, wanted);
      }
    }
    this.#legacy.flush();
  }

  async insert(flows: PackedFlows): Promise<readonly InsertResult[]> {
    const arrivedMs = this.arrivedMs;
    const results: InsertResult[] = [];
    for (const flow of unpackFlows(flows)) {
      await this.#clock.flow(arrivedMs, this.#settings);
      results.push(this.#flows.insert(flow));
    }
    return results;
  }

  remove(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]> {
    return this.#flows.remove(handles);
  }

  async query(handles: readonly FlowHandle[]): Promise<readonly (HardwareCounts | undefined)[]> {
    return this.#flows.query(handles);
  }

  setMeters(meters: readonly HardwareMeter[]): Promise<readonly (string | undefined)[]> {
    return this.#meters.set(meters);
  }

  async removeMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]> {
    return this.#meters.remove(ids);
  }

  async queryMeters(ids: readonly number[]): Promise<readonly (DpMeterStats | undefined)[]> {
    return this.#meters.query(ids);
  }

  async attach(vport: Vport, memory: RingMemory, pairs: readonly QueuePair[]): Promise<void> {
    const target = this.#vport(vport);
    if (this.#settings.mode === 'switchdev') await target.attachRepresentor(memory, pairs);
    else {
      await target.attachFunction(memory, pairs);
      this.#legacy.flush();
    }
  }

  async detach(vport: Vport): Promise<void> {
    await this.#vports.get(vport)?.detach();
    this.#legacy.flush();
  }

  async setLinkUp(vport: Vport, up: boolean): Promise<void> {
    this.#vport(vport).setLinkUp(up);
  }

  async resetFunction(vport: Vport): Promise<void> {
    const target = this.#vport(vport);
    await this.#flows.remove(this.#flows.handlesOf(vport));
    await target.detach();
    await target.reopen();
    this.#direct(target);
  }

  /** The first call makes the vport's end the host's rings, `close` gives the configured one back. */
  async device(vport: Vport, call: DeviceCall): Promise<number> {
    const target = this.#vport(vport);
    await this.#drive(target, true);
    const broken = (index: number, reason: string) =>
      this.#services.send({ type: 'ring-broken', vport, index, reason });
    const result = await callDevice(target.device, call, broken);
    if (call.call === 'close') await this.#drive(target, false);
    return result;
  }

  async inject(vport: Vport, frame: Uint8Array): Promise<void> {
    findDummyPort(this.#vport(vport).port?.name ?? '').inject(frame);
    // Until what it is sent around for by this thread has been dealt with.
    for (let turn = 0; turn < PASSES_MAX; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async watch(vport: Vport): Promise<void> {
    findDummyPort(this.#vport(vport).port?.name ?? '').onSend = (frame) =>
      this.#services.send({ type: 'sent', vport, frame: frame.slice() });
  }

  async describe(): Promise<CardState> {
    const drops: Record<string, bigint> = {};
    for (const thread of this.#dpif.pmdStats()) {
      for (const [reason, packets] of Object.entries(thread.drops)) drops[reason] = (drops[reason] ?? 0n) + packets;
    }
    return {
      core: this.#settings.core,
      flows: this.#flows.size,
      meters: this.#meters.size,
      vports: this.states(),
      addresses: this.#legacy.addresses(),
      drops,
    };
  }

  get isWaiting(): boolean {
    return this.#clock.isWaiting;
  }

  async hang(what: 'firmware' | 'thread'): Promise<void> {
    if (what === 'thread') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    await new Promise(() => {});
  }

  close(): Promise<void> {
    return this.#dpif.close();
  }

  /** Now and then. */
  tick(): void {
    this.#legacy.age(performance.now());
  }

  states(): VportState[] {
    return [...this.#vports.values()].map((vport) => vport.state(this.#missed(vport.vport)));
  }

  #missed(vport: Vport): bigint {
    return this.#dpif.missStats(vport)?.packets ?? this.#legacy.missed(vport);
  }

  async #add(vport: Vport, settings: FunctionSettings): Promise<void> {
    const made = new CardVport(this.#services.name, this.#dpif, vport, settings);
    this.#vports.set(vport, made);
    await made.open();
    this.#direct(made);
  }

  async #reconfigure(vport: Vport, settings: FunctionSettings): Promise<void> {
    const target = this.#vport(vport);
    await this.#flows.suspend(vport);
    if (!target.configure(settings)) await target.reopen();
    this.#settle(target);
  }

  #takeCore(): void {
    const { core } = this.#settings;
    if (core === undefined) return;
    // Where it shares its core, what a full ring loses is not to keep the host from emptying that ring.
    const manners = { pmdSleepUsMax: SLEEP_US_MAX, pmdGivesWay: true };
    this.#dpif.configure({ pmdCpuMask: (1n << BigInt(core)).toString(16), ...manners });
  }

  async #drive(target: CardVport, driven: boolean): Promise<void> {
    if (target.driven === driven) return;
    await this.#flows.suspend(target.vport);
    await target.drive(driven);
    this.#settle(target);
  }

  /** After a change of the vport: its flows as it is now. */
  #settle(target: CardVport): void {
    this.#direct(target);
    this.#flows.resume(target.vport);
  }

  /** Where the vport's packets go that no flow matches. */
  #direct(target: CardVport): void {
    if (this.#settings.mode !== 'switchdev' || this.#dpif.missStats(target.vport)) return;
    target.setMissActions([{ type: 'output', port: REPRESENTORS + target.vport }]);
  }

  #vport(vport: Vport): CardVport {
    const found = this.#vports.get(vport);
    if (!found) throw new UserError(`the card has no vport ${vport}`);
    return found;
  }
}

const PLAIN = { vlan: 0, trust: true, promisc: false, spoofchk: false, link: 'auto', rateMbps: 0 } as const;

function wireSettings(end: FunctionSettings['end']): FunctionSettings {
  return { ...PLAIN, mac: '00:00:00:00:00:00', end };
}

function pfSettings(name: string): FunctionSettings {
  return { ...PLAIN, mac: '00:00:00:00:00:00', end: { type: 'device', name: `${name}/pf`, options: {} } };
}
