// The driver's side of both split virtqueues (virtio 1.2, 2.7), polling. A pass returns the packets it moved.
//
// `saturating` moves indexes alone: descriptors, avail ring and frames were prepared once, and each handled used
// entry makes the same slot available again. That relies on the back-end returning buffers in order; where it does
// not, a frame may be read twice or overwritten, which this mode neither notices nor minds. `touching` follows the
// ids in the used ring, writes every frame and reads every received one.

import { Control } from './control.ts';
import { checkFrame, writeFrame } from './frame.ts';
import { CONTROL_TOUCHING, CREDIT_UNLIMITED, FRAME_OFFSET, NET_HDR_SIZE } from './layout.ts';

const DESC_SIZE_LOG2: usize = 4;
const DESC_LEN: usize = 8;
const IDX: usize = 2;
const AVAIL_RING: usize = 4;
const USED_RING: usize = 4;
const USED_ELEM_SIZE_LOG2: usize = 3;
const USED_LEN: usize = 4;
const NUM_BUFFERS: usize = 10;
const VRING_USED_F_NO_NOTIFY: u32 = 1;
/** Frames written or read between two index stores when touching, so that switch and guest work at the same time. */
const TOUCH_BURST: u32 = 64;
const KICK_TX: u32 = 1;
const KICK_RX: u32 = 2;

/** Used entries that the back-end has returned since `seen`; marks the guest broken when it returned too many. */
function returned(g: Control, usedRing: usize, seen: u32, posted: u32): u32 {
  // Acquire: the entries and the frames they name are read after the index that announced them.
  const used: u32 = atomic.load<u16>(usedRing + IDX);
  const count = (used - seen) & 0xffff;
  if (count <= posted - seen) return count;
  g.broken = 1;
  return 0;
}

/** Makes everything up to `posted` available. Release: slots and descriptors are written before the index. */
function publish(g: Control, availRing: usize, usedRing: usize, posted: u32, kickBit: u32): void {
  atomic.store<u16>(availRing + IDX, <u16>posted);
  if ((load<u16>(usedRing) & VRING_USED_F_NO_NOTIFY) === 0) g.kick |= kickBit;
}

/** Packets that may be sent now: free slots, clipped by the credit. */
function takeCredit(g: Control, free: u32): u32 {
  if (g.txCredit === CREDIT_UNLIMITED) return free;
  const count = min(free, g.txCredit);
  g.txCredit -= count;
  return count;
}

/** Points the descriptors of the next `count` slots at the next frames of a pool larger than the ring. */
function rotatePool(g: Control, count: u32): void {
  let buffer = g.nextBuffer;
  for (let slot = g.txPosted; slot !== g.txPosted + count; slot++) {
    const frame = g.txBuffers + buffer * g.txStride + FRAME_OFFSET - NET_HDR_SIZE;
    const desc = <usize>g.txDesc + ((<usize>(slot & (g.ringSize - 1))) << DESC_SIZE_LOG2);
    store<u64>(desc, g.ramGuestAddr + (frame - g.ramOffset));
    buffer = buffer + 1 === g.txBufferCount ? 0 : buffer + 1;
  }
  g.nextBuffer = buffer;
}

/** Writes `count` frames, each into the buffer that came back longest ago, and fills their avail slots. */
function writeBurst(g: Control, count: u32): void {
  const mask = g.ringSize - 1;
  let flow = g.nextFlow;
  for (let slot = g.txPosted; slot !== g.txPosted + count; slot++) {
    const id =
      slot < g.ringSize
        ? slot
        : load<u32>(<usize>g.txUsed + USED_RING + ((<usize>(slot & mask)) << USED_ELEM_SIZE_LOG2)) & mask;
    const sequenceSlot = <usize>g.txSequences + ((<usize>flow) << 2);
    const sequence = load<u32>(sequenceSlot);
    store<u32>(sequenceSlot, sequence + 1);
    writeFrame(g, <usize>g.txBuffers + id * g.txStride + FRAME_OFFSET, flow, sequence);
    store<u16>(<usize>g.txAvail + AVAIL_RING + ((<usize>(slot & mask)) << 1), <u16>id);
    flow = flow + 1 === g.flowCount ? 0 : flow + 1;
  }
  g.nextFlow = flow;
}

/** One look at the transmit ring: takes back what was used, fills what is free. */
export function transmit(g: Control): u32 {
  const done = returned(g, g.txUsed, g.txSeen, g.txPosted);
  g.txSeen += done;
  g.txPackets += done;
  let free = g.ringSize - (g.txPosted - g.txSeen);
  if (g.flags & CONTROL_TOUCHING) free = min(free, TOUCH_BURST);
  const count = takeCredit(g, free);
  if (count === 0) return done;
  if (g.flags & CONTROL_TOUCHING) writeBurst(g, count);
  else if (g.txBufferCount > g.ringSize) rotatePool(g, count);
  g.txPosted += count;
  publish(g, g.txAvail, g.txUsed, g.txPosted, KICK_TX);
  return done;
}

/** Reads `count` received frames and makes their buffers available again. */
function readBurst(g: Control, count: u32): void {
  const mask = g.ringSize - 1;
  let continued: u32 = 0;
  for (let k: u32 = 0; k < count; k++) {
    const used = <usize>g.rxUsed + USED_RING + ((<usize>((g.rxSeen + k) & mask)) << USED_ELEM_SIZE_LOG2);
    const id = load<u32>(used) & mask;
    const size = load<u32>(used + USED_LEN);
    const desc = <usize>g.rxDesc + ((<usize>id) << DESC_SIZE_LOG2);
    const buffer = <usize>g.ramOffset + <usize>(load<u64>(desc) - g.ramGuestAddr);
    store<u16>(<usize>g.rxAvail + AVAIL_RING + ((<usize>((g.rxPosted + k) & mask)) << 1), <u16>id);
    if (size < <u32>NET_HDR_SIZE || size > load<u32>(desc + DESC_LEN)) {
      g.broken = 1;
      return;
    }
    // A frame over several buffers (5.1.6.4) can only be foreign: the generator's own fit into one.
    if (continued > 0) {
      continued--;
      continue;
    }
    g.rxPackets += 1;
    g.rxBytes += size - NET_HDR_SIZE;
    continued = <u32>load<u16>(buffer + NUM_BUFFERS) - 1;
    if (continued === 0) checkFrame(g, buffer + NET_HDR_SIZE, size - NET_HDR_SIZE);
    else g.foreign += 1;
  }
}

/** One look at the receive ring: handles what arrived and refills it. */
export function receive(g: Control): u32 {
  let count = returned(g, g.rxUsed, g.rxSeen, g.rxPosted);
  if (count === 0) return 0;
  if (g.flags & CONTROL_TOUCHING) {
    count = min(count, TOUCH_BURST);
    readBurst(g, count);
  } else {
    g.rxPackets += count;
  }
  g.rxSeen += count;
  g.rxPosted += count;
  publish(g, g.rxAvail, g.rxUsed, g.rxPosted, KICK_RX);
  return count;
}
