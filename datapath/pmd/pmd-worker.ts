// A PMD thread: a piscina task that polls its queues until it is told to stop. Everything it shares lies in the arena:
// the poll list and its stop word (control writes), its state, quiescence count and counters (it writes).

import { workerData } from 'piscina';
import { eventfdSignal } from '../../lib/syscalls/fd.ts';
import { giveWay, setAffinity } from '../../lib/syscalls/scheduling.ts';
import { arenaViews } from '../arena/arena.ts';
import {
  TB_GIVES_WAY,
  TB_NOW_MS,
  TB_NOW_US,
  TB_POLL_LIST,
  TB_QUIESCE,
  TB_SLEEP_US_MAX,
  TB_SLEEP_WORD,
  TB_STATE,
  TB_STOP,
  TB_TEST_HOOK,
  TC_BUSY_NS,
  TC_BUSY_PASSES,
  TC_IDLE_NS,
  TC_PASSES,
  TC_SLEEPS,
  THREAD_ASLEEP,
  THREAD_DEAD,
  THREAD_RUNNING,
} from '../layout/thread-block.ts';
import { nameThread } from './cores.ts';
import { recoverFromGuestFault } from './guest-fault.ts';
import { instantiateHot } from './hot-module.ts';

/** Given to every PMD worker's piscina. */
export interface PmdWorkerData {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
}

export interface PmdTask {
  readonly name: string;
  readonly index: number;
  readonly core: number;
  /** Offset of this thread's area in the arena. */
  readonly area: number;
  /** performance.timeOrigin of the control thread: both clocks then agree. */
  readonly timeOrigin: number;
}

/** A poll() call aims at this long, in milliseconds: how late reload, stop and quiescence can be seen. */
const SLICE_MS = 0.7;
/** With somebody else on the core, or naps between idle ones: long against a change of threads, no more. */
const SHORT_SLICE_MS = 0.1;
const BUDGET_MIN = 64;
const BUDGET_MAX = 1 << 20;
/** Longest sleep of a thread with nothing to poll, in milliseconds. */
const NO_QUEUES_SLEEP_MS = 100;
/** Sleeps grow by this much each idle slice, in microseconds, up to pmd-sleep-max. */
const SLEEP_STEP_US = 10;

/** Runs until the stop word is set. Throws (and so ends the worker) on a trap that no guest caused. */
export default function run(task: PmdTask): void {
  const { memory, module } = workerData as PmdWorkerData;
  const views = arenaViews(memory);
  const hot = instantiateHot(module, memory, eventfdSignal);
  const { area, index } = task;
  const word = (offset: number) => (area + offset) >> 2;
  const long = (offset: number) => (area + offset) >> 3;
  const { i32, u32, u64 } = views;
  const originDelta = performance.timeOrigin - task.timeOrigin;
  nameThread(task.name);
  setAffinity(0, [task.core]);
  // What a worker before us left behind: its lock, and the descriptors of its last burst.
  hot.recover(index, 1);
  hot.reset(index);
  Atomics.store(i32, word(TB_STATE), THREAD_RUNNING);

  let budget = 1024;
  let idlePassNs = 50;
  let sleepUs = 0;
  let before = performance.now();
  let passes = u64[long(TC_PASSES)]!;
  let busyPasses = u64[long(TC_BUSY_PASSES)]!;

  const account = (now: number): boolean => {
    const elapsedNs = (now - before) * 1e6;
    const ran = Number(u64[long(TC_PASSES)]! - passes);
    const busy = Number(u64[long(TC_BUSY_PASSES)]! - busyPasses);
    passes += BigInt(ran);
    busyPasses += BigInt(busy);
    // wasm has no clock: an idle pass costs what it cost in slices with nothing but idle passes; the rest is work.
    if (busy === 0 && ran > 0) idlePassNs += (elapsedNs / ran - idlePassNs) * 0.05;
    const idleNs = busy === 0 ? elapsedNs : Math.min(elapsedNs, (ran - busy) * idlePassNs);
    u64[long(TC_IDLE_NS)]! += BigInt(Math.round(idleNs));
    u64[long(TC_BUSY_NS)]! += BigInt(Math.round(elapsedNs - idleNs));
    return busy > 0;
  };

  const sleep = (ms: number): void => {
    Atomics.store(i32, word(TB_STATE), THREAD_ASLEEP);
    Atomics.wait(i32, word(TB_SLEEP_WORD), Atomics.load(i32, word(TB_SLEEP_WORD)), ms);
    Atomics.store(i32, word(TB_STATE), THREAD_RUNNING);
    u64[long(TC_SLEEPS)]! += 1n;
  };

  while (Atomics.load(i32, word(TB_STOP)) === 0) {
    // The flow statistics' "used" is a u64 in whole milliseconds of the control thread's clock.
    u64[long(TB_NOW_MS)] = BigInt(Math.round(before + originDelta));
    u64[long(TB_NOW_US)] = BigInt(Math.round((before + originDelta) * 1000));
    try {
      hot.poll(index, budget);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError) || !recoverFromGuestFault(views, area, index, hot)) {
        Atomics.store(i32, word(TB_STATE), THREAD_DEAD);
        throw error;
      }
    }
    Atomics.add(i32, word(TB_QUIESCE), 1);
    const now = performance.now();
    const busy = account(now);
    const tookMs = now - before;
    const maxUs = u32[word(TB_SLEEP_US_MAX)]!;
    const givesWay = u32[word(TB_GIVES_WAY)]! !== 0;
    const sliceMs = givesWay || (!busy && maxUs > 0) ? SHORT_SLICE_MS : SLICE_MS;
    budget = Math.max(
      BUDGET_MIN,
      Math.min(BUDGET_MAX, Math.round(budget * Math.min(2, sliceMs / Math.max(tookMs, 0.01)))),
    );
    before = now;
    const hook = u32[word(TB_TEST_HOOK)]!;
    if (hook !== 0) {
      u32[word(TB_TEST_HOOK)] = 0;
      if (hook === 1) hot.crash();
      else process.exit(1);
    }
    const list = u32[word(TB_POLL_LIST)]!;
    if (list === 0 || u32[list >> 2] === 0) sleep(NO_QUEUES_SLEEP_MS);
    else if (!busy && maxUs > 0) {
      sleepUs = Math.min(maxUs, sleepUs + SLEEP_STEP_US);
      sleep(sleepUs / 1000);
      before = performance.now();
    } else {
      sleepUs = 0;
      if (givesWay) giveWay();
    }
  }
  Atomics.store(i32, word(TB_STATE), THREAD_DEAD);
}
