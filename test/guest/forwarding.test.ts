// Guests through the real datapath: every frame arrives whole, in order, whatever the shape of rings and buffers.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_SIZE } from '../../datapath/layout/vring.ts';
import { VHOST_USER_SET_VRING_ENABLE } from '../../datapath/port/vhost-user/protocol.ts';
import { DatapathRig, testFrame } from '../support/guest/datapath-rig.ts';
import { vringState } from '../support/guest/front-end.ts';
import { DEFAULT_FEATURES, type GuestOptions, type VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

let rig: DatapathRig;
beforeAll(async () => {
  rig = await DatapathRig.start();
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

const MRG_RXBUF = 1n << 15n;

async function expectFlow(from: VhostGuest, to: VhostGuest, sizes: readonly number[], options = {}): Promise<void> {
  const frames = sizes.map((size, index) => testFrame(size, index));
  for (const frame of frames) await from.sendFrame(frame, options);
  const received = await to.receiveFrames(frames.length);
  for (const [index, frame] of frames.entries()) expect(Buffer.compare(received[index]!, frame)).toBe(0);
}

const SIZES = [14, 60, 64, 127, 128, 129, 256, 512, 1000, 1499, 1514];

describe('two guests', () => {
  const shapes: readonly [string, GuestOptions, GuestOptions][] = [
    ['virtio 1 with mergeable buffers', {}, {}],
    ['virtio 1 without mergeable buffers', {}, { features: DEFAULT_FEATURES & ~MRG_RXBUF }],
    ['a legacy guest towards a virtio 1 guest', { features: 0n }, {}],
    ['a virtio 1 guest towards a legacy guest', {}, { features: 0n }],
    ['frames spread over small mergeable buffers', {}, { rxBufferSize: 256 }],
    ['the smallest rings', { queueSize: 4 }, { queueSize: 16 }],
    ['polling guests', { calls: false }, { calls: false }],
    ['several regions, high and out of order', highRegions(1), highRegions(2)],
  ];

  function highRegions(bufferRegion: number): GuestOptions {
    const regions = [
      { guestAddr: 0x7fff_0000_0000n, size: 4 << 20 },
      { guestAddr: 0x1000n, size: 2 << 20, fileOffset: 0x3000 },
      { guestAddr: 0x1_0020_0000n, size: 2 << 20 },
    ];
    return { regions, bufferRegion };
  }

  it.each(shapes)('%s', async (_name, first, second) => {
    const [a, b] = await rig.pair(first, second);
    await expectFlow(a.guest, b.guest, SIZES);
    // One at a time: the smallest ring holds no more than it has descriptors.
    for (const size of SIZES) await expectFlow(b.guest, a.guest, [size]);
  });

  it('buffers in pieces, chained and indirect', async () => {
    const [a, b] = await rig.pair();
    const header = a.guest.headerSize;
    for (const indirect of [false, true]) {
      await expectFlow(a.guest, b.guest, [1000], { indirect, parts: [header, 1000] });
      await expectFlow(a.guest, b.guest, [1000], { indirect, parts: [header + 14, 1, 985] });
      await expectFlow(a.guest, b.guest, [300], { indirect, parts: [5, 1, header, 2, 100, 300 - 108] });
      await expectFlow(a.guest, b.guest, [64], { indirect, parts: Array<number>(header + 64).fill(1) });
    }
  });

  it('buffers anywhere in more memory than can be mapped at once', async () => {
    const size = 2560 * 2 ** 20;
    const [a, b] = await rig.pair({ regions: [{ guestAddr: 0x1_0000_0000n, size }] });
    for (let index = 0; index < 40; index++) {
      // A few bytes before a 2 MiB seam, so that the frame lies across it.
      const at = 0x1_0000_0000n + BigInt((index + 1) * 62 * 2 ** 20) - 500n;
      const frame = testFrame(1000, index);
      a.guest.memory.at(at + 12n, 1000).bytes.set(frame);
      a.guest.tx().ring.publish([{ addr: at, len: 1012 }]);
      const [received] = await b.guest.receiveFrames(1);
      expect(Buffer.compare(received!, frame)).toBe(0);
    }
    expect(a.port.error).toBeUndefined();
  });

  it('one frame over two seams of memory that is mapped in parts, next to each other', async () => {
    const base = 0x1_0000_0000n;
    const [a, b] = await rig.pair({ regions: [{ guestAddr: base, size: 2560 * 2 ** 20 }] });
    for (let round = 0; round < 20; round++) {
      const seams = [0, 1].map((index) => base + BigInt((100 + round * 3 + index) * CHUNK_SIZE));
      const frame = testFrame(1400, round);
      a.guest.memory.at(seams[0]! - 500n + 12n, 1000).bytes.set(frame.subarray(0, 1000));
      a.guest.memory.at(seams[1]! - 200n, 400).bytes.set(frame.subarray(1000));
      a.guest.tx().ring.publish([
        { addr: seams[0]! - 500n, len: 1012 },
        { addr: seams[1]! - 200n, len: 400 },
      ]);
      const [received] = await b.guest.receiveFrames(1);
      expect(Buffer.compare(received!, frame)).toBe(0);
    }
    expect(a.port.error).toBeUndefined();
  });

  it('keeps order over many times the ring size', async () => {
    const [a, b] = await rig.pair({ queueSize: 64 }, { queueSize: 256 });
    for (let round = 0; round < 20; round++) {
      const sizes = Array.from({ length: 100 }, (_, index) => 60 + ((round * 37 + index * 13) % 1400));
      await expectFlow(a.guest, b.guest, sizes);
    }
    expect(a.port.stats()['rx_packets']).toBe(2000n);
    expect(b.port.stats()['tx_packets']).toBe(2000n);
  });

  it('calls a guest that waits, and not one that polls', async () => {
    const [a, b] = await rig.pair();
    await expectFlow(a.guest, b.guest, [64]);
    await a.guest.drained();
    expect(b.guest.calls(b.guest.rx())).toBeGreaterThan(0n);
    b.guest.rx().ring.setInterrupts(false);
    await expectFlow(a.guest, b.guest, [64, 64, 64]);
    expect(b.guest.calls(b.guest.rx())).toBe(0n);
  });
});

describe('a ring', () => {
  it('is not touched after GET_VRING_BASE, and goes on from the index it told', async () => {
    const [a, b] = await rig.pair();
    await expectFlow(a.guest, b.guest, [64, 65, 66]);
    await a.guest.drained();
    const base = await a.guest.stopRing(1);
    expect(base).toBe(3);
    const { ring } = a.guest.tx();
    const before = ring.usedIndex;
    await a.guest.sendFrame(testFrame(100, 9));
    await sleep(30);
    expect(ring.usedIndex).toBe(before);
    expect(b.guest.pollFrames()).toEqual([]);
    a.guest.describeRing(a.guest.tx(), undefined, base);
    const [frame] = await b.guest.receiveFrames(1);
    expect(Buffer.compare(frame!, testFrame(100, 9))).toBe(0);
  });

  it('that is disabled consumes what the guest sends and discards it', async () => {
    const [a, b] = await rig.pair();
    await expectFlow(a.guest, b.guest, [64]);
    a.guest.frontEnd.send(VHOST_USER_SET_VRING_ENABLE, vringState(1, 0));
    await a.guest.sync();
    await a.guest.sendFrame(testFrame(70));
    await a.guest.drained();
    expect(b.guest.pollFrames()).toEqual([]);
    a.guest.frontEnd.send(VHOST_USER_SET_VRING_ENABLE, vringState(1, 1));
    await a.guest.sync();
    await expectFlow(a.guest, b.guest, [71]);
  });

  it('goes on where it was when the memory table is sent again', async () => {
    const [a, b] = await rig.pair();
    for (let round = 0; round < 3; round++) {
      await expectFlow(a.guest, b.guest, [64, 1500]);
      await a.guest.shareMemory();
      await b.guest.shareMemory();
    }
    expect([a.port.error, b.port.error]).toEqual([undefined, undefined]);
  });

  it('of a second queue pair works as well', async () => {
    const [a, b] = await rig.pair({ queuePairs: 2 }, {});
    await expectFlow(a.guest, b.guest, [64, 128], { queuePair: 1 });
    await expectFlow(a.guest, b.guest, [64, 128], { queuePair: 0 });
  });
});

describe('a guest that goes', () => {
  it('takes nothing with it: the next ones on its port forward, time after time', async () => {
    const [a, b] = await rig.pair();
    let { guest } = a;
    for (let round = 0; round < 10; round++) {
      await expectFlow(guest, b.guest, [64, 1514]);
      await b.guest.sendFrame(testFrame(80));
      guest.close();
      await eventually(() => !a.port.linkUp, 'link down');
      guest = await rig.attach(a.port);
      expect([a.port.linkUp, a.port.error]).toEqual([true, undefined]);
      guest.pollFrames();
    }
  });

  it('costs no descriptor', async () => {
    const [a, b] = await rig.pair();
    let { guest } = a;
    let before = 0;
    for (let round = 0; round < 6; round++) {
      await expectFlow(guest, b.guest, [64]);
      guest.close();
      await eventually(() => !a.port.linkUp, 'link down');
      guest = await rig.attach(a.port, { queuePairs: 2 });
      if (round === 2) before = readdirSync('/proc/self/fd').length;
    }
    await eventually(() => readdirSync('/proc/self/fd').length <= before, 'no more descriptors than before');
  });

  it('in the middle of its traffic leaves the port and everyone else in order', async () => {
    const [a, b] = await rig.pair();
    const [c, d] = await rig.pair();
    for (let round = 0; round < 5; round++) {
      const guest = round === 0 ? a.guest : await rig.attach(a.port);
      for (let index = 0; index < 100; index++) await guest.sendFrame(testFrame(1000, index));
      guest.close();
      await expectFlow(c.guest, d.guest, [64, 512, 1514]);
      b.guest.pollFrames();
    }
    expect(b.port.error).toBeUndefined();
  });
});
