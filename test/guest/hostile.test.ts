// Guests that lie, on the real datapath: the lie costs its teller, another pair of guests sees nothing of it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DatapathRig, type GuestOnPort, testFrame } from '../support/guest/datapath-rig.ts';
import { FRAME_LIES, RING_LIES, RX_RING_LIES, scribble, truncateMemory } from '../support/guest/hostile.ts';
import type { GuestOptions } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

let rig: DatapathRig;
let liar: GuestOnPort;
let peer: GuestOnPort;
let honest: [GuestOnPort, GuestOnPort];
beforeAll(async () => {
  rig = await DatapathRig.start();
});
beforeEach(async () => {
  honest = await rig.pair();
});
afterEach(async () => {
  // Whatever went on: the honest pair still forwards, and the liar's port serves a next guest.
  await expectHonest();
  await rig.clear();
});
afterAll(() => rig.close());

async function startLiar(options: GuestOptions = {}): Promise<void> {
  [liar, peer] = await rig.pair(options);
  await liar.guest.sendFrame(testFrame(64));
  await peer.guest.receiveFrames(1);
  await liar.guest.drained();
}

async function expectHonest(): Promise<void> {
  const [from, to] = honest;
  for (let index = 0; index < 20; index++) await from.guest.sendFrame(testFrame(60 + index * 70, index));
  const frames = await to.guest.receiveFrames(20);
  for (const [index, frame] of frames.entries()) {
    expect(Buffer.compare(frame, testFrame(60 + index * 70, index))).toBe(0);
  }
}

async function expectRecovery(): Promise<void> {
  liar.guest.close();
  await eventually(() => !liar.port.linkUp, 'link down');
  const next = await rig.attach(liar.port);
  expect(liar.port.error).toBeUndefined();
  await next.sendFrame(testFrame(99));
  expect((await peer.guest.receiveFrames(1))[0]!.length).toBe(99);
}

describe('a ring that lies', () => {
  it.each(RING_LIES)('$name: that queue is broken, its port says so, the next guest is served', async ({ tell }) => {
    await startLiar();
    tell(liar.guest);
    await eventually(() => liar.port.error !== undefined, 'error');
    expect(liar.port.error).toMatch(/^vring 1 is broken: /);
    expect(peer.port.error).toBeUndefined();
    await expectHonest();
    await expectRecovery();
  });

  it.each(RX_RING_LIES)('$name, on the ring it receives on: broken alone', async ({ tell }) => {
    await startLiar();
    tell(liar.guest);
    await peer.guest.sendFrame(testFrame(1000));
    await eventually(() => liar.port.error !== undefined, 'error');
    expect(liar.port.error).toMatch(/^vring 0 is broken: /);
    // The sender gets its buffers back all the same.
    await peer.guest.drained();
    await expectHonest();
    await expectRecovery();
  });

  it.each(FRAME_LIES)('$name: nothing arrives', async ({ tell }) => {
    await startLiar();
    tell(liar.guest);
    await expectHonest();
    expect(peer.guest.pollFrames()).toEqual([]);
    await expectRecovery();
  });

  it.each([1n, 2n, 4n, 8n])('misaligned by %d is refused with the session', async (skew) => {
    for (const part of [0, 1, 2]) {
      if ([16n, 2n, 4n][part]! <= skew) continue;
      const port = await rig.addPort();
      const guest = await rig.attach(port, { started: false });
      await guest.negotiate();
      await guest.shareMemory();
      guest.describeRing(
        guest.makeQueue(1),
        [0, 1, 2].map((index) => (index === part ? skew : 0n)),
      );
      await guest.frontEnd.closed;
      expect(port.error).toContain('vhost-user-ring-alignment');
    }
  });

  it('with its end outside of memory is refused with the session', async () => {
    const port = await rig.addPort();
    const guest = await rig.attach(port, { started: false });
    await guest.negotiate();
    await guest.shareMemory();
    const region = guest.memory.regions[0]!;
    const queue = guest.makeQueue(1);
    guest.describeRing(queue, [region.userAddr + BigInt(region.size) - 64n - queue.ring.desc.userAddr, 0n, 0n]);
    await guest.frontEnd.closed;
    expect(port.error).toContain('vhost-user-ring-address');
  });
});

describe('memory that vanishes', () => {
  it('under the buffers breaks that queue only', async () => {
    const regions = [
      { guestAddr: 0x4000_0000n, size: 4 << 20 },
      { guestAddr: 0x8000_0000n, size: 4 << 20 },
    ];
    await startLiar({ regions, bufferRegion: 1 });
    const { ring } = liar.guest.tx();
    const gone = liar.guest.memory.alloc(2048, 4096, 1).guestAddr;
    truncateMemory(liar.guest, 1, 0);
    ring.publish([{ addr: gone, len: 1000 }]);
    liar.guest.kick(liar.guest.tx());
    await eventually(() => liar.port.error !== undefined, 'error');
    expect(liar.port.error).toMatch(/vring 1 is broken: /);
    await expectHonest();
    await expectRecovery();
  });

  it('under the rings themselves breaks them only', async () => {
    await startLiar();
    truncateMemory(liar.guest, 0, 0);
    await eventually(() => liar.port.error !== undefined, 'error');
    await expectHonest();
    await expectRecovery();
  });
});

describe('noise', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('over its own rings (seed %d) leaves the honest pair alone', async (seed) => {
    await startLiar();
    for (let round = 0; round < 50; round++) {
      scribble(liar.guest, seed * 1000 + round, 64);
      if (round % 10 === 0) await expectHonest();
    }
    await expectRecovery();
  });
});
