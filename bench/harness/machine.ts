// What the numbers were measured on, and the huge pages that both switches and the guests get.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

const NR_HUGEPAGES = '/proc/sys/vm/nr_hugepages';

/** One line: processor, cores, memory, kernel, Node.js. */
export function describeMachine(): string {
  const cores = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const model = (cores[0]?.model ?? 'unknown processor').trim();
  return `${model}, ${cores.length} cores, ${memory}, Linux ${release()}, Node.js ${process.version}`;
}

const readCount = (file: string) => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);

export interface HugepageReservation {
  readonly total: number;
  readonly note: string;
  /** Gives back what was added. */
  release(): void;
}

/** Raises the machine's 2 MiB huge pages to `wanted` where that is allowed; ordinary pages are used otherwise. */
export function reserveHugepages(wanted: number): HugepageReservation {
  const before = readCount(NR_HUGEPAGES);
  if (before >= wanted) return { total: before, note: `${before} huge pages of 2 MiB`, release: () => {} };
  try {
    writeFileSync(NR_HUGEPAGES, String(wanted));
  } catch {
    const note = `${before} huge pages of 2 MiB (more need root: ordinary pages are used where they run out)`;
    return { total: before, note, release: () => {} };
  }
  const total = readCount(NR_HUGEPAGES);
  return {
    total,
    note: `${total} huge pages of 2 MiB (${total - before} reserved for this run)`,
    release: () => {
      if (readCount(NR_HUGEPAGES) === total) writeFileSync(NR_HUGEPAGES, String(before));
    },
  };
}

/** Resident memory of a process in bytes: ordinary pages, and huge ones. */
export function residentMemory(pid: number): { ordinary: number; huge: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { ordinary: field('VmRSS'), huge: field('HugetlbPages') };
}
