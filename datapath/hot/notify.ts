// Calls: tells a guest that its used ring moved, unless it asked not to be (virtio 1.2, 2.7.7). The system call is the
// one import of the hot module, at most one for each ring and burst.

import { VRING_FLAG_LOG } from '../layout/vring.ts';
import { logEntries, logIndex } from './dirty-log.ts';
import { Thread, Vring } from './views.ts';

/** write(fd, 1) on an eventfd. */
declare function signal(fd: i32): void;

const VRING_AVAIL_F_NO_INTERRUPT: u32 = 1;

/** Makes the used entries before `usedIdx` seen by the guest (virtio 1.2, 2.7.8.2), and tells it. */
export function publishUsed(t: Thread, ring: Vring, usedIdx: u32): void {
  const isLogged = (ring.flags & VRING_FLAG_LOG) != 0;
  // While the descriptors are still ours.
  if (isLogged) logEntries(t, ring, usedIdx);
  ring.usedIdx = usedIdx & 0xffff;
  // Release, and a full fence towards the load of avail.flags below: a guest that re-enables interrupts and then checks
  // the used index must see one of the two (virtio 1.2, 2.7.10).
  atomic.store<u16>(ring.used + 2, <u16>usedIdx);
  if (isLogged) logIndex(ring);
  notifyGuest(ring);
}

function notifyGuest(ring: Vring): void {
  if (ring.callFd < 0 || <u32>load<u16>(ring.avail) & VRING_AVAIL_F_NO_INTERRUPT) return;
  ring.calls++;
  signal(ring.callFd);
}
