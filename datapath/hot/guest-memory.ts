// Guest-physical addresses to arena offsets. The whole [addr, addr + len) is checked against one region of the device's
// sorted table, last hit first; guest addresses are untrusted 64-bit numbers, so no sum may wrap unseen.

import { CONTROL_BLOCK } from '../layout/memory-map.ts';
import { CB_WISHES } from '../layout/thread-block.ts';
import { CHUNK_HAS_NEXT, CHUNK_SIZE, DEVICE_REGIONS, REGION_SIZE, WANT_NOTHING, WANT_WANTED } from '../layout/vring.ts';
import { ringBell } from './bell.ts';
import { Region, Vring } from './views.ts';

// What translate() gives in place of an offset.
export const UNREACHABLE: u32 = 0;
/** In the guest's memory, but not mapped yet: the control thread was asked to. */
export const NOT_MAPPED_YET: u32 = 1;

/** Arena offset of guest memory [addr, addr + len), UNREACHABLE when no region holds it, or NOT_MAPPED_YET. */
export function translate(ring: Vring, addr: u64, len: u32): u32 {
  let region = changetype<Region>(ring.device + DEVICE_REGIONS + ring.regionHint);
  // addr - base is below size, and len fits in the rest: neither comparison can wrap.
  let delta = addr - region.guestAddr;
  if (delta >= region.size || region.size - delta < <u64>len) {
    const hint = findRegion(ring, addr, len);
    if (hint == 0xffffffff) return UNREACHABLE;
    ring.regionHint = hint;
    region = changetype<Region>(ring.device + DEVICE_REGIONS + hint);
    delta = addr - region.guestAddr;
  }
  if (region.chunkTable == 0) return region.offset + <u32>delta;
  return translateChunk(ring, region, delta, len);
}

function findRegion(ring: Vring, addr: u64, len: u32): u32 {
  const count = load<u32>(ring.device);
  for (let i: u32 = 0; i < count; i++) {
    const region = changetype<Region>(ring.device + DEVICE_REGIONS + i * REGION_SIZE);
    const delta = addr - region.guestAddr;
    if (delta < region.size && region.size - delta >= <u64>len) return i * REGION_SIZE;
  }
  return 0xffffffff;
}

/** Large regions are mapped 2 MiB by 2 MiB; an access over a seam needs the next chunk right behind its own. */
function translateChunk(ring: Vring, region: Region, delta: u64, len: u32): u32 {
  const inFile = delta + (region.fileOffset & (CHUNK_SIZE - 1));
  const first = <u32>(inFile >> 21);
  const seams = <u32>((inFile + <u64>len - (len > 0 ? 1 : 0)) >> 21) - first;
  // More than two chunks are never mapped in one piece, and no frame and no indirect table is that long.
  if (seams > 1) return UNREACHABLE;
  const entry = load<u32>(region.chunkTable + (first << 2));
  if (entry == 0 || (seams == 1 && !(entry & CHUNK_HAS_NEXT))) return wantChunk(ring, region.guestAddr + delta);
  return (entry & ~CHUNK_HAS_NEXT) + (<u32>inFile & (CHUNK_SIZE - 1));
}

/** Asks the control thread for the chunk at `addr`: one wish of a queue at a time, which that thread takes back. */
function wantChunk(ring: Vring, addr: u64): u32 {
  const want = changetype<usize>(ring) + offsetof<Vring>('wantChunk');
  if (atomic.load<u32>(want) == WANT_NOTHING) {
    ring.faultAddr = addr;
    // Release: the address is visible before the wish, the wish before the word that says there is one.
    atomic.store<u32>(want, WANT_WANTED);
    atomic.store<u32>(CONTROL_BLOCK + CB_WISHES, 1);
    ringBell();
  }
  return NOT_MAPPED_YET;
}
