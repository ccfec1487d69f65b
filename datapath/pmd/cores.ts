// Which cores PMD threads take (other_config:pmd-cpu-mask), and keeping everything else of the process off them.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UserError } from '../../lib/errors.ts';
import { setAffinity, threadIds } from '../../lib/syscalls/scheduling.ts';

/** What the process was started with, read before any thread is moved. */
const startCores = readAllowedCores();

/** Cores this process may run on. */
export function allowedCores(): readonly number[] {
  return startCores;
}

/** From the kernel's list form (`0-1,4`). */
function readAllowedCores(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    return list.split(',').flatMap((part) => {
      const [first, last] = part.split('-').map(Number);
      return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
    });
  } catch {
    return Array.from({ length: availableParallelism() }, (_, i) => i);
  }
}

/** Cores named by a hexadecimal mask (`0x6`, `6`); those the machine lacks are left out. Throws UserError. */
export function parseCpuMask(mask: string): number[] {
  if (!/^(0x)?[0-9a-f]+$/i.test(mask)) throw new UserError(`pmd-cpu-mask: "${mask}" is not a hexadecimal mask`);
  const bits = BigInt(`0x${mask.replace(/^0x/i, '')}`);
  return allowedCores().filter((core) => (bits >> BigInt(core)) & 1n);
}

/** The default: the last core, so that a small machine keeps the first for everything else. */
export function defaultPmdCores(): readonly number[] {
  return allowedCores().slice(-1);
}

/** Moves every thread of the process off the PMD cores; PMD threads pin themselves when they start. */
export function keepOffPmdCores(pmdCores: readonly number[]): void {
  const others = allowedCores().filter((core) => !pmdCores.includes(core));
  if (others.length === 0) return;
  for (const tid of threadIds()) setAffinity(tid, others);
}
