// PCI functions made of software, for tests of drivers and ports: registers are a model's, the rings are where the
// datapath's own threads find them, and so are the doorbells. What VFIO gives is in the test that boots a machine.
import koffi from 'koffi';
import { DmaMemory, type DmaServices } from '../../../datapath/arena/dma-memory.ts';
import { type Offset, toOffset } from '../../../datapath/arena/offset.ts';
import type { RingMemory } from '../../../datapath/nic/provider.ts';
import type {
  DeviceMemory,
  FunctionOpener,
  PciFunction,
  Registers,
  Width,
} from '../../../datapath/nic/vfio/pci-function.ts';
import { UserError } from '../../../lib/errors.ts';
import { MAP_SHARED, mmap, munmap, PROT_READ, PROT_WRITE } from '../../../lib/syscalls/memory.ts';

/** Registers that lie in an array, unless a model has something to do when they are touched. */
export class SoftRegisters implements Registers {
  readonly bytes: Buffer;
  onWrite: (at: number, value: number) => void = () => {};
  onRead: (at: number) => void = () => {};

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
  }

  get size(): number {
    return this.bytes.length;
  }

  read(at: number, width: Width): number {
    this.onRead(at);
    return this.bytes.readUIntLE(at, width);
  }

  write(at: number, width: Width, value: number): void {
    this.bytes.writeUIntLE(value, at, width);
    this.onWrite(at, value);
  }
}

/** What a device address leads to. */
export interface Place {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
}

interface Mapping {
  readonly address: bigint;
  readonly size: number;
  readonly at: bigint;
  readonly buffer: ArrayBuffer;
}

/** What the models have in common: one BAR, and memory that they reach by device addresses. */
export abstract class SoftFunction implements PciFunction {
  abstract readonly vendorId: number;
  abstract readonly deviceId: number;
  readonly config = new SoftRegisters(256);
  readonly registers: SoftRegisters;
  address = '';
  isOpen = false;
  /** Set: it cannot be opened. */
  held: string | undefined;
  /** Times that rings were given to it. */
  mapped = 0;
  #services: DmaServices | undefined;
  #mappings: Mapping[] = [];
  #doorbells: DmaMemory | undefined;
  #own: DmaMemory | undefined;

  constructor(barSize: number) {
    this.registers = new SoftRegisters(barSize);
  }

  open(services: DmaServices, address: string): this {
    this.#services = services;
    this.address = address;
    this.isOpen = true;
    this.reset();
    return this;
  }

  abstract reset(): void;

  bar(): Registers {
    return this.registers;
  }

  /** The registers that the hot module writes are memory that looks like the BAR. */
  mapBar(_index: number, at: number): Offset {
    this.#doorbells ??= DmaMemory.create(this.#services!, this.registers.size);
    return toOffset(this.#doorbells.offset + at);
  }

  /** What was last written to a doorbell. */
  doorbell(at: number): number {
    if (!this.#doorbells) return 0;
    return new DataView(koffi.view(this.#doorbells.processAddress, this.registers.size)).getUint32(at, true);
  }

  map({ fd, size, address }: RingMemory): void {
    const at = mmap(0n, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0n);
    this.#mappings.push({ address, size, at, buffer: koffi.view(at, size) });
    this.mapped++;
  }

  unmap({ address }: RingMemory): void {
    const gone = this.#mappings.find((mapping) => mapping.address === address)!;
    this.#mappings = this.#mappings.filter((mapping) => mapping !== gone);
    munmap(gone.at, gone.size);
  }

  memory(size: number): DeviceMemory {
    this.#own ??= DmaMemory.create(this.#services!, size);
    if (!this.#mappings.some(({ address }) => address === this.#own!.address)) {
      this.map(this.#own);
      this.mapped--;
    }
    const { address, buffer } = this.#mappings.at(-1)!;
    return { address, bytes: new DataView(buffer, 0, size) };
  }

  /** The bytes that the device calls `address`; throws where it can reach nothing. */
  protected bytes(address: bigint, length: number): Uint8Array {
    const found = this.#mappings.find(
      (m) => address >= m.address && address + BigInt(length) <= m.address + BigInt(m.size),
    );
    if (!found) throw new Error(`the IOMMU has nothing at 0x${address.toString(16)}`);
    return new Uint8Array(found.buffer, Number(address - found.address), length);
  }

  protected u16(address: bigint): Uint16Array {
    const { buffer, byteOffset } = this.bytes(address, 2);
    return new Uint16Array(buffer, byteOffset, 1);
  }

  protected u32(address: bigint): Uint32Array {
    const { buffer, byteOffset } = this.bytes(address, 4);
    return new Uint32Array(buffer, byteOffset, 1);
  }

  protected u64(address: bigint): BigUint64Array {
    const { buffer, byteOffset } = this.bytes(address, 8);
    return new BigUint64Array(buffer, byteOffset, 1);
  }

  /** As if the card had left its slot: its registers are not there any more. */
  pullOut(): void {
    this.#services!.arena.unmap(this.#doorbells!.offset, this.#doorbells!.size);
  }

  setBusMaster(): void {}

  close(): void {
    this.isOpen = false;
    for (const { at, size } of this.#mappings.splice(0)) munmap(at, size);
    this.#doorbells?.release();
    this.#own?.release();
    this.#doorbells = undefined;
    this.#own = undefined;
  }
}

/** Opens software functions by their addresses. */
export function softFunctions(
  devices: () => Readonly<Record<string, SoftFunction>>,
): (services: DmaServices) => FunctionOpener {
  return (services) => {
    const obstacle = (address: string) => {
      const device = devices()[address];
      return device ? device.held : `this machine has no PCI function ${address}`;
    };
    const open = (address: string) => {
      const problem = obstacle(address);
      if (problem !== undefined) throw new UserError(problem);
      return devices()[address]!.open(services, address);
    };
    return { open, obstacle };
  };
}
