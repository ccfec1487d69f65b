// The datapath's ports: numbers, drivers, and the records that datapath threads read. A slow port's frames go through
// the control path; a vhost-user port gets devices whose rings PMD threads serve.

import type { Clock } from '../lib/clock.ts';
import { UserError } from '../lib/errors.ts';
import type { IoPoller } from '../lib/io-poller.ts';
import { logger } from '../lib/log.ts';
import type { DpPort, OdpPort, PortSpec, PortStats, PortType } from './dpif.ts';
import { ArenaVhostDevice, type DeviceServices } from './guest/vhost-device.ts';
import {
  PORT_FRAME_MAX,
  PORT_KIND,
  PORT_KIND_DOWN,
  PORT_KIND_NONE,
  PORT_KIND_SLOW,
  PORT_KIND_VHOST,
  PORT_KIND_VIRTIO,
  PORT_NUMBER,
  PS_RX_DISABLED,
  PS_RX_PACKETS,
  PS_RX_POLICED,
  PS_RX_SPOOFED,
  PS_TX_DOWN,
  PS_TX_DROPPED,
  PS_TX_PACKETS,
  PS_TX_RING_FULL,
} from './layout/flow.ts';
import { FRAME_MAX, PORT_MAX, PORT_SIZE, PORT_STATS_SIZE, PORT_TABLE, T_PORT_STATS } from './layout/memory-map.ts';
import type { Place } from './nic/offload/place.ts';
import type { PortCounts } from './nic/offload/port-counts.ts';
import type { NicRegistry } from './nic/registry.ts';
import type { QueueServices } from './nic/virtio-ring.ts';
import type { PortContext, PortDriver } from './port/port.ts';
import { createPortDriver } from './port/registry.ts';

const log = logger('dpif');
/** Port types that PMD threads serve, and by which kind of ring. */
const POLLED: Partial<Record<PortType, number>> = {
  dpdkvhostuser: PORT_KIND_VHOST,
  dpdkvhostuserclient: PORT_KIND_VHOST,
  device: PORT_KIND_VHOST,
  vf: PORT_KIND_VIRTIO,
};
const RING_KINDS = { guest: PORT_KIND_VHOST, card: PORT_KIND_VIRTIO, nobody: PORT_KIND_DOWN } as const;
/** Ethernet header and two tags on top of the MTU, as Open vSwitch allows. */
const L2_OVERHEAD = 14 + 8;
/** Order of datapath/layout/flow.ts PS_*. */
const STAT_NAMES = [
  'rx_packets',
  'rx_bytes',
  'tx_packets',
  'tx_bytes',
  'rx_dropped',
  'tx_dropped',
  'rx_errors',
  'tx_errors',
];

/** What datapath threads count at a port; `spoofed` packets are received ones, policed and disabled ones are not. */
const PORT_COUNTS = {
  received: PS_RX_PACKETS,
  sent: PS_TX_PACKETS,
  'tx-dropped': PS_TX_DROPPED,
  policed: PS_RX_POLICED,
  spoofed: PS_RX_SPOOFED,
  disabled: PS_RX_DISABLED,
  'tx-ring-full': PS_TX_RING_FULL,
  'tx-down': PS_TX_DOWN,
} as const;
export type PortCount = keyof typeof PORT_COUNTS;

/** What cards forwarded from and to ports. */
export interface CardCounts {
  of(odpPort: OdpPort): Readonly<PortCounts> | undefined;
  /** The port has gone. */
  forget(odpPort: OdpPort): void;
}

export interface PortServices extends DeviceServices, QueueServices {
  readonly hot: DeviceServices['hot'] & QueueServices['hot'];
  readonly nics: NicRegistry;
  readonly clock: Clock;
  readonly io: IoPoller;
  readonly rundir: string;
  /** Datapath threads that keep port statistics. */
  readonly threads: ReadonlySet<number>;
  receive(frame: Uint8Array, inPort: OdpPort): void;
  /** The set of polled ports changed: PMD threads are wanted or not. */
  polledPortsChanged(count: number): void;
  /** Where on a card a port is that works; resolves when the card knows of it. */
  placed(odpPort: OdpPort, place: Place | undefined): Promise<void>;
  /** What cards forwarded from and to the port. */
  readonly hardware: CardCounts;
}

