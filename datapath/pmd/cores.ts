// Which cores PMD threads take (other_config:pmd-cpu-mask), and keeping everything else of the process off them.

import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { UserError } from '../../lib/errors.ts';
import { setAffinity, threadIds } from '../../lib/syscalls/scheduling.ts';

/** What the process was started with, read before any thread is moved. */
let startCores = readAllowedCores();

/** In a thread that starts later, when the process' own threads have been moved. */
export function assumeAllowedCores(cores: readonly number[]): void {
  startCores = [...cores];
}

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

/**
 * What the calling thread is called while it polls: the kernel's names of threads are where all datapaths of the process
 * (a NIC's model has its own) see each other's.
 */
export function nameThread(name: string): void {
  writeFileSync('/proc/thread-self/comm', name);
}

/** The core that a polling thread of any datapath has pinned itself to; undefined for other threads. */
function polledBy(tid: number): number | undefined {
  try {
    const core = /^pmd-c(\d+)/.exec(readFileSync(`/proc/self/task/${tid}/comm`, 'utf8'))?.[1];
    return core === undefined ? undefined : Number(core);
  } catch {
    return undefined;
  }
}

/** Cores that polling threads of this process run on. */
export function polledCores(): Set<number> {
  return new Set(
    threadIds()
      .map(polledBy)
      .filter((core) => core !== undefined),
  );
}

/** Moves every thread of the process off the PMD cores, those of other datapaths too; who polls stays where it is. */
export function keepOffPmdCores(pmdCores: readonly number[]): void {
  const taken = new Set([...pmdCores, ...polledCores()]);
  const others = allowedCores().filter((core) => !taken.has(core));
  if (others.length === 0) return;
  for (const tid of threadIds()) {
    if (polledBy(tid) !== undefined) continue;
    setAffinity(tid, others);
    // It may have begun to poll between the look at its name and the move.
    const core = polledBy(tid);
    if (core !== undefined) setAffinity(tid, [core]);
  }
}

/** Where this thread's datapath has its PMD threads, or will have them. */
let plannedCores = defaultPmdCores();

export function planPmdCores(cores: readonly number[]): void {
  plannedCores = cores;
}

/** Where a NIC's model polls: the last core that nobody polls on, nor is going to. */
export function coreForNic(): number {
  const taken = new Set([...plannedCores, ...polledCores()]);
  return allowedCores().findLast((core) => !taken.has(core)) ?? allowedCores().at(-1)!;
}

/** Cores that NICs' models of this process poll on. */
const nicCores = new Map<object, number>();
const nicCoreListeners = new Set<() => void>();

/** Notes where a NIC's model polls; undefined: nowhere any more. */
export function noteNicCore(nic: object, core: number | undefined): void {
  if (core === nicCores.get(nic)) return;
  if (core === undefined) nicCores.delete(nic);
  else nicCores.set(nic, core);
  for (const listener of nicCoreListeners) listener();
}

export function isNicCore(core: number): boolean {
  return [...nicCores.values()].includes(core);
}

/** Calls `listener` whenever isNicCore() may have changed, until the returned function is called. */
export function onNicCores(listener: () => void): () => void {
  nicCoreListeners.add(listener);
  return () => nicCoreListeners.delete(listener);
}
