import { describe, expect, it } from 'vitest';
import type { DpAction, LateCounts } from '../../../../../datapath/dpif.ts';
import { KEY_IN_PORT } from '../../../../../datapath/layout/flow-key.ts';
import { OffloadRig, output, RigFlow } from '../../../../support/offload-rig.ts';

const YES = { offloaded: 'yes', card: 'nic0', reason: undefined };
const no = (reason: string) => ({ offloaded: 'no', card: 'nic0', reason });

describe('a megaflow of a port on a card', () => {
  it('is written word for word, with the ports of the card', async () => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2), output(3)]);
    expect(rig.state(flow)?.offloaded).toBe('no');
    await rig.idle();
    const [stored] = rig.nic.table.values();
    const key = flow.key.slice();
    new DataView(key.buffer).setUint32(KEY_IN_PORT, 11);
    expect(stored?.flow).toEqual({ key, mask: flow.mask, actions: [output(12), output(13)] });
    expect(rig.state(flow)).toEqual(YES);
  });

  it('was there before the switch was turned on, and stays in software when it is off', async () => {
    const rig = new OffloadRig();
    rig.engine.configure(false, 0);
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    expect([rig.state(flow), rig.nic.table.size]).toEqual([undefined, 0]);
    rig.engine.configure(true, 0);
    await rig.idle();
    expect(rig.state(flow)).toEqual(YES);
    rig.hit(flow);
    rig.engine.configure(false, 0);
    await rig.engine.settled();
    expect([rig.nic.table.size, flow.counts().packets]).toEqual([0, 1]);
    rig.engine.configure(true, 0);
    await rig.idle();
    expect([rig.state(flow), flow.counts().packets]).toEqual([YES, 1]);
  });

  it('of a port on no card says so', () => {
    const rig = new OffloadRig();
    const flow = rig.install(9, 7, [output(2)]);
    expect(rig.state(flow)).toEqual({ offloaded: 'no', card: undefined, reason: 'p9 is not up on a card' });
  });
});

describe('counts', () => {
  it('are those of software and the card together, and a removal brings the last ones', async () => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    flow.packets = 3;
    for (let i = 0; i < 4; i++) rig.hit(flow);
    await rig.engine.refresh();
    expect(flow.counts()).toMatchObject({ packets: 7, bytes: 700, usedMs: rig.clock.nowMs() });
    await rig.engine.refresh();
    rig.hit(flow, 60);
    const late: LateCounts[] = [];
    rig.remove(flow, (counts) => late.push(counts));
    await rig.engine.settled();
    expect(late).toMatchObject([{ packets: 1, bytes: 60 }]);
    expect([flow.counts().packets, rig.nic.table.size]).toEqual([8, 0]);
  });

  it('of the time before a change go to those whom the flow was for then', async () => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    rig.hit(flow);
    let late = 0;
    rig.change(flow, [output(3)], ({ packets }) => {
      late += packets;
    });
    await rig.idle();
    expect(rig.hit(flow)).toEqual([output(13)]);
    await rig.engine.refresh();
    expect([late, flow.counts().packets]).toEqual([1, 2]);
  });

  it('of ports are those of their flows, with the frames as long as they were there', async () => {
    const rig = new OffloadRig();
    const tag: DpAction = { type: 'push_vlan', tpid: 0x8100, tci: 0x1005 };
    const flow = rig.install(1, 7, [output(2), { type: 'clone', actions: [tag, tag, output(3)] }, tag, output(3)]);
    await rig.idle();
    for (let i = 0; i < 2; i++) rig.hit(flow, 100);
    await rig.engine.refresh();
    expect([1, 2, 3].map((port) => rig.engine.ports.of(port))).toEqual([
      { rx_packets: 2n, rx_bytes: 200n, tx_packets: 0n, tx_bytes: 0n },
      { rx_packets: 0n, rx_bytes: 0n, tx_packets: 2n, tx_bytes: 200n },
      { rx_packets: 0n, rx_bytes: 0n, tx_packets: 4n, tx_bytes: 424n },
    ]);
  });

  it('are not lost when a flow gives way', async () => {
    const rig = new OffloadRig({ tableSize: 1 });
    const [idle, busy] = [rig.install(1, 1, [output(2)]), rig.install(1, 2, [output(2)])];
    await rig.idle();
    rig.hit(idle);
    for (let second = 0; second < 4; second++) {
      busy.packets += 1000;
      await rig.advance(1000);
    }
    expect([rig.state(busy), idle.counts().packets]).toEqual([YES, 1]);
  });
});

