// A modern virtio device on PCI (virtio 1.2, 4.1): vendor capabilities say in which BARs its structures lie.

import { UserError } from '../../../lib/errors.ts';
import type { Offset } from '../../arena/offset.ts';
import type { RingPlace } from '../provider.ts';
import { waitUntil } from './function-driver.ts';
import { findCapabilities, type PciFunction, type Registers, type Width } from './pci-function.ts';

const PCI_CAP_ID_VNDR = 9;
const VIRTIO_PCI_CAP_COMMON_CFG = 1;
const VIRTIO_PCI_CAP_NOTIFY_CFG = 2;
const VIRTIO_PCI_CAP_DEVICE_CFG = 4;

// virtio_pci_common_cfg (4.1.4.3).
const DEVICE_FEATURE_SELECT = 0;
const DEVICE_FEATURE = 4;
const DRIVER_FEATURE_SELECT = 8;
const DRIVER_FEATURE = 12;
const CONFIG_MSIX_VECTOR = 16;
const DEVICE_STATUS = 20;
const QUEUE_SELECT = 22;
const QUEUE_SIZE = 24;
const QUEUE_MSIX_VECTOR = 26;
const QUEUE_ENABLE = 28;
const QUEUE_NOTIFY_OFF = 30;
const QUEUE_DESC = 32;
const QUEUE_DRIVER = 40;
const QUEUE_DEVICE = 48;
const VIRTIO_MSI_NO_VECTOR = 0xffff;

export const STATUS_ACKNOWLEDGE = 1;
export const STATUS_DRIVER = 2;
export const STATUS_DRIVER_OK = 4;
export const STATUS_FEATURES_OK = 8;
const STATUS_NEEDS_RESET = 64;
const RESET_TRIES = 1000;

/** A structure of the device: part of a BAR. */
interface Structure {
  readonly bar: number;
  readonly offset: number;
  readonly size: number;
  /** Where its capability lies in configuration space. */
  readonly capability: number;
}

export class VirtioPci {
  readonly #device: PciFunction;
  readonly #common: Registers;
  readonly #config: Registers;
  readonly #notify: Structure;
  readonly #notifyMultiplier: number;
  #notifyBase: Offset | undefined;

  /** Throws UserError for a device without the modern structures. */
  constructor(device: PciFunction) {
    this.#device = device;
    const structures = readStructures(device);
    const find = (type: number) => {
      const found = structures.get(type);
      if (!found) throw new UserError(`${device.address} is no modern virtio device (disable-legacy=on, virtio 1.0)`);
      return found;
    };
    this.#common = part(device, find(VIRTIO_PCI_CAP_COMMON_CFG));
    this.#config = part(device, find(VIRTIO_PCI_CAP_DEVICE_CFG));
    this.#notify = find(VIRTIO_PCI_CAP_NOTIFY_CFG);
    this.#notifyMultiplier = device.config.read(this.#notify.capability + 16, 4);
  }

