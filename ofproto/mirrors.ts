// A bridge's mirrors: which packets are copied where, and how many were (ovs-vswitchd.conf.db(5), Mirror).

import type { Bundle, Bundles } from './bundles.ts';
import type { MirrorSettings, MirrorStats } from './ofproto-api.ts';
import type { XlateBundle, XlateMirror } from './xlate/snapshot.ts';

class Mirror implements XlateMirror {
  readonly #bundles: Bundles;
  readonly settings: MirrorSettings;
  readonly vlans: ReadonlySet<number> | undefined;
  packets = 0;
  bytes = 0;

  constructor(settings: MirrorSettings, bundles: Bundles) {
    this.settings = settings;
    this.#bundles = bundles;
    this.vlans = settings.vlans.length > 0 ? new Set(settings.vlans) : undefined;
  }

  get name(): string {
    return this.settings.name;
  }

  selectsFrom({ name }: XlateBundle): boolean {
    return this.settings.selectAll || this.settings.fromPorts.includes(name);
  }

  selectsTo({ name }: XlateBundle): boolean {
    return this.settings.selectAll || this.settings.toPorts.includes(name);
  }

  get output(): Bundle | undefined {
    const { outputPort } = this.settings;
    return outputPort === undefined ? undefined : this.#bundles.get(outputPort);
  }

  get outputVlan(): number | undefined {
    return this.settings.outputPort === undefined ? this.settings.outputVlan : undefined;
  }

  get snaplen(): number | undefined {
    return this.settings.snaplen;
  }

  sharesOutput(other: XlateMirror): boolean {
    return this.output === other.output && this.outputVlan === other.outputVlan;
  }

  count(packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
  }
}

export class Mirrors {
  readonly #bundles: Bundles;
  #list: readonly Mirror[] = [];

  constructor(bundles: Bundles) {
    this.#bundles = bundles;
  }

  get list(): readonly XlateMirror[] {
    return this.#list;
  }

  /** True when that changes something; mirrors that stay keep their counters. */
  configure(wanted: readonly MirrorSettings[]): boolean {
    const text = (settings: readonly MirrorSettings[]) => JSON.stringify(settings);
    if (text(wanted) === text(this.#list.map(({ settings }) => settings))) return false;
    const before = new Map(this.#list.map((mirror) => [mirror.settings.id, mirror]));
    this.#list = wanted.map((settings) => {
      const { packets = 0, bytes = 0 } = before.get(settings.id) ?? {};
      return Object.assign(new Mirror(settings, this.#bundles), { packets, bytes });
    });
    return true;
  }

  /** Nothing but mirrored packets goes out by such a bundle, and nothing comes in. */
  isOutput(bundle: XlateBundle): boolean {
    return this.#list.some((mirror) => mirror.output === bundle);
  }

  stats(): MirrorStats[] {
    return this.#list.map(({ settings, packets, bytes }) => ({ id: settings.id, packets, bytes }));
  }
}
