// A virtio-net PCI function of software (virtio 1.2, 4.1 and 5.1): the device's side, honest unless it is told to lie.
import { SoftFunction } from './soft-function.ts';

const COMMON = 0x0000;
const DEVICE = 0x1000;
const NOTIFY = 0x2000;
const NOTIFY_MULTIPLIER = 4;

interface SoftQueue {
  size: number;
  enabled: boolean;
  desc: bigint;
  avail: bigint;
  used: bigint;
  /** Chains taken from the avail ring. */
  taken: number;
  usedIndex: number;
}

export interface SoftVirtioOptions {
  readonly pairs?: number;
  readonly queueSize?: number;
  readonly mac?: readonly number[];
}

const bit = (n: number) => 1n << BigInt(n);
const FEATURES = bit(5) | bit(16) | bit(17) | bit(18) | bit(22) | bit(32) | bit(33);

export class SoftVirtioNet extends SoftFunction {
  readonly vendorId = 0x1af4;
  readonly deviceId = 0x1041;
  readonly queues: SoftQueue[] = [];
  /** Commands of the control queue, as bytes. */
  readonly commands: number[][] = [];
  linkUp = true;
  driverFeatures = 0n;
  /** The order in which sent frames are given back: -1 the last one first. */
  completionOrder: 1 | -1 = 1;
  readonly #options: Required<SoftVirtioOptions>;

  constructor(options: SoftVirtioOptions = {}) {
    super(0x3000);
    this.#options = { pairs: 1, queueSize: 64, mac: [0x52, 0x54, 0, 0, 0, 0xaa], ...options };
    this.registers.onWrite = (at, value) => this.#written(at, value);
    this.registers.onRead = (at) => this.#refresh(at);
    this.#writeCapabilities();
  }

  reset(): void {
    const { pairs, queueSize, mac } = this.#options;
    this.registers.bytes.fill(0);
    this.queues.length = 0;
    for (let i = 0; i <= 2 * pairs; i++) {
      this.queues.push({ size: queueSize, enabled: false, desc: 0n, avail: 0n, used: 0n, taken: 0, usedIndex: 0 });
    }
    this.registers.bytes.set(mac, DEVICE);
    this.registers.bytes.writeUInt16LE(pairs, DEVICE + 8);
    this.commands.length = 0;
  }

  get running(): boolean {
    return (this.registers.bytes[COMMON + 20]! & 4) !== 0;
  }

  /** The driver gets a frame, if it has offered a buffer; the descriptor that was used. */
  deliver(frame: Uint8Array, pair = 0): number | undefined {
    const queue = this.queues[2 * pair]!;
    const id = this.take(queue);
    if (id === undefined) return undefined;
    const { address } = this.#descriptor(queue, id);
    const buffer = this.bytes(address, 12 + frame.length);
    buffer.fill(0, 0, 12);
    buffer.set(frame, 12);
    this.complete(queue, id, 12 + frame.length);
    return id;
  }

  /** Frames that the driver sent since the last look. */
  sent(pair = 0): Uint8Array[] {
    const queue = this.queues[2 * pair + 1]!;
    const ids: number[] = [];
    for (let id = this.take(queue); id !== undefined; id = this.take(queue)) ids.push(id);
    const frames = ids.map((id) => {
      const { address, length } = this.#descriptor(queue, id);
      return this.bytes(address, length).slice(12);
    });
    for (const id of this.completionOrder === 1 ? ids : ids.reverse()) this.complete(queue, id, 0);
    return frames;
  }

  /** The next descriptor of the avail ring. */
  take(queue: SoftQueue): number | undefined {
    if (!queue.enabled) return undefined;
    if (Atomics.load(this.u16(queue.avail + 2n), 0) === (queue.taken & 0xffff)) return undefined;
    return this.u16(queue.avail + 4n + 2n * BigInt(queue.taken++ % queue.size))[0];
  }

