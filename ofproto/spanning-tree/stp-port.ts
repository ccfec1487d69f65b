// What STP keeps of a port (IEEE 802.1D-1998, 8.5.5), and the timers of 8.5.6.

import type { ConfigBpdu } from './bpdu.ts';
import type { BridgeId, PortId } from './bridge-id.ts';

export type StpState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';
export type StpRole = 'root' | 'designated' | 'alternate';

/** A timer counts up from where it is started; whoever asks knows how long it is to run. */
export class StpTimer {
  #startedMs: number | undefined;

  start(nowMs: number, elapsedMs = 0): void {
    this.#startedMs = nowMs - elapsedMs;
  }

  stop(): void {
    this.#startedMs = undefined;
  }

  get isActive(): boolean {
    return this.#startedMs !== undefined;
  }

  elapsedMs(nowMs: number): number {
    return this.#startedMs === undefined ? 0 : nowMs - this.#startedMs;
  }

  /** When it will have run for `periodMs`: never while it is stopped. */
  dueMs(periodMs: number): number {
    return (this.#startedMs ?? Number.POSITIVE_INFINITY) + periodMs;
  }

  /** Stops the timer when it has run for `periodMs`; true then. */
  expired(nowMs: number, periodMs: number): boolean {
    if (this.dueMs(periodMs) > nowMs) return false;
    this.stop();
    return true;
  }
}

/** Which bridge is the root, how far it is, and by whose port (8.6.1.3). */
export interface Designation {
  designatedRoot: BridgeId;
  designatedCost: number;
  designatedBridge: BridgeId;
  designatedPort: PortId;
}

export class StpPort implements Designation {
  readonly number: number;
  id: PortId;
  pathCost: number;
  state: StpState = 'disabled';
  stateSinceMs = 0;
  designatedRoot: BridgeId = 0n;
  designatedCost = 0;
  designatedBridge: BridgeId = 0n;
  designatedPort: PortId = 0;
  topologyChangeAck = false;
  configPending = false;
  readonly messageAge = new StpTimer();
  readonly forwardDelay = new StpTimer();
  readonly hold = new StpTimer();
  readonly counts = { tx: 0, rx: 0, error: 0 };

  constructor(number: number, priority: number, pathCost: number) {
    this.number = number;
    this.id = portId(number, priority);
    this.pathCost = pathCost;
  }

  designate(root: BridgeId, cost: number, bridge: BridgeId, port: PortId): void {
    this.designatedRoot = root;
    this.designatedCost = cost;
    this.designatedBridge = bridge;
    this.designatedPort = port;
  }

  /** Whether the BPDU tells of something better than what the port knows, or of the same (8.6.2.2). */
  isSupersededBy(config: ConfigBpdu, own: BridgeId): boolean {
    if (config.rootId !== this.designatedRoot) return config.rootId < this.designatedRoot;
    if (config.rootPathCost !== this.designatedCost) return config.rootPathCost < this.designatedCost;
    if (config.bridgeId !== this.designatedBridge) return config.bridgeId < this.designatedBridge;
    return config.bridgeId !== own || config.portId <= this.designatedPort;
  }

  /** Whether a bridge that knows a way to this root at this cost is to be the designated one of the port's LAN (8.6.9). */
  yieldsTo(root: BridgeId, cost: number, bridge: BridgeId): boolean {
    if (this.designatedRoot !== root) return true;
    if (this.designatedCost !== cost) return cost < this.designatedCost;
    if (this.designatedBridge !== bridge) return bridge < this.designatedBridge;
    return this.id <= this.designatedPort;
  }

  /** Whether this port leads to the root better than `other` (8.6.8.3.1). */
  isBetterRootPort(other: StpPort): boolean {
    if (this.designatedRoot !== other.designatedRoot) return this.designatedRoot < other.designatedRoot;
    const [cost, otherCost] = [this.designatedCost + this.pathCost, other.designatedCost + other.pathCost];
    if (cost !== otherCost) return cost < otherCost;
    if (this.designatedBridge !== other.designatedBridge) return this.designatedBridge < other.designatedBridge;
    if (this.designatedPort !== other.designatedPort) return this.designatedPort < other.designatedPort;
    return this.id < other.id;
  }
}

/** Priority in the upper 8 bits, the port's number in the lower. */
export const portId = (number: number, priority: number): PortId => ((priority & 0xff) << 8) | (number & 0xff);
