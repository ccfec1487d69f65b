// A guest's memory for tests: regions of one or more memfds, seen by the test through DataViews and by the switch
// through the descriptors. Addresses are guest-physical; the "front-end's virtual" ones are the test's own mappings.
import { ftruncateSync } from 'node:fs';
import koffi from 'koffi';
import { close } from '../../../lib/syscalls/fd.ts';
import { MAP_SHARED, memfd, mmap, PROT_READ, PROT_WRITE } from '../../../lib/syscalls/memory.ts';

export interface RegionSpec {
  readonly guestAddr: bigint;
  /** Bytes. */
  readonly size: number;
  /** Where the region begins in its file; 0 unless told otherwise. */
  readonly fileOffset?: number;
}

export interface Region {
  readonly guestAddr: bigint;
  readonly userAddr: bigint;
  readonly size: number;
  readonly fileOffset: number;
  readonly fd: number;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

export const DEFAULT_REGIONS: readonly RegionSpec[] = [{ guestAddr: 0x4000_0000n, size: 8 << 20 }];

function createRegion({ guestAddr, size, fileOffset = 0 }: RegionSpec): Region {
  const fd = memfd('weft-test-guest', fileOffset + size);
  const userAddr = mmap(0n, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, BigInt(fileOffset));
  const buffer = koffi.view(userAddr, size);
  return {
    guestAddr,
    userAddr,
    size,
    fileOffset,
    fd,
    view: new DataView(buffer),
    bytes: new Uint8Array(buffer),
  };
}

/** A span that alloc() gave out: the same bytes under three names. */
export interface Span {
  readonly guestAddr: bigint;
  readonly userAddr: bigint;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

export class GuestMemory {
  readonly regions: readonly Region[];
  readonly #used: number[];

  constructor(specs: readonly RegionSpec[] = DEFAULT_REGIONS) {
    this.regions = specs.map(createRegion);
    this.#used = specs.map(() => 0);
  }

  /** Takes `size` bytes of a region, never to be given back. */
  alloc(size: number, align = 16, regionIndex = 0): Span {
    const region = this.regions[regionIndex]!;
    const at = Math.ceil(this.#used[regionIndex]! / align) * align;
    if (at + size > region.size) throw new RangeError(`guest region ${regionIndex} is full`);
    this.#used[regionIndex] = at + size;
    return this.at(region.guestAddr + BigInt(at), size);
  }

  /** The bytes at a guest-physical address. */
  at(guestAddr: bigint, size: number): Span {
    const region = this.regions.find(
      (r) => guestAddr >= r.guestAddr && guestAddr + BigInt(size) <= r.guestAddr + BigInt(r.size),
    );
    if (!region) throw new RangeError(`no guest memory at 0x${guestAddr.toString(16)}`);
    const start = Number(guestAddr - region.guestAddr);
    return {
      guestAddr,
      userAddr: region.userAddr + BigInt(start),
      view: new DataView(region.view.buffer, start, size),
      bytes: region.bytes.subarray(start, start + size),
    };
  }

  /** Cuts a region's file short behind the switch's back; the test must not touch what is gone either. */
  truncate(regionIndex: number, size: number): void {
    ftruncateSync(this.regions[regionIndex]!.fd, size);
  }

  /** Closes the files. The mappings stay: a view may still be looked at. */
  close(): void {
    for (const region of this.regions) close(region.fd);
  }
}
