// The rings between a card and weft, as a VF port sees them: whatever kind of ring it is, PMD threads serve it. Virtio
// rings (virtio-ring.ts) are what a NicPort gets unless it makes its own (NicPort.makeQueues).

import type { DmaServices } from '../arena/dma-memory.ts';
import type { Heap } from '../arena/heap.ts';
import type { Quiescence } from '../arena/quiesce.ts';
import type { Rings } from '../guest/rings.ts';
import type { HotExports } from '../pmd/hot-module.ts';

/** What making queues needs of the datapath. */
export interface QueueServices extends DmaServices {
  readonly heap: Heap;
  readonly quiescence: Quiescence;
  readonly rings: Rings;
  readonly hot: Pick<HotExports, 'driverReset'>;
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
}

export interface PortQueues {
  /** The PMD threads serve the queues from now on: the card runs. */
  start(): void;
  /** Resolves when no thread touches the queues any more; they can be started again, from the beginning. */
  stop(): Promise<void>;
  /** While the port is down, what the card receives is consumed and dropped. */
  setAdminUp(up: boolean): void;
  /** Looks at what the threads noted: a broken queue is told to the listener once. */
  poll(): void;
  onBroken(listener: (queue: string, reason: string) => void): void;
  /** Frees everything: after stop(), and when the card has let go of it. */
  release(): void;
}