  /** Writes a used entry, true or not, and moves the index. */
  complete(queue: SoftQueue, id: number, len: number, jump = 1): void {
    const entry = queue.used + 4n + 8n * BigInt(queue.usedIndex % queue.size);
    this.u32(entry)[0] = id;
    this.u32(entry + 4n)[0] = len;
    queue.usedIndex = (queue.usedIndex + jump) & 0xffff;
    Atomics.store(this.u16(queue.used + 2n), 0, queue.usedIndex);
  }

  #descriptor(queue: SoftQueue, id: number) {
    const at = queue.desc + 16n * BigInt(id);
    const [flags, next] = [this.u16(at + 12n)[0]!, this.u16(at + 14n)[0]!];
    return { address: this.u64(at)[0]!, length: this.u32(at + 8n)[0]!, flags, next };
  }

  #written(at: number, value: number): void {
    const { bytes } = this.registers;
    const queue = this.queues[bytes.readUInt16LE(COMMON + 22)];
    if (at === COMMON + 12) {
      const shift = 32n * BigInt(bytes.readUInt32LE(COMMON + 8));
      this.driverFeatures = (this.driverFeatures & ~(0xffffffffn << shift)) | (BigInt(value) << shift);
    } else if (at === COMMON + 24) queue!.size = value;
    else if (at === COMMON + 28) {
      queue!.enabled = value === 1;
      queue!.desc = bytes.readBigUInt64LE(COMMON + 32);
      queue!.avail = bytes.readBigUInt64LE(COMMON + 40);
      queue!.used = bytes.readBigUInt64LE(COMMON + 48);
    } else if (at >= NOTIFY && value === 2 * this.#options.pairs) this.#serveControl();
  }

  /** Fields whose value depends on a selector. */
  #refresh(at: number): void {
    const { bytes } = this.registers;
    const select = bytes.readUInt16LE(COMMON + 22);
    if (at === COMMON + 4) {
      const half = BigInt(bytes.readUInt32LE(COMMON));
      bytes.writeUInt32LE(Number((FEATURES >> (32n * half)) & 0xffffffffn), COMMON + 4);
    } else if (at === COMMON + 18) bytes.writeUInt16LE(this.queues.length, at);
    else if (at === COMMON + 24) bytes.writeUInt16LE(this.queues[select]?.size ?? 0, at);
    else if (at === COMMON + 30) bytes.writeUInt16LE(select, at);
    else if (at === DEVICE + 6) bytes.writeUInt16LE(this.linkUp ? 1 : 0, at);
  }

  #serveControl(): void {
    const queue = this.queues.at(-1)!;
    const head = this.take(queue);
    if (head === undefined) return;
    const bytes: number[] = [];
    for (let id = head; ; ) {
      const { address, length, flags, next } = this.#descriptor(queue, id);
      if (flags & 2) this.bytes(address, 1)[0] = 0;
      else bytes.push(...this.bytes(address, length));
      if (!(flags & 1)) break;
      id = next;
    }
    this.commands.push(bytes);
    this.complete(queue, head, 1);
  }

  /** Vendor capabilities of the three structures, in BAR 0. */
  #writeCapabilities(): void {
    const { bytes } = this.config;
    bytes.writeUInt16LE(0x10, 6);
    bytes[0x34] = 0x40;
    const structures = [
      [1, COMMON, 56],
      [2, NOTIFY, 0x1000],
      [4, DEVICE, 16],
    ] as const;
    for (const [i, [type, offset, size]] of structures.entries()) {
      const at = 0x40 + 0x20 * i;
      bytes.set([9, i === 2 ? 0 : at + 0x20, 20, type, 0], at);
      bytes.writeUInt32LE(offset, at + 8);
      bytes.writeUInt32LE(size, at + 12);
      bytes.writeUInt32LE(NOTIFY_MULTIPLIER, at + 16);
    }
  }
}
