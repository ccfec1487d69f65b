// The dirty log: a copy of a guest's memory that is kept by it, while frames come and go, is the guest's memory in the end;
// and a front-end that lies about its log harms its own guest only.
import { ftruncateSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasFeature, VIRTIO_RING_F_INDIRECT_DESC } from '../../datapath/port/vhost-user/features.ts';
import { DatapathRig, type GuestOnPort, testFrame } from '../support/guest/datapath-rig.ts';
import { DirtyPages } from '../support/guest/dirty-pages.ts';
import type { GuestOptions, SendOptions, VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

let rig: DatapathRig;
beforeAll(async () => {
  rig = await DatapathRig.start();
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

const PAGE = 4096n;
const FRAMES = 600;
const BATCH = 40;
/** Rings in one region, buffers in another: what the guest itself writes is in pages of its own. */
const REGIONS = [
  { guestAddr: 0x10_0000n, size: 1 << 20 },
  { guestAddr: 0x4000_0000n, size: 4 << 20 },
];

/** Every third frame is IPv4, which may go straight from one guest's buffer into the other's. */
function frame(i: number): Uint8Array {
  const made = testFrame(60 + ((i * 37) % 1400), i);
  if (i % 3 === 0) made.set([0x08, 0x00, 0x45], 12);
  return made;
}

/** Guests whose flows are there: from then on frames keep their order. */
async function acquainted(migrant: GuestOptions = {}) {
  const [a, b] = await rig.pair({}, migrant);
  // Receive buffers came first; the buffers that the guest sends are behind this.
  const received = b.guest.memory.alloc(4096, 4096, migrant.bufferRegion).guestAddr;
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    await from.guest.sendFrame(frame(0));
    await to.guest.receiveFrames(1);
  }
  return { sender: a, migrant: b, received };
}

/** Sends both ways while the log is fetched now and then. */
async function exchange(sender: GuestOnPort, migrant: GuestOnPort, fetch: () => void): Promise<void> {
  for (let i = 0; i < FRAMES; i += BATCH) {
    for (let k = i; k < i + BATCH; k++) await sender.guest.sendFrame(frame(k));
    fetch();
    const received = await migrant.guest.receiveFrames(BATCH);
    expect(received.map(({ length }) => length)).toEqual(Array.from({ length: BATCH }, (_, k) => frame(i + k).length));
    for (let k = i; k < i + BATCH; k++) await migrant.guest.sendFrame(frame(k), inParts(migrant.guest, k));
    await sender.guest.receiveFrames(BATCH);
  }
}

/** Every fifth frame lies in three buffers, some of those behind an indirect table. */
function inParts({ headerSize, features }: VhostGuest, k: number): SendOptions {
  if (k % 5 !== 0) return {};
  const indirect = k % 2 === 0 && hasFeature(features, VIRTIO_RING_F_INDIRECT_DESC);
  return { parts: [headerSize, 40, frame(k).length - 40], indirect };
}

const GUESTS: readonly { readonly like: string; readonly options: GuestOptions; readonly logOffset?: number }[] = [
  { like: 'plain buffers', options: {} },
  { like: 'merged buffers of 256 bytes', options: { rxBufferSize: 256 } },
  { like: 'a header of 10 bytes, and a log inside of its file', options: { features: 1n << 30n }, logOffset: 12_296 },
];

describe('a copy kept by the log', () => {
  it.each(GUESTS)('is the memory that the switch has written, $like', async ({ options, logOffset }) => {
    const { sender, migrant, received } = await acquainted({ regions: REGIONS, bufferRegion: 1, ...options });
    const { guest } = migrant;
    const pages = await DirtyPages.start(guest, logOffset);
    await exchange(sender, migrant, () => pages.copyNoted());
    await guest.drained();
    for (const index of [0, 1]) await guest.stopRing(index);
    pages.copyNoted();

    for (const { ring } of [guest.rx(), guest.tx()]) {
      const at = Number(ring.used.guestAddr - REGIONS[0]!.guestAddr);
      expect(Buffer.compare(pages.copy[0]!.subarray(at, at + ring.used.bytes.length), ring.used.bytes)).toBe(0);
    }
    const end = Number(received - REGIONS[1]!.guestAddr);
    expect(Buffer.compare(pages.copy[1]!.subarray(0, end), guest.memory.regions[1]!.bytes.subarray(0, end))).toBe(0);
    // And nothing else was noted than used rings and receive buffers.
    const used = [guest.rx(), guest.tx()].map(({ ring }) => ring.used.guestAddr / PAGE);
    const others = [...pages.seen].filter((page) => page < REGIONS[1]!.guestAddr && !used.includes(page / PAGE));
    expect(others).toEqual([]);
    expect([...pages.seen].filter((page) => page >= received)).toEqual([]);
    expect(pages.seen.size).toBeGreaterThan(used.length);
    pages.close();
  });

  it('ends when the front-end has the feature cleared', async () => {
    const { sender, migrant } = await acquainted();
    const pages = await DirtyPages.start(migrant.guest);
    await exchange(sender, migrant, () => pages.copyNoted());
    await pages.stop();
    pages.copyNoted();
    pages.seen.clear();
    await exchange(sender, migrant, () => pages.copyNoted());
    expect(pages.seen.size).toBe(0);
    pages.close();
  });

  it('goes on in another log', async () => {
    const { sender, migrant } = await acquainted();
    for (let round = 0; round < 5; round++) {
      const pages = await DirtyPages.start(migrant.guest);
      await exchange(sender, migrant, () => pages.copyNoted());
      expect(pages.seen.size).toBeGreaterThan(0);
      pages.close();
    }
  });
});

describe('a log that lies', () => {
  it('cut off under the datapath: breaks the rings of its guest only', async () => {
    const { sender, migrant } = await acquainted();
    const pages = await DirtyPages.start(migrant.guest);
    ftruncateSync(pages.fd, 0);
    await sender.guest.sendFrame(testFrame(100));
    await eventually(() => migrant.port.error !== undefined, 'error');
    expect(migrant.port.error).toMatch(/^vring 0 is broken: /);
    expect(sender.port.error).toBeUndefined();
    await sender.guest.drained();
    pages.close();
    migrant.guest.close();
    await eventually(() => !migrant.port.linkUp, 'link down');
    const next = await rig.attach(migrant.port);
    expect(migrant.port.error).toBeUndefined();
    await sender.guest.sendFrame(testFrame(99));
    expect((await next.receiveFrames(1))[0]!.length).toBe(99);
  });

  it('too short for the memory: what lies behind its end is not noted', async () => {
    const { sender, migrant } = await acquainted({ regions: REGIONS, bufferRegion: 1 });
    const short = { ...migrant.guest.memory, regions: migrant.guest.memory.regions.slice(0, 1) };
    const guest = Object.create(migrant.guest, { memory: { value: short } }) as typeof migrant.guest;
    const pages = await DirtyPages.start(guest);
    await exchange(sender, migrant, () => pages.copyNoted());
    expect([...pages.seen].every((page) => page < REGIONS[1]!.guestAddr)).toBe(true);
    expect(migrant.port.error).toBeUndefined();
    pages.close();
  });
});
