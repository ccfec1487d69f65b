// Windows for guest RAM: ranges of the arena above GUEST_BASE, a guard page at least between any two. First fit over a
// sorted list; windows are few (one for each memory region of each guest).
//
// A hugepage is mapped where its address is aligned. The arena itself lies wherever the process had room for it, a
// multiple of 64 KiB at best, so it is the address that windows are aligned by, not the offset.

import { UserError } from '../../lib/errors.ts';
import { GUEST_BASE, GUEST_WINDOW_SIZE, MIB } from '../layout/memory-map.ts';
import { type Offset, toOffset } from './offset.ts';

const GUARD_SIZE = 65536;
const GIB = 1024 * MIB;

interface Window {
  readonly start: number;
  readonly end: number;
}

export class GuestWindows {
  readonly #windows: Window[] = [];
  readonly #base: bigint;

  /** `base`: address of the arena's offset 0 (Arena.base). */
  constructor(base: bigint) {
    this.#base = base;
  }

  /** Reserves `size` bytes at an address aligned to `alignment` (a power of two, bytes). Throws UserError naming what is free. */
  reserve(size: number, alignment: number): Offset {
    const skew = Number(this.#base % BigInt(alignment));
    let start = GUEST_BASE;
    for (let i = 0; i <= this.#windows.length; i++) {
      const next = this.#windows[i];
      const limit = next ? next.start - GUARD_SIZE : GUEST_BASE + GUEST_WINDOW_SIZE - GUARD_SIZE;
      const at = Math.ceil((start + skew) / alignment) * alignment - skew;
      if (at + size <= limit) {
        this.#windows.splice(i, 0, { start: at, end: at + size });
        return toOffset(at);
      }
      if (next) start = next.end + GUARD_SIZE;
    }
    throw new UserError(
      `no room for ${size} bytes of guest memory: ${this.freeBytes} of ${GUEST_WINDOW_SIZE} bytes are free` +
        (size > GIB ? '; use smaller guests' : ''),
    );
  }

  release(at: Offset): void {
    const index = this.#windows.findIndex((window) => window.start === at);
    if (index >= 0) this.#windows.splice(index, 1);
  }

  get freeBytes(): number {
    return this.#windows.reduce((free, window) => free - (window.end - window.start), GUEST_WINDOW_SIZE);
  }
}
