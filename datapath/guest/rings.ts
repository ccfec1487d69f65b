// Which virtqueues there are and who serves them: receive queues go round over the PMD threads' poll lists, transmit
// queues into their port's record. Lists are replaced whole; the old one is freed after quiescence.

import type { Arena } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import type { Offset } from '../arena/offset.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import type { RxqAssignment } from '../dpif.ts';
import { PORT_TXQ_COUNT, PORT_TXQ_MAX, PORT_TXQS } from '../layout/flow.ts';
import { PORT_SIZE, PORT_TABLE } from '../layout/memory-map.ts';
import { POLL_ENTRY_SIZE, POLL_LIST_DRIVERS, POLL_LIST_ENTRIES, TB_POLL_LIST } from '../layout/thread-block.ts';

export interface RxQueue {
  readonly vring: Offset;
  readonly odpPort: number;
  readonly portName: string;
  readonly queue: number;
  /** A card's ring, of which weft is the driver. */
  readonly driver?: boolean;
}

/** A running PMD thread as the assignment sees it. */
export interface PollingThread {
  readonly index: number;
  readonly core: number;
  wake(): void;
}

export class Rings {
  readonly #arena: Arena;
  readonly #heap: Heap;
  readonly #quiescence: Quiescence;
  #threads: readonly PollingThread[] = [];
  readonly #rxqs = new Set<RxQueue>();
  readonly #txqs = new Map<number, (Offset | undefined)[]>();
  readonly #assigned = new Map<RxQueue, PollingThread>();

  constructor(arena: Arena, heap: Heap, quiescence: Quiescence) {
    this.#arena = arena;
    this.#heap = heap;
    this.#quiescence = quiescence;
  }

  /** The PMD threads changed: deals every queue anew. */
  setThreads(threads: readonly PollingThread[], gone: readonly number[] = []): void {
    this.#threads = threads;
    for (const index of gone) this.#publish(index, []);
    this.#deal();
  }

  addRxq(rxq: RxQueue): void {
    this.#rxqs.add(rxq);
    this.#deal();
  }

  removeRxq(vring: Offset): void {
    for (const rxq of this.#rxqs) if (rxq.vring === vring) this.#rxqs.delete(rxq);
    this.#deal();
  }

  /** Puts a transmit queue at its place in the port's record, or takes it out (undefined). */
  setTxq(odpPort: number, queue: number, vring: Offset | undefined): void {
    const queues = this.#txqs.get(odpPort) ?? [];
    queues[queue] = vring;
    this.#txqs.set(odpPort, queues);
    const usable = queues.filter((offset) => offset !== undefined).slice(0, PORT_TXQ_MAX);
    const { u32 } = this.#arena.views;
    const port = PORT_TABLE + odpPort * PORT_SIZE;
    const count = (port + PORT_TXQ_COUNT) >> 2;
    // Readers index by count: never let them see more queues than are written.
    if (usable.length < u32[count]!) Atomics.store(u32, count, usable.length);
    for (const [i, offset] of usable.entries()) Atomics.store(u32, (port + PORT_TXQS + i * 4) >> 2, offset);
    Atomics.store(u32, count, usable.length);
  }

  assignments(): RxqAssignment[] {
    return [...this.#rxqs].map((rxq) => ({
      core: this.#assigned.get(rxq)?.core ?? -1,
      numa: 0,
      port: rxq.portName,
      queue: rxq.queue,
      enabled: true,
    }));
  }

  /** Round robin in order of port and queue, so that the same set is always dealt the same way. */
  #deal(): void {
    const order = [...this.#rxqs].sort((a, b) => a.odpPort - b.odpPort || a.queue - b.queue);
    this.#assigned.clear();
    const lists = new Map<PollingThread, RxQueue[]>(this.#threads.map((thread) => [thread, []]));
    order.forEach((rxq, i) => {
      const thread = this.#threads[i % this.#threads.length];
      if (!thread) return;
      this.#assigned.set(rxq, thread);
      lists.get(thread)!.push(rxq);
    });
    for (const [thread, rxqs] of lists) {
      this.#publish(thread.index, rxqs);
      thread.wake();
    }
  }

  #publish(index: number, dealt: readonly RxQueue[]): void {
    const drivers = dealt.filter((rxq) => rxq.driver);
    const rxqs = [...dealt.filter((rxq) => !rxq.driver), ...drivers];
    const { u32 } = this.#arena.views;
    const slot = (this.#arena.threadArea(index) + TB_POLL_LIST) >> 2;
    const old = u32[slot]! as Offset;
    const list = this.#heap.alloc(POLL_LIST_ENTRIES + rxqs.length * POLL_ENTRY_SIZE);
    u32[list >> 2] = rxqs.length;
    u32[(list + POLL_LIST_DRIVERS) >> 2] = drivers.length;
    rxqs.forEach((rxq, i) => {
      const at = (list + POLL_LIST_ENTRIES + i * POLL_ENTRY_SIZE) >> 2;
      u32[at] = rxq.vring;
      u32[at + 1] = rxq.odpPort;
    });
    Atomics.store(u32, slot, list);
    if (old !== 0) this.#quiescence.defer(() => this.#heap.free(old));
  }
}
