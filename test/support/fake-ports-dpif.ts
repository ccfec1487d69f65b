// A datapath of ports only, for tests of what sits on top of ports: no packet goes anywhere.
import type { Dpif, DpifConfig, DpMeterBand, DpPort, PortSpec } from '../../datapath/dpif.ts';
import { UserError } from '../../lib/errors.ts';

export class FakePort implements DpPort {
  readonly name: string;
  readonly type: PortSpec['type'];
  readonly odpPort: number;
  spec: PortSpec;
  mac: string | undefined;
  mtu: number | undefined;
  ifindex: number | undefined;
  linkUp = true;
  adminUp = true;
  linkResets = 0;
  error: string | undefined;
  /** What reconfigure() answers. */
  canReconfigure = true;

  constructor(spec: PortSpec, odpPort: number) {
    this.spec = spec;
    this.name = spec.name;
    this.type = spec.type;
    this.odpPort = odpPort;
    this.mac = spec.mac ?? `aa:55:aa:55:00:${odpPort.toString(16).padStart(2, '0')}`;
    this.mtu = spec.mtu ?? 1500;
    this.ifindex = 100 + odpPort;
  }

  status(): Record<string, string> {
    return { driver_name: 'fake' };
  }
  stats(): Record<string, number | bigint> {
    return { rx_packets: 3, rx_bytes: 2n ** 60n };
  }
  setAdminUp(up: boolean): void {
    this.adminUp = up;
  }
  async reconfigure(spec: PortSpec): Promise<boolean> {
    if (!this.canReconfigure) return false;
    this.spec = spec;
    this.mac = spec.mac ?? this.mac;
    this.mtu = spec.mtu ?? this.mtu;
    return true;
  }
}

/** Throws for whatever is not about ports. */
export class FakePortsDpif {
  readonly byNumber = new Map<number, FakePort>();
  readonly configs: DpifConfig[] = [];
  /** Names whose port comes with this error. */
  readonly broken = new Map<string, string>();
  /** Names that are refused. */
  readonly refused = new Map<string, string>();
  #next = 1;
  #listeners: ((port: DpPort) => void)[] = [];

  /** As the reconciler takes it. */
  get dpif(): Dpif {
    return this as unknown as Dpif;
  }

  port(name: string): FakePort | undefined {
    return [...this.byNumber.values()].find((port) => port.name === name);
  }

  async portAdd(spec: PortSpec): Promise<DpPort> {
    const refusal = this.refused.get(spec.name);
    if (refusal !== undefined) throw new UserError(refusal);
    const port = new FakePort(spec, this.#next++);
    port.error = this.broken.get(spec.name);
    this.byNumber.set(port.odpPort, port);
    return port;
  }
  /** What each port may send. */
  readonly policers = new Map<number, readonly DpMeterBand[]>();
  setPolicer(odpPort: number, bands: readonly DpMeterBand[]): void {
    this.policers.set(odpPort, bands);
  }
  async portDel(odpPort: number): Promise<void> {
    this.byNumber.delete(odpPort);
  }
  ports(): readonly DpPort[] {
    return [...this.byNumber.values()];
  }
  onPortChange(listener: (port: DpPort) => void): void {
    this.#listeners.push(listener);
  }
  /** As the datapath does after a port changed. */
  changed(port: DpPort): void {
    for (const listener of this.#listeners) listener(port);
  }
  configure(config: DpifConfig): void {
    this.configs.push(config);
  }
  async barrier(): Promise<void> {}
}
