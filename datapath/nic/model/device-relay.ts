// A VhostDevice whose rings the card serves: calls made in the switch's thread, carried out in the card's, in order. What
// fails there cannot be thrown here any more: it is told as a broken ring. Descriptors are the process', so their numbers travel.

import { noteOpened } from '../../../lib/syscalls/descriptors.ts';
import type { VhostDevice } from '../../port/vhost-user/services.ts';
import type { Vport } from '../provider.ts';
import type { CardThread } from './card-thread.ts';
import type { DeviceCall } from './protocol.ts';

/** The switch's side. */
export function relayedDevice(card: CardThread, vport: Vport): VhostDevice {
  const listeners: ((index: number, reason: string) => void)[] = [];
  const broken = (index: number, reason: string) => {
    for (const listener of listeners) listener(index, reason);
  };
  const call = (made: DeviceCall, index = 0): Promise<number> =>
    card.call('device', vport, made).catch((error: unknown) => {
      broken(index, error instanceof Error ? error.message : String(error));
      return 0;
    });
  const stop = card.onRingBroken(vport, broken);
  return {
    setMemory: (regions) => void call({ call: 'setMemory', regions }),
    addMemory: (region) => void call({ call: 'addMemory', region }),
    removeMemory: (region) => void call({ call: 'removeMemory', region }),
    startRing: (index, ring) => void call({ call: 'startRing', index, ring }, index),
    setRingEnabled: (index, enabled) => void call({ call: 'setRingEnabled', index, enabled }, index),
    setCallFd: (index, fd) => void call({ call: 'setCallFd', index, fd }, index),
    stopRing: async (index) => ({ lastAvailIndex: await call({ call: 'stopRing', index }, index) }),
    onRingBroken: (listener) => listeners.push(listener),
    close: async () => {
      await call({ call: 'close' });
      stop();
    },
  };
}

const watched = new WeakSet<VhostDevice>();

/** What the card owns from here on. */
function descriptorsOf(made: DeviceCall): number[] {
  if (made.call === 'setMemory') return made.regions.map(({ fd }) => fd);
  if (made.call === 'addMemory') return [made.region.fd];
  if (made.call === 'startRing') return [made.ring.callFd];
  return made.call === 'setCallFd' ? [made.fd] : [];
}

/** The card's side. */
export async function callDevice(
  device: VhostDevice,
  made: DeviceCall,
  broken: (index: number, reason: string) => void,
): Promise<number> {
  for (const fd of descriptorsOf(made)) noteOpened(fd);
  if (!watched.has(device)) {
    watched.add(device);
    device.onRingBroken(broken);
  }
  if (made.call === 'setMemory') device.setMemory(made.regions);
  else if (made.call === 'addMemory') device.addMemory(made.region);
  else if (made.call === 'removeMemory') device.removeMemory(made.region);
  else if (made.call === 'startRing') device.startRing(made.index, made.ring);
  else if (made.call === 'setRingEnabled') device.setRingEnabled(made.index, made.enabled);
  else if (made.call === 'setCallFd') device.setCallFd(made.index, made.fd);
  else if (made.call === 'stopRing') return (await device.stopRing(made.index)).lastAvailIndex;
  else await device.close();
  return 0;
}
