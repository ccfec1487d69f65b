// A PCI function in weft's hands: its configuration space, registers and DMA. Drivers (virtio-net.ts, e1000e.ts) work on
// this interface; vfio-function.ts is the real one.

import type { Offset } from '../../arena/offset.ts';
import type { RingMemory } from '../provider.ts';

export type Width = 1 | 2 | 4;

/** Registers or configuration space; each call is one access of that width. Throws when the function is gone. */
export interface Registers {
  readonly size: number;
  read(at: number, width: Width): number;
  write(at: number, width: Width, value: number): void;
}

/** Memory that a driver and its device share, beside the rings. */
export interface DeviceMemory {
  readonly bytes: DataView;
  /** What the device calls the first byte. */
  readonly address: bigint;
}

export interface PciFunction {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly config: Registers;
  bar(index: number): Registers;
  /** Arena offset of byte `at` of a BAR, `size` bytes mapped for the hot module; until close(). Throws UserError. */
  mapBar(index: number, at: number, size: number): Offset;
  /** Lets the function reach the rings, and takes that back. Throws UserError. */
  map(memory: RingMemory): void;
  unmap(memory: RingMemory): void;
  /** A few zeroes that the function can reach; until close(). Throws UserError. */
  memory(size: number): DeviceMemory;
  /** Lets the function read and write memory, or stops it. */
  setBusMaster(on: boolean): void;
  /** Takes everything back: when no datapath thread touches registers or memory any more. */
  close(): void;
}

/** Opens functions, or says why not. */
export interface FunctionOpener {
  /** Throws UserError saying why the function cannot be had. */
  open(address: string): PciFunction;
  /** Why it cannot be had, as far as can be told without opening it. */
  obstacle(address: string): string | undefined;
}

export const PCI_COMMAND = 4;
export const PCI_COMMAND_MEMORY = 2;
export const PCI_COMMAND_MASTER = 4;
export const PCI_COMMAND_INTX_DISABLE = 0x400;
const PCI_STATUS = 6;
const PCI_STATUS_CAP_LIST = 0x10;
const PCI_CAPABILITY_LIST = 0x34;
/** As many as fit into 192 bytes: a list that goes round ends here. */
const CAPABILITY_MAX = 48;

/** Offsets of the capabilities with this id in configuration space. */
export function findCapabilities(config: Registers, id: number): number[] {
  const found: number[] = [];
  if ((config.read(PCI_STATUS, 2) & PCI_STATUS_CAP_LIST) === 0) return found;
  let at = config.read(PCI_CAPABILITY_LIST, 1) & 0xfc;
  for (let n = 0; at >= 0x40 && n < CAPABILITY_MAX; n++) {
    if (config.read(at, 1) === id) found.push(at);
    at = config.read(at + 1, 1) & 0xfc;
  }
  return found;
}
