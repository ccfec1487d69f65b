// Ways in which a guest lies, each one line in a test: a name and what it does to a guest that runs.
import {
  type Descriptor,
  VRING_DESC_F_INDIRECT,
  VRING_DESC_F_NEXT,
  VRING_DESC_F_WRITE,
  writeDescriptor,
} from './split-ring.ts';
import type { VhostGuest } from './vhost-guest.ts';

export interface Lie {
  readonly name: string;
  /** Tells the lie on the ring that the guest transmits on, and kicks. */
  tell(guest: VhostGuest): void;
}

const PAGE = 4096;

function lie(name: string, tell: (guest: VhostGuest) => void): Lie {
  return {
    name,
    tell: (guest) => {
      tell(guest);
      guest.kick(guest.tx());
    },
  };
}

/** Publishes a head with one descriptor of these values. */
function publishOne(guest: VhostGuest, addr: bigint, len: number, flags = 0, next = 0): void {
  const { ring } = guest.tx();
  ring.setDescriptor(0, { addr, len, flags, next });
  ring.publishHead(0);
}

function lastRegionEnd(guest: VhostGuest): bigint {
  const region = guest.memory.regions.at(-1)!;
  return region.guestAddr + BigInt(region.size);
}

/** Deterministic noise (xorshift32), so that a failure can be had again. */
export function noise(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Lies about ring indexes and descriptors: each must break the queue, and nothing but it. */
export const RING_LIES: readonly Lie[] = [
  lie('the avail index jumps by more than the ring has', (guest) => {
    const { ring } = guest.tx();
    ring.setAvailIndex(ring.availIndex + ring.size + 1);
  }),
  lie('a head is out of range', (guest) => {
    guest.tx().ring.publishHead(guest.tx().ring.size);
  }),
  lie('a next is out of range', (guest) => {
    publishOne(guest, guest.memory.alloc(64).guestAddr, 20, 1, 0xffff);
  }),
  lie('a chain loops onto itself', (guest) => {
    publishOne(guest, guest.memory.alloc(64).guestAddr, 16, 1, 0);
  }),
  lie('a buffer is outside of memory', (guest) => {
    publishOne(guest, 0x7fff_ffff_f000n, 100);
  }),
  lie('a buffer reaches past its region', (guest) => {
    publishOne(guest, lastRegionEnd(guest) - 32n, 100);
  }),
  lie('a buffer wraps the address space', (guest) => {
    publishOne(guest, 0xffff_ffff_ffff_ff00n, 0x200);
  }),
  lie('an indirect table is outside of memory', (guest) => {
    publishOne(guest, lastRegionEnd(guest), 32, 4);
  }),
  lie('an indirect table is no whole number of descriptors', (guest) => {
    publishOne(guest, guest.memory.alloc(64).guestAddr, 17, 4);
  }),
  lie('an indirect table points to an indirect table', (guest) => {
    const table = guest.memory.alloc(32);
    writeDescriptor(table.view, 0, { addr: table.guestAddr, len: 32, flags: 4, next: 0 });
    publishOne(guest, table.guestAddr, 32, 4);
  }),
  lie('an indirect table loops', (guest) => {
    const table = guest.memory.alloc(32);
    const buffer = guest.memory.alloc(64);
    writeDescriptor(table.view, 0, { addr: buffer.guestAddr, len: 16, flags: 1, next: 1 });
    writeDescriptor(table.view, 1, { addr: buffer.guestAddr, len: 16, flags: 1, next: 0 });
    publishOne(guest, table.guestAddr, 32, 4);
  }),
];

function rxLie(name: string, tell: (guest: VhostGuest) => void): Lie {
  return { name, tell };
}

/** Changes every descriptor that the guest has already offered to receive into. */
function spoilOffers(guest: VhostGuest, descriptor: Partial<Descriptor>): void {
  const { ring } = guest.rx();
  const good: Descriptor = { addr: guest.memory.regions[0]!.guestAddr, len: 2048, flags: VRING_DESC_F_WRITE, next: 0 };
  for (let index = 0; index < ring.size; index++) ring.setDescriptor(index, { ...good, ...descriptor });
}

/** Lies on the ring that the guest receives on; they show when the switch has a frame for it. */
export const RX_RING_LIES: readonly Lie[] = [
  rxLie('the avail index jumps by more than the ring has', (guest) => {
    const { ring } = guest.rx();
    ring.setAvailIndex(ring.availIndex + ring.size + 1);
  }),
  rxLie('every head is out of range', (guest) => {
    const { ring } = guest.rx();
    for (let slot = 0; slot < ring.size; slot++) ring.avail.view.setUint16(4 + slot * 2, ring.size, true);
  }),
  rxLie('a buffer is outside of memory', (guest) => spoilOffers(guest, { addr: 0x7fff_ffff_f000n })),
  rxLie('a buffer reaches past its region', (guest) => spoilOffers(guest, { addr: lastRegionEnd(guest) - 32n })),
  rxLie('a buffer wraps the address space', (guest) => spoilOffers(guest, { addr: 0xffff_ffff_ffff_ff00n })),
  rxLie('a buffer may not be written to', (guest) => spoilOffers(guest, { flags: 0 })),
  rxLie('chains loop', (guest) => spoilOffers(guest, { len: 1, flags: VRING_DESC_F_WRITE | VRING_DESC_F_NEXT })),
  rxLie('a next is out of range', (guest) => {
    spoilOffers(guest, { len: 1, flags: VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, next: 0xffff });
  }),
  rxLie('an indirect table is outside of memory', (guest) => {
    spoilOffers(guest, { addr: lastRegionEnd(guest), len: 32, flags: VRING_DESC_F_INDIRECT });
  }),
];

/** Frames that are wrong by themselves: each is dropped, and the queue goes on. */
export const FRAME_LIES: readonly Lie[] = [
  lie('a chain of less than a virtio header', (guest) => {
    publishOne(guest, guest.memory.alloc(64).guestAddr, 4);
  }),
  lie('a header and no frame', (guest) => {
    publishOne(guest, guest.memory.alloc(64).guestAddr, guest.headerSize);
  }),
];

/** Cuts the file under a region short: what the switch touches next is gone. Returns what must not be read any more. */
export function truncateMemory(guest: VhostGuest, regionIndex: number, size: number): void {
  guest.memory.truncate(regionIndex, Math.ceil(size / PAGE) * PAGE);
}

/**
 * Overwrites `count` 32-bit words of a ring's three parts with noise, its indexes among them; the ring that the guest
 * transmits on unless told otherwise.
 */
export function scribble(guest: VhostGuest, seed: number, count: number, queue = guest.tx()): void {
  const next = noise(seed);
  const { ring } = queue;
  for (let word = 0; word < count; word++) {
    const part = [ring.desc, ring.avail, ring.used][next() % 3]!;
    const at = next() % (part.bytes.length - 3);
    part.view.setUint32(at, next(), true);
  }
  guest.kick(queue);
}
