// The arena begins where a hugepage may begin, however the process's mappings lie.
import { expect, test } from 'vitest';
import { HUGE_PAGE_SIZE, reserveArena } from '../../../../datapath/arena/reserve.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, mmap, munmap, PROT_NONE } from '../../../../lib/syscalls/memory.ts';

test('the arena begins at a multiple of 2 MiB, whatever was mapped before', () => {
  for (const pages of [1, 16, 48, 272]) {
    const size = pages * 4096;
    const at = mmap(0n, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n);
    const { memory, base } = reserveArena();
    munmap(at, size);
    expect(memory.buffer.byteLength).toBe(2 ** 32);
    expect(base % BigInt(HUGE_PAGE_SIZE)).toBe(0n);
  }
});
