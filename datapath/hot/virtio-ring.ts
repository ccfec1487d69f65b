// A virtqueue of which weft is the driver, and a card the device (virtio 1.2, 2.7): what both directions share. The card
// may lie, so weft's own knowledge (which descriptors it holds, where it is) lies in memory that the card does not see;
// of the shared memory only the used ring is read, each entry once.
//
//   descriptor i <-> buffer i, for ever: 12 bytes of virtio-net header, then the frame, in one piece
//
//   shared with the card   | desc | avail | used | buffers |        weft's own   | VRING record | marks | free (tx) |

import { BROKEN_USED_INDEX } from '../layout/drop-reasons.ts';
import { VRING_FLAG_DOORBELL_32, VRING_FLAG_TRANSMIT } from '../layout/vring.ts';
import { DESC_F_WRITE } from './descriptor-chain.ts';
import { deviceAddress } from './device-address.ts';
import { Thread, Vring } from './views.ts';

/** virtio_net_hdr with VIRTIO_F_VERSION_1 (5.1.6): num_buffers is always there. */
export const VIRTIO_HDR: u32 = 12;
const VIRTQ_USED_F_NO_NOTIFY: u32 = 1;
const VIRTQ_AVAIL_F_NO_INTERRUPT: u32 = 1;

/** Buffers that the card has used; 0 also when it says more than the `given` that it has, which breaks the queue. */
export function usedWaiting(ring: Vring, given: u32): u32 {
  // Acquire: the entries behind this index must not be read before it (2.7.14).
  const waiting = (<u32>atomic.load<u16>(ring.used + 2) - ring.lastUsed) & 0xffff;
  if (waiting <= given) return waiting;
  ring.fail(BROKEN_USED_INDEX);
  return 0;
}

/** Makes the avail entries before `availIdx` seen by the card, and tells it where it wants to be told. */
export function publishAvail(ring: Vring, availIdx: u32): void {
  ring.availIdx = availIdx & 0xffff;
  // Release: the card sees entries and descriptors before the index (2.7.13.3.1); and a full fence towards the load of
  // used.flags below: a card that wants to be notified again and then checks the index must see one of the two (2.7.13.4.1).
  atomic.store<u16>(ring.avail + 2, <u16>availIdx);
  if (ring.doorbell != 0) ringDoorbell(ring);
}

/** A function that is pulled out takes its registers away: a write to them then traps. */
export function guardDoorbell(t: Thread, ring: Vring): void {
  if (ring.doorbell != 0) t.guardVring = changetype<u32>(ring);
}

function ringDoorbell(ring: Vring): void {
  if (<u32>load<u16>(ring.used) & VIRTQ_USED_F_NO_NOTIFY) return;
  ring.calls++;
  if (ring.flags & VRING_FLAG_DOORBELL_32) store<u32>(ring.doorbell, ring.doorbellValue);
  else store<u16>(ring.doorbell, <u16>ring.doorbellValue);
}

/** The ring's first state: a receive ring gives all its buffers to the card, a transmit ring has them all. */
export function resetRing(ring: Vring): void {
  const transmits = (ring.flags & VRING_FLAG_TRANSMIT) != 0;
  const num = ring.num;
  for (let i: u32 = 0; i < num; i++) {
    const desc = ring.desc + (i << 4);
    store<u64>(desc, deviceAddress(ring.buffers + i * ring.bufferSize));
    store<u32>(desc, ring.bufferSize, 8);
    store<u32>(desc, transmits ? 0 : DESC_F_WRITE, 12);
    store<u16>(ring.avail + 4 + (i << 1), <u16>i);
    store<u64>(ring.used + 4 + (i << 3), 0);
    store<u32>(ring.marks + (i << 2), 0);
    if (transmits) store<u16>(ring.free + (i << 1), <u16>(num - 1 - i));
  }
  ring.lastUsed = 0;
  ring.availIdx = transmits ? 0 : num;
  ring.turn = 0;
  ring.freeCount = transmits ? num : 0;
  // weft polls: the card need not interrupt (2.7.7).
  store<u16>(ring.avail, <u16>VIRTQ_AVAIL_F_NO_INTERRUPT);
  store<u32>(ring.used, 0);
  atomic.store<u16>(ring.avail + 2, <u16>ring.availIdx);
}
