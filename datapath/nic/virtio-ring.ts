// Queue pairs of split virtqueues of which weft is the driver (hot/virtio-ring.ts), in memory that the card sees; or of
// an 82574L's rings (hot/e1000e.ts), which have descriptors and buffers only.
//
//   memory   | desc | avail | used | buffers |  for each queue, every part on a page of its own
//   heap     | VRING | marks | free |           for each queue, not seen by the card
//
// Life: created (rings are new, receive buffers offered) - the card is given memory and pairs - start() - stop() - new.

import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../../lib/log.ts';
import { DmaMemory, type DmaServices } from '../arena/dma-memory.ts';
import type { Heap } from '../arena/heap.ts';
import { type Offset, toOffset } from '../arena/offset.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import { BROKEN_REASONS } from '../drop-reasons.ts';
import type { Rings } from '../guest/rings.ts';
import {
  DEVICE_REGION_COUNT,
  DEVICE_REGIONS,
  DEVICE_SIZE,
  REGION_BYTES,
  REGION_GUEST_ADDR,
  REGION_ID,
  REGION_OFFSET,
  VRING_AVAIL,
  VRING_AVAIL_IDX,
  VRING_BROKEN_REASON,
  VRING_BUFFER_SIZE,
  VRING_BUFFERS,
  VRING_CALL_FD,
  VRING_CALLS,
  VRING_DESC,
  VRING_DEVICE,
  VRING_DOORBELL,
  VRING_DOORBELL_VALUE,
  VRING_FLAG_DOORBELL_32,
  VRING_FLAG_DRIVER,
  VRING_FLAG_E1000E,
  VRING_FLAG_TRANSMIT,
  VRING_FLAGS,
  VRING_FREE,
  VRING_INDEX,
  VRING_LAST_USED,
  VRING_MARKS,
  VRING_NUM,
  VRING_PORT,
  VRING_SIZE,
  VRING_STATE,
  VRING_STATE_BROKEN,
  VRING_STATE_DISABLED,
  VRING_STATE_ENABLED,
  VRING_STATE_STOPPED,
  VRING_USED,
} from '../layout/vring.ts';
import type { HotExports } from '../pmd/hot-module.ts';
import type { Doorbell, PairDoorbells, QueuePair, RingKind, RingMemory, RingPlace } from './provider.ts';

const log = logger('netdev_dpdk');
const KINDS: Readonly<Record<RingKind, number>> = { virtio: 0, e1000e: VRING_FLAG_E1000E };
const PAGE_SIZE = 4096;
const CACHE_LINE = 64;
/** How long a side may take for what is left in the rings. */
const DRAIN_MS_MAX = 2000;
/** virtio-net header (virtio 1.2, 5.1.6). */
const HEADER_SIZE = 12;

/** What making queues needs of the datapath. */
export interface QueueServices extends DmaServices {
  readonly heap: Heap;
  readonly quiescence: Quiescence;
  readonly rings: Rings;
  readonly hot: Pick<HotExports, 'driverReset' | 'usedIndex'>;
}

export interface QueueOptions {
  readonly portName: string;
  readonly odpPort: number;
  /** Receive and transmit queues, one of each in a pair. */
  readonly pairs: number;
  /** Buffers of a receive and of a transmit queue, powers of two. */
  readonly rxSize: number;
  readonly txSize: number;
  /** The longest frame in bytes, without FCS. */
  readonly frameMax: number;
  readonly kind: RingKind;
}

interface Queue {
  readonly name: string;
  readonly pair: number;
  readonly transmits: boolean;
  readonly vring: Offset;
  readonly place: RingPlace;
  reported: boolean;
}

/** An odd number of cache lines: the headers of neighbours then fall into different cache sets. */
function bufferSize({ frameMax, kind }: QueueOptions): number {
  // The 82574L knows powers of two, and counts the FCS.
  if (kind === 'e1000e') return Math.max(2048, 2 ** Math.ceil(Math.log2(frameMax + 4)));
  const lines = Math.ceil((HEADER_SIZE + frameMax) / CACHE_LINE);
  return (lines | 1) * CACHE_LINE;
}

/** Where the parts of a queue of `size` buffers begin, from its first byte on, and where it ends. */
function plan(size: number, buffer: number) {
  const page = (at: number) => Math.ceil(at / PAGE_SIZE) * PAGE_SIZE;
  const avail = page(size * 16);
  // Entries, behind 4 bytes of flags and index, lie across no two cache lines and no two pages.
  const used = avail + page(6 + size * 2) + CACHE_LINE - 4;
  const buffers = page(used + 6 + size * 8);
  return { avail, used, buffers, end: buffers + page(size * buffer) };
}

