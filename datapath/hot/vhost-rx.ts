// Dequeue: takes a burst of frames that a guest transmitted. Only headers are copied (once, into the private packet,
// so that nothing checked can change afterwards); the rest stays where it is, as source pieces, until the burst ends.
// virtio 1.2, 2.7 (split virtqueues) and 5.1.6 (virtio-net header).

import { BROKEN_HEAD_RANGE, DROP_RX_RUNT, DROP_RX_TOO_LONG } from '../layout/drop-reasons.ts';
import { FRAME_MAX, GUEST_BASE, PKT_SIZE, SLOT_DATA, T_PKTS } from '../layout/memory-map.ts';
import { SLOT_NEXT } from '../layout/thread-block.ts';
import { DEVICE_REGIONS } from '../layout/vring.ts';
import { copyBytes, Wide } from './copy.ts';
import { dropReceived } from './counters.ts';
import { Chain, CHAIN_END, CHAIN_PIECE, CHAIN_STALLED, unreachableAddress } from './descriptor-chain.ts';
import { NOT_MAPPED_YET, translate } from './guest-memory.ts';
import { pullTo } from './header.ts';
import { NO_SLOT, slotAddress, slotAlloc } from './slots.ts';
import {
  HEADER_COPY,
  Packet,
  PKT_BUF,
  PKT_HEADROOM,
  Region,
  SEG_MAX,
  segLen,
  segOffset,
  setSeg,
  Thread,
  Vring,
} from './views.ts';

/** Minimum Ethernet frame that can be parsed: a whole header. */
export const RUNT: u32 = 14;

// Outcomes of gathering one descriptor chain, beside CHAIN_STALLED and CHAIN_BROKEN.
const GATHERED: u32 = 0;
const SKIPPED: u32 = 1;

/** The `i`-th packet of the thread's burst. */
export function packetAt(t: Thread, i: u32): Packet {
  return changetype<Packet>(changetype<usize>(t) + T_PKTS + i * PKT_SIZE);
}

/**
 * Takes `waiting` chains, at most a burst, from `ring`. Returns the number of packets; how many chains they and the dropped ones took is in
 * the thread's block (burstCount). Each chain's used entry is written at once: the guest sees none of them before
 * completeBurst() moves the used index.
 *
 * The common chain, one buffer with the virtio-net header and the frame inside the region of the last one, is taken
 * here in the loop, with the region's bounds in locals; everything else goes the long way.
 */
export function vhostDequeue(t: Thread, ring: Vring, waiting: u32): u32 {
  t.burstCount = 0;
  const mask = ring.num - 1;
  const hdr = ring.hdrSize;
  const desc = ring.desc;
  const avail = ring.avail + 4;
  const used = ring.used + 4;
  const region = changetype<Region>(ring.device + DEVICE_REGIONS + ring.regionHint);
  const base = region.guestAddr;
  const size = region.chunkTable == 0 ? region.size : 0;
  const window = region.offset;
  let index = ring.lastAvail;
  let usedIdx = ring.usedIdx;
  let packets: u32 = 0;
  let taken: u32 = 0;
  let p = packetAt(t, 0);
  for (; taken < waiting; taken++) {
    const head = <u32>load<u16>(avail + ((index & mask) << 1));
    if (head > mask) {
      ring.fail(BROKEN_HEAD_RANGE);
      break;
    }
    const addr = load<u64>(desc + (head << 4));
    const word = load<u64>(desc + (head << 4), 8);
    const frame = <u32>word - hdr;
    const delta = addr - base;
    // No flags; a whole Ethernet header, no more than a frame (one comparison, wrapping); inside the region.
    if (
      ((word >> 32) & 0xffff) == 0 &&
      frame - RUNT <= <u32>FRAME_MAX - RUNT &&
      delta < size &&
      size - delta >= <u64>(frame + hdr)
    ) {
      Whole.take(p, window + <u32>delta + hdr, frame);
    } else {
      const outcome = gatherChain(t, ring, head, p);
      if (outcome >= CHAIN_STALLED) break;
      if (outcome == SKIPPED) packets--;
    }
    store<u64>(used + ((usedIdx & mask) << 3), <u64>head);
    usedIdx++;
    index++;
    packets++;
    p = packetAt(t, packets);
  }
  ring.lastAvail = index & 0xffff;
  t.burstCount = taken;
  t.burstVring = changetype<u32>(ring);
  return packets;
}

