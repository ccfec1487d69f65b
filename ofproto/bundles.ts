// Bundles: the database's Ports. One OpenFlow port belongs to one bundle, a bond's bundle has several; NORMAL, mirrors
// and snooping see bundles (ovs-vswitchd.conf.db(5), Port).

import type { Bond } from './bonds/bond.ts';
import type { Lacp } from './bonds/lacp.ts';
import type { BridgePort } from './bridge-ports.ts';
import { OFPP } from './model/actions.ts';
import type { BundleSettings, PortVlan } from './ofproto-api.ts';
import type { XlateBundle } from './xlate/snapshot.ts';

const TRUNK_ALL: PortVlan = { mode: 'trunk', tag: 0 };

export class Bundle implements XlateBundle {
  readonly name: string;
  /** In the order they joined; never empty while the bundle is a bridge's. */
  readonly ports: BridgePort[] = [];
  settings: BundleSettings;
  /** Kept by bonds/link-aggregation.ts. */
  bond: Bond | undefined;
  lacp: Lacp | undefined;

  constructor(settings: BundleSettings) {
    this.name = settings.name;
    this.settings = settings;
  }

  get vlan(): PortVlan {
    return this.settings.vlan ?? TRUNK_ALL;
  }

  get protected(): boolean {
    return this.settings.protected ?? false;
  }

  get mcastFlood(): boolean {
    return this.settings.mcastFlood ?? false;
  }

  get mcastFloodReports(): boolean {
    return this.settings.mcastFloodReports ?? false;
  }

  get floodable(): boolean {
    return this.ports.every((port) => !port.config.noFlood && port.floods);
  }

  get runsLacp(): boolean {
    return this.lacp !== undefined;
  }

  /** The number that fdb/show and mdb/show print. */
  get ofPort(): number {
    return this.ports[0]!.ofPort;
  }
}

export class Bundles implements Iterable<Bundle> {
  readonly #byName = new Map<string, Bundle>();

  get(name: string): Bundle | undefined {
    return this.#byName.get(name);
  }

  join(port: BridgePort, settings: BundleSettings): Bundle {
    const bundle = this.#byName.get(settings.name) ?? new Bundle(settings);
    bundle.settings = settings;
    bundle.ports.push(port);
    port.bundle = bundle;
    this.#byName.set(settings.name, bundle);
    return bundle;
  }

  /** A bundle goes with its last port. */
  leave(port: BridgePort): void {
    const { bundle } = port;
    port.bundle = undefined;
    if (!bundle) return;
    bundle.ports.splice(bundle.ports.indexOf(port), 1);
    if (bundle.ports.length === 0) this.#byName.delete(bundle.name);
  }

  /** The bundle of LOCAL first, then in the order they were made: the order of floods. */
  *[Symbol.iterator](): Iterator<Bundle> {
    const isLocal = (bundle: Bundle) => bundle.ports.some((port) => port.ofPort === OFPP.LOCAL);
    for (const bundle of this.#byName.values()) if (isLocal(bundle)) yield bundle;
    for (const bundle of this.#byName.values()) if (!isLocal(bundle)) yield bundle;
  }
}
