// Walking a descriptor chain: the checks that every untrusted chain gets, for both directions (virtio 1.2, 2.7.5). A chain
// is as long as its table at most, stays inside it, points one way, and may continue in one indirect table.

import {
  BROKEN_DESC_ADDRESS,
  BROKEN_DESC_DIRECTION,
  BROKEN_DESC_LOOP,
  BROKEN_DESC_RANGE,
  BROKEN_INDIRECT_NESTED,
  BROKEN_INDIRECT_REFUSED,
  BROKEN_INDIRECT_SIZE,
} from '../layout/drop-reasons.ts';
import { TB_CHAIN } from '../layout/thread-block.ts';
import { VRING_FLAG_INDIRECT } from '../layout/vring.ts';
import { NOT_MAPPED_YET, translate } from './guest-memory.ts';
import { Thread, Vring } from './views.ts';

const DESC_F_NEXT: u32 = 1;
export const DESC_F_WRITE: u32 = 2;
const DESC_F_INDIRECT: u32 = 4;
/** Bytes of an indirect table at most: 32768 descriptors, the largest queue. */
const INDIRECT_MAX: u32 = 524288;

// What next() found.
export const CHAIN_PIECE: u32 = 0;
export const CHAIN_END: u32 = 1;
/** Memory that is not mapped yet: try again later. */
export const CHAIN_STALLED: u32 = 2;
/** The queue was marked broken. */
export const CHAIN_BROKEN: u32 = 3;

/** A walk in progress, and the buffer that it stands on; in the thread's block. */
@unmanaged
export class Chain {
  table: u32;
  entries: u32;
  index: u32;
  left: u32;
  indirect: u32;
  /** Bytes of the buffer. */
  len: u32;
  /** Its guest address, not checked yet. */
  addr: u64;

  static of(t: Thread): Chain {
    return changetype<Chain>(changetype<usize>(t) + TB_CHAIN);
  }

  start(ring: Vring, head: u32): void {
    this.table = ring.desc;
    this.entries = ring.num;
    this.index = head;
    this.left = ring.num;
    this.indirect = 0;
  }

  /** Steps onto the next buffer, which must be writable (DESC_F_WRITE) or readable (0) as `direction` says. */
  next(ring: Vring, direction: u32): u32 {
    for (;;) {
      if (this.index == 0xffffffff) return CHAIN_END;
      if (this.left == 0) return broken(ring, BROKEN_DESC_LOOP);
      if (this.index >= this.entries) return broken(ring, BROKEN_DESC_RANGE);
      this.left--;
      const desc = this.table + (this.index << 4);
      this.addr = load<u64>(desc);
      this.len = load<u32>(desc, 8);
      const flags = <u32>load<u16>(desc, 12);
      const next = <u32>load<u16>(desc, 14);
      if (flags & DESC_F_INDIRECT) {
        const outcome = this.enter(ring, flags);
        if (outcome != CHAIN_PIECE) return outcome;
        continue;
      }
      if ((flags & DESC_F_WRITE) != direction) return broken(ring, BROKEN_DESC_DIRECTION);
      this.index = flags & DESC_F_NEXT ? next : 0xffffffff;
      return CHAIN_PIECE;
    }
  }

  /** Continues in the indirect table of the current descriptor (2.7.5.3.1: whole entries, no NEXT beside it, not nested). */
  private enter(ring: Vring, flags: u32): u32 {
    if (!(ring.flags & VRING_FLAG_INDIRECT)) return broken(ring, BROKEN_INDIRECT_REFUSED);
    if (this.indirect) return broken(ring, BROKEN_INDIRECT_NESTED);
    if (this.len == 0 || this.len & 15 || this.len > INDIRECT_MAX || flags & DESC_F_NEXT) {
      return broken(ring, BROKEN_INDIRECT_SIZE);
    }
    const table = translate(ring, this.addr, this.len);
    if (table <= NOT_MAPPED_YET) return unreachableAddress(ring, table);
    this.table = table;
    this.entries = this.len >> 4;
    this.left = this.entries;
    this.index = 0;
    this.indirect = 1;
    return CHAIN_PIECE;
  }
}

function broken(ring: Vring, reason: u32): u32 {
  ring.fail(reason);
  return CHAIN_BROKEN;
}

/** translate() gave no offset: memory that only waits to be mapped stalls the queue, anything else breaks it. */
export function unreachableAddress(ring: Vring, translated: u32): u32 {
  return translated == NOT_MAPPED_YET ? CHAIN_STALLED : broken(ring, BROKEN_DESC_ADDRESS);
}
