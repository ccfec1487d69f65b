// Send to a card: writes packets into buffers of the queue's own, header from the private copy and the rest from its
// source, and takes back the buffers that the card has sent. The caller holds the queue's lock.

import { BROKEN_USED_ID, DROP_TX_RING_BROKEN, DROP_TX_RING_FULL, DROP_TX_TOO_LONG } from '../layout/drop-reasons.ts';
import { VRING_STATE_BROKEN } from '../layout/vring.ts';
import { Wide } from './copy.ts';
import { frameLen, writePacket } from './vhost-tx.ts';
import { Packet, Thread, Vring } from './views.ts';
import { publishAvail, usedWaiting, VIRTIO_HDR } from './virtio-ring.ts';

/**
 * Sends `n` packets, linked from `first`. Returns how many in the low 16 bits and, above them, the drop reason of the
 * first that it could not; their bytes are in the thread's block (sentBytes).
 */
export function virtioSend(t: Thread, ring: Vring, first: u32, n: u32): u32 {
  // Only when needed: every look at the used ring costs a cache line that the card has just written.
  if (ring.freeCount < n) reclaim(ring);
  const mask = ring.num - 1;
  const avail = ring.avail + 4;
  const size = ring.bufferSize;
  const free = ring.free;
  const availIdx = ring.availIdx;
  const most: u32 = ring.state == VRING_STATE_BROKEN ? 0 : min<u32>(n, ring.freeCount);
  let left = ring.freeCount;
  let sent: u32 = 0;
  let bytes: u64 = 0;
  let p = changetype<Packet>(first);
  for (; sent < most; sent++) {
    const len = frameLen(p);
    if (len + VIRTIO_HDR > size) break;
    const id = <u32>load<u16>(free + (--left << 1));
    const to = ring.buffers + id * size;
    // "The driver MUST set num_buffers to zero", and the rest is zero without offloads (5.1.6.2.1).
    store<u64>(to, 0);
    store<u32>(to, 0, 8);
    if (len == 64 && p.hdrLen == 64) Wide.copy64(to + VIRTIO_HDR, p.data);
    else writePacket(p, 0, to + VIRTIO_HDR, len);
    store<u32>(ring.desc + (id << 4), len + VIRTIO_HDR, 8);
    store<u32>(ring.marks + (id << 2), 1);
    store<u16>(avail + (((availIdx + sent) & mask) << 1), <u16>id);
    bytes += <u64>len;
    p = changetype<Packet>(p.next);
  }
  t.sentBytes = bytes;
  ring.freeCount = left;
  if (sent > 0) publishAvail(ring, availIdx + sent);
  return sent | (reasonOf(ring, sent, most) << 16);
}

function reasonOf(ring: Vring, sent: u32, most: u32): u32 {
  if (ring.state == VRING_STATE_BROKEN) return DROP_TX_RING_BROKEN;
  return sent < most ? DROP_TX_TOO_LONG : DROP_TX_RING_FULL;
}

/** Takes back what the card has sent; a buffer that it did not have breaks the queue. */
function reclaim(ring: Vring): void {
  const mask = ring.num - 1;
  const waiting = usedWaiting(ring, ring.num - ring.freeCount);
  for (let i: u32 = 0; i < waiting; i++) {
    const id = load<u32>(ring.used + 4 + (((ring.lastUsed + i) & mask) << 3));
    if (id > mask || load<u32>(ring.marks + (id << 2)) == 0) {
      ring.fail(BROKEN_USED_ID);
      return;
    }
    store<u32>(ring.marks + (id << 2), 0);
    store<u16>(ring.free + (ring.freeCount << 1), <u16>id);
    ring.freeCount++;
  }
  ring.lastUsed = (ring.lastUsed + waiting) & 0xffff;
}
