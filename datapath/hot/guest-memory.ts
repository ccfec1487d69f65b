// Guest-physical addresses to arena offsets. The whole [addr, addr + len) is checked against one region of the device's
// sorted table, last hit first; guest addresses are untrusted 64-bit numbers, so no sum may wrap unseen.

import { CHUNK_SIZE, DEVICE_REGIONS, REGION_SIZE } from '../layout/vring.ts';
import { Region, Vring } from './views.ts';

/** Arena offset of guest memory [addr, addr + len), or 0 when it is outside of every region or not mapped yet. */
export function translate(ring: Vring, addr: u64, len: u32): u32 {
  let region = changetype<Region>(ring.device + DEVICE_REGIONS + ring.regionHint);
  // addr - base is below size, and len fits in the rest: neither comparison can wrap.
  let delta = addr - region.guestAddr;
  if (delta >= region.size || region.size - delta < <u64>len) {
    const hint = findRegion(ring, addr, len);
    if (hint == 0xffffffff) return 0;
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

/** Large regions are mapped 2 MiB by 2 MiB; an access over the seam of two chunks needs both, next to each other. */
function translateChunk(ring: Vring, region: Region, delta: u64, len: u32): u32 {
  const inFile = delta + (region.fileOffset & (CHUNK_SIZE - 1));
  const first = <u32>(inFile >> 21);
  const last = <u32>((inFile + <u64>len - (len > 0 ? 1 : 0)) >> 21);
  const offset = load<u32>(region.chunkTable + (first << 2));
  let mapped = offset != 0;
  for (let i = first + 1; i <= last && mapped; i++) {
    mapped = load<u32>(region.chunkTable + (i << 2)) == offset + (i - first) * CHUNK_SIZE;
  }
  if (mapped) return offset + (<u32>inFile & (CHUNK_SIZE - 1));
  ring.faultAddr = region.guestAddr + delta;
  ring.wantChunk = 1;
  return 0;
}
