// One bridge at run time: its OpenFlow switch, its connection manager and its interfaces, made to match a BridgeConfig.

import type { Dpif, DpPort } from '../../../datapath/dpif.ts';
import { logger } from '../../../lib/log.ts';
import type { ConnmgrApi } from '../../../ofproto/connmgr/connmgr-api.ts';
import type { BundleSettings, OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import type { TreeSettings } from '../../../ofproto/spanning-tree/bridge-tree.ts';
import { formatDatapathId, pickBridgeMac, pickDatapathId } from './address.ts';
import type { BridgeConfig, InterfaceConfig } from './config.ts';
import { Iface, type IfaceParts } from './iface.ts';
import type { DummyMode } from './interface-type.ts';
import { l2Settings } from './l2-settings.ts';
import { OfportAllocator } from './ofports.ts';
import { NO_POLICING } from './policing.ts';
import { type TreePort, treeSettings } from './tree-settings.ts';

const log = logger('bridge');

const MTU_DEFAULT = 1500;

/** What a bridge is made of. */
export interface BridgeParts {
  readonly dpif: Dpif;
  readonly ofproto: OfprotoApi;
  readonly connmgr: ConnmgrApi;
  readonly dummy: DummyMode;
}

interface Wanted {
  readonly config: InterfaceConfig;
  /** undefined: NORMAL does not know the interface. */
  readonly bundle: BundleSettings | undefined;
}

export class Bridge {
  readonly name: string;
  readonly ofproto: OfprotoApi;
  readonly connmgr: ConnmgrApi;
  config: BridgeConfig;
  readonly #ifaces = new Map<string, Iface>();
  #tree: TreeSettings | undefined;
  readonly #ifaceParts: IfaceParts;
  /** Remarks on ports that were logged: said once each. */
  #told: ReadonlySet<string> = new Set();
  /** The MTU that internal ports were last given; they keep what a user sets by other means until it changes. */
  #internalMtu: number | undefined;

  constructor(config: BridgeConfig, parts: BridgeParts) {
    this.name = config.name;
    this.config = config;
    this.ofproto = parts.ofproto;
    this.connmgr = parts.connmgr;
    const bridge = { name: config.name, datapathType: config.datapathType };
    const { dpif, ofproto, dummy } = parts;
    this.#ifaceParts = { dpif, ofproto, dummy, bridge, ofports: new OfportAllocator() };
  }

  ifaces(): Iterable<Iface> {
    return this.#ifaces.values();
  }

  iface(name: string): Iface | undefined {
    return this.#ifaces.get(name);
  }

  get local(): Iface | undefined {
    return this.#ifaces.get(this.name);
  }

  /** Bridge.datapath_id. */
  get datapathId(): string {
    return formatDatapathId(this.ofproto.datapathId);
  }

  /** Opens the management sockets; a taken path is logged, and the bridge works without. */
  async open(): Promise<void> {
    try {
      await this.connmgr.listen();
    } catch (error) {
      log.err(`bridge ${this.name}: ${(error as Error).message}`);
    }
  }

  /** Removes interfaces that `config` does not have, so that another bridge can have them. */
  async removeUnwanted(config: BridgeConfig): Promise<void> {
    const wanted = wantedInterfaces(config);
    for (const [name, iface] of this.#ifaces) {
      const stays = wanted.get(name)?.config;
      if (stays && stays.type === iface.config.type) continue;
      this.#ifaces.delete(name);
      await iface.remove();
    }
  }

  /** Makes everything else as `config` wants it. */
  async apply(config: BridgeConfig): Promise<void> {
    this.config = config;
    this.#applySettings();
    this.#tellRemarks();
    const wanted = wantedInterfaces(config);
    // The numbers that are asked for, or were there before, go first.
    const order = [...wanted.values()].sort((a, b) => rank(a.config) - rank(b.config));
    for (const one of order) if (one.config.name !== this.name) await this.#applyInterface(one);
    await this.#applyInternalMtu(wanted);
    const local = wanted.get(this.name);
    if (local) await this.#applyLocal(local);
    this.ofproto.datapathId = pickDatapathId(config.otherConfig['datapath-id'], this.local?.dpPort?.mac, config.uuid);
    this.ofproto.l2.setMirrors(config.mirrors);
    const treeColumns = { ...config, mac: this.local?.dpPort?.mac, ports: this.#treePorts() };
    this.#tree = treeSettings(treeColumns, this.#tree);
    this.ofproto.tree.configure(this.#tree);
    this.connmgr.setControllers(config.controllers);
  }

  /** Takes in interfaces whose port started to work; true when something changed. */
  portChanged(dpPort: DpPort): boolean {
    for (const iface of this.#ifaces.values()) if (iface.dpPort?.odpPort === dpPort.odpPort) return iface.admit();
    return false;
  }

  async close(): Promise<void> {
    await this.connmgr.close();
    for (const iface of this.#ifaces.values()) await iface.remove();
    this.#ifaces.clear();
    this.ofproto.close();
  }

  async #applyInterface({ config, bundle }: Wanted): Promise<void> {
    const iface = this.#ifaces.get(config.name) ?? new Iface(config, bundle, this.#ifaceParts);
    this.#ifaces.set(config.name, iface);
    await iface.apply(config, bundle, iface.type === 'internal' ? { mtu: this.#internalMtu } : {});
  }

  async #applyLocal({ config, bundle }: Wanted): Promise<void> {
    const mac = pickBridgeMac(
      this.config.otherConfig['hwaddr'],
      [...this.#ifaces.values()]
        .filter((iface) => !iface.isLocal && iface.ofPort !== undefined && this.#standsForItsPort(iface))
        .map((iface) => ({ mac: iface.dpPort?.mac, isInternal: iface.config.type === 'internal' })),
    );
    const iface = this.#ifaces.get(this.name) ?? new Iface(config, bundle, this.#ifaceParts);
    this.#ifaces.set(this.name, iface);
    // The bridge's own address is a matter of its Bridge row.
    await iface.apply({ ...config, mac: undefined }, bundle, { mac, mtu: this.#internalMtu });
  }

  /** A bond has the address of its member whose name is first in the alphabet. */
  #standsForItsPort({ config }: Iface): boolean {
    const port = this.config.ports.find(({ interfaces }) => interfaces.some(({ name }) => name === config.name));
    return port?.interfaces.every(({ name }) => config.name <= name) ?? true;
  }

  /** Internal ports get the smallest MTU of the other ports, so that the host does not send what cannot leave. */
  async #applyInternalMtu(wanted: ReadonlyMap<string, Wanted>): Promise<void> {
    const others = [...this.#ifaces.values()].filter((iface) => iface.type !== 'internal' && iface.dpPort?.mtu);
    const smallest = Math.min(...others.map((iface) => iface.dpPort?.mtu ?? MTU_DEFAULT));
    const mtu = others.length > 0 ? smallest : MTU_DEFAULT;
    if (mtu === (this.#internalMtu ?? MTU_DEFAULT)) return;
    this.#internalMtu = mtu;
    for (const one of wanted.values()) {
      const iface = this.#ifaces.get(one.config.name);
      if (iface?.type === 'internal' && !iface.isLocal) await this.#applyInterface(one);
    }
  }

  #tellRemarks(): void {
    const { ports, remarks: own = [] } = this.config;
    const texts = [
      ...own.map((text) => `bridge ${this.name}: ${text}`),
      ...ports.flatMap(({ name, remarks = [] }) => remarks.map((text) => `port ${name}: ${text}`)),
      ...this.#localMacRemark(),
    ];
    for (const text of texts) if (!this.#told.has(text)) log.warn(text);
    this.#told = new Set(texts);
  }

  #localMacRemark(): string[] {
    const local = this.config.ports.flatMap(({ interfaces }) => interfaces).find(({ name }) => name === this.name);
    if (local?.mac === undefined) return [];
    return [`interface ${this.name}: ignoring mac in Interface record (use Bridge record to set local port's mac)`];
  }

  #treePorts(): TreePort[] {
    const { ports, mirrors, stp, rstp } = this.config;
    if (!stp && !rstp) return [];
    return ports.map(({ name, otherConfig, interfaces }) => {
      const isInternal = interfaces.some((each) => each.type === 'internal' || each.name === this.name);
      const isExcluded = isInternal || mirrors.some(({ outputPort }) => outputPort === name);
      const speed = this.#ifaces.get(interfaces[0]?.name ?? '')?.device?.linkSpeed;
      const link = { bitsPerSecond: speed?.bitsPerSecond, isHalfDuplex: speed?.duplex === 'half' };
      return { name, otherConfig, isBond: interfaces.length > 1, isExcluded, ...link };
    });
  }

  #applySettings(): void {
    const { otherConfig, failMode, protocols } = this.config;
    this.ofproto.l2.configure(l2Settings(this.config));
    this.ofproto.configureTables(this.config.flowTables ?? new Map());
    this.connmgr.setFailMode(failMode);
    this.connmgr.setProtocols(protocols);
    this.ofproto.setCollectors(this.config.collectorSets ?? []);
    this.connmgr.setInBand(this.config.inBand ?? { isDisabled: true, managers: [] });
    const { 'dp-desc': datapath, 'dp-sn': serialNumber } = otherConfig;
    this.connmgr.setDescription({
      ...(datapath === undefined ? {} : { datapath }),
      ...(serialNumber === undefined ? {} : { serialNumber }),
    });
  }
}

/**
 * Interfaces by name; the first of two with one name counts. A port of several interfaces is a bond. A bridge without a
 * row for its own port has one all the same.
 */
function wantedInterfaces(config: BridgeConfig): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const port of config.ports) {
    for (const iface of port.interfaces) {
      if (!wanted.has(iface.name)) wanted.set(iface.name, { config: iface, bundle: port.bundle });
    }
    const needsFake = port.fakeInterface && port.interfaces.length > 1 && !wanted.has(port.name);
    if (needsFake) wanted.set(port.name, { config: internalInterface(port.name), bundle: undefined });
  }
  if (!wanted.has(config.name)) {
    const bundle = { name: config.name };
    wanted.set(config.name, { config: internalInterface(config.name), bundle });
  }
  return wanted;
}

/** An interface without a row. */
function internalInterface(name: string): InterfaceConfig {
  const none = { ofportRequest: undefined, ofportBefore: undefined, mac: undefined, mtuRequest: undefined };
  return { uuid: '', name, type: 'internal', options: {}, ...none, policing: NO_POLICING };
}

function rank(config: InterfaceConfig): number {
  if (config.ofportRequest !== undefined) return 0;
  return config.ofportBefore !== undefined && config.ofportBefore > 0 ? 1 : 2;
}
