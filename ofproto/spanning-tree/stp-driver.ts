// STP driven by a bridge.

import { type Numbered, PortSet, type TreeDriver } from './driver.ts';
import { stpPortTree } from './port-tree.ts';
import { Stp, type StpParts } from './stp.ts';
import type { StpPort } from './stp-port.ts';
import type { StpBridgeSettings, StpPortSettings } from './stp-settings.ts';

const PORT_NUMBER_MAX = 255;

export interface StpTreeSettings {
  readonly protocol: 'stp';
  readonly bridge: StpBridgeSettings;
  /** By the port's name. */
  readonly ports: ReadonlyMap<string, Numbered<StpPortSettings>>;
}

export class StpDriver implements TreeDriver {
  readonly label = 'STP';
  readonly stp: Stp;
  readonly #ports: PortSet<StpPort, StpPortSettings>;
  readonly #nowMs: () => number;

  constructor(settings: StpBridgeSettings, parts: StpParts) {
    this.#nowMs = parts.nowMs;
    this.stp = new Stp(settings, parts);
    this.#ports = new PortSet(
      {
        add: (port) => this.stp.addPort(port),
        change: (port, wanted) => this.stp.configurePort(port, wanted),
        remove: (port) => this.stp.removePort(port),
      },
      PORT_NUMBER_MAX,
    );
  }

  configure(bridge: StpBridgeSettings, ports: ReadonlyMap<number, Numbered<StpPortSettings>>): void {
    this.stp.configure(bridge);
    this.#ports.configure(ports);
  }

  port(ofPort: number): StpPort | undefined {
    return this.#ports.get(ofPort);
  }

  receive(ofPort: number, bpdu: Uint8Array): void {
    const port = this.#ports.get(ofPort);
    if (port) this.stp.receive(port, bpdu);
  }

  setEnabled(ofPort: number, isEnabled: boolean): void {
    const port = this.#ports.get(ofPort);
    if (port && isEnabled) this.stp.enablePort(port);
    else if (port) this.stp.disablePort(port);
  }

  removePort(ofPort: number): void {
    this.#ports.remove(ofPort);
  }

  portTree(ofPort: number) {
    const port = this.#ports.get(ofPort);
    return port && stpPortTree(port.state);
  }

  forceTopologyChange(): void {
    this.stp.forceTopologyChange();
  }

  dueInMs(): number {
    return this.stp.nextDueMs() - this.#nowMs();
  }

  tick(): void {
    this.stp.tick();
  }
}
