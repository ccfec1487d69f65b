// A device that changes hands while its session goes on: every ring, region and descriptor arrives, none is lost.
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enabledRings } from '../../../../datapath/port/vhost-user/enabled-rings.ts';
import type { RingSetup, VhostDevice } from '../../../../datapath/port/vhost-user/services.ts';
import { SwitchedDevice } from '../../../../datapath/port/vhost-user/switched-device.ts';
import { UserError } from '../../../../lib/errors.ts';
import { EFD_CLOEXEC, eventfd } from '../../../../lib/syscalls/fd.ts';
import { memfd } from '../../../../lib/syscalls/memory.ts';
import { type FakeVhostDevice, FakeVhostServices } from '../../../support/guest/fake-vhost-services.ts';

let services: FakeVhostServices;
let device: SwitchedDevice;
let descriptors: number;
const broken: string[] = [];
const openDescriptors = () => readdirSync('/proc/self/fd').length;
const make = () => services.createDevice();

beforeEach(() => {
  descriptors = openDescriptors();
  services = new FakeVhostServices();
  device = new SwitchedDevice(make);
  broken.length = 0;
  device.onRingBroken((index, reason) => broken.push(`${index}: ${reason}`));
});
afterEach(async () => {
  await device.close();
  expect(services.devices.filter((made) => !made.closed)).toEqual([]);
  expect(openDescriptors()).toBe(descriptors);
});

function region(guestAddr: bigint) {
  return { guestAddr, userAddr: guestAddr, size: 4096n, fd: memfd('weft-test', 4096), mmapOffset: 0n };
}

function setup(callFd = eventfd(EFD_CLOEXEC)): RingSetup {
  const addresses = { descAddr: 0n, availAddr: 0n, usedAddr: 0n };
  return { size: 256, ...addresses, lastAvailIndex: 5, callFd, features: 0n, enabled: true };
}

function started(): void {
  device.setMemory([region(0n), region(0x10000n)]);
  for (const index of [0, 1]) device.startRing(index, setup());
}

describe('use()', () => {
  it('stops the rings of the one and starts them on the other, where they stopped', async () => {
    started();
    const first = services.last;
    first.stoppedAt.set(0, 17).set(1, 99);
    device.setRingEnabled(1, false);
    await device.use(make);
    const second = services.last;
    expect(first.calls.slice(-3)).toEqual(['stopRing 0', 'stopRing 1', 'close']);
    expect(second.calls).toEqual(['setMemory 2', 'startRing 0 enabled', 'startRing 1']);
    expect([...second.rings.values()].map(({ lastAvailIndex }) => lastAvailIndex)).toEqual([17, 99]);
    expect(second.regions.map(({ guestAddr }) => guestAddr)).toEqual([0n, 0x10000n]);
    expect(new Set([...second.rings.values()].map(({ callFd }) => callFd)).size).toBe(2);
  });

  it('of nobody lets the rings stand, and what the guest says meanwhile holds afterwards', async () => {
    started();
    await device.use(undefined);
    device.startRing(3, setup(-1));
    device.setRingEnabled(0, false);
    device.setCallFd(1, eventfd(EFD_CLOEXEC));
    device.addMemory(region(0x20000n));
    device.removeMemory({ guestAddr: 0n, userAddr: 0n, size: 4096n, mmapOffset: 0n });
    expect(await device.stopRing(1)).toEqual({ lastAvailIndex: 5 });
    await device.use(make);
    expect(services.last.calls).toEqual(['setMemory 2', 'startRing 0', 'startRing 3 enabled']);
    expect(services.last.regions.map(({ guestAddr }) => guestAddr)).toEqual([0x10000n, 0x20000n]);
  });

  it('waits for the one before, and a ring that stops meanwhile stays stopped', async () => {
    started();
    const first = services.last;
    first.holdStops = true;
    const switched = device.use(make);
    const stopped = device.stopRing(0);
    await Promise.resolve();
    first.release();
    await switched;
    await stopped;
    expect(services.last.calls).toEqual(['setMemory 2', 'startRing 0 enabled', 'startRing 1 enabled', 'stopRing 0']);
    expect([...services.last.rings.keys()]).toEqual([1]);
  });

  it('tells as broken what cannot be started, and nothing of a device that was left', async () => {
    started();
    const first = services.last;
    await device.use(() => {
      const second = make();
      second.failNext = new UserError('no room for 8192 bytes');
      return second;
    });
    expect(broken).toEqual(['0: no room for 8192 bytes', '1: no room for 8192 bytes']);
    first.breakRing(0, 'late');
    expect(broken.length).toBe(2);
    services.last.breakRing(1, 'index jumped');
    expect(broken.at(-1)).toBe('1: index jumped');
  });

  it('comes to nothing when the device is closed first', async () => {
    started();
    await device.close();
    await device.use(make);
    expect(services.devices.length).toBe(1);
  });
});

