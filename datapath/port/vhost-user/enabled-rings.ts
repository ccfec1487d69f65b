// A device far away (a card's), given its rings only once they are enabled. What the guest sends into a ring that is started
// and not enabled is discarded; here that is a moment between two messages of the front-end, and a device that hears of
// both later than the guest thinks would discard what it sent then.

import { close } from '../../../lib/syscalls/fd.ts';
import type { RingSetup, VhostDevice } from './services.ts';

const NO_FD = -1;

/** `device`, with rings that are disabled from the start held back. */
export function enabledRings(device: VhostDevice): VhostDevice {
  const held = new Map<number, RingSetup>();
  const drop = (index: number): RingSetup | undefined => {
    const setup = held.get(index);
    held.delete(index);
    return setup;
  };
  const closeCall = ({ callFd }: RingSetup) => {
    if (callFd !== NO_FD) close(callFd);
  };
  return {
    setMemory: (regions) => device.setMemory(regions),
    addMemory: (region) => device.addMemory(region),
    removeMemory: (region) => device.removeMemory(region),
    startRing: (index, setup) => {
      if (setup.enabled) device.startRing(index, setup);
      else held.set(index, setup);
    },
    setRingEnabled: (index, enabled) => {
      if (!held.has(index)) device.setRingEnabled(index, enabled);
      else if (enabled) device.startRing(index, { ...drop(index)!, enabled });
    },
    setCallFd: (index, fd) => {
      const setup = held.get(index);
      if (!setup) return device.setCallFd(index, fd);
      closeCall(setup);
      held.set(index, { ...setup, callFd: fd });
    },
    stopRing: async (index) => {
      const setup = drop(index);
      if (!setup) return device.stopRing(index);
      closeCall(setup);
      return { lastAvailIndex: setup.lastAvailIndex };
    },
    onRingBroken: (listener) => device.onRingBroken(listener),
    close: async () => {
      for (const setup of held.values()) closeCall(setup);
      held.clear();
      await device.close();
    },
  };
}
