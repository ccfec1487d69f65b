// What a device may reach: an IOMMU domain, one for each group, so that a function sees its own rings and buffers and no
// other port's. Groups and containers (/dev/vfio/N) are what every kernel with VFIO has; where a kernel has been built
// without them, functions have device files of their own and an iommufd (/dev/iommu) is the domain.

import { constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { SyscallError, UserError } from '../../../lib/errors.ts';
import { close } from '../../../lib/syscalls/fd.ts';
import {
  bindIommufd,
  containerIsUsable,
  containerMapDma,
  containerUnmapDma,
  groupDevice,
  groupIsViable,
  ioasAlloc,
  ioasMap,
  ioasUnmap,
  joinContainer,
} from '../../../lib/syscalls/vfio.ts';

export interface IommuDomain {
  /** Opens a function of the group; the caller closes the descriptor. */
  openDevice(address: string): number;
  map(vaddr: bigint, iova: bigint, size: number): void;
  unmap(iova: bigint, size: number): void;
  close(): void;
}

/** What a failed open() of a device file means to whoever has to mend it. */
export class AccessError extends UserError {
  readonly code: string;

  constructor(path: string, error: unknown) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    super(`cannot open ${path}: ${ADVICE[code] ?? code}`);
    this.code = code;
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist; load the driver: modprobe vfio-pci',
  EACCES: 'not permitted; run weftd as root or give its user the file: chown USER FILE',
  EPERM: 'not permitted; run weftd as root (CAP_SYS_ADMIN is missing)',
  EBUSY: 'another program uses this group of functions (a virtual machine, DPDK, another weftd)',
};

export function openFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_SYNC);
  } catch (error) {
    throw new AccessError(path, error);
  }
}

/** A group in a container of its own. */
export class GroupDomain implements IommuDomain {
  readonly #container: number;
  readonly #group: number;

  /** Throws UserError; `blocked` when functions of the group are still the kernel's. */
  constructor(root: string, group: string, blocked: () => UserError) {
    this.#group = openFile(join(root, 'dev/vfio', group));
    let container = -1;
    try {
      if (!groupIsViable(this.#group)) throw blocked();
      container = openFile(join(root, 'dev/vfio/vfio'));
      if (!containerIsUsable(container)) throw new UserError('this kernel has no VFIO type 1 IOMMU driver');
      joinContainer(this.#group, container);
    } catch (error) {
      if (container >= 0) close(container);
      close(this.#group);
      throw error;
    }
    this.#container = container;
  }

  openDevice(address: string): number {
    return groupDevice(this.#group, address);
  }

  map(vaddr: bigint, iova: bigint, size: number): void {
    containerMapDma(this.#container, vaddr, iova, size);
  }

  unmap(iova: bigint, size: number): void {
    containerUnmapDma(this.#container, iova, size);
  }

  close(): void {
    close(this.#group);
    close(this.#container);
  }
}

/** An address space of an iommufd that functions are bound to one by one. */
export class IommufdDomain implements IommuDomain {
  readonly #iommufd: number;
  readonly #ioas: number;
  readonly #deviceFile: (address: string) => string;

  constructor(root: string, deviceFile: (address: string) => string) {
    this.#iommufd = openFile(join(root, 'dev/iommu'));
    this.#deviceFile = deviceFile;
    try {
      this.#ioas = ioasAlloc(this.#iommufd);
    } catch (error) {
      close(this.#iommufd);
      throw error;
    }
  }

  openDevice(address: string): number {
    const device = openFile(this.#deviceFile(address));
    try {
      bindIommufd(device, this.#iommufd, this.#ioas);
      return device;
    } catch (error) {
      close(device);
      throw error;
    }
  }

  map(vaddr: bigint, iova: bigint, size: number): void {
    ioasMap(this.#iommufd, this.#ioas, vaddr, iova, size);
  }

  unmap(iova: bigint, size: number): void {
    ioasUnmap(this.#iommufd, this.#ioas, iova, size);
  }

  close(): void {
    close(this.#iommufd);
  }
}

/** What a failed DMA mapping means: memory for devices is locked, and a limit counts what a user locks. */
export function mappingError(error: unknown, size: number, limit: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  const mib = Math.ceil(size / 2 ** 20);
  if (error.code === 'ENOMEM') {
    const advice = `the limit of locked memory is ${limit}: ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit`;
    return new UserError(`cannot lock ${mib} MiB for the device: ${advice}`);
  }
  return new UserError(`cannot map ${mib} MiB for the device: ${error.message}`);
}
