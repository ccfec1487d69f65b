// Receive from a card: takes a burst of buffers that it filled. As in vhost-rx.ts headers are copied into the private
// packet and the rest stays where it is until the burst has ended; then the buffers are the card's again.

import { BROKEN_USED_ID, BROKEN_USED_LENGTH, DROP_RX_RUNT, DROP_RX_TOO_LONG } from '../layout/drop-reasons.ts';
import { BURST_MAX, FRAME_MAX } from '../layout/memory-map.ts';
import { TC_RX_BURSTS } from '../layout/thread-block.ts';
import { VRING_FLAG_E1000E, VRING_STATE_BROKEN, VRING_STATE_DISABLED, VRING_STATE_ENABLED } from '../layout/vring.ts';
import { count, dropReceived } from './counters.ts';
import { giveReceived, takeReceived } from './e1000e.ts';
import { discard, processBurst } from './pipeline.ts';
import { packetAt, RUNT, Whole } from './vhost-rx.ts';
import { Thread, Vring } from './views.ts';
import { guardDoorbell, publishAvail, usedWaiting, VIRTIO_HDR } from './virtio-ring.ts';

/** Serves one of a card's receive queues once. Returns the buffers taken. */
export function serveDriverQueue(t: Thread, ring: Vring): u32 {
  const state = atomic.load<u32>(changetype<usize>(ring));
  if (state != VRING_STATE_ENABLED && state != VRING_STATE_DISABLED) return 0;
  const n = ring.flags & VRING_FLAG_E1000E ? takeReceived(t, ring) : takeUsed(t, ring);
  const taken = t.burstCount;
  if (taken == 0) return 0;
  t.guardSrc = changetype<u32>(ring);
  count(t, TC_RX_BURSTS, 1);
  if (state == VRING_STATE_DISABLED) discard(t, ring, n);
  else if (n > 0) processBurst(t, ring.port, n);
  t.guardSrc = 0;
  giveBack(t, ring);
  return taken;
}

/**
 * Takes used entries, at most a burst. Returns the number of packets; how many buffers they and the dropped
 * frames took is in the thread's block (burstCount). Each buffer's avail entry is written at once: while weft holds it,
 * its place is free, and the card sees none of them before giveBack() moves the avail index.
 */
function takeUsed(t: Thread, ring: Vring): u32 {
  t.burstCount = 0;
  // Between bursts the card has every buffer.
  const waiting = min<u32>(usedWaiting(ring, ring.num), BURST_MAX);
  if (waiting == 0) return 0;
  const mask = ring.num - 1;
  const used = ring.used + 4;
  const avail = ring.avail + 4;
  const buffers = ring.buffers;
  const size = ring.bufferSize;
  const marks = ring.marks;
  const availIdx = ring.availIdx;
  const lastUsed = ring.lastUsed;
  // A buffer is marked with the number of the burst that took it: marked twice, it was used twice.
  const turn = ring.turn + 1;
  ring.turn = turn;
  let packets: u32 = 0;
  let taken: u32 = 0;
  let p = packetAt(t, 0);
  for (; taken < waiting; taken++) {
    const entry = load<u64>(used + (((lastUsed + taken) & mask) << 3));
    const id = <u32>entry;
    const len = <u32>(entry >> 32);
    if (id > mask || load<u32>(marks + (id << 2)) == turn) {
      ring.fail(BROKEN_USED_ID);
      break;
    }
    if (len > size) {
      ring.fail(BROKEN_USED_LENGTH);
      break;
    }
    store<u32>(marks + (id << 2), turn);
    store<u16>(avail + (((availIdx + taken) & mask) << 1), <u16>id);
    const frame = len - VIRTIO_HDR;
    // A whole Ethernet header, no more than a frame: one comparison, wrapping.
    if (frame - RUNT <= <u32>FRAME_MAX - RUNT) {
      Whole.take(p, buffers + id * size + VIRTIO_HDR, frame);
      packets++;
      p = packetAt(t, packets);
    } else dropReceived(t, ring.port, len < VIRTIO_HDR + RUNT ? DROP_RX_RUNT : DROP_RX_TOO_LONG, 1);
  }
  ring.lastUsed = (lastUsed + taken) & 0xffff;
  t.burstCount = taken;
  t.burstVring = changetype<u32>(ring);
  return packets;
}

/** The burst has ended: its buffers, whose avail entries are written, are the card's again. */
export function giveBack(t: Thread, ring: Vring): void {
  const taken = t.burstCount;
  t.burstCount = 0;
  if (ring.state == VRING_STATE_BROKEN) return;
  guardDoorbell(t, ring);
  if (ring.flags & VRING_FLAG_E1000E) giveReceived(ring);
  else publishAvail(ring, ring.availIdx + taken);
  t.guardVring = 0;
}
