// The Rapid Spanning Tree Protocol of one bridge (IEEE 802.1D-2004, clause 17).
//
// Design. A port is a set of variables (port.ts) that the standard's machines work on, one file for each of the larger ones;
// after each event - a BPDU, a second that has passed, a change by management - all machines of all ports are run until none
// moves. Like STP (../stp.ts) it knows neither frames nor running clocks: its owner calls tick() each second.

import { type Bpdu, readBpdu } from '../bpdu.ts';
import { type BridgeId, bridgeId } from '../bridge-id.ts';
import { portInformation } from './information.ts';
import type { RstpBridge } from './machine.ts';
import { RstpPort, type RstpPortSettings, rstpPortId } from './port.ts';
import { bridgeDetection, portProtocolMigration, portReceive, portStateTransition } from './port-machines.ts';
import { selectRoles } from './role-selection.ts';
import { portRoleTransitions } from './role-transitions.ts';
import { detected, topologyChange } from './topology-change.ts';
import { portTransmit } from './transmit.ts';
import type { PriorityVector, RstpTimes } from './vectors.ts';

/** What the protocol asks of its owner. */
export interface RstpParts {
  transmit(port: RstpPort, bpdu: Bpdu): void;
  /** Addresses learned on the port may be elsewhere now. */
  flush(port: RstpPort): void;
  warn(text: string): void;
}

export interface RstpBridgeSettings {
  /** In steps of 4096. */
  readonly priority: number;
  readonly address: Uint8Array;
  /** Seconds. */
  readonly maxAge: number;
  readonly forwardDelay: number;
  readonly transmitHoldCount: number;
  /** 0: as an STP bridge. */
  readonly forceProtocolVersion: 0 | 2;
}

/** 17.14: the only value. */
const HELLO_TIME = 2;
/** More steps than any event can take: a machine that runs in circles shall not take the switch with it. */
const STEPS_MAX = 100_000;

export class Rstp implements RstpBridge {
  readonly #parts: RstpParts;
  #settings: RstpBridgeSettings;
  ports: readonly RstpPort[] = [];
  bridgeId: BridgeId;
  bridgeTimes: RstpTimes;
  rootPriority: PriorityVector;
  rootTimes: RstpTimes;
  rootPort: RstpPort | undefined;

  constructor(settings: RstpBridgeSettings, parts: RstpParts) {
    this.#parts = parts;
    this.#settings = settings;
    this.bridgeId = bridgeId(settings.priority & 0xf000, settings.address);
    this.bridgeTimes = this.rootTimes = timesOf(settings);
    const root = { rootId: this.bridgeId, rootPathCost: 0, designatedBridge: this.bridgeId };
    this.rootPriority = { ...root, designatedPort: 0, bridgePort: 0 };
  }

  get isRoot(): boolean {
    return this.rootPort === undefined;
  }

  get rstpVersion(): boolean {
    return this.#settings.forceProtocolVersion >= 2;
  }

  get transmitHoldCount(): number {
    return this.#settings.transmitHoldCount;
  }

  transmit(port: RstpPort, bpdu: Bpdu): void {
    this.#parts.transmit(port, bpdu);
  }

  flush(port: RstpPort): void {
    this.#parts.flush(port);
  }

  // What management does (17.13)

  configure(settings: RstpBridgeSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    const id = bridgeId(settings.priority & 0xf000, settings.address);
    const times = timesOf(settings);
    const versionChanged = before.forceProtocolVersion !== settings.forceProtocolVersion;
    const timesChanged = JSON.stringify(times) !== JSON.stringify(this.bridgeTimes);
    if (before.transmitHoldCount !== settings.transmitHoldCount)
      for (const { timers } of this.ports) timers.txCount = 0;
    if (id === this.bridgeId && !versionChanged && !timesChanged) return;
    this.bridgeId = id;
    this.bridgeTimes = times;
    // A change of the version begins everything anew (17.13.4).
    if (versionChanged) for (const port of this.ports) this.#begin(port);
    this.#reselect();
  }