class ManagedPort implements DpPort {
  readonly name: string;
  readonly type: PortType;
  readonly odpPort: OdpPort;
  readonly driver: PortDriver;
  readonly polled: boolean;
  readonly devices = new Set<ArenaVhostDevice>();
  readonly #ports: Ports;

  constructor(ports: Ports, spec: PortSpec, odpPort: OdpPort, makeDriver: (port: ManagedPort) => PortDriver) {
    this.#ports = ports;
    this.name = spec.name;
    this.type = spec.type;
    this.odpPort = odpPort;
    this.polled = POLLED[spec.type] !== undefined;
    this.driver = makeDriver(this);
  }

  get mac() {
    return this.driver.mac;
  }
  get mtu() {
    return this.driver.mtu;
  }
  get ifindex() {
    return this.driver.ifindex;
  }
  get linkUp() {
    return this.driver.linkUp;
  }
  get adminUp() {
    return this.driver.adminUp;
  }
  get linkResets() {
    return this.driver.linkResets;
  }
  get linkSpeed() {
    return this.driver.linkSpeed;
  }
  get error() {
    return this.driver.error;
  }

  status(): Record<string, string> {
    return this.driver.status();
  }

  stats(): PortStats {
    return this.#ports.statsOf(this);
  }

  setAdminUp(up: boolean): void {
    this.driver.setAdminUp(up);
    for (const device of this.devices) device.setAdminUp(up);
    void this.#ports.publish(this);
  }

  async reconfigure(spec: PortSpec): Promise<boolean> {
    const applied = await this.driver.reconfigure(spec);
    await this.#ports.publish(this);
    return applied;
  }
}

export class Ports {
  readonly #services: PortServices;
  readonly #ports = new Map<OdpPort, ManagedPort>();
  readonly #listeners: ((port: DpPort) => void)[] = [];

  constructor(services: PortServices) {
    this.#services = services;
  }

