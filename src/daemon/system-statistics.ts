// Open_vSwitch.statistics (ovs-vswitchd.conf.db(5), "Statistics"): the machine's processors, load, memory and file
// systems, and the daemons that have a pidfile, as far as /proc tells them.

import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';

const TICKS_PER_SECOND = 100;
const PAGE_KB = 4;

/** The column's map; what cannot be read is left out. */
export function systemStatistics(rundir: string): Record<string, string> {
  const load = loadavg().map((value) => value.toFixed(2));
  return {
    cpu: String(availableParallelism()),
    load_average: load.join(','),
    ...entry('memory', memory),
    ...entry('file_systems', fileSystems),
    ...processes(rundir),
  };
}

function entry(key: string, read: () => string): Record<string, string> {
  try {
    const text = read();
    return text === '' ? {} : { [key]: text };
  } catch {
    return {};
  }
}

/** Total, in use, could be flushed, swap, swap in use: all in KiB. */
function memory(): string {
  const lines = readFileSync('/proc/meminfo', 'utf8').matchAll(/^(\w+):\s+(\d+)/gm);
  const size = new Map([...lines].map(([, name, kb]) => [name!, Number(kb)]));
  const of = (name: string) => size.get(name) ?? 0;
  const swapTotal = of('SwapTotal');
  const inUse = of('MemTotal') - of('MemFree');
  return [of('MemTotal'), inUse, of('Buffers') + of('Cached'), swapTotal, swapTotal - of('SwapFree')].join(',');
}

/** Mount point, size and use in KiB of each writable file system on a device of this machine. */
function fileSystems(): string {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return mounts
    .flatMap((line) => {
      const [device = '', path = '', , options = ''] = line.split(' ');
      if (!device.startsWith('/') || !options.split(',').includes('rw')) return [];
      const { blocks, bfree, bsize } = statfsSync(path.replaceAll('\\040', ' '));
      const kb = (count: number) => Math.floor((count * bsize) / 1024);
      return [`${path.replaceAll(/\\040|,/g, '_')},${kb(blocks)},${kb(blocks - bfree)}`];
    })
    .join(' ');
}

/**
 * `process_NAME` for each pidfile of `rundir` that a process has locked. Only the kernel's list of locks is looked at: to
 * open and close this process' own pidfile would give up its lock.
 */
function processes(rundir: string): Record<string, string> {
  const holders = lockHolders();
  const upS = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const files = readdirSync(rundir).filter((file) => file.endsWith('.pid'));
  return Object.fromEntries(
    files.flatMap((file) => {
      const pid = holders.get(statSync(join(rundir, file)).ino);
      const name = `process_${file.slice(0, -'.pid'.length)}`;
      return pid === undefined ? [] : Object.entries(entry(name, () => processText(pid, upS)));
    }),
  );
}

/** Who has a lock on which inode. */
function lockHolders(): Map<number, number> {
  const locks = readFileSync('/proc/locks', 'utf8').matchAll(/POSIX\s+\w+\s+WRITE\s+(\d+)\s+\w+:\w+:(\d+)/g);
  return new Map([...locks].map(([, pid, inode]) => [Number(inode), Number(pid)]));
}

/** Virtual and resident size in KiB, processor time in ms, crashes, age in ms twice, and the core it was last on. */
function processText(pid: number, upS: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything: proc(5)'s field 3 is the first.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  const ms = (ticks: number) => Math.round((ticks * 1000) / TICKS_PER_SECOND);
  const ageMs = Math.max(0, Math.round(upS * 1000) - ms(field(22)));
  const sizes = [Math.floor(field(23) / 1024), field(24) * PAGE_KB];
  return [...sizes, ms(field(14) + field(15)), 0, ageMs, ageMs, field(39)].join(',');
}
