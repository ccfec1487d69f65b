// Memory that a card reads and writes: rings and their buffers. A file of its own, so that it can be shared with another
// process or worker (the NIC model), mapped into a window of the arena, in hugepages where they are free, so that an
// IOMMU maps it in large pieces.

import { close, F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SHRINK, fcntl } from '../../lib/syscalls/fd.ts';
import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_HUGETLB, memfd } from '../../lib/syscalls/memory.ts';
import { DEVICE_ADDRESS_BASE } from '../layout/memory-map.ts';
import { type Arena, freeHugePages } from './arena.ts';
import type { GuestWindows } from './guest-windows.ts';
import type { Offset } from './offset.ts';
import { HUGE_PAGE_SIZE } from './reserve.ts';

export interface DmaServices {
  readonly arena: Arena;
  readonly windows: GuestWindows;
}

export class DmaMemory {
  readonly #services: DmaServices;
  /** Stays this object's. */
  readonly fd: number;
  readonly size: number;
  readonly offset: Offset;

  private constructor(services: DmaServices, fd: number, size: number, offset: Offset) {
    this.#services = services;
    this.fd = fd;
    this.size = size;
    this.offset = offset;
  }

  /** At least `bytes` of zeroes. Throws UserError when the arena has no room, SyscallError without memory. */
  static create(services: DmaServices, bytes: number): DmaMemory {
    const size = Math.ceil(bytes / HUGE_PAGE_SIZE) * HUGE_PAGE_SIZE;
    const offset = services.windows.reserve(size, HUGE_PAGE_SIZE);
    try {
      return new DmaMemory(services, mapped(services.arena, offset, size), size, offset);
    } catch (error) {
      services.windows.release(offset);
      throw error;
    }
  }

  /** By which a card names the first byte. */
  get address(): bigint {
    return BigInt(DEVICE_ADDRESS_BASE + this.offset);
  }

  /** Where the first byte is in this process: what VFIO_IOMMU_MAP_DMA calls vaddr. */
  get processAddress(): bigint {
    return this.#services.arena.base + BigInt(this.offset);
  }

  /** Gives everything back: only once no thread and no card can touch it. */
  release(): void {
    this.#services.arena.unmap(this.offset, this.size);
    this.#services.windows.release(this.offset);
    close(this.fd);
  }
}

function mapped(arena: Arena, offset: Offset, size: number): number {
  if (freeHugePages() >= size / HUGE_PAGE_SIZE) {
    try {
      return mappedWith(arena, offset, size, MFD_HUGETLB);
    } catch {
      // Lost a race for the pages, or not permitted: ordinary pages serve too.
    }
  }
  return mappedWith(arena, offset, size, 0);
}

/** The file's size is sealed: who shares it cannot take a page away from under a thread. */
function mappedWith(arena: Arena, offset: Offset, size: number, flags: number): number {
  const fd = memfd('weft-dma', size, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
  try {
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    arena.mapFile(offset, fd, 0n, size);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
