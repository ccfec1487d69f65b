// What stages do to single packets: clone for a further output, linearize into a slot, rebuild from a slot.

import { BURST_MAX, PKT_MAX, SLOT_DATA } from '../layout/memory-map.ts';
import { SLOT_IN_PORT, SLOT_LEN, SLOT_ETH_TYPE, SLOT_FLAGS, SLOT_META } from '../layout/thread-block.ts';
import { copyBytes } from './copy.ts';
import { slotAddress } from './slots.ts';
import { packetAt } from './vhost-rx.ts';
import {
  HEADER_COPY,
  Packet,
  PKT_BUF,
  PKT_HEADROOM,
  PKT_KEY,
  PKT_META,
  segLen,
  segOffset,
  setSeg,
  Thread,
} from './views.ts';

/** A copy of `from` in a descriptor of its own, or null when all were used since they were reclaimed. */
export function clonePacket(t: Thread, from: Packet): Packet | null {
  let at = t.cloneNext;
  while (t.running != 0 && at < <u32>PKT_MAX && isRunning(t, packetAt(t, at))) at++;
  if (at >= <u32>PKT_MAX) return null;
  t.cloneNext = at + 1;
  const p = packetAt(t, at);
  copyBytes(changetype<u32>(p), changetype<u32>(from), PKT_KEY);
  const headroom = from.data - changetype<u32>(from);
  p.data = changetype<u32>(p) + headroom;
  copyBytes(p.data, from.data, from.hdrLen);
  return p;
}

function isRunning(t: Thread, p: Packet): bool {
  let at = t.running;
  while (at != 0 && at != changetype<u32>(p)) at = changetype<Packet>(at).outer;
  return at != 0;
}

/** Every copy was sent or dropped, but for those whose actions run: what clonePacket() gives out again. */
export function reclaimClones(t: Thread): void {
  t.cloneNext = BURST_MAX + 1;
}

/** Forgets the clones of the burst. */
export function resetClones(t: Thread): void {
  reclaimClones(t);
  t.running = 0;
}

/** The extra descriptor behind the burst: packets that come from slots run through it one at a time. */
export function slotPacket(t: Thread): Packet {
  return packetAt(t, BURST_MAX);
}

/** The next output sends `bytes` of the packet as it is now, and of headers that come and go until then. */
export function cut(p: Packet, bytes: u32): void {
  p.outLen = bytes < p.len ? bytes : NOT_CUT;
}

/** The packet has grown at its front. */
export function moveCut(p: Packet, by: i32): void {
  if (p.outLen != NOT_CUT) p.outLen += by;
}

const NOT_CUT: u32 = 0xffffffff;

/** Writes the frame as it stands now to `to`; returns its length. */
export function linearize(p: Packet, to: u32): u32 {
  copyBytes(to, p.data, min<u32>(p.hdrLen, p.len));
  let at = to + p.hdrLen;
  for (let i: u32 = 0; i < p.segCount; i++) {
    copyBytes(at, segOffset(p, i), segLen(p, i));
    at += segLen(p, i);
  }
  return at - to;
}

/** Makes `p` the frame that lies in a slot. */
export function packetFromSlot(t: Thread, p: Packet, slot: u32): void {
  const address = slotAddress(t, slot);
  const len = load<u32>(address + SLOT_LEN);
  const copied = min<u32>(len, HEADER_COPY);
  p.data = changetype<u32>(p) + PKT_BUF + PKT_HEADROOM;
  p.len = len;
  p.hdrLen = copied;
  p.next = 0;
  p.outLen = 0xffffffff;
  p.inPort = load<u32>(address + SLOT_IN_PORT);
  v128.store(changetype<usize>(p), v128.load(address, SLOT_META), PKT_META);
  p.flags = load<u8>(address, SLOT_FLAGS);
  p.ethType = load<u16>(address, SLOT_ETH_TYPE);
  copyBytes(p.data, address + SLOT_DATA, copied);
  p.segCount = 0;
  if (len > copied) {
    p.segCount = 1;
    setSeg(p, 0, address + SLOT_DATA + copied, len - copied);
  }
}
