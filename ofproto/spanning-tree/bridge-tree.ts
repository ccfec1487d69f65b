// A bridge's place in a spanning tree: runs STP or RSTP on its ports, on its clock, and makes ports do what came of it.
//
// Design. The protocols (stp.ts, rstp/) decide; what they want sent waits until the event that caused it is over, so that a
// BPDU that goes through a patch port never meets a bridge in the middle of a decision. Then states take effect, first in
// translation, then at controllers and in the database, and what waits is sent.

import type { Clock } from '../../lib/clock.ts';
import { logger } from '../../lib/log.ts';
import { rateLimited } from '../../lib/log-rate-limit.ts';
import type { BridgePort } from '../bridge-ports.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import type { PacketOut } from '../model/flow-mod.ts';
import type { OfprotoEvents } from '../ofproto-api.ts';
import { parseEther } from '../text/addresses.ts';
import type { BridgeEffects } from '../xlate/snapshot.ts';
import { type Bpdu, bpduOfFrame, encodeBpdu, frameOfBpdu } from './bpdu.ts';
import type { RstpPort } from './rstp/port.ts';
import type { Rstp } from './rstp/rstp.ts';
import { RstpDriver, type RstpTreeSettings } from './rstp-driver.ts';
import type { Stp } from './stp.ts';
import { StpDriver, type StpTreeSettings } from './stp-driver.ts';
import type { StpPort } from './stp-port.ts';

export type TreeSettings = StpTreeSettings | RstpTreeSettings;

/** What a bridge's tree is, for whoever prints it. */
export type TreeView =
  | { readonly protocol: 'stp'; readonly stp: Stp; readonly ports: readonly { name: string; port: StpPort }[] }
  | { readonly protocol: 'rstp'; readonly rstp: Rstp; readonly ports: readonly { name: string; port: RstpPort }[] };

/** A bridge's spanning tree as the reconciler and commands see it. */
export interface TreeApi {
  /** undefined: the bridge is in none. Ports that the bridge does not have are passed over. */
  configure(settings: TreeSettings | undefined): void;
  view(): TreeView | undefined;
  /** stp/tcn, rstp/tcn. */
  forceTopologyChange(): void;
  /** Calls `listener` when ports changed their states; returns what stops it. */
  onChange(listener: () => void): () => void;
}

/** The bridge as its tree uses it. */
interface TreeOwner {
  readonly name: string;
  /** Translations may come out differently now. */
  changed(): void;
  readonly l2: {
    /** Forgets what was learned behind a port's bundle; behind every one without. */
    forget(bundle?: BridgePort['bundle']): void;
  };
  packetOut(out: PacketOut): void;
}

const logs = { stp: rateLimited(logger('stp')), rstp: rateLimited(logger('rstp')) };
/** Frames that wait to be sent, at most: no more than all ports of a bridge send in a few seconds. */
const OUTBOX_MAX = 4096;

export class BridgeTree implements TreeApi {
  readonly #bridge: TreeOwner;
  readonly #ports: Iterable<BridgePort>;
  readonly #subscribers: Iterable<OfprotoEvents>;
  readonly #clock: Clock;
  #driver: StpDriver | RstpDriver | undefined;
  /** The ports that take part, by number. */
  readonly #members = new Map<number, BridgePort>();
  #mcheck: ReadonlySet<string> = new Set();
  #outbox: { ofPort: number; bpdu: Bpdu }[] = [];
  #willSettle = false;
  #cancelTick: () => void = () => {};
  readonly #listeners = new Set<() => void>();

  constructor(bridge: TreeOwner, ports: Iterable<BridgePort>, subscribers: Iterable<OfprotoEvents>, clock: Clock) {
    this.#bridge = bridge;
    this.#ports = ports;
    this.#subscribers = subscribers;
    this.#clock = clock;
  }

