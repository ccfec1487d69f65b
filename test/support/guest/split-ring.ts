// The driver's side of a split virtqueue (virtio 1.2, 2.7), for tests: it does what it is told, right or wrong.
//
//   descriptor table   16 bytes each: addr u64, len u32, flags u16, next u16
//   avail              flags u16, idx u16, ring u16[size]
//   used               flags u16, idx u16, { id u32, len u32 }[size]
import type { GuestMemory, Span } from './guest-memory.ts';

export const VRING_DESC_F_NEXT = 1;
export const VRING_DESC_F_WRITE = 2;
export const VRING_DESC_F_INDIRECT = 4;
export const VRING_AVAIL_F_NO_INTERRUPT = 1;
export const VRING_USED_F_NO_NOTIFY = 1;

export interface Descriptor {
  readonly addr: bigint;
  readonly len: number;
  readonly flags: number;
  readonly next: number;
}

export interface UsedElement {
  readonly id: number;
  readonly len: number;
}

/** A buffer of a chain to publish. */
export interface ChainPart {
  readonly addr: bigint;
  readonly len: number;
  readonly writable?: boolean;
}

export function writeDescriptor(table: DataView, index: number, { addr, len, flags, next }: Descriptor): void {
  const at = index * 16;
  table.setBigUint64(at, addr, true);
  table.setUint32(at + 8, len, true);
  table.setUint16(at + 12, flags, true);
  table.setUint16(at + 14, next, true);
}

export class SplitRing {
  readonly size: number;
  readonly desc: Span;
  readonly avail: Span;
  readonly used: Span;
  /** Descriptors that no published chain uses. */
  readonly free: number[];
  /** Next avail index to publish and next used index to look at, both mod 2^16. */
  availIndex = 0;
  usedSeen = 0;
  /** Head to the descriptors of its chain. */
  readonly #chains = new Map<number, number[]>();

  constructor(memory: GuestMemory, size: number) {
    this.size = size;
    this.desc = memory.alloc(size * 16, 4096);
    this.avail = memory.alloc(6 + size * 2, 4096);
    this.used = memory.alloc(6 + size * 8, 4096);
    this.free = Array.from({ length: size }, (_, index) => index);
  }

  setDescriptor(index: number, descriptor: Descriptor): void {
    writeDescriptor(this.desc.view, index, descriptor);
  }

  /** Publishes a chain of buffers: its head; undefined when there are not enough free descriptors. */
  publish(parts: readonly ChainPart[]): number | undefined {
    if (parts.length > this.free.length) return undefined;
    const indexes = this.free.splice(0, parts.length);
    for (const [position, part] of parts.entries()) {
      const next = indexes[position + 1];
      const flags = (part.writable ? VRING_DESC_F_WRITE : 0) | (next === undefined ? 0 : VRING_DESC_F_NEXT);
      this.setDescriptor(indexes[position]!, { addr: part.addr, len: part.len, flags, next: next ?? 0 });
    }
    this.#chains.set(indexes[0]!, indexes);
    this.publishHead(indexes[0]!);
    return indexes[0];
  }

  /** Publishes one descriptor that points to `table`, an indirect table of `count` descriptors. */
  publishIndirect(table: Span, count: number): number | undefined {
    const index = this.free.shift();
    if (index === undefined) return undefined;
    this.setDescriptor(index, { addr: table.guestAddr, len: count * 16, flags: VRING_DESC_F_INDIRECT, next: 0 });
    this.#chains.set(index, [index]);
    this.publishHead(index);
    return index;
  }

  /** Makes `head` available, whatever it is. */
  publishHead(head: number): void {
    this.avail.view.setUint16(4 + (this.availIndex % this.size) * 2, head, true);
    this.setAvailIndex(this.availIndex + 1);
  }

  /** Stores the avail index, whatever it is; after everything that was written before. */
  setAvailIndex(index: number): void {
    this.availIndex = index & 0xffff;
    Atomics.store(new Uint16Array(this.avail.view.buffer, this.avail.view.byteOffset + 2, 1), 0, this.availIndex);
  }

  /** The used index as the switch last wrote it. */
  get usedIndex(): number {
    return Atomics.load(new Uint16Array(this.used.view.buffer, this.used.view.byteOffset + 2, 1), 0);
  }

  get noNotify(): boolean {
    return (this.used.view.getUint16(0, true) & VRING_USED_F_NO_NOTIFY) !== 0;
  }

  /** Asks the switch for calls (true) or for none. */
  setInterrupts(wanted: boolean): void {
    this.avail.view.setUint16(0, wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT, true);
  }

  /** The next used element, whose chain's descriptors are free again; undefined when there is none. */
  takeUsed(): UsedElement | undefined {
    if (this.usedIndex === this.usedSeen) return undefined;
    const at = 4 + (this.usedSeen % this.size) * 8;
    const element = { id: this.used.view.getUint32(at, true), len: this.used.view.getUint32(at + 4, true) };
    this.usedSeen = (this.usedSeen + 1) & 0xffff;
    this.free.push(...(this.#chains.get(element.id) ?? []));
    this.#chains.delete(element.id);
    return element;
  }
}
