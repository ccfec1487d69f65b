// Port `device`: a polled port whose virtqueues somebody else in this thread hands over, by findDevice(), instead of
// a session of the port's own. A NIC's model uses it for what has no socket: the rings of a representor, a guest whose
// session runs elsewhere. It has carrier while there is a ring.

import type { PortSpec, PortStats } from '../../dpif.ts';
import type { PortContext, PortDriver } from '../port.ts';
import type { RingSetup, VhostDevice, VhostServices } from '../vhost-user/services.ts';

const MTU_DEFAULT = 9706;

const portsByName = new Map<string, DevicePort>();

/** The port's device; undefined when there is no such port. */
export function findDevice(name: string): VhostDevice | undefined {
  return portsByName.get(name)?.device;
}

export class DevicePort implements PortDriver {
  readonly mac = undefined;
  readonly ifindex = undefined;
  readonly mtu: number;
  adminUp = true;
  linkResets = 0;
  readonly #name: string;
  readonly #context: PortContext;
  readonly #services: VhostServices;
  readonly #running = new Set<number>();
  /** Why rings were given up, until they are stopped. */
  readonly #broken = new Map<number, string>();
  #device: VhostDevice | undefined;

  constructor(spec: PortSpec, context: PortContext, services: VhostServices) {
    this.#name = spec.name;
    this.#context = context;
    this.#services = services;
    this.mtu = spec.mtu ?? MTU_DEFAULT;
  }

  /** Made when it is first asked for, and again after it was closed. */
  get device(): VhostDevice {
    this.#device ??= this.#watched(this.#services.createDevice(this.#name));
    return this.#device;
  }

  get error(): string | undefined {
    const [broken] = this.#broken;
    return broken && `vring ${broken[0]} is broken: ${broken[1]}`;
  }

  get linkUp(): boolean {
    return this.#running.size > 0;
  }

  open(): Promise<void> {
    portsByName.set(this.#name, this);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (portsByName.get(this.#name) === this) portsByName.delete(this.#name);
    await this.#device?.close();
  }

  setAdminUp(up: boolean): void {
    this.adminUp = up;
  }

  reconfigure(): Promise<boolean> {
    return Promise.resolve(true);
  }

  status(): Record<string, string> {
    return { num_of_vrings: String(this.#running.size) };
  }

  stats(): PortStats {
    return {};
  }

  /** The device with its rings counted. */
  #watched(device: VhostDevice): VhostDevice {
    const changed = (index: number, runs: boolean) => {
      const before = this.linkUp;
      if (runs) this.#running.add(index);
      else this.#running.delete(index);
      if (this.linkUp === before) return;
      this.linkResets++;
      this.#context.changed();
    };
    device.onRingBroken((index, reason) => {
      this.#broken.set(index, reason);
      this.#context.changed();
    });
    return {
      setMemory: (regions) => device.setMemory(regions),
      addMemory: (region) => device.addMemory(region),
      removeMemory: (region) => device.removeMemory(region),
      startRing: (index: number, setup: RingSetup) => {
        device.startRing(index, setup);
        changed(index, true);
      },
      setRingEnabled: (index, enabled) => device.setRingEnabled(index, enabled),
      setCallFd: (index, fd) => device.setCallFd(index, fd),
      stopRing: (index) => {
        changed(index, false);
        this.#broken.delete(index);
        return device.stopRing(index);
      },
      onRingBroken: (listener) => device.onRingBroken(listener),
      close: async () => {
        this.#device = undefined;
        this.#broken.clear();
        for (const index of [...this.#running]) changed(index, false);
        await device.close();
      },
    };
  }
}
