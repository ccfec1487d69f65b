// A virtio-net guest for tests: memory, front-end and driver in one. Honest by itself; hostile.ts makes it lie.
//
//   const guest = await VhostGuest.connect(path);
//   await guest.sendFrame(frame);
//   const [reply] = await guest.receiveFrames(1, 1000);
import { setTimeout as sleep } from 'node:timers/promises';
import {
  hasFeature,
  OFFERED_PROTOCOL_FEATURES,
  VHOST_USER_F_PROTOCOL_FEATURES,
  VIRTIO_F_VERSION_1,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_RING_F_INDIRECT_DESC,
} from '../../../datapath/port/vhost-user/features.ts';
import * as protocol from '../../../datapath/port/vhost-user/protocol.ts';
import { close, eventfd, eventfdDrain, eventfdSignal } from '../../../lib/syscalls/fd.ts';
import { bytesOf, FrontEnd, type FrontEndListener, PATIENCE_MS, u64, vringState } from './front-end.ts';
import { GuestMemory, type RegionSpec, type Span } from './guest-memory.ts';
import { SplitRing, writeDescriptor } from './split-ring.ts';

export const DEFAULT_FEATURES =
  (1n << VIRTIO_F_VERSION_1) |
  (1n << VIRTIO_NET_F_MRG_RXBUF) |
  (1n << VIRTIO_RING_F_INDIRECT_DESC) |
  (1n << VHOST_USER_F_PROTOCOL_FEATURES);

export interface GuestOptions {
  /** Virtio features to accept. */
  readonly features?: bigint;
  readonly protocolFeatures?: bigint;
  readonly queueSize?: number;
  readonly queuePairs?: number;
  readonly regions?: readonly RegionSpec[];
  /** The region that packet buffers come from; 0, where the rings are, unless told otherwise. */
  readonly bufferRegion?: number;
  readonly rxBufferSize?: number;
  /** False: a polling guest, which wants no calls. */
  readonly calls?: boolean;
  /** Connect only; start() to be called later, or never. */
  readonly started?: boolean;
}

export interface SendOptions {
  /** Sizes of the buffers to spread header and frame over; one buffer when absent. */
  readonly parts?: readonly number[];
  readonly indirect?: boolean;
  readonly queuePair?: number;
}

interface Queue {
  readonly ring: SplitRing;
  readonly index: number;
  readonly kickFd: number;
  readonly callFd: number;
  readonly errFd: number;
  /** Chain head to its buffers. */
  readonly buffers: Map<number, Span>;
}

export class VhostGuest {
  readonly frontEnd: FrontEnd;
  readonly memory: GuestMemory;
  readonly features: bigint;
  /** By ring index; a ring that was not made is missing. */
  readonly queues: (Queue | undefined)[] = [];
  readonly #options: Required<Omit<GuestOptions, 'features' | 'regions' | 'started'>>;
  #closed = false;
  /** Frames received that nobody has asked for yet. */
  readonly #arrived: Uint8Array[] = [];

