// How much of the machine other programs took during a measurement: the numbers of a disturbed round are not to be
// trusted, and the report says so.

import { readFileSync } from 'node:fs';

/** Share of a core taken by others from which on a measurement is called disturbed. */
export const DISTURBED = 0.05;

/** Clock ticks: everything that ran on any core, what a hypervisor took, and the sum over all states. */
export interface CpuTicks {
  readonly busy: number;
  readonly steal: number;
  readonly total: number;
}

/** Reads the first line of /proc/stat: user nice system idle iowait irq softirq steal. */
export function parseCpuTicks(stat: string): CpuTicks {
  const line = stat.slice(0, stat.indexOf('\n'));
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const at = (index: number) => ticks[index] ?? 0;
  const steal = at(7);
  const idle = at(3) + at(4);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: total - idle - steal, steal, total };
}

/** User and system ticks of one process from its /proc/PID/stat; the name in parentheses may hold anything. */
export function parseProcessTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Ticks of the machine and of our own processes at one moment. */
export interface LoadSample {
  readonly cpu: CpuTicks;
  readonly ours: number;
}

export function sampleLoad(pids: readonly number[]): LoadSample {
  const ticks = (pid: number) => {
    try {
      return parseProcessTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return 0; // It has ended.
    }
  };
  const ours = pids.reduce((sum, pid) => sum + ticks(pid), 0);
  return { cpu: parseCpuTicks(readFileSync('/proc/stat', 'utf8')), ours };
}

/** Share of one core that others (and the hypervisor) took between two samples of a machine of `coreCount` cores. */
export function othersShare(before: LoadSample, after: LoadSample, coreCount: number): number {
  const total = after.cpu.total - before.cpu.total;
  if (total <= 0) return 0;
  const taken = after.cpu.busy - before.cpu.busy + (after.cpu.steal - before.cpu.steal);
  return (Math.max(0, taken - (after.ours - before.ours)) / total) * coreCount;
}