  /** The protocol's name while the bridge runs one. */
  get label(): 'STP' | 'RSTP' | undefined {
    return this.#driver?.label;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  configure(settings: TreeSettings | undefined): void {
    const wanted = settings && (settings.protocol === 'stp' ? 'STP' : 'RSTP');
    if (wanted !== this.#driver?.label) this.#replace(settings);
    if (!settings) return;
    if (settings.protocol === 'stp') this.#configureStp(settings);
    else this.#configureRstp(settings);
    for (const port of this.#members.values()) this.#driver?.setEnabled(port.ofPort, port.isLive);
    this.#settle();
  }

  #configureStp({ bridge, ports }: StpTreeSettings): void {
    if (this.#driver instanceof StpDriver) this.#driver.configure(bridge, this.#take(ports));
  }

  #configureRstp({ bridge, ports, mcheck }: RstpTreeSettings): void {
    if (!(this.#driver instanceof RstpDriver)) return;
    this.#driver.configure(bridge, this.#take(ports));
    for (const { name, ofPort } of this.#members.values()) {
      if (mcheck.has(name) && !this.#mcheck.has(name)) this.#driver.checkProtocol(ofPort);
    }
    this.#mcheck = mcheck;
  }

  /** The named ports become the tree's; their settings by number. */
  #take<Settings>(wanted: ReadonlyMap<string, Settings>): Map<number, Settings> {
    const taken = new Map<number, Settings>();
    const before = new Map(this.#members);
    this.#members.clear();
    for (const port of this.#ports) {
      const settings = wanted.get(port.name);
      if (settings === undefined) continue;
      taken.set(port.ofPort, settings);
      this.#members.set(port.ofPort, port);
    }
    for (const [ofPort, port] of before) if (this.#members.get(ofPort) !== port) this.#free(port);
    return taken;
  }

  /** The port does everything again. */
  #free(port: BridgePort): void {
    this.#driver?.removePort(port.ofPort);
    this.#apply(port, undefined);
  }

  #replace(settings: TreeSettings | undefined): void {
    for (const port of this.#members.values()) this.#free(port);
    this.#members.clear();
    this.#cancelTick();
    this.#outbox = [];
    this.#driver = settings && (settings.protocol === 'stp' ? this.#stp(settings) : this.#rstp(settings));
    this.#mcheck = new Set();
    // BPDUs go other ways now.
    this.#bridge.changed();
    this.#tell();
  }

  #stp({ bridge }: StpTreeSettings): StpDriver {
    const { name, l2 } = this.#bridge;
    const driver: StpDriver = new StpDriver(bridge, {
      nowMs: () => this.#clock.nowMs(),
      transmit: (port, bpdu) => this.#post((ofPort) => driver.port(ofPort) === port, bpdu),
      flush: () => l2.forget(),
      info: (text) => logs.stp.info(`${name}: ${text}`),
      warn: (text) => logs.stp.warn(`${name}: ${text}`),
    });
    return driver;
  }

  #rstp({ bridge }: RstpTreeSettings): RstpDriver {
    const { name, l2 } = this.#bridge;
    const driver: RstpDriver = new RstpDriver(bridge, {
      nowMs: () => this.#clock.nowMs(),
      transmit: (port, bpdu) => this.#post((ofPort) => driver.port(ofPort) === port, bpdu),
      flush: (port) => {
        for (const member of this.#members.values()) if (driver.port(member.ofPort) === port) l2.forget(member.bundle);
      },
      warn: (text) => logs.rstp.warn(`${name}: ${text}`),
    });
    return driver;
  }

  // Events

  portRemoved(port: BridgePort): void {
    if (this.#members.get(port.ofPort) !== port) return;
    this.#members.delete(port.ofPort);
    this.#free(port);
    this.#settle();
  }

  /** The port's link came or went. */
  linkChanged(port: BridgePort): void {
    if (this.#members.get(port.ofPort) !== port) return;
    this.#driver?.setEnabled(port.ofPort, port.isLive);
    this.#settle();
  }

  /** Reads the frame when it is a BPDU. */
  hear({ bpduFrom }: BridgeEffects, frame: Uint8Array): void {
    if (bpduFrom === undefined || !this.#members.has(bpduFrom)) return;
    const bpdu = bpduOfFrame(frame);
    if (!bpdu) return;
    this.#driver?.receive(bpduFrom, bpdu);
    this.#settle();
  }

  forceTopologyChange(): void {
    this.#driver?.forceTopologyChange();
    this.#settle();
  }

  close(): void {
    this.#cancelTick();
    this.#outbox = [];
    this.#driver = undefined;
  }

  // What comes of them

  #post(isSender: (ofPort: number) => boolean, bpdu: Bpdu): void {
    if (this.#outbox.length >= OUTBOX_MAX) return;
    for (const ofPort of this.#members.keys()) if (isSender(ofPort)) this.#outbox.push({ ofPort, bpdu });
  }

  /** States take effect now, frames leave when whoever called is done. */
  #settle(): void {
    let changed = false;
    for (const port of this.#members.values()) {
      if (this.#apply(port, this.#driver?.portTree(port.ofPort))) changed = true;
    }
    if (changed) this.#tell();
    this.#schedule();
    if (this.#outbox.length === 0 || this.#willSettle) return;
    this.#willSettle = true;
    queueMicrotask(() => this.#sendAll());
  }

  #sendAll(): void {
    this.#willSettle = false;
    for (const { ofPort, bpdu } of this.#outbox.splice(0)) {
      const port = this.#members.get(ofPort);
      const source = parseEther(port?.device.mac ?? '') ?? new Uint8Array(6);
      if (!port) continue;
      const actions: OfAction[] = [{ type: 'output', port: ofPort, maxLen: 0 }];
      this.#bridge.packetOut({ packet: frameOfBpdu(encodeBpdu(bpdu), source), inPort: OFPP.ANY, actions });
    }
  }

  #apply(port: BridgePort, tree: BridgePort['tree']): boolean {
    if (tree === port.tree) return false;
    const isNews = tree?.stp !== port.tree?.stp;
    if (!tree) port.floods = true;
    else if (tree.forwards !== port.tree?.forwards && (port.tree || tree.forwards)) port.floods = tree.forwards;
    port.tree = tree;
    this.#bridge.changed();
    if (isNews) for (const events of this.#subscribers) events.portTreeState?.(port.desc());
    return true;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #schedule(): void {
    this.#cancelTick();
    const driver = this.#driver;
    if (!driver) return;
    const delayMs = driver.dueInMs();
    if (delayMs === Number.POSITIVE_INFINITY) return;
    this.#cancelTick = this.#clock.after(Math.max(1, Math.ceil(delayMs)), () => {
      driver.tick();
      this.#settle();
    });
  }

  view(): TreeView | undefined {
    const driver = this.#driver;
    const members = [...this.#members.values()];
    const sorted = <Port extends { readonly number: number }>(portOf: (ofPort: number) => Port | undefined) =>
      members
        .flatMap(({ name, ofPort }) => {
          const port = portOf(ofPort);
          return port ? [{ name, port }] : [];
        })
        .sort((a, b) => a.port.number - b.port.number);
    if (driver instanceof StpDriver) {
      return { protocol: 'stp', stp: driver.stp, ports: sorted((ofPort) => driver.port(ofPort)) };
    }
    return driver && { protocol: 'rstp', rstp: driver.rstp, ports: sorted((ofPort) => driver.port(ofPort)) };
  }
}
