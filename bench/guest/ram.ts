// A guest's RAM: a memfd mapped into the generator's linear memory, and what lies where in it.
//
//   | rx ring | tx ring | indirect tables | receive buffers | transmit buffers |
//   each ring: descriptors, avail ring, used ring, each on pages of its own

import koffi from 'koffi';
import { UserError } from '../../lib/errors.ts';
import { close } from '../../lib/syscalls/fd.ts';
import {
  MAP_FIXED,
  MAP_SHARED,
  MFD_CLOEXEC,
  MFD_HUGETLB,
  memfd,
  mmap,
  PROT_READ,
  PROT_WRITE,
} from '../../lib/syscalls/memory.ts';
import { FRAME_OFFSET, RAM_BASE, RAM_SPACING, RX_STRIDE } from './hot/layout.ts';

const HUGEPAGE_SIZE = 2 * 1024 * 1024;
const PAGE_SIZE = 4096;
const CACHE_LINE = 64;
const VECTOR_SIZE = 16;
const DESC_SIZE = 16;
/** Takes the pages at once: too few huge ones is an error here instead of a SIGBUS later. */
const MAP_POPULATE = 0x8000;

/** Where guest RAM starts in guest-physical space: above 4 GiB, so that no address fits 32 bits by chance. */
export const GUEST_ADDR = 0x1_0000_0000n;

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;

export interface RingPlan {
  readonly desc: number;
  readonly avail: number;
  readonly used: number;
}

/** Offsets from the first byte of RAM, and sizes, in bytes. */
export interface RamPlan {
  readonly rx: RingPlan;
  readonly tx: RingPlan;
  readonly indirect: number;
  readonly rxBuffers: number;
  readonly txBuffers: number;
  readonly txStride: number;
  readonly size: number;
}

/** Bytes from one transmit buffer to the next: room for the header, the frame and a whole last vector store. */
export function txStride(frameSize: number): number {
  return roundUp(FRAME_OFFSET + roundUp(frameSize, VECTOR_SIZE), CACHE_LINE);
}

/** Lays out RAM for two rings of `ringSize` and `txBufferCount` frames; throws UserError when that is too much. */
export function planRam(ringSize: number, frameSize: number, txBufferCount: number): RamPlan {
  let end = 0;
  const take = (size: number) => {
    const start = end;
    end = roundUp(end + size, PAGE_SIZE);
    return start;
  };
  const takeRing = (): RingPlan => ({
    desc: take(ringSize * DESC_SIZE),
    avail: take(6 + ringSize * 2),
    used: take(6 + ringSize * 8),
  });
  const stride = txStride(frameSize);
  const plan = {
    rx: takeRing(),
    tx: takeRing(),
    indirect: take(ringSize * 2 * DESC_SIZE),
    rxBuffers: take(ringSize * RX_STRIDE),
    txBuffers: take(txBufferCount * stride),
    txStride: stride,
  };
  const size = roundUp(end, HUGEPAGE_SIZE);
  if (size > RAM_SPACING - HUGEPAGE_SIZE) {
    throw new UserError(`${txBufferCount} frames of ${frameSize} bytes do not fit a guest's RAM: use fewer flows`);
  }
  return { ...plan, size };
}

export interface GuestRam {
  readonly fd: number;
  readonly size: number;
  /** Of the first byte, in the linear memory and in the process. */
  readonly offset: number;
  readonly userAddr: bigint;
  readonly hugepages: boolean;
}

/** Creates guest `index`'s RAM and maps it; in huge pages when wanted and free, else in ordinary ones. */
export function mapRam(memory: WebAssembly.Memory, index: number, size: number, wantHugepages: boolean): GuestRam {
  const base = koffi.address(new Uint8Array(memory.buffer));
  // Huge pages can only be mapped at multiples of their size, which the linear memory's base need not be.
  const misaligned = Number(base % BigInt(HUGEPAGE_SIZE));
  const offset = RAM_BASE + index * RAM_SPACING + (misaligned === 0 ? 0 : HUGEPAGE_SIZE - misaligned);
  const userAddr = base + BigInt(offset);
  for (const hugepages of wantHugepages ? [true, false] : [false]) {
    let fd = -1;
    try {
      fd = memfd('weft-bench-guest', size, MFD_CLOEXEC | (hugepages ? MFD_HUGETLB : 0));
      mmap(userAddr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0n);
      return { fd, size, offset, userAddr, hugepages };
    } catch (error) {
      if (fd >= 0) close(fd);
      if (!hugepages) throw error;
    }
  }
  throw new UserError('no memory for guest RAM');
}