  constructor(frontEnd: FrontEnd, options: GuestOptions = {}) {
    this.frontEnd = frontEnd;
    this.features = options.features ?? DEFAULT_FEATURES;
    this.memory = new GuestMemory(options.regions);
    this.#options = {
      protocolFeatures: options.protocolFeatures ?? OFFERED_PROTOCOL_FEATURES,
      queueSize: options.queueSize ?? 256,
      queuePairs: options.queuePairs ?? 1,
      bufferRegion: options.bufferRegion ?? 0,
      rxBufferSize: options.rxBufferSize ?? 2048,
      calls: options.calls ?? true,
    };
  }

  /** A guest on a `dpdkvhostuser` port, running unless `started` is false. */
  static async connect(path: string, options: GuestOptions = {}): Promise<VhostGuest> {
    const guest = new VhostGuest(await FrontEnd.connect(path), options);
    if (options.started !== false) await guest.start();
    return guest;
  }

  /** A guest that a `dpdkvhostuserclient` port dials. */
  static async accept(listener: FrontEndListener, options: GuestOptions = {}): Promise<VhostGuest> {
    const guest = new VhostGuest(await listener.accept(), options);
    if (options.started !== false) await guest.start();
    return guest;
  }

  /** Bytes of virtio_net_hdr before each frame (virtio 1.2, 5.1.6). */
  get headerSize(): number {
    const long = hasFeature(this.features, VIRTIO_F_VERSION_1) || hasFeature(this.features, VIRTIO_NET_F_MRG_RXBUF);
    return long ? 12 : 10;
  }

  get #protocolFeatures(): boolean {
    return hasFeature(this.features, VHOST_USER_F_PROTOCOL_FEATURES);
  }

  /** Negotiates, shares the memory and starts every ring, receive rings filled. */
  async start(): Promise<void> {
    await this.negotiate();
    await this.shareMemory();
    for (let index = 0; index < this.#options.queuePairs * 2; index++) this.startRing(index);
    // A request with a reply: what was sent before it has been handled.
    await this.sync();
  }

  async negotiate(): Promise<void> {
    const { frontEnd } = this;
    frontEnd.send(protocol.VHOST_USER_SET_OWNER);
    const offered = await frontEnd.callU64(protocol.VHOST_USER_GET_FEATURES);
    if ((this.features & ~offered) !== 0n) throw new Error(`the switch offers only 0x${offered.toString(16)}`);
    if (this.#protocolFeatures) {
      await frontEnd.callU64(protocol.VHOST_USER_GET_PROTOCOL_FEATURES);
      frontEnd.send(protocol.VHOST_USER_SET_PROTOCOL_FEATURES, u64(this.#options.protocolFeatures));
    }
    frontEnd.send(protocol.VHOST_USER_SET_FEATURES, u64(this.features));
  }

  /** Sends the memory table of all regions. */
  async shareMemory(): Promise<void> {
    const { regions } = this.memory;
    const payload = bytesOf(8 + regions.length * 32);
    const view = new DataView(payload.buffer);
    view.setUint32(0, regions.length, true);
    for (const [index, region] of regions.entries()) {
      const at = 8 + index * 32;
      view.setBigUint64(at, region.guestAddr, true);
      view.setBigUint64(at + 8, BigInt(region.size), true);
      view.setBigUint64(at + 16, region.userAddr, true);
      view.setBigUint64(at + 24, BigInt(region.fileOffset), true);
    }
    this.frontEnd.send(
      protocol.VHOST_USER_SET_MEM_TABLE,
      payload,
      regions.map((region) => region.fd),
    );
    await this.sync();
  }

  /** Resolves when the switch has handled everything sent so far. */
  async sync(): Promise<void> {
    await this.frontEnd.callU64(protocol.VHOST_USER_GET_FEATURES);
  }

  /** Makes ring `index` and hands it over, enabled. */
  startRing(index: number): void {
    const queue = this.makeQueue(index);
    if (index % 2 === 0) this.#fill(queue);
    this.describeRing(queue);
    if (this.#protocolFeatures) this.frontEnd.send(protocol.VHOST_USER_SET_VRING_ENABLE, vringState(index, 1));
  }

  makeQueue(index: number): Queue {
    const ring = new SplitRing(this.memory, this.#options.queueSize);
    ring.setInterrupts(this.#options.calls);
    const queue = { ring, index, kickFd: eventfd(), callFd: eventfd(), errFd: eventfd(), buffers: new Map() };
    this.queues[index] = queue;
    return queue;
  }

  /** SET_VRING_* of a ring; `skew` is added to the three addresses (descriptors, avail, used), to lie about them. */
  describeRing({ ring, index, kickFd, callFd, errFd }: Queue, skew: readonly bigint[] = [0n, 0n, 0n], base = 0): void {
    const addr = bytesOf(40);
    const view = new DataView(addr.buffer);
    view.setUint32(0, index, true);
    view.setBigUint64(8, BigInt.asUintN(64, ring.desc.userAddr + skew[0]!), true);
    view.setBigUint64(16, BigInt.asUintN(64, ring.used.userAddr + skew[2]!), true);
    view.setBigUint64(24, BigInt.asUintN(64, ring.avail.userAddr + skew[1]!), true);
    const { frontEnd } = this;
    frontEnd.send(protocol.VHOST_USER_SET_VRING_NUM, vringState(index, ring.size));
    frontEnd.send(protocol.VHOST_USER_SET_VRING_BASE, vringState(index, base));
    frontEnd.send(protocol.VHOST_USER_SET_VRING_ADDR, addr);
    if (this.#options.calls) frontEnd.send(protocol.VHOST_USER_SET_VRING_CALL, u64(index), [callFd]);
    else frontEnd.send(protocol.VHOST_USER_SET_VRING_CALL, u64(index | 0x100));
    frontEnd.send(protocol.VHOST_USER_SET_VRING_ERR, u64(index), [errFd]);
    frontEnd.send(protocol.VHOST_USER_SET_VRING_KICK, u64(index), [kickFd]);
  }

  /** GET_VRING_BASE: resolves with the avail index that the switch goes on from, nobody touching the ring any more. */
  async stopRing(index: number): Promise<number> {
    const payload = await this.frontEnd.call(protocol.VHOST_USER_GET_VRING_BASE, vringState(index, 0));
    return new DataView(payload.buffer, payload.byteOffset).getUint32(4, true);
  }

  /** The ring that the guest receives on. */
  rx(queuePair = 0): Queue {
    return this.queues[queuePair * 2]!;
  }

  /** The ring that the guest transmits on. */
  tx(queuePair = 0): Queue {
    return this.queues[queuePair * 2 + 1]!;
  }

  kick(queue: Queue): void {
    if (!queue.ring.noNotify) eventfdSignal(queue.kickFd);
  }

  /** Calls received since the last look. */
  calls(queue: Queue): bigint {
    return eventfdDrain(queue.callFd);
  }

  /** Publishes one frame; waits while the ring is full. */
  async sendFrame(frame: Uint8Array, options: SendOptions = {}): Promise<void> {
    const queue = this.tx(options.queuePair);
    const size = this.headerSize + frame.length;
    const parts = options.parts ?? [size];
    const needed = options.indirect ? 1 : parts.length;
    await waitFor(
      () => {
        this.#reclaim(queue);
        return queue.ring.free.length >= needed;
      },
      PATIENCE_MS,
      'the switch takes no more frames',
    );
    const buffer = this.#txBuffer(queue, size);
    buffer.bytes.fill(0, 0, this.headerSize);
    buffer.bytes.set(frame, this.headerSize);
    const chain = spread(buffer.guestAddr, size, parts);
    const head = options.indirect ? this.#publishIndirect(queue, chain) : queue.ring.publish(chain);
    queue.buffers.set(head!, buffer);
    this.kick(queue);
  }

  /** Resolves when the switch has given back every frame sent. */
  async drained(queuePair = 0, timeoutMs = PATIENCE_MS): Promise<void> {
    const queue = this.tx(queuePair);
    await waitFor(
      () => {
        this.#reclaim(queue);
        return queue.ring.free.length === queue.ring.size;
      },
      timeoutMs,
      'frames were not taken',
    );
  }

  /** The next `count` frames, without their virtio headers. */
  async receiveFrames(count: number, timeoutMs = PATIENCE_MS, queuePair = 0): Promise<Uint8Array[]> {
    const queue = this.rx(queuePair);
    await waitFor(
      () => {
        this.#collect(queue);
        return this.#arrived.length >= count;
      },
      timeoutMs,
      () => `${this.#arrived.length} of ${count} frames arrived`,
    );
    return this.#arrived.splice(0, count);
  }

  /** What has arrived by now. */
  pollFrames(queuePair = 0): Uint8Array[] {
    this.#collect(this.rx(queuePair));
    return this.#arrived.splice(0);
  }

  /** Hangs up as a guest does that is killed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.frontEnd.close();
    this.memory.close();
    for (const queue of this.queues) if (queue) for (const fd of [queue.kickFd, queue.callFd, queue.errFd]) close(fd);
    this.queues.length = 0;
  }

  #fill(queue: Queue): void {
    const { rxBufferSize, bufferRegion } = this.#options;
    while (queue.ring.free.length > 0) {
      const buffer = this.memory.alloc(rxBufferSize, 16, bufferRegion);
      this.#offer(queue, buffer);
    }
  }

  #offer(queue: Queue, buffer: Span): void {
    const head = queue.ring.publish([{ addr: buffer.guestAddr, len: buffer.bytes.length, writable: true }]);
    queue.buffers.set(head!, buffer);
  }

  /** Transmit buffers are made as they are needed and used again. */
  readonly #spare: Span[] = [];

  #txBuffer(_queue: Queue, size: number): Span {
    const index = this.#spare.findIndex((span) => span.bytes.length >= size);
    if (index >= 0) return this.#spare.splice(index, 1)[0]!;
    return this.memory.alloc(Math.max(size, 2048), 16, this.#options.bufferRegion);
  }

  #reclaim(queue: Queue): void {
    for (let used = queue.ring.takeUsed(); used; used = queue.ring.takeUsed()) {
      const buffer = queue.buffers.get(used.id);
      if (!buffer) throw new Error(`the switch returned head ${used.id}, which was not sent`);
      queue.buffers.delete(used.id);
      this.#spare.push(buffer);
    }
  }

  #publishIndirect(queue: Queue, chain: readonly { addr: bigint; len: number }[]): number | undefined {
    const table = this.memory.alloc(chain.length * 16, 16);
    for (const [index, { addr, len }] of chain.entries()) {
      const last = index === chain.length - 1;
      writeDescriptor(table.view, index, { addr, len, flags: last ? 0 : 1, next: last ? 0 : index + 1 });
    }
    return queue.ring.publishIndirect(table, chain.length);
  }

  /** Takes received buffers, joins those of one frame (num_buffers), and offers them again. */
  #collect(queue: Queue): void {
    const { headerSize } = this;
    for (let used = queue.ring.takeUsed(); used; used = queue.ring.takeUsed()) {
      const first = this.#takeBuffer(queue, used.id, used.len);
      const merged = hasFeature(this.features, VIRTIO_NET_F_MRG_RXBUF);
      const buffers = merged ? new DataView(first.buffer).getUint16(10, true) : 1;
      const pieces = [first.subarray(headerSize)];
      for (let index = 1; index < buffers; index++) {
        const more = queue.ring.takeUsed();
        if (!more) throw new Error(`frame of ${buffers} buffers, of which ${index} came`);
        pieces.push(this.#takeBuffer(queue, more.id, more.len));
      }
      this.#arrived.push(new Uint8Array(Buffer.concat(pieces)));
    }
    this.kick(queue);
  }

  /** A copy of the first `len` bytes of a used buffer, which is offered again. */
  #takeBuffer(queue: Queue, head: number, len: number): Uint8Array<ArrayBuffer> {
    const buffer = queue.buffers.get(head);
    if (!buffer) throw new Error(`the switch used head ${head}, which was not offered`);
    if (len > buffer.bytes.length) throw new Error(`${len} bytes in a buffer of ${buffer.bytes.length}`);
    queue.buffers.delete(head);
    const copy = new Uint8Array(buffer.bytes.subarray(0, len));
    this.#offer(queue, buffer);
    return copy;
  }
}

function spread(addr: bigint, size: number, parts: readonly number[]): { addr: bigint; len: number }[] {
  let at = 0;
  const chain = parts.map((len) => {
    const part = { addr: addr + BigInt(at), len };
    at += len;
    return part;
  });
  if (at !== size) throw new RangeError(`parts hold ${at} bytes, header and frame have ${size}`);
  return chain;
}

async function waitFor(done: () => boolean, timeoutMs: number, failure: string | (() => string)): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > deadlineMs) throw new Error(typeof failure === 'string' ? failure : failure());
    await sleep(1);
  }
}
