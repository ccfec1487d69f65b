// VF ports on the real datapath: a function's rings, driven by a PMD thread, towards a guest and towards another function.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DpPort } from '../../datapath/dpif.ts';
import { NicRegistry } from '../../datapath/nic/registry.ts';
import { DatapathRig, type GuestOnPort, testFrame } from '../support/guest/datapath-rig.ts';
import { TestCard, type TestFunction } from '../support/guest/test-card.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

const SIZES = [14, 15, 31, 32, 60, 63, 64, 65, 127, 128, 129, 256, 512, 1000, 1499, 1514, 1522];

let rig: DatapathRig;
let nics: NicRegistry;
let card: TestCard;
let vf: DpPort;
let peer: GuestOnPort;

beforeAll(async () => {
  nics = new NicRegistry();
  rig = await DatapathRig.start({ nics });
});
beforeEach(async () => {
  card = new TestCard('card0');
  nics.add(card);
  vf = await addVf({});
  peer = await addGuest();
  wireTo(vf, peer.port);
});
afterEach(async () => {
  await rig.clear();
  for (const other of nics.list()) nics.remove(other);
});
afterAll(() => rig.close());

const addVf = (options: Record<string, string>, nic = 'card0') =>
  rig.dpif.portAdd({ name: `vf-${nic}`, type: 'vf', options: { nic, ...options } });

async function addGuest(): Promise<GuestOnPort> {
  const port = await rig.addPort();
  return { port, guest: await rig.attach(port) };
}

function wireTo(a: DpPort, b: DpPort): void {
  rig.wire(a, [{ type: 'output', port: b.odpPort }]);
  rig.wire(b, [{ type: 'output', port: a.odpPort }]);
}

/** What the function was sent, once it is `count` frames. */
async function sentTo(fn: TestFunction, count: number, queue = 0): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  await eventually(() => frames.push(...fn.takeSent(queue)) >= count, `${count} frames sent`);
  return frames;
}

function expectFrames(received: readonly Uint8Array[], sent: readonly Uint8Array[]): void {
  expect(received.map((frame) => Buffer.from(frame).toString('hex'))).toEqual(
    sent.map((frame) => Buffer.from(frame).toString('hex')),
  );
}

const frames = (sizes: readonly number[], seed = 0) => sizes.map((size, i) => testFrame(size, seed + i));

/** Frames that a guest takes: no longer than 1514 bytes. */
const forGuests = SIZES.filter((size) => size <= 1514);

async function expectBothWays(seed = 0): Promise<void> {
  const sent = frames(forGuests, seed);
  expect(card.function.deliver(sent)).toBe(sent.length);
  expectFrames(await peer.guest.receiveFrames(sent.length), sent);
  for (const frame of sent) await peer.guest.sendFrame(frame);
  expectFrames(await sentTo(card.function, sent.length), sent);
}

