// The arena's address space: 4 GiB of shared WebAssembly memory that begins where a hugepage may begin.

import koffi from 'koffi';
import { UserError } from '../../lib/errors.ts';
import { MAP_ANONYMOUS, MAP_NORESERVE, MAP_PRIVATE, mmap, munmap, PROT_NONE } from '../../lib/syscalls/memory.ts';

export const HUGE_PAGE_SIZE = 2 * 1024 * 1024;
const WASM_PAGES = 65536;
/** Larger than the gaps a process usually has between its mappings, so that the next large mapping comes below. */
const FILLER_SIZE = 1024 * 1024 * 1024;
const ATTEMPTS = 3;

/**
 * 4 GiB of shared memory and its address, a multiple of HUGE_PAGE_SIZE where that can be had: hugetlb files cannot be
 * mapped into it elsewhere. Throws UserError when there is no such room.
 *
 * V8 promises 64 KiB only, and the kernel lays one large mapping directly below the last. A memory that came out
 * crooked is given up for one below a filler, whose size straightens what follows.
 */
export function reserveArena(): { memory: WebAssembly.Memory; base: bigint } {
  const fillers: { at: bigint; size: number }[] = [];
  try {
    for (let attempt = 1; ; attempt++) {
      const memory = createMemory();
      const base = koffi.address(new Uint8Array(memory.buffer));
      const skew = Number(base % BigInt(HUGE_PAGE_SIZE));
      if (skew === 0 || attempt === ATTEMPTS) return { memory, base };
      const size = FILLER_SIZE + skew;
      fillers.push({ at: mmap(0n, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0n), size });
    }
  } finally {
    for (const { at, size } of fillers) munmap(at, size);
  }
}

function createMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES, shared: true });
  } catch (error) {
    throw new UserError(
      `cannot reserve the 4 GiB packet memory (${String(error)}): check 'ulimit -v' and vm.overcommit_memory`,
    );
  }
}
