// Threads and cores through koffi.

import { readdirSync } from 'node:fs';
import { libc } from './libc.ts';

const setAffinityCall = libc.func('int sched_setaffinity(int pid, size_t size, const uint8_t *mask)');
const yieldCall = libc.func('int sched_yield()');
const MASK_BYTES = 128;

/** Restricts thread `tid` (0: the calling thread) to `cores`; false when the kernel refuses. */
export function setAffinity(tid: number, cores: readonly number[]): boolean {
  const mask = new Uint8Array(MASK_BYTES);
  for (const core of cores) if (core < MASK_BYTES * 8) mask[core >> 3]! |= 1 << (core & 7);
  return setAffinityCall(tid, MASK_BYTES, mask) === 0;
}

/** Lets other threads that are ready to run on this core go first; returns at once when there are none. */
export function giveWay(): void {
  yieldCall();
}

/** Thread ids of this process. */
export function threadIds(): number[] {
  return readdirSync('/proc/self/task').map(Number);
}
