// The host's rings as a virtio-net device sees them: the card is the device side of split virtqueues that lie, with
// their buffers, in memory which the host shares (virtio 1.2, 2.7 and 5.1.2: receive queues are even, transmit queues odd).

import { F_DUPFD_CLOEXEC, fcntl } from '../../../lib/syscalls/fd.ts';
import type { RingSetup, VhostDevice } from '../../port/vhost-user/services.ts';
import type { QueuePair, RingMemory, RingPlace } from '../provider.ts';

const VIRTIO_F_VERSION_1 = 1n << 32n;

/** Serves the queues of `pairs`. The memory's descriptor stays the caller's. */
export function attachRings(device: VhostDevice, memory: RingMemory, pairs: readonly QueuePair[]): void {
  const { address, size } = memory;
  const fd = fcntl(memory.fd, F_DUPFD_CLOEXEC);
  device.setMemory([{ guestAddr: address, userAddr: address, size: BigInt(size), fd, mmapOffset: 0n }]);
  for (const [i, { rx, tx }] of pairs.entries()) {
    device.startRing(i * 2, setupOf(rx));
    device.startRing(i * 2 + 1, setupOf(tx));
  }
}

/** Nobody is to be called: the host polls. A ring goes on behind its used index, whatever is said here. */
function setupOf({ size, desc, avail, used }: RingPlace): RingSetup {
  const features = VIRTIO_F_VERSION_1;
  const addresses = { descAddr: desc, availAddr: avail, usedAddr: used };
  return { size, ...addresses, lastAvailIndex: 0, callFd: -1, features, enabled: true };
}