describe('setLog()', () => {
  const log = (size: number) => ({ fd: memfd('weft-test', size), size, offset: 0 });

  it('waits for a device that can note writes, and tells every next one', async () => {
    await device.close();
    const told: string[] = [];
    device = new SwitchedDevice(
      () => cardOf(make()),
      async (isLogging) => {
        told.push(String(isLogging));
        if (isLogging) await device.use(make);
      },
    );
    started();
    await device.setLog(log(64));
    expect(services.last.calls).toEqual([
      'setMemory 2',
      'startRing 0 enabled',
      'startRing 1 enabled',
      'setLog 64 at 0',
    ]);
    await device.use(make);
    expect(services.last.calls[1]).toBe('setLog 64 at 0');
    await device.setLog(undefined);
    expect(services.last.calls.at(-1)).toBe('setLog none');
    await device.setLog(log(32));
    await device.close();
    expect(told).toEqual(['true', 'false', 'true', 'false']);
  });

  it('that fails in a next device breaks the rings', async () => {
    started();
    await device.setLog(log(64));
    await device.use(() => {
      const next = make();
      next.failLog = new UserError('no room for a log');
      return next;
    });
    await Promise.resolve();
    expect(broken).toEqual(['0: no room for a log', '1: no room for a log']);
  });
});

/** A card's device cannot note what it writes. */
function cardOf(made: FakeVhostDevice): VhostDevice {
  return {
    setMemory: (regions) => made.setMemory(regions),
    addMemory: (added) => made.addMemory(added),
    removeMemory: (removed) => made.removeMemory(removed),
    startRing: (index, ring) => made.startRing(index, ring),
    setRingEnabled: (index, enabled) => made.setRingEnabled(index, enabled),
    setCallFd: (index, fd) => made.setCallFd(index, fd),
    stopRing: (index) => made.stopRing(index),
    onRingBroken: (listener) => made.onRingBroken(listener),
    close: () => made.close(),
  };
}

describe('enabledRings()', () => {
  it('starts a ring when it is enabled, with the call descriptor it has by then', async () => {
    await device.use(() => enabledRings(make()));
    device.setMemory([region(0n)]);
    for (const index of [0, 1, 2]) device.startRing(index, { ...setup(), enabled: false });
    device.setCallFd(0, eventfd(EFD_CLOEXEC));
    device.setRingEnabled(0, true);
    expect(await device.stopRing(1)).toEqual({ lastAvailIndex: 5 });
    device.setRingEnabled(0, false);
    expect(services.last.calls).toEqual(['setMemory 1', 'startRing 0 enabled', 'disable 0']);
  });
});

describe('a device that refuses', () => {
  it('memory or a ring keeps what was there before', async () => {
    started();
    const first = services.last as FakeVhostDevice;
    for (const change of [
      () => device.setMemory([region(0x50000n)]),
      () => device.addMemory(region(0x50000n)),
      () => device.startRing(5, setup()),
    ]) {
      first.failNext = new UserError('refused');
      expect(change).toThrow('refused');
    }
    await device.use(make);
    expect(services.last.regions.length).toBe(2);
    expect([...services.last.rings.keys()]).toEqual([0, 1]);
  });
});
