// The Spanning Tree Protocol of one bridge (IEEE 802.1D-1998, clause 8), procedure by procedure.
//
// Design. Nothing here knows frames, ports of a switch or clocks that run: the owner hands in BPDUs, says when a port comes
// or goes, and calls tick() at nextDueMs(). What is to be sent, and that addresses are to be forgotten, is told at once;
// states are there to be read afterwards. Section numbers are those of 802.1D-1998.

import { type Bpdu, type ConfigBpdu, FLAG_TC, FLAG_TC_ACK, readBpdu } from './bpdu.ts';
import { type BridgeId, bridgeId } from './bridge-id.ts';
import { portId, StpPort, type StpRole, type StpState, StpTimer } from './stp-port.ts';
import {
  allowedTimes,
  type StpBridgeSettings,
  type StpPortSettings,
  type Times,
  topologyChangeMs,
} from './stp-settings.ts';

/** What the protocol asks of its owner. */
export interface StpParts {
  nowMs(): number;
  transmit(port: StpPort, bpdu: Bpdu): void;
  /** Addresses may be behind other ports now. */
  flush(): void;
  info(text: string): void;
  warn(text: string): void;
}

/** 8.10.2: at most one Configuration BPDU in this time. */
const HOLD_TIME_MS = 1000;
/** What this bridge adds to the age of what it passes on: the least that a BPDU can say. */
const MESSAGE_AGE_INCREMENT_MS = 1000 / 256;
const NO_COUNTS = { tx: 0, rx: 0, error: 0 };
const ROOT_PATH_COST_MAX = 0xffffffff;

export class Stp {
  readonly #parts: StpParts;
  readonly #ports = new Map<number, StpPort>();
  #bridgeId: BridgeId;
  designatedRoot: BridgeId;
  rootPathCost = 0;
  rootPort: StpPort | undefined;
  /** What this bridge wants when it is the root, and what the root wants. */
  bridgeTimes: Times;
  times: Times;
  #topologyChangeDetected = false;
  #topologyChange = false;
  readonly #hello = new StpTimer();
  readonly #tcn = new StpTimer();
  readonly #topologyChangeTimer = new StpTimer();

  constructor(settings: StpBridgeSettings, parts: StpParts) {
    this.#parts = parts;
    this.#bridgeId = bridgeId(settings.priority, settings.address);
    this.designatedRoot = this.#bridgeId;
    this.bridgeTimes = this.times = allowedTimes(settings);
    this.#hello.start(parts.nowMs());
  }

  get bridgeId(): BridgeId {
    return this.#bridgeId;
  }

  get isRoot(): boolean {
    return this.designatedRoot === this.#bridgeId;
  }

