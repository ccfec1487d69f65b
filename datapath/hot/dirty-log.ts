// The dirty log of a guest that migrates (vhost-user, "Migration"): a bit for each 4 KiB page of guest memory that was
// written for it. The front-end fetches and clears bits while the guest runs, and copies those pages once more, so a
// page is noted after it was written: noted before, its old bytes could be the ones that are copied.

import { FRAME_MAX } from '../layout/memory-map.ts';
import { LOG_HAS_USED, LOG_SIZE, LOG_USED_ADDR } from '../layout/vring.ts';
import { Chain, CHAIN_PIECE, DESC_F_WRITE } from './descriptor-chain.ts';
import { Thread, Vring } from './views.ts';

const PAGE_SHIFT: u64 = 12;
/** virtio 1.2, 2.7.8: flags and index, then entries of 8 bytes. */
const USED_IDX: u64 = 2;
const USED_RING: u64 = 4;
/** Frame and header at most: what a used entry says is read from the guest's memory again. */
const WRITTEN_MAX: u32 = FRAME_MAX + 12;

@unmanaged
class Log {
  offset: u32;
  size: u32;
  usedAddr: u64;
  fileEnd: u64;
  fd: u32;
  hasUsed: u32;
}

if (offsetof<Log>('usedAddr') != LOG_USED_ADDR) ERROR('Log.usedAddr');
if (offsetof<Log>('hasUsed') != LOG_HAS_USED) ERROR('Log.hasUsed');
if (offsetof<Log>() != LOG_SIZE) ERROR('Log');

/** Notes the used entries from the ring's used index up to `usedIdx`, and the buffers that they give back written. */
export function logEntries(t: Thread, ring: Vring, usedIdx: u32): void {
  const log = changetype<Log>(ring.log);
  const count = (usedIdx - ring.usedIdx) & 0xffff;
  const mask = ring.num - 1;
  // Even: the guest receives, its buffers were written.
  const receives = (ring.index & 1) == 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = ((ring.usedIdx + i) & mask) << 3;
    if (receives) logChain(t, log, ring, load<u64>(ring.used + 4 + at));
    logUsed(log, USED_RING + <u64>at, 8);
  }
}

/** Notes the used index itself. */
export function logIndex(ring: Vring): void {
  logUsed(changetype<Log>(ring.log), USED_IDX, 2);
}

/** A guest that has changed its descriptors meanwhile has only its own pages noted wrong. */
function logChain(t: Thread, log: Log, ring: Vring, entry: u64): void {
  const chain = Chain.of(t);
  let left = min<u32>(<u32>(entry >> 32), WRITTEN_MAX);
  chain.start(ring, <u32>entry);
  while (left > 0 && chain.next(ring, DESC_F_WRITE) == CHAIN_PIECE) {
    const n = min<u32>(chain.len, left);
    logRange(log, chain.addr, n);
    left -= n;
  }
}

function logUsed(log: Log, at: u64, len: u32): void {
  if (log.hasUsed) logRange(log, log.usedAddr + at, len);
}

/** A log that is too short for the guest's memory is its front-end's to answer for. */
function logRange(log: Log, addr: u64, len: u32): void {
  if (len == 0) return;
  const last = (addr + <u64>(len - 1)) >> PAGE_SHIFT;
  for (let page = addr >> PAGE_SHIFT; page <= last; page++) {
    if (page >> 3 >= <u64>log.size) return;
    // The front-end clears bits of the same byte, other threads set some: none of them may be lost.
    const bit: u32 = (<u32>1) << (<u32>page & 7);
    atomic.or<u8>(log.offset + <u32>(page >> 3), <u8>bit);
  }
}