  /** Back to its first state (3.1.1, step 1; 4.1.4.3.2: until it reads 0). */
  async reset(): Promise<void> {
    this.#common.write(DEVICE_STATUS, 1, 0);
    if (await waitUntil(() => this.#common.read(DEVICE_STATUS, 1) === 0, RESET_TRIES)) return;
    throw new UserError(`${this.#device.address} does not come out of its reset`);
  }

  /** The same without waiting: on the way out. */
  stop(): void {
    this.#common.write(DEVICE_STATUS, 1, 0);
  }

  addStatus(bits: number): void {
    this.#common.write(DEVICE_STATUS, 1, this.#common.read(DEVICE_STATUS, 1) | bits);
  }

  get needsReset(): boolean {
    return (this.#common.read(DEVICE_STATUS, 1) & STATUS_NEEDS_RESET) !== 0;
  }

  /** Accepts what is offered of `wanted`; throws UserError when the device refuses. */
  negotiate(wanted: bigint): bigint {
    const features = this.offered() & wanted;
    for (const half of [0, 1]) {
      this.#common.write(DRIVER_FEATURE_SELECT, 4, half);
      this.#common.write(DRIVER_FEATURE, 4, Number((features >> BigInt(32 * half)) & 0xffffffffn));
    }
    this.addStatus(STATUS_FEATURES_OK);
    if ((this.#common.read(DEVICE_STATUS, 1) & STATUS_FEATURES_OK) !== 0) return features;
    throw new UserError(`${this.#device.address} refuses the features 0x${features.toString(16)}`);
  }

  offered(): bigint {
    const half = (index: number) => {
      this.#common.write(DEVICE_FEATURE_SELECT, 4, index);
      return BigInt(this.#common.read(DEVICE_FEATURE, 4));
    };
    return half(0) | (half(1) << 32n);
  }

  /** Descriptors that queue `index` takes at most; 0: the device does not have it. */
  queueSizeMax(index: number): number {
    this.#common.write(QUEUE_SELECT, 2, index);
    return this.#common.read(QUEUE_SIZE, 2);
  }

  /** Hands a queue over, without interrupts; its doorbell register. */
  enableQueue(index: number, place: RingPlace): Offset {
    const common = this.#common;
    common.write(QUEUE_SELECT, 2, index);
    common.write(QUEUE_SIZE, 2, place.size);
    common.write(QUEUE_MSIX_VECTOR, 2, VIRTIO_MSI_NO_VECTOR);
    write64(common, QUEUE_DESC, place.desc);
    write64(common, QUEUE_DRIVER, place.avail);
    write64(common, QUEUE_DEVICE, place.used);
    const doorbell = this.#doorbell(common.read(QUEUE_NOTIFY_OFF, 2));
    common.write(QUEUE_ENABLE, 2, 1);
    return doorbell;
  }

  /** Tells the device of a queue that JavaScript runs. */
  notify(index: number): void {
    this.#common.write(QUEUE_SELECT, 2, index);
    const at = this.#common.read(QUEUE_NOTIFY_OFF, 2) * this.#notifyMultiplier;
    part(this.#device, this.#notify).write(at, 2, index);
  }

  noConfigInterrupt(): void {
    this.#common.write(CONFIG_MSIX_VECTOR, 2, VIRTIO_MSI_NO_VECTOR);
  }

  /** The device's own configuration. */
  readConfig(at: number, width: Width): number {
    return this.#config.read(at, width);
  }

  #doorbell(notifyOff: number): Offset {
    const at = notifyOff * this.#notifyMultiplier;
    if (at + 2 > this.#notify.size) throw new UserError(`${this.#device.address}: a doorbell outside of its registers`);
    this.#notifyBase ??= this.#device.mapBar(this.#notify.bar, this.#notify.offset, this.#notify.size);
    return (this.#notifyBase + at) as Offset;
  }
}

/** The first capability of each type is the one to use (4.1.4). */
function readStructures({ config }: PciFunction): Map<number, Structure> {
  const found = new Map<number, Structure>();
  for (const capability of findCapabilities(config, PCI_CAP_ID_VNDR)) {
    const type = config.read(capability + 3, 1);
    const bar = config.read(capability + 4, 1);
    if (found.has(type) || bar > 5) continue;
    const offset = config.read(capability + 8, 4);
    found.set(type, { bar, offset, size: config.read(capability + 12, 4), capability });
  }
  return found;
}

function part(device: PciFunction, { bar, offset, size }: Structure): Registers {
  const registers = device.bar(bar);
  return {
    size,
    read: (at, width) => registers.read(offset + at, width),
    write: (at, width, value) => registers.write(offset + at, width, value),
  };
}

/** 64-bit fields are two accesses of 32 (4.1.3.1). */
function write64(registers: Registers, at: number, value: bigint): void {
  registers.write(at, 4, Number(value & 0xffffffffn));
  registers.write(at + 4, 4, Number(value >> 32n));
}
