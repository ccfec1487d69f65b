// One vport of the card: the port behind it and its properties, as ports of the card's own datapath. The port's number
// there is the vport's, so that hardware flows mean the same inside. A representor's rings are a port of their own, whose
// packets all go to the vport; a function that the host drives itself (legacy mode, vDPA) has the host's rings as its end.

import type { DpAction, DpPort, PortStats } from '../../dpif.ts';
import type { EswitchDpif } from '../../eswitch.ts';
import { KEY_IN_PORT, KEY_RECIRC_ID, KEY_SIZE } from '../../layout/flow-key.ts';
import { findDevice } from '../../port/device/device-port.ts';
import type { VhostDevice } from '../../port/vhost-user/services.ts';
import type { QueuePair, RingMemory, Vport } from '../provider.ts';
import type { VportState } from './protocol.ts';
import { attachRings } from './representor-rings.ts';
import { type EndSettings, type FunctionSettings, REPRESENTORS } from './settings.ts';

/** Frames as long as the datapath takes. */
const MTU = 9706;

export class CardVport {
  readonly vport: Vport;
  readonly #name: string;
  readonly #dpif: EswitchDpif;
  #settings: FunctionSettings;
  #port: DpPort | undefined;
  #error: string | undefined;
  /** What the port in weft asks for, which counts where the link state is `auto`. */
  #askedUp = true;
  /** What the host's rings are, if it gave any: two things, since a function may be driven while it is represented. */
  #attached: 'representor' | 'function' | undefined;
  /** The host's rings are in the place of the configured end. */
  #driven = false;

  /** `name`: the card's. */
  constructor(name: string, dpif: EswitchDpif, vport: Vport, settings: FunctionSettings) {
    this.#name = name;
    this.#dpif = dpif;
    this.vport = vport;
    this.#settings = settings;
  }

  get settings(): FunctionSettings {
    return this.#settings;
  }

  /** The address that the function may use alone; undefined: any. */
  get source(): Uint8Array | undefined {
    return this.#settings.spoofchk ? macBytes(this.#settings.mac) : undefined;
  }

  get linkEnabled(): boolean {
    return this.#settings.link === 'enable' || (this.#settings.link === 'auto' && this.#askedUp);
  }

