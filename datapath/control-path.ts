// The control thread's own datapath: instance 0 of the hot module, and the control side of every thread's rings. Slow
// ports' frames, packet-outs and first packets run here; upcalls and frames for slow ports of all threads are drained
// here in bounded slices, woken by the bell that datapath threads ring.

import { logger } from '../lib/log.ts';
import { rateLimited } from '../lib/log-rate-limit.ts';
import type { DpAction } from './actions.ts';
import type { Arena } from './arena/arena.ts';
import { NONE, type Offset, toOffset } from './arena/offset.ts';
import type { ActionList, ActionLists } from './flow/action-lists.ts';
import { DROP_RX_RUNT, DROP_RX_TOO_LONG } from './layout/drop-reasons.ts';
import { KEY_SIZE } from './layout/flow-key.ts';
import {
  CONTROL_BLOCK,
  FRAME_MAX,
  RING_MAX,
  SLOT_DATA,
  SLOT_SIZE,
  T_FROM_CONTROL,
  T_SLOTS,
  T_SLOW_TX,
  T_TO_CONTROL,
} from './layout/memory-map.ts';
import {
  CB_ASLEEP,
  CB_BELL,
  CB_VLAN_LIMIT,
  CB_WISHES,
  SLOT_FRAME_SIZE,
  SLOT_IN_PORT,
  SLOT_KEY,
  SLOT_LEN,
  TB_DROPS,
  TB_FROM_CONTROL_HEAD,
  TB_FROM_CONTROL_TAIL,
  TB_SLOW_TX_HEAD,
  TB_SLOW_TX_TAIL,
  TB_TO_CONTROL_HEAD,
  TB_TO_CONTROL_TAIL,
  VERDICT_EXECUTE,
  VERDICT_EXECUTE_KNOWN,
  VERDICT_FREE,
} from './layout/thread-block.ts';
import { recoverFromGuestFault } from './pmd/guest-fault.ts';
import type { HotExports } from './pmd/hot-module.ts';
import { SlotView } from './slot-view.ts';
import { ThreadClock } from './thread-clock.ts';

const log = logger('dpif_netdev');
const frameLog = rateLimited(log);

/** The control thread's index among datapath threads. */
export const MAIN_THREAD = 0;
/** How long upcalls and slow frames of all threads are handled before other work gets its turn, in milliseconds. */
const SLICE_MS = 2;
/** Of one ring between two looks at the clock: what it may have in any slice. */
const BATCH = 16;
/** The bell is also looked at this often, in milliseconds: broken rings are noted without a bell. */
const TICK_MS = 50;

/** A ring towards the control thread, by offsets in its thread's area. */
interface Ring {
  readonly ring: number;
  readonly headAt: number;
  readonly tailAt: number;
}

const TO_CONTROL: Ring = { ring: T_TO_CONTROL, headAt: TB_TO_CONTROL_HEAD, tailAt: TB_TO_CONTROL_TAIL };
const SLOW_TX: Ring = { ring: T_SLOW_TX, headAt: TB_SLOW_TX_HEAD, tailAt: TB_SLOW_TX_TAIL };

/** What the owner does with drained work. */
export interface ControlHandlers {
  /** Decides an upcall and answers it through answer(). */
  upcall(view: SlotView): void;
  /** Sends a frame of a slow port. */
  transmit(outPort: number, frame: Uint8Array): void;
  /** Runs about every TICK_MS, and when a queue wants memory mapped. */
  tick(): void;
}

export class ControlPath {
  readonly #arena: Arena;
  readonly #hot: HotExports;
  readonly #lists: ActionLists;
  readonly #threads: ReadonlySet<number>;
  readonly #handlers: ControlHandlers;
  readonly #clock: ThreadClock;
  /** Lists of answers that a thread may not have run yet, by their place in its ring. */
  readonly #answers = new Map<number, { readonly lists: (ActionList | undefined)[]; released: number }>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #draining = false;
  /** Threads whose rings were looked at first so far: who comes first has all of a slice, if it has so much. */
  #turns = 0;
  #scheduled = false;