  /** By number. */
  ports(): StpPort[] {
    return [...this.#ports.values()].sort((a, b) => a.number - b.number);
  }

  port(number: number): StpPort | undefined {
    return this.#ports.get(number);
  }

  role(port: StpPort): StpRole {
    if (port === this.rootPort) return 'root';
    return this.#isDesignated(port) ? 'designated' : 'alternate';
  }

  // What management does (8.8)

  configure(settings: StpBridgeSettings): void {
    this.bridgeTimes = allowedTimes(settings);
    if (this.isRoot) this.times = this.bridgeTimes;
    const id = bridgeId(settings.priority, settings.address);
    if (id !== this.#bridgeId) this.#setBridgeId(id);
  }

  #setBridgeId(id: BridgeId): void {
    const wasRoot = this.isRoot;
    for (const port of this.#ports.values()) if (this.#isDesignated(port)) port.designatedBridge = id;
    this.#bridgeId = id;
    this.#configurationUpdate();
    this.#portStateSelection();
    if (this.isRoot && !wasRoot) this.#becomeRoot();
  }

  addPort({ number, priority, pathCost }: StpPortSettings): StpPort {
    const port = new StpPort(number, priority, pathCost);
    this.#becomeDesignated(port);
    this.#ports.set(number, port);
    return port;
  }

  removePort(port: StpPort): void {
    this.disablePort(port);
    this.#ports.delete(port.number);
  }

  configurePort(port: StpPort, { priority, pathCost }: StpPortSettings): void {
    const id = portId(port.number, priority);
    if (id !== port.id) this.#setPortId(port, id);
    if (pathCost === port.pathCost) return;
    port.pathCost = pathCost;
    this.#configurationUpdate();
    this.#portStateSelection();
  }

  #setPortId(port: StpPort, id: number): void {
    if (this.#isDesignated(port)) port.designatedPort = id;
    port.id = id;
    if (port.designatedBridge !== this.#bridgeId || id >= port.designatedPort) return;
    this.#becomeDesignated(port);
    this.#portStateSelection();
  }

  enablePort(port: StpPort): void {
    if (port.state !== 'disabled') return;
    this.#becomeDesignated(port);
    this.#setState(port, 'blocking');
    port.topologyChangeAck = port.configPending = false;
    for (const timer of [port.messageAge, port.forwardDelay, port.hold]) timer.stop();
    Object.assign(port.counts, NO_COUNTS);
    this.#portStateSelection();
  }

  disablePort(port: StpPort): void {
    if (port.state === 'disabled') return;
    const wasRoot = this.isRoot;
    this.#becomeDesignated(port);
    this.#setState(port, 'disabled');
    port.topologyChangeAck = port.configPending = false;
    for (const timer of [port.messageAge, port.forwardDelay]) timer.stop();
    this.#configurationUpdate();
    this.#portStateSelection();
    if (this.isRoot && !wasRoot) this.#becomeRoot();
  }

  /** stp/tcn. */
  forceTopologyChange(): void {
    this.#topologyChangeDetection();
  }

  // What a port receives (8.7.1, 8.7.2)

  receive(port: StpPort, bytes: Uint8Array): void {
    if (port.state === 'disabled') return;
    const bpdu = readBpdu(bytes, port.counts, (text) => this.#parts.warn(text), ['config', 'tcn']);
    if (bpdu?.type === 'tcn') this.#receivedTcn(port);
    else if (bpdu) this.#receivedConfig(port, bpdu.config);
  }

  #receivedConfig(port: StpPort, config: ConfigBpdu): void {
    const { messageAgeMs, maxAgeMs } = config;
    if (messageAgeMs >= maxAgeMs) {
      const seconds = (ms: number) => Math.floor(ms / 1000);
      const ages = `message age (${seconds(messageAgeMs)}) greater than max age (${seconds(maxAgeMs)})`;
      this.#parts.warn(`received config BPDU with ${ages}`);
      return;
    }
    if (port.isSupersededBy(config, this.#bridgeId)) this.#supersede(port, config);
    else if (this.#isDesignated(port)) this.#transmitConfig(port);
  }

  #supersede(port: StpPort, config: ConfigBpdu): void {
    const wasRoot = this.isRoot;
    port.designate(config.rootId, config.rootPathCost, config.bridgeId, config.portId);
    port.messageAge.start(this.#parts.nowMs(), config.messageAgeMs);
    this.#configurationUpdate();
    this.#portStateSelection();
    if (wasRoot && !this.isRoot) this.#ceaseToBeRoot();
    if (port !== this.rootPort) return;
    this.times = config;
    this.#topologyChange = (config.flags & FLAG_TC) !== 0;
    // The root says that ports somewhere forward which did not: 8.3.5's shorter ageing, at its shortest.
    if (this.#topologyChange) this.#parts.flush();
    this.#configBpduGeneration();
    if (config.flags & FLAG_TC_ACK) this.#topologyChangeAcknowledged();
  }

  #ceaseToBeRoot(): void {
    this.#hello.stop();
    if (!this.#topologyChangeDetected) return;
    this.#topologyChangeTimer.stop();
    this.#transmitTcn();
    this.#tcn.start(this.#parts.nowMs());
  }

  #receivedTcn(port: StpPort): void {
    if (!this.#isDesignated(port)) return;
    this.#topologyChangeDetection();
    port.topologyChangeAck = true;
    this.#transmitConfig(port);
  }

  // Timers (8.7.3 to 8.7.8)

  nextDueMs(): number {
    const { forwardDelayMs, maxAgeMs } = this.times;
    const bridge = [
      this.#hello.dueMs(this.times.helloTimeMs),
      this.#tcn.dueMs(this.bridgeTimes.helloTimeMs),
      this.#topologyChangeTimer.dueMs(topologyChangeMs(this.bridgeTimes)),
    ];
    const ports = [...this.#ports.values()].flatMap((port) => [
      port.messageAge.dueMs(maxAgeMs),
      port.forwardDelay.dueMs(forwardDelayMs),
      port.hold.dueMs(HOLD_TIME_MS),
    ]);
    return Math.min(...bridge, ...ports);
  }

  tick(): void {
    const nowMs = this.#parts.nowMs();
    if (this.#hello.expired(nowMs, this.times.helloTimeMs)) {
      this.#configBpduGeneration();
      this.#hello.start(nowMs);
    }
    if (this.#tcn.expired(nowMs, this.bridgeTimes.helloTimeMs)) {
      this.#transmitTcn();
      this.#tcn.start(nowMs);
    }
    if (this.#topologyChangeTimer.expired(nowMs, topologyChangeMs(this.bridgeTimes))) {
      this.#topologyChangeDetected = this.#topologyChange = false;
    }
    for (const port of this.ports()) this.#tickPort(port, nowMs);
  }

  #tickPort(port: StpPort, nowMs: number): void {
    if (port.messageAge.expired(nowMs, this.times.maxAgeMs)) this.#messageAged(port);
    if (port.forwardDelay.expired(nowMs, this.times.forwardDelayMs)) this.#forwardDelayed(port, nowMs);
    if (port.hold.expired(nowMs, HOLD_TIME_MS) && port.configPending) this.#transmitConfig(port);
  }

  #messageAged(port: StpPort): void {
    const wasRoot = this.isRoot;
    this.#becomeDesignated(port);
    this.#configurationUpdate();
    this.#portStateSelection();
    if (this.isRoot && !wasRoot) this.#becomeRoot();
  }

  #forwardDelayed(port: StpPort, nowMs: number): void {
    if (port.state === 'listening') {
      this.#setState(port, 'learning');
      port.forwardDelay.start(nowMs);
    } else if (port.state === 'learning') {
      this.#setState(port, 'forwarding');
      if (this.ports().some((each) => each.designatedBridge === this.#bridgeId)) this.#topologyChangeDetection();
    }
  }

  // Elements of procedure (8.6)

  /** 8.6.1 */
  #transmitConfig(port: StpPort): void {
    if (port.hold.isActive) {
      port.configPending = true;
      return;
    }
    const nowMs = this.#parts.nowMs();
    const age = this.rootPort ? this.rootPort.messageAge.elapsedMs(nowMs) + MESSAGE_AGE_INCREMENT_MS : 0;
    const { helloTimeMs, maxAgeMs, forwardDelayMs } = this.times;
    if (age >= maxAgeMs) return;
    const config: ConfigBpdu = {
      flags: (this.#topologyChange ? FLAG_TC : 0) | (port.topologyChangeAck ? FLAG_TC_ACK : 0),
      rootId: this.designatedRoot,
      rootPathCost: this.rootPathCost,
      bridgeId: this.#bridgeId,
      portId: port.id,
      messageAgeMs: age,
      helloTimeMs,
      maxAgeMs,
      forwardDelayMs,
    };
    port.topologyChangeAck = port.configPending = false;
    port.counts.tx++;
    port.hold.start(nowMs);
    this.#parts.transmit(port, { type: 'config', config });
  }

  /** 8.6.4 */
  #configBpduGeneration(): void {
    for (const port of this.ports()) {
      if (port.state !== 'disabled' && this.#isDesignated(port)) this.#transmitConfig(port);
    }
  }

  /** 8.6.6 */
  #transmitTcn(): void {
    if (!this.rootPort) return;
    this.rootPort.counts.tx++;
    this.#parts.transmit(this.rootPort, { type: 'tcn' });
  }

  /** 8.6.7 */
  #configurationUpdate(): void {
    this.#rootSelection();
    for (const port of this.#ports.values()) {
      const yields = port.yieldsTo(this.designatedRoot, this.rootPathCost, this.#bridgeId);
      if (yields || this.#isDesignated(port)) this.#becomeDesignated(port);
    }
  }

  /** 8.6.8 */
  #rootSelection(): void {
    let best: StpPort | undefined;
    for (const port of this.ports()) {
      if (this.#isDesignated(port) || port.state === 'disabled' || port.designatedRoot >= this.#bridgeId) continue;
      if (!best || port.isBetterRootPort(best)) best = port;
    }
    this.rootPort = best;
    this.designatedRoot = best?.designatedRoot ?? this.#bridgeId;
    this.rootPathCost = best ? Math.min(best.designatedCost + best.pathCost, ROOT_PATH_COST_MAX) : 0;
  }

  #isDesignated(port: StpPort): boolean {
    return port.designatedBridge === this.#bridgeId && port.designatedPort === port.id;
  }

  /** 8.6.10 */
  #becomeDesignated(port: StpPort): void {
    port.designate(this.designatedRoot, this.rootPathCost, this.#bridgeId, port.id);
  }

  /** 8.6.11 */
  #portStateSelection(): void {
    for (const port of this.ports()) {
      const isRootPort = port === this.rootPort;
      if (!isRootPort && this.#isDesignated(port)) {
        port.messageAge.stop();
        this.#makeForwarding(port);
        continue;
      }
      port.topologyChangeAck = port.configPending = false;
      if (isRootPort) this.#makeForwarding(port);
      else this.#makeBlocking(port);
    }
  }

  /** 8.6.12 */
  #makeForwarding(port: StpPort): void {
    if (port.state !== 'blocking') return;
    this.#setState(port, 'listening');
    port.forwardDelay.start(this.#parts.nowMs());
  }

  /** 8.6.13 */
  #makeBlocking(port: StpPort): void {
    if (port.state === 'disabled' || port.state === 'blocking') return;
    if (port.state !== 'listening') this.#topologyChangeDetection();
    this.#setState(port, 'blocking');
    port.forwardDelay.stop();
  }

  #setState(port: StpPort, state: StpState): void {
    port.state = state;
    port.stateSinceMs = this.#parts.nowMs();
  }

  /** 8.6.14 */
  #topologyChangeDetection(): void {
    const nowMs = this.#parts.nowMs();
    if (this.isRoot) {
      this.#topologyChange = true;
      this.#topologyChangeTimer.start(nowMs);
    } else if (!this.#topologyChangeDetected) {
      this.#transmitTcn();
      this.#tcn.start(nowMs);
    }
    this.#topologyChangeDetected = true;
    this.#parts.flush();
    this.#parts.info('detected topology change.');
  }

  /** 8.6.15 */
  #topologyChangeAcknowledged(): void {
    this.#topologyChangeDetected = false;
    this.#tcn.stop();
  }

  #becomeRoot(): void {
    this.times = this.bridgeTimes;
    this.#topologyChangeDetection();
    this.#tcn.stop();
    this.#configBpduGeneration();
    this.#hello.start(this.#parts.nowMs());
  }
}
