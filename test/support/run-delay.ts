// How long threads wanted to run and were not let: what tells a machine without time from a switch that lost something.
import { readdirSync, readFileSync } from 'node:fs';

const NS_PER_MS = 1e6;
/** /proc/stat counts in hundredths of a second. */
const MS_PER_TICK = 10;
/** Of the `cpu` line: time that the hypervisor gave to others. */
const STEAL_FIELD = 8;

/** Where a thread of a process may run, as the kernel lists it: `0-1,4`. */
function coresOf(pid: number, tid: number): string {
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))?.[1] ?? '';
}

/** Threads of a process that may run on `core` and nowhere else. */
export function threadsPinnedTo(pid: number, core: number): number[] {
  const tids = readdirSync(`/proc/${pid}/task`).map(Number);
  return tids.filter((tid) => coresOf(pid, tid) === String(core));
}

/** Since the thread began; 0 once it has ended. */
function waitedMs(tid: number): number {
  try {
    return Number(readFileSync(`/proc/${tid}/schedstat`, 'utf8').split(' ')[1]) / NS_PER_MS;
  } catch {
    return 0;
  }
}

function stolenMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  return Number(line.split(/\s+/)[STEAL_FIELD]) * MS_PER_TICK;
}

export class RunDelay {
  readonly #tids: readonly number[];
  #before: readonly number[];

  /** Watches threads, from now on. */
  constructor(tids: readonly number[]) {
    this.#tids = tids;
    this.#before = this.#read();
  }

  /** The longest that one of the threads was kept waiting since the last lap, in milliseconds. */
  lapMs(): number {
    const now = this.#read();
    const waited = now.map((ms, i) => ms - this.#before[i]!);
    this.#before = now;
    return Math.max(...waited);
  }

  #read(): number[] {
    return [stolenMs(), ...this.#tids.map(waitedMs)];
  }
}
