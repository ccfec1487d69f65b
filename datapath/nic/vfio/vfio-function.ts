// A PCI function opened through VFIO, and why one cannot be: each reason in words with the command that mends it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../lib/errors.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import {
  CONFIG_REGION,
  deviceRegion,
  readRegister,
  resetDevice,
  type VfioRegion,
  type Width,
  writeRegister,
} from '../../../lib/syscalls/vfio.ts';
import { DmaMemory, type DmaServices } from '../../arena/dma-memory.ts';
import { type Offset, toOffset } from '../../arena/offset.ts';
import type { RingMemory } from '../provider.ts';
import { GroupDomain, type IommuDomain, IommufdDomain, mappingError } from './iommu-domain.ts';
import { PciBus, type PciFacts, VFIO_DRIVER } from './pci-facts.ts';
import {
  type DeviceMemory,
  type FunctionOpener,
  PCI_COMMAND,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  type PciFunction,
  type Registers,
} from './pci-function.ts';

const PAGE_SIZE = 4096;

/** How to get an IOMMU: what the doctor says too. */
export const NO_IOMMU =
  'this machine has no IOMMU switched on: enable VT-d or AMD-Vi in its firmware, add intel_iommu=on or amd_iommu=on ' +
  "to the kernel's command line, and boot again";

/** The domains of the groups in use: functions of a group share theirs. */
interface SharedDomain {
  readonly domain: IommuDomain;
  users: number;
}

/** Opens functions; one for the process, because a group can be opened once. */
export class VfioOpener implements FunctionOpener {
  readonly #services: DmaServices;
  readonly #bus: PciBus;
  readonly #domains = new Map<string, SharedDomain>();

  constructor(services: DmaServices, bus = new PciBus()) {
    this.#services = services;
    this.#bus = bus;
  }