describe('a function', () => {
  it('shows the card’s properties and its own rings', () => {
    expect([vf.mac, vf.mtu, vf.linkUp, vf.error]).toEqual(['02:00:00:00:00:07', 1500, true, undefined]);
    expect(vf.status()).toEqual({
      nic: 'card0',
      n_rxq: '1',
      n_txq: '1',
      n_rxq_desc: '512',
      n_txq_desc: '512',
      vf: '0',
    });
    card.function.setLink(false);
    expect([vf.linkUp, vf.linkResets]).toEqual([false, 2]);
    vf.setAdminUp(false);
    expect(card.function.askedUp).toBe(false);
  });

  it('exchanges frames of every length with a guest, many times round its rings', async () => {
    for (let round = 0; round < 80; round++) await expectBothWays(round);
    const total = 80n * BigInt(forGuests.length);
    const { rx_packets, tx_packets, rx_dropped, tx_dropped, vf_rx_packets } = vf.stats();
    expect([rx_packets, tx_packets, rx_dropped, tx_dropped, vf_rx_packets]).toEqual([total, total, 0n, 0n, 7]);
  });

  it('exchanges frames with another function', async () => {
    const second = new TestCard('card1');
    nics.add(second);
    const other = await addVf({}, 'card1');
    wireTo(vf, other);
    const sent = frames(SIZES);
    for (let round = 0; round < 50; round++) {
      card.function.deliver(sent);
      expectFrames(await sentTo(second.function, sent.length), sent);
      second.function.deliver(sent);
      expectFrames(await sentTo(card.function, sent.length), sent);
    }
  });

  it('sends what headers were rewritten to, and copies', async () => {
    const output = { type: 'output', port: vf.odpPort } as const;
    rig.wire(peer.port, [output, { type: 'push_vlan', tpid: 0x8100, tci: 0x1005 }, output]);
    const [frame] = frames([200]);
    await peer.guest.sendFrame(frame!);
    const tagged = Buffer.concat([frame!.subarray(0, 12), Buffer.from('81000005', 'hex'), frame!.subarray(12)]);
    expectFrames(await sentTo(card.function, 2), [frame!, tagged]);
  });

  it('sends frames of the control thread beside those of PMD threads', async () => {
    const frame = testFrame(100, 3);
    rig.dpif.execute(frame, peer.port.odpPort, [{ type: 'output', port: vf.odpPort }]);
    expectFrames(await sentTo(card.function, 1), [frame]);
  });

  it('of several queue pairs receives from each and sends by one of them', async () => {
    await rig.dpif.portDel(vf.odpPort);
    vf = await addVf({ n_rxq: '2', n_rxq_desc: '64', n_txq_desc: '128' });
    wireTo(vf, peer.port);
    expect(card.function.rx.map(({ size }) => size)).toEqual([64, 64]);
    for (const queue of [0, 1]) {
      const sent = frames([64, 500], queue);
      card.function.deliver(sent, queue);
      expectFrames(await peer.guest.receiveFrames(2), sent);
    }
    await peer.guest.sendFrame(testFrame(64));
    await eventually(() => [0, 1].some((queue) => card.function.takeSent(queue).length > 0), 'sent by a queue');
  });

  it('that takes nothing is dropped for, and served again when it does', async () => {
    const { size } = card.function.tx[0]!;
    const sent = Array.from({ length: size + 40 }, (_, i) => testFrame(64, i));
    for (const frame of sent) await peer.guest.sendFrame(frame);
    await peer.guest.drained();
    await eventually(() => vf.stats()['tx_dropped'] === 40n, 'dropped without a buffer');
    expectFrames(card.function.takeSent(), sent.slice(0, size));
    await expectBothWays();
  });

  it('returns receive buffers in any order', async () => {
    const ring = card.function.rx[0]!;
    for (let round = 0; round < 100; round++) {
      const heads = Array.from({ length: 16 }, () => ring.take()!);
      const sent = heads.map((_, i) => testFrame(64 + i, round));
      heads.reverse().forEach((head, i) => {
        ring.descriptor(head).bytes.set(sent[i]!, 12);
        ring.writeUsed(head, 12 + sent[i]!.length);
      });
      ring.setUsedIndex();
      expectFrames(await peer.guest.receiveFrames(16), sent);
    }
  });

  it('that receives less than a header, or nothing, costs a drop each', async () => {
    const ring = card.function.rx[0]!;
    for (const len of [0, 5, 12, 25]) ring.writeUsed(ring.take()!, len);
    ring.setUsedIndex();
    await eventually(() => vf.stats()['rx_dropped'] === 4n, 'runts dropped');
    await expectBothWays();
    expect(vf.error).toBeUndefined();
  });

  it.each([16, 32] as const)('with doorbells of %d bits has them rung, unless it asks for silence', async (bits) => {
    await rig.dpif.portDel(vf.odpPort);
    card.function.doorbellBits = bits;
    vf = await addVf({});
    wireTo(vf, peer.port);
    await expectBothWays();
    const rung = bits === 16 ? [2, 3] : [0x10002, 0x10003];
    await eventually(() => card.function.bell('rx') === rung[0], 'buffers given back');
    expect(card.function.bell('tx')).toBe(rung[1]);
    card.function.rx[0]!.setNotify(false);
    card.function.tx[0]!.setNotify(false);
    // A burst that is still being finished may have looked before.
    await rig.dpif.barrier();
    card.function.clearBells();
    await expectBothWays();
    await rig.dpif.barrier();
    expect([card.function.bell('rx'), card.function.bell('tx')]).toEqual([0, 0]);
  });

  it('that is administratively down consumes and drops', async () => {
    // Flows are there from here on: no packet comes later by the control thread.
    await expectBothWays();
    vf.setAdminUp(false);
    await rig.dpif.barrier();
    card.function.deliver(frames([64, 65]));
    await eventually(() => vf.stats()['rx_dropped'] === 2n, 'dropped');
    await peer.guest.sendFrame(testFrame(64));
    await peer.guest.drained();
    expect(card.function.takeSent()).toEqual([]);
    vf.setAdminUp(true);
    await rig.dpif.barrier();
    await expectBothWays();
  });
});