  addPort(settings: RstpPortSettings): RstpPort {
    const port = new RstpPort(settings);
    this.ports = [...this.ports, port].sort((a, b) => a.number - b.number);
    this.#begin(port);
    this.#run();
    return port;
  }

  removePort(port: RstpPort): void {
    this.setEnabled(port, false);
    this.ports = this.ports.filter((each) => each !== port);
    this.#reselect();
  }

  configurePort(port: RstpPort, settings: RstpPortSettings): void {
    const before = port.settings;
    if (JSON.stringify(before) === JSON.stringify(settings)) return;
    port.settings = settings;
    port.portId = rstpPortId(settings);
    if (settings.adminEdge !== before.adminEdge && !settings.adminEdge) port.operEdge = false;
    if (settings.adminEdge && !before.adminEdge) bridgeDetection.begin(port, this);
    this.#reselect();
  }

  /** rstp-port-mcheck: tries whether the neighbour speaks RSTP by now. */
  checkProtocol(port: RstpPort): void {
    if (this.rstpVersion) port.mcheck = true;
    this.#run();
  }

  setEnabled(port: RstpPort, isEnabled: boolean): void {
    if (port.portEnabled === isEnabled) return;
    port.portEnabled = isEnabled;
    this.#run();
  }

  /** rstp/tcn. */
  forceTopologyChange(): void {
    for (const port of this.ports) {
      this.flush(port);
      if (port.forwarding && !port.operEdge) detected(port, this);
    }
    this.#run();
  }

  // Events

  receive(port: RstpPort, bytes: Uint8Array): void {
    const bpdu = readBpdu(bytes, port.counts, (text) => this.#parts.warn(text), ['config', 'rst', 'tcn']);
    if (!bpdu || this.#isOwn(port, bpdu)) return;
    // 17.13.4: an STP bridge takes an RST BPDU for a Configuration BPDU.
    port.message = bpdu.type === 'rst' && !this.rstpVersion ? { type: 'config', config: bpdu.config } : bpdu;
    port.rcvdBPDU = true;
    this.#run();
  }

  /** 9.3.4: what comes back to the port that sent it says nothing. */
  #isOwn(port: RstpPort, bpdu: Bpdu): boolean {
    if (bpdu.type !== 'config') return false;
    const { bridgeId: sender, portId, messageAgeMs, maxAgeMs } = bpdu.config;
    return messageAgeMs >= maxAgeMs || (sender === this.bridgeId && portId === port.portId);
  }

  /** A second has passed. */
  tick(): void {
    for (const port of this.ports) port.tick();
    this.#run();
  }

  #begin(port: RstpPort): void {
    for (const machine of MACHINES) machine.begin(port, this);
  }

  #reselect(): void {
    for (const port of this.ports) {
      port.reselect = true;
      port.selected = false;
    }
    this.#run();
    if (this.ports.length === 0) selectRootAlone(this);
  }

  #run(): void {
    for (let steps = 0; steps < STEPS_MAX; ) {
      const before = steps;
      if (selectRoles(this)) steps++;
      for (const port of this.ports) {
        for (const machine of MACHINES) if (machine.step(port, this)) steps++;
      }
      if (steps === before) return;
    }
    this.#parts.warn('spanning tree does not settle');
  }
}

/** In the order that they are run in: what was received before what follows from it, and what is sent last. */
const MACHINES = [
  portReceive,
  portProtocolMigration,
  bridgeDetection,
  portInformation,
  portRoleTransitions,
  portStateTransition,
  topologyChange,
  portTransmit,
];

/** Without ports no machine says who the root is. */
function selectRootAlone(bridge: Rstp): void {
  const own = { rootId: bridge.bridgeId, rootPathCost: 0, designatedBridge: bridge.bridgeId };
  bridge.rootPriority = { ...own, designatedPort: 0, bridgePort: 0 };
  bridge.rootTimes = bridge.bridgeTimes;
  bridge.rootPort = undefined;
}

function timesOf({ maxAge, forwardDelay }: RstpBridgeSettings): RstpTimes {
  return { messageAge: 0, maxAge, helloTime: HELLO_TIME, forwardDelay };
}