export class VirtioQueues {
  readonly #services: QueueServices;
  readonly #options: QueueOptions;
  readonly #memory: DmaMemory;
  /** A DEVICE record of the memory: what a trap's cause is looked for in. */
  readonly #device: Offset;
  readonly #queues: Queue[] = [];
  readonly #listeners: ((queue: string, reason: string) => void)[] = [];
  #running = false;
  #adminUp = true;

  /** Throws UserError when the arena has no room for them. */
  constructor(services: QueueServices, options: QueueOptions) {
    this.#services = services;
    this.#options = options;
    const buffer = bufferSize(options);
    const pairSize = plan(options.rxSize, buffer).end + plan(options.txSize, buffer).end;
    this.#memory = DmaMemory.create(services, options.pairs * pairSize);
    this.#device = this.#describeMemory();
    let at = 0;
    for (let pair = 0; pair < options.pairs; pair++) {
      for (const transmits of [false, true]) {
        const size = transmits ? options.txSize : options.rxSize;
        this.#queues.push(this.#makeQueue(pair, transmits, size, buffer, toOffset(this.#memory.offset + at)));
        at += plan(size, buffer).end;
      }
    }
  }

  /** What the card may touch; `processAddress` is for mapping it into an IOMMU. */
  get memory(): RingMemory {
    const { fd, size, address, processAddress } = this.#memory;
    return { fd, size, address, processAddress };
  }

