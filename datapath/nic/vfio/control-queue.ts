// The control queue of a virtio-net device (virtio 1.2, 5.1.6.5), run by the control thread: one command at a time, of
// three descriptors: class and command, what belongs to it, and a byte for the answer.
//
//   0 descriptors | 64 avail | 128 used | 256, 320, 384 buffers

import { waitUntil } from './function-driver.ts';
import type { DeviceMemory, PciFunction } from './pci-function.ts';
import type { VirtioPci } from './virtio-pci.ts';

const SIZE = 4;
const AVAIL = 64;
const USED = 128;
const BUFFERS = 256;
const BUFFER_SIZE = 64;

const VIRTQ_DESC_F_NEXT = 1;
const VIRTQ_DESC_F_WRITE = 2;
const VIRTQ_AVAIL_F_NO_INTERRUPT = 1;
const VIRTIO_NET_OK = 0;
const NO_ANSWER = 0xff;
/** Milliseconds, about: a device's firmware may be slow. */
const PATIENCE = 5000;

export class ControlQueue {
  readonly #memory: DeviceMemory;
  readonly #index: number;
  readonly #virtio: VirtioPci;
  #sent = 0;

  /** Hands queue `index` to the device; before DRIVER_OK. */
  constructor(device: PciFunction, virtio: VirtioPci, index: number) {
    this.#memory = device.memory(BUFFERS + 3 * BUFFER_SIZE);
    this.#index = index;
    this.#virtio = virtio;
    const { bytes, address } = this.#memory;
    bytes.setUint16(AVAIL, VIRTQ_AVAIL_F_NO_INTERRUPT, true);
    const at = (part: number) => address + BigInt(part);
    const place = { size: SIZE, desc: at(0), avail: at(AVAIL), used: at(USED), bufferSize: BUFFER_SIZE };
    virtio.enableQueue(index, place);
  }

  /** Resolves with whether the device did it; false also when it does not answer. */
  async send(commandClass: number, command: number, data: readonly number[]): Promise<boolean> {
    const { bytes } = this.#memory;
    const parts = [[commandClass, command], data, [NO_ANSWER]];
    for (const [i, part] of parts.entries()) {
      for (const [k, byte] of part.entries()) bytes.setUint8(BUFFERS + i * BUFFER_SIZE + k, byte);
      this.#describe(i, part.length, i === parts.length - 1 ? VIRTQ_DESC_F_WRITE : VIRTQ_DESC_F_NEXT);
    }
    bytes.setUint16(AVAIL + 4 + 2 * (this.#sent % SIZE), 0, true);
    this.#sent = (this.#sent + 1) & 0xffff;
    bytes.setUint16(AVAIL + 2, this.#sent, true);
    this.#virtio.notify(this.#index);
    if (!(await waitUntil(() => bytes.getUint16(USED + 2, true) === this.#sent, PATIENCE))) return false;
    return bytes.getUint8(BUFFERS + 2 * BUFFER_SIZE) === VIRTIO_NET_OK;
  }

  /** No more commands; the memory stays the device's until it is stopped. */
  forget(): void {
    this.#sent = 0;
  }

  /** Descriptor `i` is buffer `i`, the next one behind it. */
  #describe(i: number, len: number, flags: number): void {
    const { bytes, address } = this.#memory;
    bytes.setBigUint64(16 * i, address + BigInt(BUFFERS + i * BUFFER_SIZE), true);
    bytes.setUint32(16 * i + 8, len, true);
    bytes.setUint16(16 * i + 12, flags, true);
    bytes.setUint16(16 * i + 14, i + 1, true);
  }
}
