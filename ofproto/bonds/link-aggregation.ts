// Bonds and LACP of one bridge: makes them for the Ports that want them, tells them of carriers and LACPDUs, and runs them
// when something is due. What they decide reaches packets through XlateBond and BridgePort.mayEnable.

import type { Bundle, Bundles } from '../bundles.ts';
import { parseEther } from '../text/addresses.ts';
import { Bond, type BondParts } from './bond.ts';
import { Lacp } from './lacp.ts';
import { encodeLacpFrame, type Lacpdu } from './lacp-pdu.ts';
import type { MemberPort } from './member-port.ts';

/** What link aggregation asks of its bridge. */
export interface AggregationParts {
  nowMs(): number;
  after(delayMs: number, fn: () => void): () => void;
  /** Six bytes. */
  bridgeMac(): Uint8Array;
  /** Sends a frame out by one port, as it is. */
  send(port: MemberPort, frame: Uint8Array): void;
  /** Shows peers that what is not behind this bundle is reached by another of its links. */
  announceStations(bundle: Bundle): void;
  /** What stands for the bundle's packets while they are recirculated; the same at each call, until it is released. */
  recirc(bundle: Bundle): ReturnType<BondParts['recirc']>;
  releaseRecirc(bundle: Bundle): void;
  /** Any translation may come out differently. */
  changed(): void;
  /** The port can be used now, or can be no more. */
  portToggled(port: MemberPort): void;
}

const NO_MAC = new Uint8Array(6);

export class LinkAggregation {
  readonly #parts: AggregationParts;
  readonly #bundles: Bundles;
  #cancelTimer: () => void = () => {};
  #listener: () => void = () => {};
  #statusText = '';
  /** Carrier changes that LACP was told of, and whether the port could be used. */
  readonly #seen = new WeakMap<MemberPort, { linkResets: number; mayEnable: boolean }>();

  constructor(bundles: Bundles, parts: AggregationParts) {
    this.#bundles = bundles;
    this.#parts = parts;
  }

  /** By name of the Port. */
  get bonds(): readonly Bond[] {
    return [...this.#bundles].flatMap(({ bond }) => bond ?? []).sort(byName);
  }
  get lacps(): readonly Lacp[] {
    return [...this.#bundles].flatMap(({ lacp }) => lacp ?? []).sort(byName);
  }

  /** The bundle's settings or members changed. */
  configure(bundle: Bundle): void {
    const { settings, ports } = bundle;
    this.#configureLacp(bundle);
    if (!settings.bond || ports.length < 2) this.#removeBond(bundle);
    else {
      const parts: BondParts = { nowMs: () => this.#parts.nowMs(), recirc: () => this.#parts.recirc(bundle) };
      bundle.bond ??= new Bond(bundle.name, settings.bond, parts);
      bundle.bond.configure(settings.bond, ports);
    }
    this.run();
  }

  #configureLacp(bundle: Bundle): void {
    const { lacp } = bundle.settings;
    if (!lacp || bundle.ports.length === 0) {
      bundle.lacp = undefined;
      return;
    }
    const { nowMs, bridgeMac } = this.#parts;
    const send = (port: MemberPort, pdu: Lacpdu) => this.#sendLacpdu(port, pdu);
    bundle.lacp ??= new Lacp(bundle.name, lacp, { nowMs, bridgeMac, send });
    bundle.lacp.configure(lacp, bundle.ports);
  }

  #removeBond(bundle: Bundle): void {
    if (!bundle.bond) return;
    bundle.bond = undefined;
    this.#parts.releaseRecirc(bundle);
  }

  #sendLacpdu(port: MemberPort, pdu: Lacpdu): void {
    const mac = port.mac === undefined ? undefined : parseEther(port.mac);
    this.#parts.send(port, encodeLacpFrame(mac ?? NO_MAC, pdu));
  }

  /** A LACPDU came in, or what calls itself one. */
  receive(ofPort: number, frame: Uint8Array): void {
    for (const { lacp, ports } of this.#bundles) {
      const port = ports.find((member) => member.ofPort === ofPort);
      if (port) lacp?.receive(port, frame);
    }
    this.run();
  }

  /** Does what is due everywhere, and sees to it that the next thing will be done. */
  run(): void {
    for (const bundle of this.#bundles) if (bundle.lacp ?? bundle.bond) this.#runBundle(bundle);
    this.#schedule();
    this.#tellStatus();
  }

  onStatusChange(listener: () => void): void {
    this.#listener = listener;
  }

  #tellStatus(): void {
    const active = this.bonds.map(({ name, active }) => `${name} ${active?.port.mac}`);
    const current = this.lacps.flatMap((lacp) =>
      lacp.members.map(({ port }) => `${port.name} ${lacp.isCurrent(port)}`),
    );
    const text = [...active, ...current].join();
    if (text === this.#statusText) return;
    this.#statusText = text;
    this.#listener();
  }

  #runBundle(bundle: Bundle): void {
    const { bond, lacp, ports } = bundle;
    for (const port of ports) this.#noticeCarrier(port, lacp);
    lacp?.run();
    for (const port of ports) this.#noticeUse(port);
    const done = bond?.run(lacp?.status ?? 'off', (port) => port.mayEnable);
    if (done?.changed) this.#parts.changed();
    if (done?.moved) this.#parts.announceStations(bundle);
  }

  #noticeCarrier(port: MemberPort, lacp: Lacp | undefined): void {
    const { linkResets } = port;
    const seen = this.#seen.get(port) ?? { linkResets, mayEnable: port.mayEnable };
    this.#seen.set(port, seen);
    if (seen.linkResets === linkResets) return;
    seen.linkResets = linkResets;
    lacp?.carrierChanged(port);
  }

  #noticeUse(port: MemberPort): void {
    const seen = this.#seen.get(port)!;
    if (seen.mayEnable === port.mayEnable) return;
    seen.mayEnable = port.mayEnable;
    this.#parts.portToggled(port);
  }

  #schedule(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    const times = [...this.bonds, ...this.lacps].map((one) => one.nextEventMs());
    const nextMs = Math.min(...times);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#parts.after(Math.max(0, nextMs - this.#parts.nowMs()), () => this.run());
  }

  close(): void {
    this.#cancelTimer();
  }
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1);
