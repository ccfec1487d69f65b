// A port, its session and the mock front-end on fake services: life cycle, order, refusals, and no descriptor lost.

import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OFFERED_FEATURES, OFFERED_PROTOCOL_FEATURES } from '../../../../datapath/port/vhost-user/features.ts';
import * as protocol from '../../../../datapath/port/vhost-user/protocol.ts';
import type { VhostServerPort } from '../../../../datapath/port/vhost-user/server-port.ts';
import { ProtocolError, UserError } from '../../../../lib/errors.ts';
import { close, eventfd, eventfdDrain } from '../../../../lib/syscalls/fd.ts';
import { WOULD_BLOCK } from '../../../../lib/syscalls/libc.ts';
import { memfd } from '../../../../lib/syscalls/memory.ts';
import { sendWithFds, unixConnect } from '../../../../lib/syscalls/unix-socket.ts';
import { DirtyPages } from '../../../support/guest/dirty-pages.ts';
import { bytesOf, FrontEnd, message, u64, vringState } from '../../../support/guest/front-end.ts';
import { DEFAULT_FEATURES, VhostGuest } from '../../../support/guest/vhost-guest.ts';
import { eventually, VhostPortRig } from '../../../support/guest/vhost-port-rig.ts';

const openFds = () => readdirSync('/proc/self/fd').length;

let rig: VhostPortRig;
let port: VhostServerPort;
beforeEach(async () => {
  rig = new VhostPortRig();
  port = await rig.server('vhu0');
});
afterEach(() => rig.close());

const connect = (options = {}) => VhostGuest.connect(rig.path('vhu0'), options);

function regionPayload(guestAddr: bigint, userAddr: bigint, size: number, mmapOffset = 0n): Uint8Array {
  const payload = bytesOf(40);
  const view = new DataView(payload.buffer);
  view.setBigUint64(8, guestAddr, true);
  view.setBigUint64(16, BigInt(size), true);
  view.setBigUint64(24, userAddr, true);
  view.setBigUint64(32, mmapOffset, true);
  return payload;
}

