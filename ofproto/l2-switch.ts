// What NORMAL knows in one bridge: its bundles, where addresses are, and how they are learned and forgotten.

import { learningFrame } from './bonds/learning-frame.ts';
import { LinkAggregation } from './bonds/link-aggregation.ts';
import { postRecircFlows } from './bonds/post-recirc-flows.ts';
import type { BondServices } from './bonds/services.ts';
import type { BridgePort } from './bridge-ports.ts';
import { type Bundle, Bundles } from './bundles.ts';
import { MacTable } from './mac-learning.ts';
import { mcastEvents } from './mcast-message.ts';
import { McastSnooping } from './mcast-snooping.ts';
import { Mirrors } from './mirrors.ts';
import type { FlowStatsEntry } from './model/flow-mod.ts';
import type {
  BundleSettings,
  L2Api,
  L2Settings,
  MacRow,
  MacStats,
  McastRow,
  MirrorSettings,
  MirrorStats,
  SnoopingSettings,
} from './ofproto-api.ts';
import type { BridgeEffects, MacSighting, McastHeard, XlateBundle, XlateL2, XlateMirror } from './xlate/snapshot.ts';

/** What the switch asks of its bridge. */
export interface L2Parts {
  nowMs(): number;
  port(ofPort: number): BridgePort | undefined;
  /** Translations may come out differently now: all of them, or those that looked this address up. */
  changed(): void;
  macChanged(mac: Uint8Array): void;
  readonly bonds: BondServices;
}

const NO_VLANS: ReadonlySet<number> = new Set();

export class L2Switch implements L2Api, XlateL2 {
  readonly #parts: L2Parts;
  readonly bundles = new Bundles();
  readonly #macs: MacTable<XlateBundle>;
  readonly #mirrors = new Mirrors(this.bundles);
  #settingsText = '';
  #floodVlans = NO_VLANS;
  forwardBpdu = false;
  snooping: McastSnooping | undefined;
  readonly aggregation: LinkAggregation;

  constructor(parts: L2Parts) {
    this.#parts = parts;
    const announceStations = (bundle: Bundle) => this.#announceStations(bundle);
    this.aggregation = new LinkAggregation(this.bundles, { ...parts.bonds, announceStations });
    this.#macs = new MacTable((mac) => parts.macChanged(mac));
  }

  join(port: BridgePort, settings: BundleSettings): void {
    this.aggregation.configure(this.bundles.join(port, settings));
  }

  leave(port: BridgePort): void {
    const { bundle } = port;
    this.bundles.leave(port);
    if (!bundle) return;
    this.aggregation.configure(bundle);
    if (bundle.ports.length > 0) return;
    this.#macs.flushPort(bundle);
    this.snooping?.flushPort(bundle);
  }

