// A guest's memory table in the arena: each region has a window (datapath/arena/guest-windows.ts) where its file is
// mapped, and a record that the hot path translates guest addresses with (datapath/layout/vring.ts, DEVICE). A region
// that fits is mapped whole; one that does not gets a chunk table, and its 2 MiB chunks are mapped when first touched
// (chunk-window.ts).

import { SyscallError, UserError } from '../../lib/errors.ts';
import { close, filePageSize, fileSize } from '../../lib/syscalls/fd.ts';
import type { Arena } from '../arena/arena.ts';
import type { GuestWindows } from '../arena/guest-windows.ts';
import type { Heap } from '../arena/heap.ts';
import { type Offset, toOffset } from '../arena/offset.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import {
  CHUNK_SIZE,
  DEVICE_REGION_COUNT,
  DEVICE_REGION_MAX,
  DEVICE_REGIONS,
  DEVICE_SIZE,
  REGION_BYTES,
  REGION_CHUNK_TABLE,
  REGION_FILE_OFFSET,
  REGION_GUEST_ADDR,
  REGION_ID,
  REGION_OFFSET,
  REGION_SIZE,
} from '../layout/vring.ts';
import type { GuestRegion } from '../port/vhost-user/services.ts';
import { CHUNK_WINDOW_SIZE, ChunkWindow } from './chunk-window.ts';

const GIB = 2 ** 30;

/** Where guest memory goes: the parts of the datapath that mapping needs. */
export interface MemoryServices {
  readonly arena: Arena;
  readonly heap: Heap;
  readonly windows: GuestWindows;
  readonly quiescence: Quiescence;
}

interface MappedRegion extends GuestRegion {
  readonly window: Offset;
  readonly windowSize: number;
  /** Where the region's first byte lies in its window. */
  readonly offset: Offset;
  readonly pageSize: number;
  /** Of a region that is not mapped whole. */
  readonly chunks: ChunkWindow | undefined;
}

export class GuestMemory {
  readonly #services: MemoryServices;
  readonly #regions: readonly MappedRegion[];
  readonly #pinned: { window: Offset; size: number }[] = [];
  #released = false;
  /** The DEVICE record. */
  readonly device: Offset;

  private constructor(services: MemoryServices, regions: readonly MappedRegion[]) {
    this.#services = services;
    this.#regions = regions;
    this.device = services.heap.alloc(DEVICE_SIZE);
    this.#writeRecord();
  }

  /** Maps every region. Throws UserError and maps nothing when one does not fit; the descriptors stay the caller's. */
  static map(services: MemoryServices, regions: readonly GuestRegion[]): GuestMemory {
    if (regions.length > DEVICE_REGION_MAX) {
      throw new UserError(`${regions.length} memory regions: at most ${DEVICE_REGION_MAX} can be mapped`);
    }
    const mapped: MappedRegion[] = [];
    try {
      for (const region of regions) mapped.push(mapRegion(services, region));
    } catch (error) {
      for (const region of mapped) unmapRegion(services, region);
      throw error instanceof UserError ? error : new UserError(`cannot map guest memory: ${String(error)}`);
    }
    mapped.sort((a, b) => (a.guestAddr < b.guestAddr ? -1 : 1));
    return new GuestMemory(services, mapped);
  }

  get regions(): readonly GuestRegion[] {
    return this.#regions;
  }

  /** Arena offset of guest memory [addr, addr + len) when one region holds all of it; it stays mapped until release(). */
  translate(addr: bigint, len: number): Offset | undefined {
    for (const region of this.#regions) {
      const delta = addr - region.guestAddr;
      if (delta < 0n || delta + BigInt(len) > region.size || delta >= region.size) continue;
      if (region.chunks === undefined) return toOffset(region.offset + Number(delta));
      return this.#pin(region, delta, len);
    }
    return undefined;
  }

