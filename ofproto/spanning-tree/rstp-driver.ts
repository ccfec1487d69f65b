// RSTP driven by a bridge.

import { type Numbered, PortSet, type TreeDriver } from './driver.ts';
import { rstpPortTree } from './port-tree.ts';
import type { RstpPort, RstpPortSettings } from './rstp/port.ts';
import { Rstp, type RstpBridgeSettings, type RstpParts } from './rstp/rstp.ts';

const PORT_NUMBER_MAX = 4095;
const TICK_MS = 1000;

export interface RstpTreeSettings {
  readonly protocol: 'rstp';
  readonly bridge: RstpBridgeSettings;
  /** By the port's name. */
  readonly ports: ReadonlyMap<string, Numbered<RstpPortSettings>>;
  /** Ports whose neighbours are to be asked anew whether they speak RSTP, when they were not asked for before. */
  readonly mcheck: ReadonlySet<string>;
}

export class RstpDriver implements TreeDriver {
  readonly label = 'RSTP';
  readonly rstp: Rstp;
  readonly #ports: PortSet<RstpPort, RstpPortSettings>;
  readonly #nowMs: () => number;
  #tickedMs: number;

  constructor(settings: RstpBridgeSettings, parts: RstpParts & { nowMs(): number }) {
    this.#nowMs = parts.nowMs;
    this.#tickedMs = parts.nowMs();
    this.rstp = new Rstp(settings, parts);
    this.#ports = new PortSet(
      {
        add: (port) => this.rstp.addPort(port),
        change: (port, wanted) => this.rstp.configurePort(port, wanted),
        remove: (port) => this.rstp.removePort(port),
      },
      PORT_NUMBER_MAX,
    );
  }

  configure(bridge: RstpBridgeSettings, ports: ReadonlyMap<number, Numbered<RstpPortSettings>>): void {
    this.rstp.configure(bridge);
    this.#ports.configure(ports);
  }

  port(ofPort: number): RstpPort | undefined {
    return this.#ports.get(ofPort);
  }

  receive(ofPort: number, bpdu: Uint8Array): void {
    const port = this.#ports.get(ofPort);
    if (port) this.rstp.receive(port, bpdu);
  }

  checkProtocol(ofPort: number): void {
    const port = this.#ports.get(ofPort);
    if (port) this.rstp.checkProtocol(port);
  }

  setEnabled(ofPort: number, isEnabled: boolean): void {
    const port = this.#ports.get(ofPort);
    if (port) this.rstp.setEnabled(port, isEnabled);
  }

  removePort(ofPort: number): void {
    this.#ports.remove(ofPort);
  }

  portTree(ofPort: number) {
    const port = this.#ports.get(ofPort);
    return port && rstpPortTree(port.state);
  }

  forceTopologyChange(): void {
    this.rstp.forceTopologyChange();
  }

  dueInMs(): number {
    return this.#tickedMs + TICK_MS - this.#nowMs();
  }

  /** A clock that jumped is caught up with only so far that every timer has run out. */
  tick(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#tickedMs > CATCH_UP_MS_MAX) this.#tickedMs = nowMs - CATCH_UP_MS_MAX;
    for (; this.#tickedMs + TICK_MS <= nowMs; this.#tickedMs += TICK_MS) this.rstp.tick();
  }
}

const CATCH_UP_MS_MAX = 60_000;