  open(address: string): PciFunction {
    const problem = this.obstacle(address);
    if (problem !== undefined) throw new UserError(problem);
    const facts = this.#bus.read(address)!;
    const group = facts.group!;
    const domain = this.#acquire(group, address);
    try {
      return new VfioFunction(this.#services, facts, domain, () => this.#release(group));
    } catch (error) {
      this.#release(group);
      throw error;
    }
  }

  obstacle(address: string): string | undefined {
    const facts = this.#bus.read(address);
    return facts ? whyNotFree(this.#bus, facts) : `this machine has no PCI function ${address} (see lspci -D)`;
  }

  #acquire(group: string, address: string): IommuDomain {
    const shared = this.#domains.get(group) ?? { domain: this.#makeDomain(group, address), users: 0 };
    shared.users++;
    this.#domains.set(group, shared);
    return shared.domain;
  }

  #makeDomain(group: string, address: string): IommuDomain {
    const { root } = this.#bus;
    if (!existsSync(join(root, 'dev/vfio', group)) && this.#bus.deviceFile(address) !== undefined) {
      return new IommufdDomain(root, (other) => this.#bus.deviceFile(other) ?? '');
    }
    return new GroupDomain(root, group, () => new UserError(blockedText(this.#bus, address, group)));
  }

  #release(group: string): void {
    const shared = this.#domains.get(group);
    if (!shared || --shared.users > 0) return;
    this.#domains.delete(group);
    shared.domain.close();
  }
}

/** Why the function cannot be opened, with the command that frees it; undefined when it can. */
export function whyNotFree(bus: PciBus, facts: PciFacts): string | undefined {
  if (facts.group === undefined) return `${facts.address}: ${NO_IOMMU}`;
  if (facts.driver !== VFIO_DRIVER) {
    const names = facts.interfaces.length > 0 ? ` (${facts.interfaces.join(', ')})` : '';
    const holder =
      facts.driver === undefined ? 'has no driver' : `is bound to the kernel's driver ${facts.driver}${names}`;
    return `${facts.address} ${holder}; to free it: ${bus.freeingCommand(facts)}`;
  }
  return bus.groupBlockers(facts.group).length > 0 ? blockedText(bus, facts.address, facts.group) : undefined;
}

function blockedText(bus: PciBus, address: string, group: string): string {
  const blockers = bus.groupBlockers(group);
  const list = blockers.map((other) => `${other.address} (${other.driver})`).join(', ');
  const commands = blockers.map((other) => bus.freeingCommand(other)).join(' && ');
  return (
    `${address} is in IOMMU group ${group} with functions that the kernel drives: ${list || 'unknown'}` +
    (commands ? `; to free them: ${commands}` : '')
  );
}

class VfioFunction implements PciFunction {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly config: Registers;
  readonly #services: DmaServices;
  readonly #domain: IommuDomain;
  readonly #device: number;
  readonly #onClose: () => void;
  #memory: DmaMemory | undefined;
  readonly #windows: { at: Offset; size: number }[] = [];

  constructor(services: DmaServices, facts: PciFacts, domain: IommuDomain, onClose: () => void) {
    this.address = facts.address;
    this.vendorId = facts.vendorId;
    this.deviceId = facts.deviceId;
    this.#services = services;
    this.#domain = domain;
    this.#onClose = onClose;
    this.#device = domain.openDevice(facts.address);
    try {
      this.config = this.#registers(CONFIG_REGION);
      this.#reset();
    } catch (error) {
      close(this.#device);
      throw error;
    }
  }

  bar(index: number): Registers {
    return this.#registers(index);
  }

  mapBar(index: number, at: number, size: number): Offset {
    const region = deviceRegion(this.#device, index);
    if (!region.mappable) throw new UserError(`${this.address}: BAR ${index} cannot be mapped`);
    const first = Math.floor(at / PAGE_SIZE) * PAGE_SIZE;
    const bytes = Math.ceil((at + size - first) / PAGE_SIZE) * PAGE_SIZE;
    const window = this.#services.windows.reserve(bytes, PAGE_SIZE);
    this.#windows.push({ at: window, size: bytes });
    this.#services.arena.mapFile(window, this.#device, BigInt(region.offset + first), bytes);
    return toOffset(window + at - first);
  }

  /** The kernel resets it once more when the descriptor is closed. */
  #reset(): void {
    resetDevice(this.#device);
    const command = this.config.read(PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER;
    this.config.write(PCI_COMMAND, 2, command | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
  }

  map(memory: RingMemory): void {
    try {
      this.#domain.map(memory.processAddress, memory.address, memory.size);
    } catch (error) {
      throw mappingError(error, memory.size, lockedMemoryLimit());
    }
  }

  unmap(memory: RingMemory): void {
    this.#domain.unmap(memory.address, memory.size);
  }

  memory(size: number): DeviceMemory {
    this.#memory ??= this.#createMemory(size);
    const { buffer } = this.#services.arena.memory;
    const bytes = new DataView(buffer, this.#memory.offset, size);
    for (let at = 0; at < size; at++) bytes.setUint8(at, 0);
    return { bytes, address: this.#memory.address };
  }

  #createMemory(size: number): DmaMemory {
    const memory = DmaMemory.create(this.#services, size);
    try {
      this.map(memory);
      return memory;
    } catch (error) {
      memory.release();
      throw error;
    }
  }

  setBusMaster(on: boolean): void {
    const command = this.config.read(PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER;
    this.config.write(PCI_COMMAND, 2, command | (on ? PCI_COMMAND_MASTER : 0));
  }

  close(): void {
    for (const { at, size } of this.#windows.splice(0)) {
      this.#services.arena.unmap(at, size);
      this.#services.windows.release(at);
    }
    if (this.#memory) {
      this.unmap(this.#memory);
      this.#memory.release();
    }
    close(this.#device);
    this.#onClose();
  }

  #registers(index: number): Registers {
    const region: VfioRegion = deviceRegion(this.#device, index);
    return {
      size: region.size,
      read: (at: number, width: Width) => readRegister(this.#device, region, at, width),
      write: (at: number, width: Width, value: number) => writeRegister(this.#device, region, at, width, value),
    };
  }
}

/** `8192 kB` or `unlimited`. */
export function lockedMemoryLimit(root = '/'): string {
  const line =
    /^Max locked memory\s+(\S+)/m.exec(readFileSync(join(root, 'proc/self/limits'), 'utf8'))?.[1] ?? 'unknown';
  return /^\d+$/.test(line) ? `${Math.floor(Number(line) / 1024)} kB` : line;
}