/** Frames in one piece; the compiler puts this in place. */
export class Whole {
  /** One piece at `at`: copies its header, leaves the rest where it is. */
  @inline static take(p: Packet, at: u32, frame: u32): void {
    const buffer = changetype<u32>(p) + PKT_BUF + PKT_HEADROOM;
    p.data = buffer;
    p.len = frame;
    p.next = changetype<u32>(p) + PKT_SIZE;
    p.outLen = 0xffffffff;
    if (frame >= HEADER_COPY) {
      Wide.copy64(buffer, at);
      Wide.copy64(buffer + 64, at + 64);
      p.hdrLen = HEADER_COPY;
      p.segCount = frame > HEADER_COPY ? 1 : 0;
      setSeg(p, 0, at + HEADER_COPY, frame - HEADER_COPY);
    } else {
      p.hdrLen = frame;
      p.segCount = 0;
      if (frame == 64) Wide.copy64(buffer, at);
      else copyBytes(buffer, at, frame);
    }
  }
}

function skip(t: Thread, ring: Vring, reason: u32): u32 {
  dropReceived(t, ring.port, reason, 1);
  return SKIPPED;
}

/** Any chain: several descriptors, an indirect table, a header split anywhere (ANY_LAYOUT). */
function gatherChain(t: Thread, ring: Vring, head: u32, p: Packet): u32 {
  const chain = Chain.of(t);
  let hdrLeft = ring.hdrSize;
  let total: u32 = 0;
  let tooLong = false;
  p.segCount = 0;
  p.next = changetype<u32>(p) + PKT_SIZE;
  p.outLen = 0xffffffff;
  chain.start(ring, head);
  for (;;) {
    const outcome = chain.next(ring, 0);
    if (outcome == CHAIN_END) break;
    if (outcome != CHAIN_PIECE) return outcome;
    const at = translate(ring, chain.addr, chain.len);
    if (at <= NOT_MAPPED_YET) return unreachableAddress(ring, at);
    const skipped = min<u32>(hdrLeft, chain.len);
    hdrLeft -= skipped;
    const len = chain.len - skipped;
    if (len == 0 || tooLong) continue;
    if (len > <u32>FRAME_MAX - total) tooLong = true;
    else {
      total += len;
      if (!addPiece(p, at + skipped, len) && !spill(t, p, at + skipped, len)) tooLong = true;
    }
  }
  if (tooLong) return skip(t, ring, DROP_RX_TOO_LONG);
  if (hdrLeft > 0 || total < RUNT) return skip(t, ring, DROP_RX_RUNT);
  pullHeader(p, total);
  return GATHERED;
}

/** Appends a piece, joining it to the last one when they touch; false when the packet has no room for another. */
function addPiece(p: Packet, at: u32, len: u32): bool {
  const n = p.segCount;
  // A spilled packet has one piece in a slot, and guest memory never touches it: spill() takes what follows.
  if (n == 1 && segOffset(p, 0) < <u32>GUEST_BASE) return false;
  if (n > 0 && segOffset(p, n - 1) + segLen(p, n - 1) == at) {
    setSeg(p, n - 1, segOffset(p, n - 1), segLen(p, n - 1) + len);
    return true;
  }
  if (n == SEG_MAX) return false;
  setSeg(p, n, at, len);
  p.segCount = n + 1;
  return true;
}

/** More pieces than a packet holds: gathers them in a slot, where further pieces join as one; false without a slot. */
function spill(t: Thread, p: Packet, at: u32, len: u32): bool {
  const last = segOffset(p, 0);
  const slotData = t.spillHead == 0 ? 0 : slotAddress(t, t.spillHead - 1) + SLOT_DATA;
  if (p.segCount == 1 && last == slotData) {
    copyBytes(last + segLen(p, 0), at, len);
    setSeg(p, 0, last, segLen(p, 0) + len);
    return true;
  }
  const slot = slotAlloc(t);
  if (slot == NO_SLOT) return false;
  store<u32>(slotAddress(t, slot) + SLOT_NEXT, t.spillHead);
  t.spillHead = slot + 1;
  const data = slotAddress(t, slot) + SLOT_DATA;
  let used: u32 = 0;
  for (let i: u32 = 0; i < p.segCount; i++) {
    copyBytes(data + used, segOffset(p, i), segLen(p, i));
    used += segLen(p, i);
  }
  copyBytes(data + used, at, len);
  setSeg(p, 0, data, used + len);
  p.segCount = 1;
  return true;
}

/** Moves the first HEADER_COPY bytes out of the pieces into the private header. */
function pullHeader(p: Packet, total: u32): void {
  const buffer = changetype<u32>(p) + PKT_BUF + PKT_HEADROOM;
  p.data = buffer;
  p.hdrLen = 0;
  p.len = total;
  pullTo(p, min<u32>(total, HEADER_COPY));
}
