// Keeps a generator process on one core, away from the switch's PMD thread.

import { readdirSync } from 'node:fs';
import { check, libc } from '../../lib/syscalls/libc.ts';

const cSetAffinity = libc.func('int sched_setaffinity(int pid, size_t size, void *mask)');
const MASK_BYTES = 128;

/** Pins every thread of this process, V8's helpers too. */
export function pinProcess(core: number): void {
  const mask = Buffer.alloc(MASK_BYTES);
  mask.writeUInt8(1 << (core & 7), core >> 3);
  for (const thread of readdirSync('/proc/self/task')) {
    check('sched_setaffinity', cSetAffinity(Number(thread), MASK_BYTES, mask), `core ${core}`);
  }
}
