// Driver of a virtio-net PCI function (virtio 1.2, 5.1), also as a VF of a DPU: queue pairs for PMD threads, and the
// control queue, by which it takes every frame (it is a switch's port) and as many queue pairs as are wanted.

import { UserError } from '../../../lib/errors.ts';
import type { Doorbell, PairDoorbells, QueuePair, RingPlace } from '../provider.ts';
import { ControlQueue } from './control-queue.ts';
import { type FunctionDriver, formatMac, type Link } from './function-driver.ts';
import type { PciFunction } from './pci-function.ts';
import { STATUS_ACKNOWLEDGE, STATUS_DRIVER, STATUS_DRIVER_OK, VirtioPci } from './virtio-pci.ts';

export const VIRTIO_VENDOR = 0x1af4;
/** Modern and transitional network devices. */
export const VIRTIO_NET_DEVICES: readonly number[] = [0x1041, 0x1000];

const bit = (n: number) => 1n << BigInt(n);
const VIRTIO_NET_F_MTU = bit(3);
const VIRTIO_NET_F_MAC = bit(5);
const VIRTIO_NET_F_STATUS = bit(16);
const VIRTIO_NET_F_CTRL_VQ = bit(17);
const VIRTIO_NET_F_CTRL_RX = bit(18);
const VIRTIO_NET_F_MQ = bit(22);
const VIRTIO_F_VERSION_1 = bit(32);
const VIRTIO_F_ACCESS_PLATFORM = bit(33);
const VIRTIO_F_ORDER_PLATFORM = bit(36);
/** Addresses by way of the IOMMU, real barriers for real hardware; no checksum or segmentation offloads. */
const WANTED =
  VIRTIO_NET_F_MTU |
  VIRTIO_NET_F_MAC |
  VIRTIO_NET_F_STATUS |
  VIRTIO_NET_F_CTRL_VQ |
  VIRTIO_NET_F_CTRL_RX |
  VIRTIO_NET_F_MQ |
  VIRTIO_F_VERSION_1 |
  VIRTIO_F_ACCESS_PLATFORM |
  VIRTIO_F_ORDER_PLATFORM;

// virtio_net_config (5.1.4).
const CONFIG_MAC = 0;
const CONFIG_STATUS = 6;
const CONFIG_PAIRS_MAX = 8;
const CONFIG_MTU = 10;
const VIRTIO_NET_S_LINK_UP = 1;
const VIRTIO_NET_CTRL_RX = 0;
const VIRTIO_NET_CTRL_RX_PROMISC = 0;
const VIRTIO_NET_CTRL_MQ = 4;
const VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET = 0;

export class VirtioNet implements FunctionDriver {
  readonly name = 'virtio-net';
  readonly mac: string;
  readonly mtu: number | undefined;
  readonly queuePairMax: number;
  readonly queueSizeMax: number;
  readonly ringKind = 'virtio';
  readonly #device: PciFunction;
  readonly #virtio: VirtioPci;
  #features = 0n;

  /** Reads what the device says before it is started (2.5.1: configuration may be read before FEATURES_OK). */
  constructor(device: PciFunction) {
    this.#device = device;
    this.#virtio = new VirtioPci(device);
    const offered = this.#virtio.offered();
    if (!(offered & VIRTIO_F_VERSION_1)) throw new UserError(`${device.address} is no virtio 1.x device`);
    const config = (feature: bigint, at: number) => (offered & feature ? this.#virtio.readConfig(at, 2) : undefined);
    this.mac = formatMac([0, 1, 2, 3, 4, 5].map((at) => this.#virtio.readConfig(CONFIG_MAC + at, 1)));
    this.mtu = config(VIRTIO_NET_F_MTU, CONFIG_MTU);
    this.queuePairMax = Math.max(1, config(VIRTIO_NET_F_MQ, CONFIG_PAIRS_MAX) ?? 1);
    this.queueSizeMax = Math.min(this.#virtio.queueSizeMax(0), this.#virtio.queueSizeMax(1));
    if (this.queueSizeMax === 0) throw new UserError(`${device.address} has no queues`);
  }

  /** 3.1.1, "Driver Requirements: Device Initialization". */
  async start(pairs: readonly QueuePair[]): Promise<readonly PairDoorbells[]> {
    const virtio = this.#virtio;
    await virtio.reset();
    virtio.addStatus(STATUS_ACKNOWLEDGE);
    virtio.addStatus(STATUS_DRIVER);
    this.#features = virtio.negotiate(WANTED);
    virtio.noConfigInterrupt();
    const doorbells = pairs.map(({ rx, tx }, i) => ({ rx: this.#enable(2 * i, rx), tx: this.#enable(2 * i + 1, tx) }));
    const control = this.#features & VIRTIO_NET_F_CTRL_VQ ? this.#makeControl() : undefined;
    this.#device.setBusMaster(true);
    virtio.addStatus(STATUS_DRIVER_OK);
    try {
      if (control) await this.#command(control, pairs.length);
    } finally {
      control?.forget();
    }
    return doorbells;
  }

  link(): Link {
    if (this.#virtio.needsReset) throw new UserError(`${this.#device.address} asks for a reset`);
    const says = (this.#features & VIRTIO_NET_F_STATUS) !== 0n;
    const up = !says || (this.#virtio.readConfig(CONFIG_STATUS, 2) & VIRTIO_NET_S_LINK_UP) !== 0;
    return { up, speed: undefined };
  }

  stop(): void {
    this.#virtio.stop();
  }

  #enable(index: number, place: RingPlace): Doorbell {
    return { offset: this.#virtio.enableQueue(index, place), value: index, bits: 16 };
  }

  /** The last of all queues, used or not (5.1.2). */
  #makeControl(): ControlQueue | undefined {
    const index = 2 * (this.#features & VIRTIO_NET_F_MQ ? this.queuePairMax : 1);
    return this.#virtio.queueSizeMax(index) === 0 ? undefined : new ControlQueue(this.#device, this.#virtio, index);
  }

  /** A device that cannot be told to takes its own address only, which is right for some VFs: not an error. */
  async #command(control: ControlQueue, pairs: number): Promise<void> {
    if (this.#features & VIRTIO_NET_F_CTRL_RX) await control.send(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, [1]);
    if (pairs === 1) return;
    const count = [pairs & 0xff, pairs >> 8];
    if (await control.send(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, count)) return;
    throw new UserError(`${this.#device.address} refuses ${pairs} queue pairs`);
  }
}