describe('a function that lies', () => {
  type Lie = readonly [name: string, tell: (fn: TestFunction) => void, error: string];
  const lies: readonly Lie[] = [
    ['returns a buffer that does not exist', ({ rx }) => used(rx[0]!, 512, 100), 'rx queue 0 is broken: used buffer'],
    ['returns a buffer far away', ({ rx }) => used(rx[0]!, 0xffffffff, 100), 'rx queue 0 is broken: used buffer'],
    ['returns one buffer twice', ({ rx }) => used(rx[0]!, 3, 100, 2), 'rx queue 0 is broken: used buffer'],
    ['says more than a buffer holds', ({ rx }) => used(rx[0]!, 1, 0x10000), 'rx queue 0 is broken: used length'],
    ['says most of all', ({ rx }) => used(rx[0]!, 1, 0xffffffff), 'rx queue 0 is broken: used length'],
    ['jumps with its receive index', ({ rx }) => rx[0]!.setUsedIndex(600), 'rx queue 0 is broken: used index'],
    ['jumps with its send index', ({ tx }) => tx[0]!.setUsedIndex(1), 'tx queue 0 is broken: used index'],
  ];

  function used(ring: TestFunction['rx'][0], id: number, len: number, times = 1): void {
    for (let i = 0; i < times; i++) ring.writeUsed(id, len);
    ring.setUsedIndex();
  }

  it.each(lies)('%s: that queue is broken, its port says why, a reset mends it', async (_name, tell, error) => {
    await expectBothWays();
    const [one, other] = [await addGuest(), await addGuest()];
    wireTo(one.port, other.port);
    if (error.startsWith('tx')) {
      // An index that moves is looked at when buffers are short.
      await fillSendRing();
      card.function.tx[0]!.used = 0;
      card.function.tx[0]!.setUsedIndex(0x7000);
      await peer.guest.sendFrame(testFrame(64));
    } else tell(card.function);
    await eventually(() => vf.error !== undefined, 'error');
    expect(vf.error).toContain(error);
    await one.guest.sendFrame(testFrame(99));
    expect((await other.guest.receiveFrames(1))[0]!.length).toBe(99);
    peer.guest.pollFrames();
    card.function.reset();
    await eventually(() => vf.error === undefined && card.function.rx.length > 0, 'attached again');
    await expectBothWays();
  });

  /** Until no buffer is left; the card keeps them. */
  async function fillSendRing(): Promise<void> {
    const { size } = card.function.tx[0]!;
    for (let i = 0; i < size; i++) await peer.guest.sendFrame(testFrame(64, i));
    await peer.guest.drained();
    card.function.takeSent(0, true);
  }

  it('returns a sent buffer twice: broken, and frames are dropped for that', async () => {
    await fillSendRing();
    const ring = card.function.tx[0]!;
    used(ring, 5, 0, 2);
    for (let i = 0; i < 3; i++) await peer.guest.sendFrame(testFrame(64, i));
    await eventually(() => vf.error !== undefined, 'error');
    expect(vf.error).toContain('tx queue 0 is broken: used buffer');
    // What the card receives goes on.
    card.function.deliver(frames([77]));
    expect((await peer.guest.receiveFrames(1))[0]!.length).toBe(77);
  });

  it.each([1, 2, 3, 4])('writes noise over all of its memory (seed %d) and harms nobody else', async (seed) => {
    const [one, other] = [await addGuest(), await addGuest()];
    wireTo(one.port, other.port);
    const { buffer } = card.function.rx[0]!.descriptor(0).bytes;
    const bytes = new Uint8Array(buffer);
    let state = seed;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 4000; i++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        bytes[(state >>> 3) % 65536] = state & 0xff;
      }
      await peer.guest.sendFrame(testFrame(64, round));
      await one.guest.sendFrame(testFrame(1000, round));
      expectFrames(await other.guest.receiveFrames(1), [testFrame(1000, round)]);
    }
    peer.guest.pollFrames();
    card.function.reset();
    await eventually(() => vf.error === undefined && card.function.rx.length > 0, 'attached again');
    await rig.dpif.barrier();
    while (peer.guest.pollFrames().length > 0) await rig.dpif.barrier();
    await expectBothWays();
  });
});