  constructor(
    arena: Arena,
    hot: HotExports,
    lists: ActionLists,
    threads: ReadonlySet<number>,
    now: () => number,
    handlers: ControlHandlers,
  ) {
    this.#arena = arena;
    this.#hot = hot;
    this.#lists = lists;
    this.#threads = threads;
    this.#clock = new ThreadClock(arena, arena.threadArea(MAIN_THREAD), now);
    this.#handlers = handlers;
    hot.reset(MAIN_THREAD);
    this.#timer = setInterval(() => {
      handlers.tick();
      this.schedule();
    }, TICK_MS);
    this.#timer.unref();
    this.#listen();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    // Ends the pending wait of the bell.
    Atomics.add(this.#arena.views.i32, (CONTROL_BLOCK + CB_BELL) >> 2, 1);
    Atomics.notify(this.#arena.views.i32, (CONTROL_BLOCK + CB_BELL) >> 2);
  }

  setVlanLimit(tags: number): void {
    Atomics.store(this.#arena.views.u32, (CONTROL_BLOCK + CB_VLAN_LIMIT) >> 2, tags);
  }

  /** Feeds a frame to the pipeline as received on `inPort`. */
  receive(frame: Uint8Array, inPort: number): void {
    const slot = this.#fill(frame, inPort);
    if (slot === undefined) return;
    this.#guarded(() => this.#hot.injectSlot(MAIN_THREAD, slot));
    this.schedule();
  }

  /** Runs published or private actions on a frame. */
  execute(frame: Uint8Array, inPort: number, actions: Offset): void {
    const slot = this.#fill(frame, inPort);
    if (slot === undefined) return;
    this.#guarded(() => this.#hot.executeSlot(MAIN_THREAD, slot, actions));
    this.schedule();
  }

  /** The frame's full key. */
  extract(frame: Uint8Array, inPort: number): Uint8Array {
    const slot = this.#fill(frame.subarray(0, FRAME_MAX), inPort);
    if (slot === undefined) return new Uint8Array(KEY_SIZE);
    this.#hot.extractSlot(MAIN_THREAD, slot);
    const key = this.#slotAt(MAIN_THREAD, slot) + SLOT_KEY;
    const copy = this.#arena.views.u8.slice(key, key + KEY_SIZE);
    this.#hot.slotRelease(MAIN_THREAD, slot);
    return copy;
  }

  /**
   * Answers an upcall: run `actions` on the packet and on those that wait behind it, which are hits of `flow`; so is the
   * packet itself when the flow was `known` before. The thread runs a list of the answer's own, in the sense that a
   * flow's could be freed while the thread sleeps on the answer: it is given back once the thread's tail has passed it.
   */
  answer(view: SlotView, actions: readonly DpAction[], flow: Offset, known: boolean): void {
    const list = this.#lists.acquire(actions);
    const answers = this.#answersOf(view.thread);
    const head = this.#arena.views.u32[(this.#arena.threadArea(view.thread) + TB_FROM_CONTROL_HEAD) >> 2]!;
    if (answers.lists[head & (RING_MAX - 1)]) this.#releaseAnswers(view.thread);
    answers.lists[head & (RING_MAX - 1)] = list;
    this.#push(view.thread, view.slot, known ? VERDICT_EXECUTE_KNOWN : VERDICT_EXECUTE, list.offset, flow);
  }

  #answersOf(thread: number): { readonly lists: (ActionList | undefined)[]; released: number } {
    let answers = this.#answers.get(thread);
    if (!answers) {
      answers = { lists: new Array<ActionList | undefined>(RING_MAX).fill(undefined), released: 0 };
      this.#answers.set(thread, answers);
    }
    return answers;
  }

  /** Gives back the lists of answers that the thread has run. */
  #releaseAnswers(thread: number): void {
    const answers = this.#answersOf(thread);
    const area = this.#arena.threadArea(thread);
    const tail = Atomics.load(this.#arena.views.u32, (area + TB_FROM_CONTROL_TAIL) >> 2);
    for (; answers.released !== tail; answers.released = (answers.released + 1) >>> 0) {
      const place = answers.released & (RING_MAX - 1);
      const list = answers.lists[place];
      answers.lists[place] = undefined;
      if (list) this.#lists.release(list);
    }
  }

  /** Gives an upcall's slot back; packets that wait behind it are dropped. */
  discard(view: SlotView): void {
    this.#push(view.thread, view.slot, VERDICT_FREE, NONE, NONE);
  }

  /** Empties a dead thread's rings: its next worker starts with every slot free. */
  resetThread(thread: number): void {
    const { u32 } = this.#arena.views;
    const area = this.#arena.threadArea(thread);
    // Nothing in the rings refers to the lists any more.
    for (const list of this.#answersOf(thread).lists) if (list) this.#lists.release(list);
    this.#answers.delete(thread);
    for (let at = TB_TO_CONTROL_HEAD; at <= TB_SLOW_TX_TAIL; at += 4) Atomics.store(u32, (area + at) >> 2, 0);
  }

  /** Drains soon, in a slice of its own. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed && this.#drain()) this.schedule();
    });
  }

  #listen(): void {
    const { i32 } = this.#arena.views;
    const bell = (CONTROL_BLOCK + CB_BELL) >> 2;
    const asleep = (CONTROL_BLOCK + CB_ASLEEP) >> 2;
    if (this.#closed) return;
    const seen = Atomics.load(i32, bell);
    Atomics.store(i32, asleep, 1);
    // Work queued before `asleep` was visible rang no bell that wakes: look once more.
    if (this.#pending()) this.schedule();
    const wait = Atomics.waitAsync(i32, bell, seen);
    const woken = () => {
      Atomics.store(i32, asleep, 0);
      this.schedule();
      setImmediate(() => this.#listen());
    };
    if (wait.async) void wait.value.then(woken);
    else woken();
  }

  #pending(): boolean {
    const { u32 } = this.#arena.views;
    if (Atomics.load(u32, (CONTROL_BLOCK + CB_WISHES) >> 2) !== 0) return true;
    for (const thread of this.#threads) {
      const area = this.#arena.threadArea(thread);
      const at = (offset: number) => Atomics.load(u32, (area + offset) >> 2);
      if (at(TB_TO_CONTROL_HEAD) !== at(TB_TO_CONTROL_TAIL) || at(TB_SLOW_TX_HEAD) !== at(TB_SLOW_TX_TAIL)) return true;
    }
    return false;
  }

  /** One slice over all threads; true when something is left. */
  #drain(): boolean {
    if (this.#draining) return false;
    this.#draining = true;
    try {
      // Taken back before the queues are looked at: a wish that comes later is seen in the next turn.
      if (Atomics.exchange(this.#arena.views.u32, (CONTROL_BLOCK + CB_WISHES) >> 2, 0) !== 0) this.#handlers.tick();
      const endMs = performance.now() + SLICE_MS;
      for (const thread of this.#inTurn()) {
        this.#drainRing(thread, SLOW_TX, endMs, (view) => {
          this.#handlers.transmit(view.outPort, view.packet);
          this.discard(view);
        });
        this.#drainRing(thread, TO_CONTROL, endMs, (view) => this.#handlers.upcall(view));
      }
      this.#clock.touch();
      this.#guarded(() => this.#hot.settle(MAIN_THREAD));
      for (const thread of this.#threads) this.#releaseAnswers(thread);
    } finally {
      this.#draining = false;
    }
    return this.#pending();
  }

  /** Each thread comes first in turn. */
  #inTurn(): number[] {
    const threads = [...this.#threads];
    const first = this.#turns++ % threads.length;
    return [...threads.slice(first), ...threads.slice(0, first)];
  }

  #drainRing(thread: number, { ring, headAt, tailAt }: Ring, endMs: number, handle: (view: SlotView) => void): void {
    const { u32 } = this.#arena.views;
    const area = this.#arena.threadArea(thread);
    // Acquire: entries and slots behind the head were written before it.
    const head = Atomics.load(u32, (area + headAt) >> 2);
    let tail = Atomics.load(u32, (area + tailAt) >> 2);
    for (let n = 1; tail !== head; n++) {
      const slot = u32[(area + ring + (tail & (RING_MAX - 1)) * 4) >> 2]!;
      tail = (tail + 1) >>> 0;
      try {
        handle(this.#view(thread, slot));
      } catch (error) {
        log.err(`upcall handler failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        this.#push(thread, slot, VERDICT_FREE, NONE, NONE);
      }
      if (n % BATCH === 0 && performance.now() > endMs) break;
    }
    // The thread has fewer slots than the ring has places: it needs none of them back before this.
    Atomics.store(u32, (area + tailAt) >> 2, tail);
  }

  #view(thread: number, slot: number): SlotView {
    return new SlotView(this.#arena.views, thread, slot, this.#slotAt(thread, slot));
  }

  /** Verdicts never outrun the ring: a thread has fewer slots than the ring has places. */
  #push(thread: number, slot: number, verdict: number, actions: Offset, flow: Offset): void {
    const { u32 } = this.#arena.views;
    const area = this.#arena.threadArea(thread);
    const headAt = (area + TB_FROM_CONTROL_HEAD) >> 2;
    const head = u32[headAt]!;
    const entry = (area + T_FROM_CONTROL + (head & (RING_MAX - 1)) * 16) >> 2;
    u32[entry] = slot;
    u32[entry + 1] = verdict;
    u32[entry + 2] = actions;
    u32[entry + 3] = flow;
    // Release: the entry is visible before the head moves.
    Atomics.store(u32, headAt, (head + 1) >>> 0);
  }

  #slotAt(thread: number, slot: number): Offset {
    return toOffset(this.#arena.threadArea(thread) + T_SLOTS + slot * SLOT_SIZE);
  }

  /** A free slot holding the frame; undefined (the frame is lost) when none is left or it is too long. */
  #fill(frame: Uint8Array, inPort: number): number | undefined {
    if (frame.length > FRAME_MAX || frame.length < 14) {
      this.#refuse(frame.length);
      return undefined;
    }
    this.#clock.touch();
    const at = this.#hot.slotTake(MAIN_THREAD) >>> 0;
    if (at === 0) return undefined;
    const { u8, u32 } = this.#arena.views;
    u8.set(frame, at + SLOT_DATA);
    u32[(at + SLOT_LEN) >> 2] = frame.length;
    u32[(at + SLOT_IN_PORT) >> 2] = inPort;
    u32[(at + SLOT_FRAME_SIZE) >> 2] = frame.length;
    return (at - this.#arena.threadArea(MAIN_THREAD) - T_SLOTS) / SLOT_SIZE;
  }

  #refuse(length: number): void {
    const isLong = length > FRAME_MAX;
    const at = this.#arena.threadArea(MAIN_THREAD) + TB_DROPS + (isLong ? DROP_RX_TOO_LONG : DROP_RX_RUNT) * 8;
    this.#arena.views.u64[at >> 3]! += 1n;
    if (isLong) frameLog.warn(`dropping a frame of ${length} bytes: more than ${FRAME_MAX} are not forwarded`);
  }

  /** Runs hot code that may touch guests: a guest's fault breaks its queue, as on a PMD thread. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      const area = this.#arena.threadArea(MAIN_THREAD);
      const known = error instanceof WebAssembly.RuntimeError;
      if (!known || !recoverFromGuestFault(this.#arena.views, area, MAIN_THREAD, this.#hot)) throw error;
    }
  }
}