describe('a full table', () => {
  it('has the busiest flows, and leaves them there', async () => {
    const rig = new OffloadRig({ tableSize: 4 });
    const flows = Array.from({ length: 40 }, (_, i) => rig.install(1, i, [output(2)]));
    for (let second = 0; second < 30; second++) {
      for (const [i, flow] of flows.entries()) {
        const busy = i >= 36;
        for (let n = busy ? 100 : 10; n > 0; n--) if (!rig.hit(flow)) flow.packets++;
      }
      await rig.advance(1000);
    }
    expect(flows.filter((flow) => rig.state(flow)?.offloaded === 'yes')).toEqual(flows.slice(36));
    const [card] = rig.engine.cards();
    expect(card?.totals).toMatchObject({ inserted: 8, gaveWay: 4, full: 0 });
    expect(rig.state(flows[9]!)).toEqual(no("the card's table is full of busier flows"));
    expect(card?.reasons).toEqual(new Map([["the card's table is full of busier flows", 36]]));
  });

  it('is not churned by flows that are alike', async () => {
    const rig = new OffloadRig({ tableSize: 4 });
    const flows = Array.from({ length: 40 }, (_, i) => rig.install(1, i, [output(2)]));
    for (let second = 0; second < 20; second++) {
      for (const [i, flow] of flows.entries()) {
        for (let n = 100 + ((i * 37 + second * 11) % 60); n > 0; n--) if (!rig.hit(flow)) flow.packets++;
      }
      await rig.advance(1000);
    }
    expect(rig.engine.cards()[0]?.totals).toMatchObject({ inserted: 4, gaveWay: 0 });
  });

  it('is found out when the card says so earlier than expected', async () => {
    const rig = new OffloadRig({ tableSize: 100 });
    Object.defineProperty(rig.nic.capabilities, 'tableSize', { get: () => 100 });
    const flows = Array.from({ length: 10 }, (_, i) => rig.install(1, i, [output(2)]));
    // It holds so many in truth.
    Object.defineProperty(rig.nic, 'capabilities', { value: { ...rig.nic.capabilities, tableSize: 3 } });
    await rig.idle();
    await rig.advance(1000);
    expect(rig.nic.table.size).toBe(3);
    expect(rig.state(flows[5]!)).toEqual(no("the card's table is full of busier flows"));
  });
});

describe('no stale flow', () => {
  it('is left by a removal while it is being written', async () => {
    const rig = new OffloadRig();
    rig.nic.hold();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    rig.remove(flow);
    let isSettled = false;
    const settled = rig.engine.settled().then(() => {
      isSettled = true;
    });
    await rig.idle();
    expect([isSettled, rig.engine.isUnsettled]).toEqual([false, true]);
    rig.nic.release();
    await settled;
    expect([rig.nic.table.size, rig.engine.isUnsettled]).toEqual([0, false]);
  });

  it.each([
    ['a port that goes', (rig: OffloadRig) => rig.engine.setPlace(2, undefined)],
    ['a port that comes to another card', (rig: OffloadRig) => rig.engine.setPlace(1, undefined)],
    ['ingress policing', (rig: OffloadRig) => rig.engine.setPoliced(1, true)],
    ['the switch', (rig: OffloadRig) => rig.engine.configure(false, 0)],
  ])('is left by %s', async (_, change) => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    change(rig);
    await rig.engine.settled();
    expect(rig.nic.table.size).toBe(0);
    await rig.idle();
    expect([rig.nic.table.size, rig.state(flow)?.offloaded ?? 'no']).toEqual([0, 'no']);
  });

  it('names a vport that is another port now', async () => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    rig.engine.setPlace(2, { card: rig.nic, vport: 22 });
    await rig.engine.settled();
    await rig.idle();
    expect(rig.hit(flow)).toEqual([output(22)]);
  });
});