  /** Shows whoever is behind a bond that stations elsewhere are reached by another link now. */
  #announceStations(bundle: Bundle): void {
    for (const { vlan, mac, port } of this.#macs.entries()) {
      if (port !== bundle) this.#parts.bonds.sendTo(bundle, vlan, learningFrame(mac));
    }
  }

  /** Flows that bonds keep in table 254. */
  hiddenFlows(): FlowStatsEntry[] {
    const nowMs = this.#parts.nowMs();
    return this.aggregation.bonds.flatMap((bond) => postRecircFlows(bond, nowMs));
  }

  bundle(name: string): Bundle | undefined {
    return this.bundles.get(name);
  }

  movePort(ofPort: number, settings: BundleSettings): void {
    const port = this.#parts.port(ofPort);
    if (!port) return;
    this.leave(port);
    this.join(port, settings);
    this.#parts.changed();
  }

  setBundle(settings: BundleSettings): void {
    const bundle = this.bundles.get(settings.name);
    if (!bundle) return;
    const differs = JSON.stringify(bundle.settings.vlan) !== JSON.stringify(settings.vlan);
    bundle.settings = settings;
    if (differs) this.#macs.flushPort(bundle);
    this.aggregation.configure(bundle);
    this.#parts.changed();
  }

  get mirrors(): readonly XlateMirror[] {
    return this.#mirrors.list;
  }

  isMirrorOutput(bundle: XlateBundle): boolean {
    return this.#mirrors.isOutput(bundle);
  }

  setMirrors(mirrors: readonly MirrorSettings[]): void {
    if (this.#mirrors.configure(mirrors)) this.#parts.changed();
  }

  mirrorStats(): readonly MirrorStats[] {
    return this.#mirrors.stats();
  }

  configure(settings: L2Settings): void {
    const text = JSON.stringify(settings);
    if (text === this.#settingsText) return;
    this.#settingsText = text;
    this.#macs.configure({ agingTimeMs: settings.macAgingMs, maxEntries: settings.macTableSize });
    this.forwardBpdu = settings.forwardBpdu;
    this.#configureSnooping(settings.snooping);
    this.#floodVlans = new Set(settings.floodVlans);
    for (const vlan of this.#floodVlans) this.#macs.flushVlan(vlan);
    this.#parts.changed();
  }

  #configureSnooping(settings: SnoopingSettings | undefined): void {
    if (!settings) {
      this.snooping = undefined;
      return;
    }
    this.snooping ??= new McastSnooping(() => this.#parts.changed());
    this.snooping.agingMs = settings.agingMs;
    this.snooping.maxGroups = settings.tableSize;
    this.snooping.floodUnregistered = settings.floodUnregistered;
  }

  /** Reads a message to the switch. */
  hear({ heard, lacpPort }: BridgeEffects, frame: Uint8Array): void {
    if (heard) this.#hearMcast(heard, frame);
    if (lacpPort !== undefined) this.aggregation.receive(lacpPort, frame);
  }

  /** An IGMP or MLD message. */
  #hearMcast({ bundle, vlan }: McastHeard, frame: Uint8Array): void {
    if (this.bundles.get(bundle.name) !== bundle) return;
    const nowMs = this.#parts.nowMs();
    for (const event of mcastEvents(frame)) this.snooping?.hear(event, bundle, vlan, nowMs);
  }

  mcastRows(): readonly McastRow[] | undefined {
    return this.snooping?.rows(this.#parts.nowMs());
  }

  flushMcast(): boolean {
    this.snooping?.flush();
    return this.snooping !== undefined;
  }

  macBundle(vlan: number, mac: Uint8Array): XlateBundle | undefined {
    return this.#floodVlans.has(vlan) ? undefined : this.#macs.lookup(vlan, mac);
  }

  isArpLocked(vlan: number, mac: Uint8Array): boolean {
    return this.#macs.isArpLocked(vlan, mac, this.#parts.nowMs());
  }

  learn({ vlan, mac, bundle, isGratuitousArp }: MacSighting, seenMs: number): void {
    if (this.#floodVlans.has(vlan) || this.bundles.get(bundle.name) !== bundle) return;
    // It may be one that was sent out by the bond and came back by another of its links.
    if (isGratuitousArp && bundle.bond && this.isArpLocked(vlan, mac)) return;
    this.#macs.learn(vlan, mac, bundle, seenMs);
    if (isGratuitousArp && !bundle.bond) this.#macs.lockArp(vlan, mac, seenMs);
  }

  close(): void {
    this.aggregation.close();
  }

  expire(nowMs: number): void {
    this.#macs.expire(nowMs);
    this.snooping?.expire(nowMs);
  }

  /** Forgets where addresses and multicast listeners are that were learned behind `bundle`, or anywhere. */
  forget(bundle?: Bundle): void {
    if (bundle) {
      this.#macs.flushLearned(bundle);
      this.snooping?.flushPort(bundle);
    } else {
      this.#macs.flush();
      this.snooping?.flush();
    }
  }

  flushMacs(): void {
    this.#macs.flush();
  }

  addStaticMac(ofPort: number, vlan: number, mac: Uint8Array): { wasStatic: boolean; ofPort: number } | undefined {
    const bundle: Bundle | undefined = this.#parts.port(ofPort)?.bundle;
    if (!bundle) return undefined;
    const before = this.#macs.addStatic(vlan, mac, bundle);
    return before && { wasStatic: before.isStatic, ofPort: before.port.ofPort };
  }

  delStaticMac(vlan: number, mac: Uint8Array): boolean {
    return this.#macs.deleteStatic(vlan, mac);
  }

  macs(): readonly MacRow[] {
    const nowMs = this.#parts.nowMs();
    return this.#macs.entries().map(({ port, vlan, mac, seenMs, isStatic }) => ({
      ofPort: port.ofPort,
      vlan,
      mac,
      ageS: isStatic ? undefined : (nowMs - seenMs) / 1000,
    }));
  }

  macStats(): MacStats {
    const { size, maxEntries, stats } = this.#macs;
    const staticEntries = this.#macs.entries().filter(({ isStatic }) => isStatic).length;
    return { entries: size, staticEntries, maxEntries, ...stats };
  }

  clearMacStats(): void {
    this.#macs.clearStats();
  }
}