  /** Makes the port behind the vport. What is wrong with it is the vport's error. */
  async open(): Promise<void> {
    const end: EndSettings = this.#driven
      ? { type: 'device', name: `${this.#name}/host${this.vport}`, options: {} }
      : this.#settings.end;
    const { type, name, options } = end;
    const isKernel = type === 'tap' || type === 'system';
    this.#error = undefined;
    try {
      this.#port = await this.#dpif.portAdd({
        name,
        type,
        options,
        odpPort: this.vport,
        ...(isKernel ? {} : { mtu: MTU }),
      });
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error);
    }
    this.#apply();
  }

  /** The end anew, as it is configured now. */
  async reopen(): Promise<void> {
    await this.#closeEnd();
    await this.open();
  }

  /** Takes over what changes in place; false when the end is another one: reopen() then. */
  configure(settings: FunctionSettings): boolean {
    const same = this.#driven || JSON.stringify(settings.end) === JSON.stringify(this.#settings.end);
    this.#settings = settings;
    if (same) this.#apply();
    return same;
  }

  setLinkUp(up: boolean): void {
    this.#askedUp = up;
    this.#apply();
  }

  /** Packets that no flow matches; undefined: the firmware decides. */
  setMissActions(actions: readonly DpAction[] | undefined): void {
    this.#dpif.setMissActions(this.vport, actions);
  }

  /** The host's rings become the representor's. */
  async attachRepresentor(memory: RingMemory, pairs: readonly QueuePair[]): Promise<void> {
    await this.detach();
    const odpPort = REPRESENTORS + this.vport;
    const name = `${this.#name}/representor${this.vport}`;
    await this.#dpif.portAdd({ name, type: 'device', options: {}, odpPort, mtu: MTU });
    this.#attached = 'representor';
    this.#dpif.flowPut({ ...everythingFrom(odpPort), actions: [{ type: 'output', port: this.vport }] });
    attachRings(findDevice(name)!, memory, pairs);
  }

  /** The host's rings become the function's own. */
  async attachFunction(memory: RingMemory, pairs: readonly QueuePair[]): Promise<void> {
    await this.drive(true);
    this.#attached = 'function';
    attachRings(this.device, memory, pairs);
  }

  async detach(): Promise<void> {
    const attached = this.#attached;
    this.#attached = undefined;
    if (attached === 'function') await this.drive(false);
    if (attached === 'representor') await this.#dpif.portDel(REPRESENTORS + this.vport);
  }

  /** Puts the host's own rings in the place of the configured end, or the end back. */
  async drive(driven: boolean): Promise<void> {
    if (this.#driven === driven) return;
    await this.#closeEnd();
    this.#driven = driven;
    await this.open();
  }

  /** Whether the host's rings are the end. */
  get driven(): boolean {
    return this.#driven;
  }

  /** The device of a driven vport. */
  get device(): VhostDevice {
    return findDevice(`${this.#name}/host${this.vport}`)!;
  }

  get port(): DpPort | undefined {
    return this.#port;
  }

  state(missed: bigint): VportState {
    const port = this.#port;
    const stats = port?.stats() ?? {};
    const drops = this.#dpif.countsOf(this.vport);
    const representor = this.#dpif.countsOf(REPRESENTORS + this.vport);
    const isSlow = port !== undefined && !isPolledType(port);
    return {
      vport: this.vport,
      mac: this.#settings.mac,
      linkUp: this.linkEnabled && (port?.linkUp ?? false),
      mtu: port?.mtu,
      error: this.#error ?? port?.error,
      end: {
        type: port?.type ?? this.#settings.end.type,
        name: port?.name ?? this.#settings.end.name,
        ...port?.status(),
      },
      attached: this.#attached !== undefined,
      counters: {
        // A kernel port's driver counts what it hands over, before it is policed.
        rxPackets: count(stats, 'rx_packets') - (isSlow ? drops.policed : 0n),
        rxBytes: count(stats, 'rx_bytes'),
        txPackets: count(stats, 'tx_packets'),
        txBytes: count(stats, 'tx_bytes'),
        txDropped: isSlow ? count(stats, 'tx_dropped') + drops['tx-dropped'] : drops['tx-dropped'],
        missed,
        spoofed: drops.spoofed,
        policed: drops.policed,
        disabled: drops.disabled,
        txNoBuffer: drops['tx-ring-full'],
        txLinkDown: drops['tx-down'],
        toSwitch: representor.sent,
        toSwitchDropped: representor['tx-dropped'],
        fromSwitch: representor.received,
      },
    };
  }

  async #closeEnd(): Promise<void> {
    this.#port = undefined;
    await this.#dpif.portDel(this.vport);
  }

  #apply(): void {
    const { rateMbps } = this.#settings;
    this.#port?.setAdminUp(this.linkEnabled);
    this.#dpif.setSource(this.vport, this.source);
    const rate = rateMbps * 1000;
    // A tenth of a second's worth may come at once.
    const band = { rate, unit: 'kbits', burst: rate / 10, type: 'drop', precLevel: 0 } as const;
    this.#dpif.setPolicer(this.vport, rateMbps > 0 ? [band] : []);
  }
}

function isPolledType({ type }: DpPort): boolean {
  return type === 'device' || type === 'dpdkvhostuser' || type === 'dpdkvhostuserclient';
}

function count(stats: PortStats, name: string): bigint {
  return BigInt(stats[name] ?? 0);
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** Key and mask of all that a port receives. */
export function everythingFrom(odpPort: number): { key: Uint8Array; mask: Uint8Array } {
  const key = new Uint8Array(KEY_SIZE);
  new DataView(key.buffer).setUint32(KEY_IN_PORT, odpPort);
  return { key, mask: new Uint8Array(KEY_SIZE).fill(0xff, KEY_IN_PORT, KEY_RECIRC_ID + 4) };
}
