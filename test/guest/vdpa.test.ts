// A guest on a vhost-user port whose rings a card serves, and software again when the card is gone: it keeps its session,
// and its frames arrive, once and in order.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DpPort, PortSpec } from '../../datapath/dpif.ts';
import { ModelNic } from '../../datapath/nic/model/model-nic.ts';
import { NicRegistry } from '../../datapath/nic/registry.ts';
import { DatapathRig, type GuestOnPort, testFrame } from '../support/guest/datapath-rig.ts';
import { DirtyPages } from '../support/guest/dirty-pages.ts';
import type { VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

/** A card's thread takes its time to start on a busy machine. */
const HOOK_TIMEOUT_MS = 60_000;
const SIZES = [14, 60, 64, 127, 128, 129, 512, 1000, 1514];
const ON_CARD: PortSpec = {
  name: 'vdpa0',
  type: 'dpdkvhostuser',
  options: { 'vdpa-nic': 'model0', 'vdpa-vf': '0' },
};
const IN_SOFTWARE: PortSpec = { ...ON_CARD, options: {} };

let rig: DatapathRig;
let nics: NicRegistry;
let card: ModelNic;
let port: DpPort;
let guest: VhostGuest;
let peer: GuestOnPort;
/** By whom the port said that the guest is served, at every change. */
const told: (string | undefined)[] = [];

/** A switch of its own for each test: what goes wrong in one is not the next one's. */
beforeEach(async () => {
  nics = new NicRegistry();
  rig = await DatapathRig.start({ nics });
  rig.dpif.onPortChange((changed) => {
    if (changed === port) told.push(port.status()['vdpa']);
  });
  insertCard();
  port = await rig.dpif.portAdd(ON_CARD);
  guest = await rig.attach(port);
  const peerPort = await rig.addPort();
  peer = { port: peerPort, guest: await rig.attach(peerPort) };
  rig.wire(port, [{ type: 'output', port: peerPort.odpPort }]);
  rig.wire(peerPort, [{ type: 'output', port: port.odpPort }]);
  await served('card');
}, HOOK_TIMEOUT_MS);
afterEach(async () => {
  await rig.clear();
  await removeCard();
  await rig.close();
}, HOOK_TIMEOUT_MS);

function insertCard(): void {
  card = new ModelNic('model0', 'vfs=2', rig.folder);
  nics.add(card);
}

async function removeCard(): Promise<void> {
  nics.remove(card);
  await card.close();
}

/** The port says so, and the guest's rings run. */
async function served(by: 'card' | 'software'): Promise<void> {
  const isServed = () => port.status()['vdpa'] === by && port.linkUp;
  try {
    await eventually(isServed, `the guest served by ${by}`);
  } catch (error) {
    // What the port and the card say of it is the only trace that a run elsewhere leaves.
    const seen = { ...port.status(), link: port.linkUp, error: port.error, card: await card.describe() };
    throw new Error(`${String(error)}: ${JSON.stringify(seen)}`);
  }
  expect(port.error).toBeUndefined();
}

async function expectBothWays(seed = 0): Promise<void> {
  const frames = SIZES.map((size, i) => testFrame(size, seed + i));
  const hex = (all: readonly Uint8Array[]) => all.map((frame) => Buffer.from(frame).toString('hex'));
  for (const frame of frames) await guest.sendFrame(frame);
  expect(hex(await peer.guest.receiveFrames(frames.length))).toEqual(hex(frames));
  for (const frame of frames) await peer.guest.sendFrame(frame);
  expect(hex(await guest.receiveFrames(frames.length))).toEqual(hex(frames));
}

/** Frames of the guest that the card itself has taken. */
const takenByCard = () => BigInt(port.stats()['nic_rx_packets'] ?? 0n);

describe('a guest on a function', () => {
  it('exchanges frames by its representor, and the card counts them', async () => {
    for (let round = 0; round < 20; round++) await expectBothWays(round);
    await eventually(() => takenByCard() >= 20n * BigInt(SIZES.length), 'the card’s counters');
    expect(port.status()).toMatchObject({ mode: 'server', status: 'connected', vdpa: 'card', nic: 'model0' });
  });

  it('goes on in software when the card is removed, and on the card when it is back', async () => {
    for (let round = 0; round < 3; round++) {
      await expectBothWays(round);
      await removeCard();
      await served('software');
      await expectBothWays(round);
      expect(port.status()['vdpa_error']).toBe('there is no NIC named model0');
      insertCard();
      await served('card');
    }
    await expectBothWays();
  });

  it('goes on when the card dies, and is served by the one that starts again', async () => {
    for (let round = 0; round < 3; round++) {
      await expectBothWays(round);
      told.length = 0;
      await card.card.kill();
      await eventually(() => told.includes('software'), 'software');
      await served('card');
    }
    await expectBothWays();
  });

  it('goes on when it is to have no function any more, or one again', async () => {
    for (let round = 0; round < 3; round++) {
      await expectBothWays(round);
      expect(await port.reconfigure(IN_SOFTWARE)).toBe(true);
      expect(port.status()['vdpa']).toBeUndefined();
      await expectBothWays(round);
      expect(await port.reconfigure(ON_CARD)).toBe(true);
      await served('card');
    }
    await expectBothWays();
  });

  it('may go and another one come', async () => {
    await expectBothWays();
    guest.close();
    await eventually(() => !port.linkUp, 'link down');
    guest = await rig.attach(port);
    await served('card');
    await expectBothWays();
  });

  it('may have several queue pairs', async () => {
    guest.close();
    await eventually(() => !port.linkUp, 'link down');
    guest = await rig.attach(port, { queuePairs: 4 });
    await served('card');
    for (const queuePair of [3, 0, 2, 1]) {
      const frame = testFrame(100 + queuePair, queuePair);
      await guest.sendFrame(frame, { queuePair });
      expect(Buffer.compare((await peer.guest.receiveFrames(1))[0]!, frame)).toBe(0);
    }
  });

  it('may send its memory table again, and stop and start a ring', async () => {
    await expectBothWays();
    await guest.shareMemory();
    await expectBothWays(1);
    await guest.drained();
    const base = await guest.stopRing(1);
    expect(base).toBe(2 * SIZES.length);
    guest.describeRing(guest.tx(), undefined, base);
    await guest.sync();
    await expectBothWays(2);
  });

  it('is served in software while what is written for it is noted, and by the card again after that', async () => {
    for (let round = 0; round < 3; round++) {
      const pages = await DirtyPages.start(guest);
      expect(port.status()).toMatchObject({ vdpa: 'software', vdpa_error: 'the guest migrates' });
      await expectBothWays(round);
      pages.copyNoted();
      expect(pages.seen).toContain(guest.rx().ring.used.guestAddr);
      await pages.stop();
      await served('card');
      await expectBothWays(round);
      pages.close();
    }
    // Who goes away while it migrates leaves the function to the next.
    const pages = await DirtyPages.start(guest);
    guest.close();
    pages.close();
    await eventually(() => !port.linkUp, 'link down');
    guest = await rig.attach(port);
    await served('card');
    await expectBothWays();
  });

  it('loses a ring that lies, says so, and has it back when its driver stops and starts it', async () => {
    await expectBothWays();
    await guest.drained();
    const { ring } = guest.tx();
    const base = ring.availIndex;
    ring.avail.view.setUint16(2, (base + ring.size + 1) & 0xffff, true);
    await eventually(() => port.error !== undefined, 'error');
    expect(port.error).toMatch(/^vring 1 is broken: avail index jumped/);
    expect(port.status()['vdpa']).toBe('card');
    expect(await card.describe()).toContain('(error: vring 1 is broken: avail index jumped');
    // The ring that it receives on is another one.
    await peer.guest.sendFrame(testFrame(99));
    expect((await guest.receiveFrames(1))[0]!.length).toBe(99);
    ring.avail.view.setUint16(2, base, true);
    expect(await guest.stopRing(1)).toBe(base);
    guest.describeRing(guest.tx(), undefined, base);
    await guest.sync();
    expect(port.error).toBeUndefined();
    await expectBothWays(1);
    expect(await card.describe()).not.toContain('error');
  });

  it('finds each frame delivered once and in order while it changes hands', async () => {
    await expectBothWays();
    const total = 10_000;
    let sent = 0;
    const received: number[] = [];
    const take = () => {
      for (const frame of peer.guest.pollFrames()) {
        received.push(new DataView(frame.buffer, frame.byteOffset).getUint32(20));
      }
      return received.length;
    };
    const send = async () => {
      while (sent < total) {
        // Batches that the receiver has buffers for.
        for (const end = sent + 100; sent < end; sent++) {
          const frame = testFrame(100);
          new DataView(frame.buffer).setUint32(20, sent);
          await guest.sendFrame(frame);
        }
        await eventually(() => take() >= sent, `frame ${sent}`);
      }
    };
    let isOver = false;
    const sending = send().finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await port.reconfigure(IN_SOFTWARE);
      await port.reconfigure(ON_CARD);
    }
    await sending;
    expect(received).toEqual(Array.from({ length: total }, (_, i) => i));
    await served('card');
    await expectBothWays();
  });
});

describe('a function', () => {
  it('that another port holds leaves the guest in software', async () => {
    const other = await rig.dpif.portAdd({ ...ON_CARD, name: 'vdpa1' });
    expect(other.status()).toMatchObject({ vdpa: 'software', vdpa_error: 'model0: VF 0 is held by another port' });
    expect(other.error).toBeUndefined();
  });
});