  get pairs(): readonly QueuePair[] {
    return Array.from({ length: this.#options.pairs }, (_, pair) => ({
      rx: this.#queues[pair * 2]!.place,
      tx: this.#queues[pair * 2 + 1]!.place,
    }));
  }

  /** How often doorbells were rung. */
  get doorbellsRung(): bigint {
    const { u64 } = this.#services.arena.views;
    return this.#queues.reduce((sum, { vring }) => sum + u64[(vring + VRING_CALLS) >> 3]!, 0n);
  }

  /** A card that does not poll is rung from here on; before start(). */
  setDoorbells(pairs: readonly PairDoorbells[]): void {
    for (const { vring, pair, transmits } of this.#queues) {
      const bells = pairs[pair];
      if (bells) this.#setDoorbell(vring, transmits ? bells.tx : bells.rx);
    }
  }

  /** The PMD threads serve the queues from now on: the card runs. */
  start(): void {
    const { rings } = this.#services;
    const { odpPort, portName } = this.#options;
    this.#running = true;
    for (const { vring, pair, transmits } of this.#queues) {
      this.#setState(vring, this.#wantedState(transmits));
      if (transmits) rings.setTxq(odpPort, pair, vring);
      else rings.addRxq({ vring, odpPort, portName, queue: pair, driver: true });
    }
  }

  /** Resolves when no thread touches the queues any more, and they are as new. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const { rings, quiescence, hot } = this.#services;
    for (const { vring, pair, transmits } of this.#queues) {
      this.#setState(vring, VRING_STATE_STOPPED);
      if (transmits) rings.setTxq(this.#options.odpPort, pair, undefined);
      else rings.removeRxq(vring);
    }
    await quiescence.barrier();
    for (const queue of this.#queues) {
      queue.reported = false;
      this.#setState(queue.vring, VRING_STATE_STOPPED);
      hot.driverReset(queue.vring);
    }
  }

  /**
   * Resolves when one side has taken all that the other had for it: threads what was received, or the card what was sent. A
   * side that is dead is not waited for.
   */
  async drained(direction: 'rx' | 'tx'): Promise<void> {
    const queues = this.#queues.filter(({ transmits }) => transmits === (direction === 'tx'));
    for (const endMs = performance.now() + DRAIN_MS_MAX; performance.now() < endMs; await sleep(1)) {
      if (queues.every((queue) => this.#isDrained(queue))) return;
    }
  }

  /** While the port is down, what the card receives is consumed and dropped. */
  setAdminUp(up: boolean): void {
    this.#adminUp = up;
    const { u32 } = this.#services.arena.views;
    for (const { vring, transmits } of this.#queues) {
      const state = Atomics.load(u32, (vring + VRING_STATE) >> 2);
      if (state !== VRING_STATE_ENABLED && state !== VRING_STATE_DISABLED) continue;
      // A thread that breaks the queue at this moment wins.
      Atomics.compareExchange(u32, (vring + VRING_STATE) >> 2, state, this.#wantedState(transmits));
    }
  }

  /** Looks at what the threads noted: a broken queue is told once. */
  poll(): void {
    const { u32 } = this.#services.arena.views;
    for (const queue of this.#queues) {
      if (queue.reported || Atomics.load(u32, (queue.vring + VRING_STATE) >> 2) !== VRING_STATE_BROKEN) continue;
      queue.reported = true;
      const reason = BROKEN_REASONS[u32[(queue.vring + VRING_BROKEN_REASON) >> 2]!] ?? 'unknown';
      log.warn(`${this.#options.portName}: ${queue.name} is broken: ${reason}`);
      for (const listener of this.#listeners) listener(queue.name, reason);
    }
  }

  onBroken(listener: (queue: string, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Frees everything: after stop(), and when the card has let go of it. */
  release(): void {
    const { heap, arena } = this.#services;
    for (const { vring, transmits } of this.#queues) {
      heap.free(toOffset(arena.views.u32[(vring + VRING_MARKS) >> 2]!));
      if (transmits) heap.free(toOffset(arena.views.u32[(vring + VRING_FREE) >> 2]!));
      heap.free(vring);
    }
    heap.free(this.#device);
    this.#memory.release();
  }

  #makeQueue(pair: number, transmits: boolean, size: number, buffer: number, at: Offset): Queue {
    const { heap, arena, hot } = this.#services;
    const parts = plan(size, buffer);
    const vring = heap.alloc(VRING_SIZE);
    const words: readonly (readonly [number, number])[] = [
      [VRING_NUM, size],
      [VRING_DESC, at],
      [VRING_AVAIL, at + parts.avail],
      [VRING_USED, at + parts.used],
      [VRING_DEVICE, this.#device],
      [VRING_FLAGS, VRING_FLAG_DRIVER | (transmits ? VRING_FLAG_TRANSMIT : 0) | KINDS[this.#options.kind]],
      [VRING_CALL_FD, -1],
      [VRING_PORT, this.#options.odpPort],
      [VRING_INDEX, pair * 2 + (transmits ? 1 : 0)],
      [VRING_BUFFERS, at + parts.buffers],
      [VRING_BUFFER_SIZE, buffer],
      [VRING_MARKS, heap.alloc(size * 4)],
      [VRING_FREE, transmits ? heap.alloc(size * 2) : 0],
    ];
    for (const [field, value] of words) arena.views.u32[(vring + field) >> 2] = value;
    hot.driverReset(vring);
    const address = this.#memory.address + BigInt(at - this.#memory.offset);
    const place = {
      size,
      desc: address,
      avail: address + BigInt(parts.avail),
      used: address + BigInt(parts.used),
      bufferSize: buffer,
    };
    return { name: `${transmits ? 'tx' : 'rx'} queue ${pair}`, pair, transmits, vring, place, reported: false };
  }

  #isDrained({ vring, transmits }: Queue): boolean {
    const { arena, hot } = this.#services;
    const { u32 } = arena.views;
    const taken = Atomics.load(u32, (vring + (transmits ? VRING_AVAIL_IDX : VRING_LAST_USED)) >> 2);
    return hot.usedIndex(u32[(vring + VRING_USED) >> 2]!) === taken;
  }

  #describeMemory(): Offset {
    const { heap, arena } = this.#services;
    const { u32, u64 } = arena.views;
    const device = heap.alloc(DEVICE_SIZE);
    const region = device + DEVICE_REGIONS;
    u32[(device + DEVICE_REGION_COUNT) >> 2] = 1;
    u64[(region + REGION_GUEST_ADDR) >> 3] = this.#memory.address;
    u64[(region + REGION_BYTES) >> 3] = BigInt(this.#memory.size);
    u32[(region + REGION_OFFSET) >> 2] = this.#memory.offset;
    u32[(region + REGION_ID) >> 2] = this.#memory.fd;
    return device;
  }

  #setDoorbell(vring: Offset, bell: Doorbell): void {
    const { u32 } = this.#services.arena.views;
    const flags = (vring + VRING_FLAGS) >> 2;
    u32[flags] = (u32[flags]! & ~VRING_FLAG_DOORBELL_32) | (bell.bits === 32 ? VRING_FLAG_DOORBELL_32 : 0);
    u32[(vring + VRING_DOORBELL_VALUE) >> 2] = bell.value;
    u32[(vring + VRING_DOORBELL) >> 2] = bell.offset;
  }

  #wantedState(transmits: boolean): number {
    return this.#adminUp || transmits ? VRING_STATE_ENABLED : VRING_STATE_DISABLED;
  }

  #setState(vring: Offset, state: number): void {
    Atomics.store(this.#services.arena.views.u32, (vring + VRING_STATE) >> 2, state);
  }
}