describe('a vhost-user session', () => {
  it('starts the rings of a guest and shows it as Open vSwitch does', async () => {
    const guest = await connect();
    expect(port.linkUp).toBe(true);
    expect(port.error).toBeUndefined();
    expect(port.status()).toEqual({
      mode: 'server',
      status: 'connected',
      features: `0x${DEFAULT_FEATURES.toString(16).padStart(16, '0')}`,
      num_of_vrings: '2',
      numa: '0',
      socket: rig.path('vhu0'),
      vring_0_size: '256',
      vring_1_size: '256',
    });
    const ring = rig.services.last.rings.get(0)!;
    expect(ring).toMatchObject({ size: 256, lastAvailIndex: 0, features: DEFAULT_FEATURES, enabled: true });
    expect(ring.descAddr).toBe(guest.rx().ring.desc.guestAddr);
    expect(ring.availAddr).toBe(guest.rx().ring.avail.guestAddr);
    expect(ring.usedAddr).toBe(guest.rx().ring.used.guestAddr);
    guest.close();
  });

  it('offers the same features before and after a guest', async () => {
    for (let round = 0; round < 2; round++) {
      const frontEnd = await FrontEnd.connect(rig.path('vhu0'));
      expect(await frontEnd.callU64(protocol.VHOST_USER_GET_FEATURES)).toBe(OFFERED_FEATURES);
      expect(await frontEnd.callU64(protocol.VHOST_USER_GET_PROTOCOL_FEATURES)).toBe(OFFERED_PROTOCOL_FEATURES);
      expect(await frontEnd.callU64(protocol.VHOST_USER_GET_QUEUE_NUM)).toBe(8n);
      frontEnd.close();
      await eventually(() => !port.connected, 'disconnected');
    }
  });

  it('keeps rings disabled until SET_VRING_ENABLE, and none without protocol features', async () => {
    const guest = await connect({ started: false });
    await guest.negotiate();
    await guest.shareMemory();
    guest.describeRing(guest.makeQueue(1));
    await guest.sync();
    expect(rig.services.last.rings.get(1)!.enabled).toBe(false);
    guest.close();
    await eventually(() => !port.connected, 'disconnected');

    const old = await connect({ features: 1n << 32n });
    expect([0, 1].map((index) => rig.services.last.rings.get(index)!.enabled)).toEqual([true, true]);
    expect(port.linkUp).toBe(true);
    old.close();
  });

  it('answers GET_VRING_BASE when the ring has stopped, and later requests after it', async () => {
    const guest = await connect();
    const device = rig.services.last;
    device.holdStops = true;
    device.stoppedAt.set(1, 77);
    const answers: string[] = [];
    const base = guest.stopRing(1).then((index) => answers.push(`base ${index}`));
    const features = guest.frontEnd.callU64(protocol.VHOST_USER_GET_FEATURES).then(() => answers.push('features'));
    await sleep(50);
    expect(answers).toEqual([]);
    device.release();
    await Promise.all([base, features]);
    expect(answers).toEqual(['base 77', 'features']);
    expect(port.linkUp).toBe(false);
    guest.close();
  });

  it('starts a stopped ring again where the front-end says', async () => {
    const guest = await connect();
    rig.services.last.stoppedAt.set(1, 41);
    const base = await guest.stopRing(1);
    guest.describeRing(guest.tx(), undefined, base);
    await guest.sync();
    expect(rig.services.last.rings.get(1)).toMatchObject({ lastAvailIndex: 41, enabled: true });
    guest.close();
  });

  it('finds running rings anew when the memory table changes', async () => {
    const guest = await connect();
    const device = rig.services.last;
    device.stoppedAt.set(0, 9);
    device.calls.length = 0;
    await guest.shareMemory();
    expect(device.calls).toEqual([
      'stopRing 0',
      'stopRing 1',
      'setMemory 1',
      'startRing 0 enabled',
      'startRing 1 enabled',
    ]);
    expect(device.rings.get(0)!.lastAvailIndex).toBe(9);
    guest.close();
  });

  it('acknowledges what needs a reply, also with no', async () => {
    const guest = await connect();
    const { frontEnd } = guest;
    expect(await frontEnd.acknowledged(protocol.VHOST_USER_SET_VRING_ENABLE, vringState(0, 0))).toBe(true);
    expect(await frontEnd.acknowledged(31, u64(0))).toBe(false);
    expect(frontEnd.open).toBe(true);
    guest.close();
  });

  it('adds and removes memory regions; a ring in one that goes is stopped', async () => {
    const guest = await connect();
    const device = rig.services.last;
    const fd = memfd('weft-test-slot', 0x10000);
    const added = regionPayload(0x9000_0000n, 0x1000n, 0x10000);
    expect(await guest.frontEnd.callU64(protocol.VHOST_USER_GET_MAX_MEM_SLOTS)).toBe(64n);
    expect(await guest.frontEnd.acknowledged(protocol.VHOST_USER_ADD_MEM_REG, added, [fd])).toBe(true);
    expect(device.regions.length).toBe(2);
    expect(await guest.frontEnd.acknowledged(protocol.VHOST_USER_REM_MEM_REG, added, [fd])).toBe(true);
    expect(device.regions.length).toBe(1);
    close(fd);
    const { guestAddr, userAddr, size } = guest.memory.regions[0]!;
    const own = regionPayload(guestAddr, userAddr, size);
    expect(await guest.frontEnd.acknowledged(protocol.VHOST_USER_REM_MEM_REG, own)).toBe(true);
    expect([device.rings.size, device.regions.length]).toEqual([0, 0]);
    guest.close();
  });

  it('says no, stays connected and names the reason when memory does not fit', async () => {
    const guest = await connect({ started: false });
    await guest.negotiate();
    await guest.sync();
    rig.services.last.failNext = new UserError('asked for 3072 MiB, 1024 MiB are free');
    await guest.shareMemory();
    expect(guest.frontEnd.open).toBe(true);
    expect(port.error).toMatch(/1024 MiB are free/);
    guest.startRing(0);
    await guest.sync();
    expect(rig.services.last.rings.size).toBe(0);
    await guest.shareMemory();
    expect([port.error, rig.services.last.rings.size]).toEqual([undefined, 1]);
    guest.close();
  });

  it('has writes noted from when the feature is set until it is cleared, while rings run', async () => {
    const before = openFds();
    const guest = await connect();
    const device = rig.services.last;
    device.calls.length = 0;
    const pages = await DirtyPages.start(guest);
    const size = (0x4000_0000 + (8 << 20)) / 4096 / 8;
    expect(device.calls[0]).toBe(`setLog ${size} at 0`);
    expect([...device.rings.values()].map(({ usedLogAddr }) => usedLogAddr)).toEqual([
      guest.rx().ring.used.guestAddr,
      guest.tx().ring.used.guestAddr,
    ]);
    await pages.stop();
    expect(device.calls).toContain('setLog none');
    expect(device.rings.get(0)!.usedLogAddr).toBeUndefined();
    await DirtyPages.start(guest, 4096).then((other) => other.close());
    expect(device.log).toMatchObject({ size, offset: 4096 });
    pages.close();
    guest.close();
    await eventually(() => openFds() === before, 'descriptors closed');
  });

  it('ends the session, guest unserved, when writes cannot be noted', async () => {
    const guest = await connect();
    rig.services.last.failLog = new UserError('no room for a log');
    await expect(DirtyPages.start(guest)).rejects.toThrow();
    await guest.frontEnd.closed;
    expect(port.error).toContain('no room for a log (vhost-user-log)');
    guest.close();
  });

  it('tells the guest and the database of a broken ring, until the ring runs again', async () => {
    const guest = await connect();
    rig.services.last.breakRing(1, 'descriptor-loop');
    expect(port.error).toBe('vring 1 is broken: descriptor-loop');
    expect(eventfdDrain(guest.tx().errFd)).toBe(1n);
    const base = await guest.stopRing(1);
    guest.describeRing(guest.tx(), undefined, base);
    await guest.sync();
    expect(port.error).toBeUndefined();
    guest.close();
  });

  it('stops and unmaps everything when the guest goes, and serves the next', async () => {
    const before = openFds();
    for (let round = 0; round < 3; round++) {
      const guest = await connect({ queuePairs: 4 });
      expect(rig.services.last.rings.size).toBe(8);
      guest.close();
      await eventually(() => rig.services.last.closed, 'device closed');
      expect([port.linkUp, port.error]).toEqual([false, undefined]);
      expect(port.status()).toEqual({ mode: 'server', status: 'disconnected' });
    }
    expect(rig.services.devices.length).toBe(3);
    await sleep(20);
    expect(openFds()).toBe(before);
  });

  it('closes while a stop is under way without losing a descriptor', async () => {
    const before = openFds();
    const guest = await connect();
    rig.services.last.holdStops = true;
    void guest.stopRing(1).catch(() => {});
    await sleep(20);
    guest.frontEnd.close();
    await port.close();
    guest.close();
    expect(rig.services.last.closed).toBe(true);
    // The listener is gone as well.
    expect(openFds()).toBe(before - 1);
  });
});