  list(): readonly DpPort[] {
    return [...this.#ports.values()].sort((a, b) => a.odpPort - b.odpPort);
  }

  name(odpPort: OdpPort): string {
    return this.#ports.get(odpPort)?.name ?? `port ${odpPort}`;
  }

  onChange(listener: (port: DpPort) => void): void {
    this.#listeners.push(listener);
  }

  async add(spec: PortSpec): Promise<DpPort> {
    for (const port of this.#ports.values()) {
      if (port.name === spec.name) throw new UserError(`port ${spec.name} exists already`);
    }
    const odpPort = this.#number(spec.odpPort);
    const port = new ManagedPort(this, spec, odpPort, (owner) => this.#makeDriver(spec, owner));
    this.#ports.set(odpPort, port);
    this.#clearStats(odpPort);
    this.#services.hardware.forget(odpPort);
    void this.publish(port);
    if (port.polled) this.#services.polledPortsChanged(this.#polledCount());
    try {
      await port.driver.open();
    } catch (error) {
      await this.remove(odpPort);
      throw error;
    }
    void this.publish(port);
    return port;
  }

  async remove(odpPort: OdpPort): Promise<void> {
    const port = this.#ports.get(odpPort);
    if (!port) return;
    this.#ports.delete(odpPort);
    this.#write(port, PORT_KIND_NONE);
    await this.#services.placed(odpPort, undefined);
    await port.driver.close();
    if (port.polled) this.#services.polledPortsChanged(this.#polledCount());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ports.keys()].map((odpPort) => this.remove(odpPort)));
  }

  /** Sends a frame that the datapath queued for a slow port. */
  transmit(odpPort: OdpPort, frame: Uint8Array): void {
    const port = this.#ports.get(odpPort);
    port?.driver.send?.(frame);
  }

  /** Lets every device look at what datapath threads noted. */
  tick(): void {
    for (const port of this.#ports.values()) {
      for (const device of port.devices) device.poll();
      port.driver.poll?.();
    }
  }

  /** Writes the port's record: whether and how datapath threads, and a card, may send to it. */
  publish(port: ManagedPort): Promise<void> {
    if (this.#ports.get(port.odpPort) !== port) return Promise.resolve();
    const usable = port.adminUp && (port.polled || port.error === undefined);
    const { ringsOf } = port.driver;
    const kind = ringsOf ? RING_KINDS[ringsOf] : (POLLED[port.type] ?? PORT_KIND_SLOW);
    this.#write(port, usable ? kind : PORT_KIND_DOWN);
    return this.#services.placed(port.odpPort, usable && port.error === undefined ? port.driver.place : undefined);
  }

  statsOf(port: ManagedPort): PortStats {
    const own = port.driver.stats();
    // A slow port's driver counts what really passed its file descriptor.
    if (!port.polled) return own;
    const hardware: Readonly<Partial<Record<string, bigint>>> = { ...this.#services.hardware.of(port.odpPort) };
    const sum = (name: string, i: number) => this.#sum(port.odpPort, i * 8) + (hardware[name] ?? 0n);
    return { ...own, ...Object.fromEntries(STAT_NAMES.map((name, i) => [name, sum(name, i)])) };
  }

  /** The port's counters (datapath/layout/flow.ts, PS_*), also of a number that no port has now. */
  countsOf(odpPort: OdpPort): Readonly<Record<PortCount, bigint>> {
    return Object.fromEntries(
      Object.entries(PORT_COUNTS).map(([name, at]) => [name, this.#sum(odpPort, at)]),
    ) as Record<PortCount, bigint>;
  }

  #sum(odpPort: OdpPort, offset: number): bigint {
    const { u64 } = this.#services.arena.views;
    let sum = 0n;
    for (const thread of this.#services.threads) {
      const stats = this.#services.arena.threadArea(thread) + T_PORT_STATS + odpPort * PORT_STATS_SIZE;
      sum += u64[(stats + offset) >> 3]!;
    }
    return sum;
  }

  #makeDriver(spec: PortSpec, owner: ManagedPort): PortDriver {
    const { clock, io, rundir } = this.#services;
    const context: PortContext = {
      odpPort: owner.odpPort,
      clock,
      io,
      rundir,
      receive: (frame) => {
        if (owner.adminUp) this.#services.receive(frame, owner.odpPort);
      },
      changed: () => this.#changed(owner),
    };
    const createDevice = (name: string) => {
      const device = new ArenaVhostDevice(this.#services, name, owner.odpPort, () => owner.devices.delete(device));
      device.setAdminUp(owner.adminUp);
      owner.devices.add(device);
      return device;
    };
    const vf = { nics: this.#services.nics, queues: this.#services };
    return createPortDriver(spec, context, { vhost: { createDevice }, vf });
  }

  #changed(port: ManagedPort): Promise<void> {
    const published = this.publish(port);
    if (this.#ports.get(port.odpPort) !== port) return published;
    for (const listener of this.#listeners) {
      try {
        listener(port);
      } catch (error) {
        log.err(`port change of ${port.name}: ${String(error)}`);
      }
    }
    return published;
  }

  #write(port: ManagedPort, kind: number): void {
    const { u32 } = this.#services.arena.views;
    const at = PORT_TABLE + port.odpPort * PORT_SIZE;
    u32[(at + PORT_NUMBER) >> 2] = port.odpPort;
    Atomics.store(u32, (at + PORT_FRAME_MAX) >> 2, Math.min(FRAME_MAX, (port.mtu ?? 1500) + L2_OVERHEAD));
    Atomics.store(u32, (at + PORT_KIND) >> 2, kind);
  }

  #clearStats(odpPort: OdpPort): void {
    const { u8 } = this.#services.arena.views;
    for (const thread of this.#services.threads) {
      const at = this.#services.arena.threadArea(thread) + T_PORT_STATS + odpPort * PORT_STATS_SIZE;
      u8.fill(0, at, at + PORT_STATS_SIZE);
    }
  }

  #polledCount(): number {
    return [...this.#ports.values()].filter((port) => port.polled).length;
  }

  /** Port 0 is only given on request: it is the datapath's own local port. */
  #number(asked: OdpPort | undefined): OdpPort {
    if (asked !== undefined) {
      if (asked < 0 || asked >= PORT_MAX)
        throw new UserError(`port number ${asked} is out of range 0..${PORT_MAX - 1}`);
      if (this.#ports.has(asked)) throw new UserError(`port number ${asked} is taken`);
      return asked;
    }
    for (let number = 1; number < PORT_MAX; number++) if (!this.#ports.has(number)) return number;
    throw new UserError(`no free port number: ${PORT_MAX} ports at most`);
  }
}
