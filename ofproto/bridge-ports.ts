// The ports of one bridge: their OpenFlow numbers, configuration and statistics, and how translation sees them.

import type { OdpPort } from '../datapath/dpif.ts';
import type { MemberPort } from './bonds/member-port.ts';
import type { Bundle } from './bundles.ts';
import { OFPP } from './model/actions.ts';
import type { OfPortDesc, OfPortStats } from './model/flow-mod.ts';
import type { PortDevice } from './ofproto-api.ts';
import { PatchDevice } from './patch-ports.ts';
import type { PortTree } from './spanning-tree/port-tree.ts';
import { parseEther } from './text/addresses.ts';
import type { PatchEnd, XlatePort } from './xlate/snapshot.ts';

const NO_CONFIG: OfPortDesc['config'] = {
  portDown: false,
  noRecv: false,
  noFwd: false,
  noPacketIn: false,
  noFlood: false,
  noStp: false,
  noRecvStp: false,
};

export class BridgePort implements XlatePort, MemberPort {
  readonly ofPort: number;
  readonly device: PortDevice;
  readonly addedMs: number;
  config: OfPortDesc['config'] = NO_CONFIG;
  bundle: Bundle | undefined;
  /** What a spanning tree lets the port do; undefined while it is in none. */
  tree: PortTree | undefined;
  /**
   * Whether NORMAL thinks of the port when it floods. As in Open vSwitch that changes when the port begins or ceases to
   * forward: a port that has done neither since the bridge joined a tree is tried, and stopped at its door.
   */
  floods = true;
  /** Finds the other end of a patch port. */
  peerOf: () => PatchEnd | undefined = () => undefined;

  constructor(device: PortDevice, ofPort: number, nowMs: number) {
    this.device = device;
    this.ofPort = ofPort;
    this.addedMs = nowMs;
  }

  get name(): string {
    return this.device.name;
  }

  get odpPort(): OdpPort | undefined {
    return this.device.odpPort;
  }

  get patch(): PatchDevice | undefined {
    return this.device instanceof PatchDevice ? this.device : undefined;
  }

  get counters(): PatchDevice | undefined {
    return this.patch;
  }

  get peer(): PatchEnd | undefined {
    return this.peerOf();
  }

  get isLive(): boolean {
    return this.mayEnable && !this.config.portDown;
  }

  get linkUp(): boolean {
    return this.device.linkUp;
  }
  get linkResets(): number {
    return this.device.linkResets;
  }
  get mac(): string | undefined {
    return this.device.mac;
  }
  get mayEnable(): boolean {
    return this.linkUp && (this.bundle?.lacp?.mayEnable(this) ?? true);
  }

  desc(): OfPortDesc {
    const { linkUp, mac } = this.device;
    return {
      ofPort: this.ofPort,
      name: this.name,
      hwAddr: (mac === undefined ? undefined : parseEther(mac)) ?? new Uint8Array(6),
      config: this.config,
      state: { linkDown: !linkUp, blocked: false, live: this.isLive, stp: this.tree?.stp },
      currSpeed: 0,
      maxSpeed: 0,
    };
  }

  stats(nowMs: number): OfPortStats {
    const known = this.device.stats();
    const count = (name: string): bigint => {
      const value = known[name];
      return value === undefined ? -1n : BigInt(value);
    };
    return {
      ofPort: this.ofPort,
      rxPackets: count('rx_packets'),
      txPackets: count('tx_packets'),
      rxBytes: count('rx_bytes'),
      txBytes: count('tx_bytes'),
      rxDropped: count('rx_dropped'),
      txDropped: count('tx_dropped'),
      rxErrors: count('rx_errors'),
      txErrors: count('tx_errors'),
      rxFrameErr: count('rx_frame_err'),
      rxOverErr: count('rx_over_err'),
      rxCrcErr: count('rx_crc_err'),
      collisions: count('collisions'),
      durationMs: Math.floor(nowMs - this.addedMs),
    };
  }
}

/** LOCAL first, then in the order they were added: the order of floods. */
export class BridgePorts implements Iterable<BridgePort> {
  readonly #byNumber = new Map<number, BridgePort>();

  get(ofPort: number): BridgePort | undefined {
    return this.#byNumber.get(ofPort);
  }

  add(port: BridgePort): void {
    this.#byNumber.set(port.ofPort, port);
  }

  delete(ofPort: number): void {
    this.#byNumber.delete(ofPort);
  }

  *[Symbol.iterator](): Iterator<BridgePort> {
    const local = this.#byNumber.get(OFPP.LOCAL);
    if (local) yield local;
    for (const port of this.#byNumber.values()) if (port !== local) yield port;
  }

  /** By number, LOCAL last, as OpenFlow lists them. */
  sorted(): BridgePort[] {
    return [...this.#byNumber.values()].sort((a, b) => a.ofPort - b.ofPort);
  }
}