describe('a card', () => {
  it('that refuses a flow says why', async () => {
    const rig = new OffloadRig();
    rig.nic.refusal = () => 'no such (odd) thing, sorry';
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    expect(rig.state(flow)).toEqual(no('the card refused it: no such odd thing sorry'));
    rig.nic.refusal = () => undefined;
    rig.change(flow, [output(3)]);
    await rig.idle();
    expect(rig.state(flow)).toEqual(YES);
  });

  it('that was reset gets its flows again, the busiest first', async () => {
    const rig = new OffloadRig();
    const flows = Array.from({ length: 5 }, (_, i) => rig.install(1, i, [output(2)]));
    await rig.idle();
    for (const [i, flow] of flows.entries()) for (let n = 0; n < 10 * 4 ** i; n++) rig.hit(flow);
    await rig.advance(2000);
    rig.nic.reset();
    expect(rig.state(flows[0]!)?.offloaded).toBe('no');
    await rig.idle();
    const destinations = [...rig.nic.table.values()].map(({ flow }) => new DataView(flow.key.buffer).getUint32(44));
    expect(destinations).toEqual([4, 3, 2, 1, 0]);
    expect(flows.map((flow) => flow.counts().packets)).toEqual([10, 40, 160, 640, 2560]);
  });

  it('that was reset while a flow was being written keeps none that nobody knows', async () => {
    const rig = new OffloadRig();
    rig.nic.hold();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    rig.nic.reset();
    rig.change(flow, [output(3)]);
    const settled = rig.engine.settled();
    rig.nic.release();
    await settled;
    await rig.idle();
    expect([rig.hit(flow), rig.nic.table.size, rig.nic.overlaps]).toEqual([[output(13)], 1, 0]);
  });

  it('that does not answer holds nobody up, and is cleaned up when it does', async () => {
    const rig = new OffloadRig({}, 30);
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    rig.hit(flow);
    rig.nic.hold();
    rig.change(flow, [output(3)]);
    await rig.engine.settled();
    expect(rig.state(flow)).toEqual(no('the card is out of order'));
    expect(rig.engine.cards()[0]?.problem).toBe('it has not answered for 30 ms');
    const other = rig.install(1, 8, [output(2)]);
    await rig.advance(2000);
    expect(rig.state(other)?.offloaded).toBe('no');
    rig.nic.release();
    await rig.idle();
    expect([rig.hit(flow), rig.hit(other), rig.nic.overlaps]).toEqual([[output(13)], [output(12)], 0]);
    expect(flow.counts().packets).toBe(1);
    expect(rig.engine.cards()[0]).toMatchObject({ problem: undefined, used: 2, totals: { deaths: 1 } });
  });

  it('that fails is asked again later', async () => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2)]);
    rig.nic.latency = () => Promise.reject(new Error('worker exited'));
    await rig.idle();
    expect(rig.engine.cards()[0]?.problem).toBe('worker exited');
    rig.nic.latency = () => Promise.resolve();
    await rig.advance(1000);
    expect(rig.state(flow)).toEqual(YES);
  });

  it('that lost one function is told its flows again', async () => {
    const rig = new OffloadRig();
    const flow = rig.install(1, 7, [output(2)]);
    await rig.idle();
    rig.nic.table.clear();
    await rig.engine.refresh();
    await rig.idle();
    expect([rig.state(flow), rig.nic.table.size]).toEqual([YES, 1]);
  });
});

describe('explain()', () => {
  it('tells every look', () => {
    const rig = new OffloadRig({ tableSize: 5 });
    const flow = new RigFlow(1, 7, [output(9)]);
    const looks = rig.engine.explain(1, flow);
    expect(looks.filter(({ problem }) => problem !== undefined)).toEqual([
      { title: 'actions', problem: 'output to p9 which is not up on card nic0' },
    ]);
    expect(looks.find(({ title }) => title === 'table')).toEqual({ title: 'table', detail: '0 of 5 flows' });
    expect(rig.engine.explain(9, flow).at(-1)).toMatchObject({ title: 'card', problem: 'p9 is not up on a card' });
  });
});