describe('a front-end that breaks the protocol', () => {
  const eight = (fd: number) => Array<number>(8).fill(fd);
  const cases: readonly [name: string, code: string, tell: (guest: VhostGuest, fd: number) => void][] = [
    ['another version', 'version', ({ frontEnd }) => frontEnd.raw(Uint8Array.of(1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0))],
    ['a size beyond every request', 'payload-size', ({ frontEnd }) => frontEnd.raw(message(1, bytesOf(0), 0, 1 << 30))],
    ['too short a payload', 'payload-size', ({ frontEnd }) => frontEnd.send(2, bytesOf(4))],
    ['an unknown request', 'unsupported', ({ frontEnd }) => frontEnd.send(999)],
    ['features that were not offered', 'features', ({ frontEnd }) => frontEnd.send(2, u64(1n << 35n))],
    ['other features while rings run', 'features', ({ frontEnd }) => frontEnd.send(2, u64(1n << 32n))],
    ['protocol features that were not offered', 'features', ({ frontEnd }) => frontEnd.send(16, u64(32))],
    ['a ring that there is none of', 'ring-index', ({ frontEnd }) => frontEnd.send(8, vringState(16, 256))],
    ['a new size for a running ring', 'ring-running', ({ frontEnd }) => frontEnd.send(8, vringState(0, 128))],
    ['enabling with 2', 'ring-enable', ({ frontEnd }) => frontEnd.send(18, vringState(0, 2))],
    ['an MTU of 10', 'mtu', ({ frontEnd }) => frontEnd.send(20, u64(10))],
    ['descriptors where none belong', 'fds', ({ frontEnd }, fd) => frontEnd.send(2, u64(0), [fd])],
    ['a memory table without descriptors', 'fds', ({ frontEnd }) => frontEnd.send(5, memTableOfOne())],
    ['too many descriptors', 'fds', ({ frontEnd }, fd) => frontEnd.send(5, memTableOfOne(), [...eight(fd), fd, fd])],
    ['eight descriptors in each of two pieces', 'fds', inTwoPieces],
    ['a region past the end of its file', 'memory-file', ({ frontEnd }, fd) => frontEnd.send(5, memTableOfOne(), [fd])],
    ['a dirty log without a descriptor', 'fds', ({ frontEnd }) => frontEnd.send(6, logOf(64n))],
    ['a dirty log of no size', 'log-size', ({ frontEnd }, fd) => frontEnd.send(6, logOf(0n), [fd])],
    ['a dirty log of 1 GiB', 'log-size', ({ frontEnd }, fd) => frontEnd.send(6, logOf(1n << 30n), [fd])],
    [
      'a dirty log past the end of its file',
      'memory-file',
      ({ frontEnd }, fd) => frontEnd.send(6, logOf(0x1001n), [fd]),
    ],
    ['a region added over another', 'memory-overlap', addedOver],
    ['a region removed that is not there', 'memory-unknown', removedUnknown],
    ['a call descriptor that is no eventfd', 'eventfd', ({ frontEnd }, fd) => frontEnd.send(13, u64(0), [fd])],
    ['an error descriptor that is no eventfd', 'eventfd', ({ frontEnd }, fd) => frontEnd.send(14, u64(0), [fd])],
    [
      'a ring outside of memory',
      'ring-address',
      (guest) => guest.describeRing(guest.makeQueue(2), [1n << 40n, 0n, 0n]),
    ],
    ['a hang-up inside a message', 'truncated', hangUpInside],
  ];

  function memTableOfOne(): Uint8Array {
    const payload = bytesOf(40);
    const view = new DataView(payload.buffer);
    view.setUint32(0, 1, true);
    view.setBigUint64(16, 1n << 30n, true);
    return payload;
  }

  function logOf(size: bigint): Uint8Array {
    return new Uint8Array([...u64(size), ...u64(0)]);
  }

  function inTwoPieces({ frontEnd }: VhostGuest, fd: number): void {
    const bytes = message(5, memTableOfOne());
    frontEnd.raw(bytes.slice(0, 20), eight(fd));
    frontEnd.raw(bytes.slice(20), eight(fd));
  }

  function addedOver({ frontEnd, memory }: VhostGuest, fd: number): void {
    frontEnd.send(37, regionPayload(memory.regions[0]!.guestAddr + 0x1000n, 0x1000n, 0x1000), [fd]);
  }

  function removedUnknown({ frontEnd }: VhostGuest): void {
    frontEnd.send(38, regionPayload(0x1000n, 0x1000n, 0x1000));
  }

  function hangUpInside({ frontEnd }: VhostGuest): void {
    frontEnd.raw(message(2, u64(0)).slice(0, 16));
    frontEnd.close();
  }

  it.each(cases)('%s: closed with vhost-user-%s, and the next guest is served', async (_name, code, tell) => {
    const before = openFds();
    const guest = await connect();
    const fd = memfd('weft-test-odd', 0x1000);
    tell(guest, fd);
    close(fd);
    await guest.frontEnd.closed;
    await eventually(() => rig.services.last.closed, 'device closed');
    expect(port.error).toContain(`(vhost-user-${code})`);
    expect(port.linkUp).toBe(false);
    guest.close();
    await eventually(() => openFds() === before, 'descriptors closed');

    const next = await connect();
    expect([port.linkUp, port.error]).toEqual([true, undefined]);
    next.close();
  });

  it('is closed when the datapath finds a ring misaligned', async () => {
    const guest = await connect({ started: false });
    await guest.negotiate();
    await guest.shareMemory();
    rig.services.last.failNext = new ProtocolError('vhost-user-ring-alignment', 'avail ring at 0x1001');
    guest.startRing(0);
    await guest.frontEnd.closed;
    expect(port.error).toContain('vhost-user-ring-alignment');
    guest.close();
  });

  it('is closed when it does not read its replies', async () => {
    const socket = unixConnect(rig.path('vhu0'));
    await eventually(() => port.connected, 'connected');
    const request = message(protocol.VHOST_USER_GET_FEATURES);
    while (port.connected) {
      try {
        for (let sent = 0; sent !== WOULD_BLOCK; ) sent = sendWithFds(socket, request, []);
      } catch {
        break;
      }
      await sleep(1);
    }
    await eventually(() => !port.connected, 'disconnected');
    expect(port.error).toContain('vhost-user-stalled');
    close(socket);
  });

  it('cannot hold the switch up with an eventfd that is full', async () => {
    const guest = await connect({ started: false });
    await guest.negotiate();
    const full = eventfd(0xffff_fffe, 0);
    guest.frontEnd.send(protocol.VHOST_USER_SET_VRING_ERR, u64(0), [full]);
    await guest.sync();
    for (let count = 0; count < 3; count++) rig.services.last.breakRing(0, 'test');
    expect(port.error).toMatch(/broken/);
    close(full);
    guest.close();
  });
});
