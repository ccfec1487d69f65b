// The host's side of a NIC function's rings, for tests: the driver of one pair of virtqueues in memory of its own, as a
// `vf` port is, without a datapath.
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueuePair, RingMemory, RingPlace } from '../../../datapath/nic/provider.ts';
import { GuestMemory, type Span } from './guest-memory.ts';
import { SplitRing } from './split-ring.ts';

const ADDRESS = 1n << 32n;
const MEMORY_SIZE = 4 << 20;
const RING_SIZE = 256;
const BUFFER_SIZE = 2048;
/** virtio 1.2, 5.1.6 with VIRTIO_F_VERSION_1. */
const HEADER_SIZE = 12;
const PATIENCE_MS = 20_000;

export class HostRings {
  readonly #memory = new GuestMemory([{ guestAddr: ADDRESS, size: MEMORY_SIZE }]);
  readonly #rx = new SplitRing(this.#memory, RING_SIZE);
  readonly #tx = new SplitRing(this.#memory, RING_SIZE);
  readonly #buffers = new Map<number, Span>();
  readonly #arrived: Buffer[] = [];

  /** Gives new rings, receive buffers offered, to the function. */
  static async attach(port: {
    attach: (memory: RingMemory, pairs: readonly QueuePair[]) => Promise<unknown>;
  }): Promise<HostRings> {
    const rings = new HostRings();
    const region = rings.#memory.regions[0]!;
    const memory = { fd: region.fd, size: region.size, address: ADDRESS, processAddress: region.userAddr };
    await port.attach(memory, [rings.#pair]);
    return rings;
  }

  constructor() {
    for (let i = 0; i < RING_SIZE; i++) this.#offer(this.#memory.alloc(BUFFER_SIZE, 16));
  }

  get #pair(): QueuePair {
    const place = ({ size, desc, avail, used }: SplitRing): RingPlace => ({
      size,
      desc: desc.guestAddr,
      avail: avail.guestAddr,
      used: used.guestAddr,
    });
    return { rx: place(this.#rx), tx: place(this.#tx) };
  }

  /** False when the card has taken none of the frames before. */
  send(frame: Uint8Array): boolean {
    while (this.#tx.takeUsed());
    if (this.#tx.free.length === 0) return false;
    const buffer = this.#memory.alloc(HEADER_SIZE + frame.length, 16);
    buffer.bytes.fill(0, 0, HEADER_SIZE);
    buffer.bytes.set(frame, HEADER_SIZE);
    this.#tx.publish([{ addr: buffer.guestAddr, len: HEADER_SIZE + frame.length }]);
    return true;
  }

  /** What has arrived and was not asked for yet. */
  frames(): Buffer[] {
    for (let used = this.#rx.takeUsed(); used; used = this.#rx.takeUsed()) {
      const buffer = this.#buffers.get(used.id)!;
      this.#arrived.push(Buffer.from(buffer.bytes.subarray(HEADER_SIZE, used.len)));
      this.#offer(buffer);
    }
    return this.#arrived.splice(0);
  }

  /** The next `count` frames. */
  async receive(count: number): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    for (const endMs = performance.now() + PATIENCE_MS; frames.length < count; ) {
      frames.push(...this.frames());
      if (performance.now() > endMs) throw new Error(`${frames.length} of ${count} frames arrived at the host`);
      if (frames.length < count) await sleep(1);
    }
    return frames;
  }

  /** Only when the card has let go of the rings. */
  close(): void {
    this.#memory.close();
  }

  #offer(buffer: Span): void {
    const head = this.#rx.publish([{ addr: buffer.guestAddr, len: BUFFER_SIZE, writable: true }]);
    this.#buffers.set(head!, buffer);
  }
}
