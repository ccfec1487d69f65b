// One interface of a bridge at run time: its datapath port, and its OpenFlow port once the datapath port works. A patch
// port has no datapath port, but a device of the slow path, and is in the bridge at once.
//
//   wanted --portAdd()--> in the datapath --no error--> in the bridge (ofPort set)
//      \--refused or unknown type--> failed (error set, ofPort none); tried again with each reconfiguration
//
// A datapath port that exists but does not work yet (its interface is missing, its socket is taken) is admitted to the
// bridge as soon as its error clears, and stays in it when an error comes later. The bridge's own port is always in it.

import { isDeepStrictEqual } from 'node:util';
import type { Dpif, DpPort, PortSpec, PortType } from '../../../datapath/dpif.ts';
import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { OFPP } from '../../../ofproto/model/actions.ts';
import type { BundleSettings, OfprotoApi, PortDevice } from '../../../ofproto/ofproto-api.ts';
import { PatchDevice, patchPeerError } from '../../../ofproto/patch-ports.ts';
import type { InterfaceConfig } from './config.ts';
import { type BridgeKind, type DummyMode, portSpec, portType, unknownTypeError } from './interface-type.ts';
import type { OfportAllocator } from './ofports.ts';
import { NO_POLICING, policingBands } from './policing.ts';

const log = logger('bridge');
/** Names of the dummy datapath ask for numbers up to here. */
const DUMMY_NUMBER_MAX = 1000;
const FIRST_BRIDGE_NUMBER = 100;

export interface IfaceParts {
  readonly dpif: Dpif;
  readonly ofproto: OfprotoApi;
  readonly ofports: OfportAllocator;
  readonly bridge: BridgeKind;
  readonly dummy: DummyMode;
}

export class Iface {
  config: InterfaceConfig;
  readonly #parts: IfaceParts;
  /** undefined: NORMAL does not know the interface. */
  #bundle: BundleSettings | undefined;
  #spec: PortSpec | undefined;
  #dpPort: DpPort | undefined;
  #patch: PatchDevice | undefined;
  #ofPort: number | undefined;
  #error: string | undefined;
  /** What is in force at the datapath port. */
  #policing = NO_POLICING;

  constructor(config: InterfaceConfig, bundle: BundleSettings | undefined, parts: IfaceParts) {
    this.config = config;
    this.#bundle = bundle;
    this.#parts = parts;
  }