  /**
   * Maps the chunk that holds `addr` and the next one (chunk-window.ts), then calls `done`, with what went wrong if it
   * could not. What lay in that place is forgotten at once, and replaced after every thread was quiescent.
   */
  mapChunk(addr: bigint, done: (failure?: Error) => void): void {
    const region = this.#regions.find((r) => addr >= r.guestAddr && addr - r.guestAddr < r.size);
    const place = region?.chunks?.clearPlace();
    this.#services.quiescence.defer(() => {
      try {
        if (!this.#released && region && place !== undefined) this.#mapPair(region, addr, place);
        done();
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        done(error);
      }
    });
  }

  #mapPair(region: MappedRegion, addr: bigint, place: number): void {
    const chunkSize = BigInt(CHUNK_SIZE);
    const inFile = addr - region.guestAddr + (region.mmapOffset % chunkSize);
    const first = Number(inFile / chunkSize);
    const fileAt = region.mmapOffset - (region.mmapOffset % chunkSize) + BigInt(first) * chunkSize;
    const left = region.mmapOffset + region.size - fileAt;
    const size = Number(left < 2n * chunkSize ? left : 2n * chunkSize);
    this.#services.arena.mapFile(region.chunks!.at(place), region.fd, fileAt, roundUp(size, region.pageSize));
    region.chunks!.publish(place, first, size > CHUNK_SIZE);
  }

  /** Gives everything back, descriptors too: only once no thread can touch it. */
  release(): void {
    this.#released = true;
    for (const { window, size } of this.#pinned) {
      this.#services.arena.unmap(window, size);
      this.#services.windows.release(window);
    }
    for (const region of this.#regions) {
      unmapRegion(this.#services, region);
      close(region.fd);
    }
    this.#services.heap.free(this.device);
  }

  /** Ring parts in a chunked region must never be evicted: they get a window of their own. */
  #pin(region: MappedRegion, delta: bigint, len: number): Offset {
    const fileAt = region.mmapOffset + delta;
    const head = Number(fileAt % BigInt(region.pageSize));
    const size = roundUp(head + len, region.pageSize);
    const window = this.#services.windows.reserve(size, Math.max(region.pageSize, 65536));
    this.#pinned.push({ window, size });
    this.#services.arena.mapFile(window, region.fd, fileAt - BigInt(head), size);
    return toOffset(window + head);
  }

  #writeRecord(): void {
    const { u32, u64 } = this.#services.arena.views;
    u32[(this.device + DEVICE_REGION_COUNT) >> 2] = this.#regions.length;
    this.#regions.forEach((region, i) => {
      const at = this.device + DEVICE_REGIONS + i * REGION_SIZE;
      u64[(at + REGION_GUEST_ADDR) >> 3] = region.guestAddr;
      u64[(at + REGION_BYTES) >> 3] = region.size;
      u32[(at + REGION_OFFSET) >> 2] = region.offset;
      u32[(at + REGION_CHUNK_TABLE) >> 2] = region.chunks?.table ?? 0;
      u64[(at + REGION_FILE_OFFSET) >> 3] = region.mmapOffset;
      u32[(at + REGION_ID) >> 2] = region.fd;
    });
  }
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function chunkCount(region: GuestRegion): number {
  const head = region.mmapOffset & BigInt(CHUNK_SIZE - 1);
  return Number((head + region.size + BigInt(CHUNK_SIZE - 1)) / BigInt(CHUNK_SIZE));
}

function mapRegion(services: MemoryServices, region: GuestRegion): MappedRegion {
  const pageSize = filePageSize(region.fd);
  const size = fileSize(region.fd);
  if (size === undefined || region.mmapOffset + region.size > size) {
    throw new UserError(`guest memory region of ${region.size} bytes reaches past the end of its file`);
  }
  if (region.size > BigInt(2 * GIB) || (region.size > BigInt(services.windows.freeBytes) && pageSize <= CHUNK_SIZE)) {
    return mapInChunks(services, region, pageSize);
  }
  // mmap wants whole pages of the file: the window begins where the page of the first byte does.
  const head = Number(region.mmapOffset % BigInt(pageSize));
  const windowSize = roundUp(head + Number(region.size), pageSize);
  const window = services.windows.reserve(windowSize, Math.max(pageSize, CHUNK_SIZE));
  try {
    services.arena.mapFile(window, region.fd, region.mmapOffset - BigInt(head), windowSize);
  } catch (error) {
    services.windows.release(window);
    throw error;
  }
  const offset = toOffset(window + head);
  return { ...region, window, windowSize, offset, pageSize, chunks: undefined };
}

function mapInChunks(services: MemoryServices, region: GuestRegion, pageSize: number): MappedRegion {
  if (pageSize > CHUNK_SIZE) {
    throw new UserError(
      `guest memory of ${region.size} bytes in pages of ${pageSize} bytes does not fit: ` +
        `${services.windows.freeBytes} bytes are free`,
    );
  }
  const window = services.windows.reserve(CHUNK_WINDOW_SIZE, CHUNK_SIZE);
  const chunks = new ChunkWindow(services.arena, services.heap, window, chunkCount(region));
  return { ...region, window, windowSize: CHUNK_WINDOW_SIZE, offset: window, pageSize, chunks };
}

function unmapRegion(services: MemoryServices, region: MappedRegion): void {
  services.arena.unmap(region.window, region.windowSize);
  services.windows.release(region.window);
  if (region.chunks) services.heap.free(region.chunks.table);
}
