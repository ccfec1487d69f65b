// The arena: one shared 4 GiB WebAssembly memory that holds everything the datapath touches, at 32-bit offsets.
// weft's own structures lie below GUEST_BASE (datapath/layout/memory-map.ts) and are backed by hugepages where the
// machine has them; guest RAM is mapped above. JavaScript only ever indexes what is below GUEST_BASE: a typed-array
// access to an unmapped guest page would kill the process, while the hot module traps.

import { readFileSync } from 'node:fs';
import { logger } from '../../lib/log.ts';
import { close } from '../../lib/syscalls/fd.ts';
import {
  MADV_DONTDUMP,
  MADV_HUGEPAGE,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MFD_CLOEXEC,
  MFD_HUGETLB,
  madvise,
  memfd,
  mlock,
  mmap,
  munmap,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../lib/syscalls/memory.ts';
import { systemErrorText } from '../../lib/system-error.ts';
import {
  GUEST_BASE,
  GUEST_WINDOW_SIZE,
  SHARED_BASE,
  SHARED_END,
  T_FLOW_STATS,
  THREAD_AREA_SIZE,
  THREAD_BASE,
} from '../layout/memory-map.ts';
import { type Offset, toOffset } from './offset.ts';
import { HUGE_PAGE_SIZE, reserveArena } from './reserve.ts';

const log = logger('dpif_netdev');

/** Typed views of weft's own part of the arena, for the thread that holds them. */
export interface ArenaViews {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
}

/** Views of the first GUEST_BASE bytes; indexes are offset / element size. */
export function arenaViews(memory: WebAssembly.Memory): ArenaViews {
  const buffer = memory.buffer;
  return {
    u8: new Uint8Array(buffer, 0, GUEST_BASE),
    u16: new Uint16Array(buffer, 0, GUEST_BASE / 2),
    u32: new Uint32Array(buffer, 0, GUEST_BASE / 4),
    i32: new Int32Array(buffer, 0, GUEST_BASE / 4),
    u64: new BigUint64Array(buffer, 0, GUEST_BASE / 8),
  };
}

export interface ArenaOptions {
  /** Lock weft's own regions into memory (--mlockall). */
  readonly lock?: boolean;
}

export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly views: ArenaViews;
  /** Address of offset 0 in this process. */
  readonly base: bigint;
  readonly #lock: boolean;
  #warned = false;

  /** Throws UserError when the 4 GiB of address space cannot be had. */
  constructor(options: ArenaOptions = {}) {
    const { memory, base } = reserveArena();
    this.memory = memory;
    this.base = base;
    this.views = arenaViews(memory);
    this.#lock = options.lock ?? false;
    this.#back(SHARED_BASE, SHARED_END - SHARED_BASE);
    // Guest windows start out unmapped: every access to a hole traps.
    mmap(
      this.base + BigInt(GUEST_BASE),
      GUEST_WINDOW_SIZE,
      PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
      -1,
      0n,
    );
  }

  /** Where thread `index` has its area. */
  threadArea(index: number): Offset {
    return toOffset(THREAD_BASE + index * THREAD_AREA_SIZE);
  }

  /** Backs a thread's area with memory; once per thread. */
  backThread(index: number): void {
    this.#back(this.threadArea(index), THREAD_AREA_SIZE);
  }

  /**
   * Maps `size` bytes of `fd` from `fileOffset` at `offset`, replacing what was there. Throws SyscallError, and what was
   * there stays.
   *
   * A MAP_FIXED that fails late (no hugepages left, a file that cannot be mapped) has already taken away what was there:
   * our next access would end the process, or the hole become another thread's. So the file is first mapped where
   * the kernel likes, which fails harmlessly, and reserves the hugepages that the mapping in place then shares.
   */
  mapFile(offset: Offset, fd: number, fileOffset: bigint, size: number): void {
    const at = this.base + BigInt(offset);
    const trial = mmap(0n, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, fileOffset);
    try {
      mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, fileOffset);
    } finally {
      munmap(trial, size);
    }
    madvise(at, size, MADV_DONTDUMP);
  }

  /** Makes a range of guest windows inaccessible again. */
  unmap(offset: Offset, size: number): void {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    mmap(this.base + BigInt(offset), size, PROT_NONE, flags, -1, 0n);
  }

  #back(offset: number, size: number): void {
    if (!this.#backHuge(offset, size)) {
      // Only what every packet touches: transparent hugepages under sparse tables would inflate resident memory.
      madvise(this.base + BigInt(offset), Math.min(size, T_FLOW_STATS & ~(HUGE_PAGE_SIZE - 1)), MADV_HUGEPAGE);
    }
    if (this.#lock) mlock(this.base + BigInt(offset), size);
  }

  #backHuge(offset: number, size: number): boolean {
    const pages = Math.ceil(size / HUGE_PAGE_SIZE);
    const free = freeHugePages();
    if (free >= pages) {
      try {
        const fd = memfd('weft', pages * HUGE_PAGE_SIZE, MFD_CLOEXEC | MFD_HUGETLB);
        try {
          this.mapFile(toOffset(offset), fd, 0n, pages * HUGE_PAGE_SIZE);
        } finally {
          close(fd);
        }
        return true;
      } catch (error) {
        // Lost a race for the pages, or not permitted: the ordinary pages that are there serve too.
        this.#warn(`hugepages cannot be mapped (${systemErrorText(error)})`);
      }
    } else {
      this.#warn(`${pages} hugepages of 2 MiB wanted, ${free} free (sysctl vm.nr_hugepages)`);
    }
    return false;
  }

  #warn(why: string): void {
    if (this.#warned) return;
    this.#warned = true;
    log.info(`using ordinary pages: ${why}`);
  }
}

/** 2 MiB hugepages of this machine that nobody uses or has reserved. */
export function freeHugePages(): number {
  const read = (name: string) => Number(readFileSync(`/sys/kernel/mm/hugepages/hugepages-2048kB/${name}`, 'utf8'));
  try {
    return read('free_hugepages') - read('resv_hugepages');
  } catch {
    return 0;
  }
}