  get dpPort(): DpPort | undefined {
    return this.#dpPort;
  }
  /** The datapath port, or what stands in its place. */
  get device(): PortDevice | undefined {
    return this.#dpPort ?? this.#patch;
  }
  /** undefined while the interface is not in the bridge. */
  get ofPort(): number | undefined {
    return this.#ofPort;
  }
  get error(): string | undefined {
    return this.#error ?? this.device?.error;
  }
  get isLocal(): boolean {
    return this.config.name === this.#parts.bridge.name;
  }
  get type(): PortType | undefined {
    return portType(this.config, this.#parts.bridge, this.#parts.dummy);
  }

  /** Makes the interface as `config` wants it; never rejects for what a user can cause, but sets `error`. */
  async apply(
    config: InterfaceConfig,
    bundle: BundleSettings | undefined,
    bridge: { readonly mac?: string | undefined; readonly mtu?: number | undefined } = {},
  ): Promise<void> {
    this.config = config;
    if (config.type === 'patch' && !this.isLocal) {
      await this.#applyPatch(config, bundle);
      return;
    }
    const type = this.type;
    if (!type) {
      await this.remove();
      this.#fail(unknownTypeError(config.name));
      return;
    }
    const spec = portSpec(config, type, bridge);
    if (this.#dpPort && !(await this.#reconfigure(spec))) await this.remove();
    if (!this.#dpPort) await this.#add(spec);
    this.#police(config);
    this.#setBundle(bundle);
    this.admit();
  }

  /** Limits what the port may send into the switch. Setting the same again would fill the buckets. */
  #police({ policing }: InterfaceConfig): void {
    const isSame = isDeepStrictEqual(policing, this.#policing);
    if (!this.#dpPort || isSame) return;
    this.#policing = policing;
    this.#parts.dpif.setPolicer(this.#dpPort.odpPort, policingBands(policing));
  }

  async #applyPatch(config: InterfaceConfig, bundle: BundleSettings | undefined): Promise<void> {
    const peer = config.options['peer'];
    const error = patchPeerError(config.name, peer);
    if (error !== undefined) {
      await this.refuse(config, error);
      return;
    }
    if (this.#dpPort) await this.remove();
    this.#error = undefined;
    this.#patch ??= new PatchDevice(config.name, peer!, this.#parts.bridge.datapathType || 'system');
    this.#patch.peerName = peer!;
    this.#setBundle(bundle);
    this.admit();
  }

  /** Keeps the interface out, and says why. */
  async refuse(config: InterfaceConfig, error: string): Promise<void> {
    this.config = config;
    await this.remove();
    this.#fail(error);
  }

  /** Takes the interface into the bridge when it works by now; true when that changed something. */
  admit(): boolean {
    const device = this.device;
    if (!device) return false;
    const works = device.error === undefined || this.isLocal || device === this.#patch;
    if (this.#ofPort === undefined && works) return this.#enter(device);
    const wanted = this.config.ofportRequest;
    const moves = wanted !== undefined && wanted !== this.#ofPort && this.#ofPort !== undefined && !this.isLocal;
    if (!moves || !this.#parts.ofports.isFree(wanted)) return false;
    this.#leave();
    return this.#enter(device);
  }

  /** Takes the interface out of the bridge and the datapath. */
  async remove(): Promise<void> {
    this.#leave();
    const dpPort = this.#dpPort;
    this.#dpPort = undefined;
    this.#patch = undefined;
    this.#spec = undefined;
    this.#policing = NO_POLICING;
    if (dpPort) await this.#parts.dpif.portDel(dpPort.odpPort);
  }

  async #reconfigure(spec: PortSpec): Promise<boolean> {
    // An unchanged port that works is left alone; one with an error is offered its spec again.
    if (this.#dpPort?.error === undefined && sameSpec(spec, this.#spec)) return true;
    const kept = await this.#dpPort?.reconfigure(spec);
    if (kept) this.#spec = spec;
    return kept ?? false;
  }

  async #add(spec: PortSpec): Promise<void> {
    try {
      this.#dpPort = await this.#parts.dpif.portAdd({ ...spec, ...this.#wantedNumber(spec.name) });
      this.#spec = spec;
      this.#error = undefined;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#fail(error.message);
    }
  }

  /** In a dummy datapath names choose numbers, as in Open vSwitch: 3 for `p3`, 100 for `br0`. */
  #wantedNumber(name: string): { odpPort?: number } {
    const { bridge, dpif } = this.#parts;
    const digits = /\d+/.exec(name)?.[0];
    if (bridge.datapathType !== 'dummy' || digits === undefined) return {};
    const odpPort = (name.startsWith('br') ? FIRST_BRIDGE_NUMBER : 0) + Number(digits);
    const isFree = odpPort > 0 && odpPort <= DUMMY_NUMBER_MAX && dpif.ports().every((port) => port.odpPort !== odpPort);
    return isFree ? { odpPort } : {};
  }

  #fail(error: string): void {
    if (error !== this.#error) log.warn(error);
    this.#error = error;
  }

  #enter(device: PortDevice): boolean {
    const { ofports, ofproto, bridge } = this.#parts;
    const { ofportRequest, ofportBefore, name } = this.config;
    const ofPort = this.isLocal ? OFPP.LOCAL : ofports.take(ofportRequest ?? ofportBefore);
    if (ofPort === undefined) {
      this.#fail(`could not add network device ${name} to ofproto (Too many users)`);
      return false;
    }
    this.#error = undefined;
    this.#ofPort = ofPort;
    ofproto.addPort(device, ofPort, this.#bundle ?? null);
    log.info(`bridge ${bridge.name}: added interface ${name} on port ${ofPort & 0xffff}`);
    return true;
  }

  #leave(): void {
    if (this.#ofPort === undefined) return;
    const { ofports, ofproto, bridge } = this.#parts;
    ofproto.delPort(this.#ofPort);
    if (!this.isLocal) ofports.free(this.#ofPort);
    log.info(`bridge ${bridge.name}: deleted interface ${this.config.name} on port ${this.#ofPort & 0xffff}`);
    this.#ofPort = undefined;
  }

  #setBundle(bundle: BundleSettings | undefined): void {
    const before = this.#bundle;
    this.#bundle = bundle;
    if (this.#ofPort === undefined || !bundle) return;
    const { l2 } = this.#parts.ofproto;
    if (bundle.name !== before?.name) l2.movePort(this.#ofPort, bundle);
    else if (JSON.stringify(bundle) !== JSON.stringify(before)) l2.setBundle(bundle);
  }
}

function sameSpec(a: PortSpec, b: PortSpec | undefined): boolean {
  const text = (spec: PortSpec | undefined) =>
    spec && JSON.stringify([spec.name, spec.type, spec.mac, spec.mtu, Object.entries(spec.options).sort()]);
  return text(a) === text(b);
}