describe('a guest whose memory vanishes', () => {
  it('under a frame from a function costs that guest alone', async () => {
    card.function.deliver(frames([64]));
    await peer.guest.receiveFrames(1);
    peer.guest.memory.truncate(0, 0);
    card.function.deliver(frames(Array<number>(40).fill(1000)));
    await eventually(() => peer.port.error !== undefined, 'error');
    expect(vf.error).toBeUndefined();
    const next = await addGuest();
    wireTo(vf, next.port);
    peer = next;
    for (let round = 0; round < 80; round++) await expectBothWays(round);
  });
});

describe('a card', () => {
  it('that comes later is found, and one that goes is let go of', async () => {
    await rig.dpif.portDel(vf.odpPort);
    nics.remove(card);
    vf = await addVf({});
    expect([vf.error, vf.linkUp]).toEqual(['there is no NIC named card0', false]);
    nics.add(card);
    await eventually(() => vf.linkUp, 'link up');
    wireTo(vf, peer.port);
    await expectBothWays();
    nics.remove(card);
    await eventually(() => !vf.linkUp && vf.error !== undefined, 'gone');
    expect(card.function.rx).toEqual([]);
    await peer.guest.sendFrame(testFrame(64));
    await peer.guest.drained();
  });

  it('is asked for more queues than it has, or for nonsense', async () => {
    await rig.dpif.portDel(vf.odpPort);
    for (const [options, error] of [
      [{ n_rxq: '5' }, 'options:n_rxq=5: the function has 4 queue pair(s)'],
      [{ n_rxq: '0' }, 'options:n_rxq=0 is no number from 1 to 16'],
      [{ n_txq_desc: '100' }, 'options:n_txq_desc=100 is not a power of two'],
    ] as const) {
      const port = await addVf(options);
      expect(port.error).toBe(error);
      await rig.dpif.portDel(port.odpPort);
    }
    vf = await addVf({ n_rxq: '4' });
    expect(vf.error).toBeUndefined();
  });

  it('gives memory and descriptors back however often ports come and go', async () => {
    for (let round = 0; round < 60; round++) {
      await rig.dpif.portDel(vf.odpPort);
      vf = await addVf({ n_rxq: '4', n_rxq_desc: '4096', n_txq_desc: '4096' });
      expect(vf.error).toBeUndefined();
    }
    await rig.dpif.portDel(vf.odpPort);
    vf = await addVf({});
    wireTo(vf, peer.port);
    await expectBothWays();
  });
});
