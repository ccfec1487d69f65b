// STP in bridges that are wired to each other (IEEE 802.1D-1998, clause 8).
import { describe, expect, it } from 'vitest';
import { FLAG_TC, FLAG_TC_ACK } from '../../../../ofproto/spanning-tree/bpdu.ts';
import { Stp } from '../../../../ofproto/spanning-tree/stp.ts';
import { Lan, type TreeBridge } from '../../../support/spanning-trees.ts';

/** Bridges 1, 2 and 3 in a ring: port 1 leads up, port 2 down. */
function ring() {
  const lan = new Lan();
  const [a, b, c] = [lan.bridge('stp', 1), lan.bridge('stp', 2), lan.bridge('stp', 3)];
  lan.join([a, 2], [b, 1]);
  lan.join([b, 2], [c, 1]);
  lan.join([c, 2], [a, 1]);
  return { lan, a, b, c };
}

const flagsOf = (bridge: TreeBridge) => bridge.sent.map(({ bpdu }) => (bpdu.type === 'config' ? bpdu.config.flags : 0));

describe('Stp', () => {
  it('a port listens and learns for the forward delay each', () => {
    const lan = new Lan();
    const a = lan.bridge('stp', 1);
    a.addPort(1);
    expect(a.roles()).toBe('1 designated listening');
    lan.pass(14);
    expect(a.roles()).toBe('1 designated listening');
    lan.pass(1);
    expect(a.roles()).toBe('1 designated learning');
    lan.pass(15);
    expect(a.roles()).toBe('1 designated forwarding');
  });

  it('a ring becomes a tree with the lowest bridge as its root', () => {
    const { lan, a, b, c } = ring();
    lan.pass(35);
    expect(a.roles()).toBe('1 designated forwarding, 2 designated forwarding');
    expect(b.roles()).toBe('1 root forwarding, 2 designated forwarding');
    expect(c.roles()).toBe('1 alternate blocking, 2 root forwarding');
    expect((c.protocol as Stp).rootPathCost).toBe(100);
    expect(lan.openWires()).toBe(2);
  });

  it('a silent neighbour is given up after max age, and the way round opens', () => {
    const { lan, a, c } = ring();
    lan.pass(35);
    lan.silence([a, 1]);
    lan.pass(15);
    expect(c.roles()).toBe('1 alternate blocking, 2 root forwarding');
    lan.pass(10);
    expect(c.roles()).toBe('1 root listening, 2 designated forwarding');
    lan.pass(30);
    expect(c.roles()).toBe('1 root forwarding, 2 designated forwarding');
  });

  it('a lost link is noticed at once', () => {
    const { lan, a, c } = ring();
    lan.pass(35);
    lan.cut([a, 1]);
    expect(c.roles()).toBe('1 root listening, 2 designated disabled');
    lan.pass(31);
    expect(c.roles()).toBe('1 root forwarding, 2 designated disabled');
    expect(lan.openWires()).toBe(2);
  });

  it('a topology change travels to the root, is acknowledged, and makes every bridge forget addresses', () => {
    const { lan, a, b, c } = ring();
    lan.pass(120);
    const before = [a, b, c].map(({ flushes }) => flushes);
    for (const bridge of [a, b, c]) bridge.sent.length = 0;
    (b.protocol as Stp).forceTopologyChange();
    lan.pass(5);
    expect(b.sent.filter(({ bpdu }) => bpdu.type === 'tcn')).toEqual([{ port: 1, bpdu: { type: 'tcn' } }]);
    expect(flagsOf(a).some((flags) => flags & FLAG_TC_ACK)).toBe(true);
    expect([a, b, c].every(({ flushes }, i) => flushes > before[i]!)).toBe(true);
    lan.pass(36);
    a.sent.length = 0;
    lan.pass(10);
    expect(flagsOf(a).every((flags) => (flags & FLAG_TC) === 0)).toBe(true);
  });

  it('says nothing more often than each hold time', () => {
    const lan = new Lan();
    const [a, b] = [lan.bridge('stp', 1), lan.bridge('stp', 2)];
    lan.join([a, 1], [b, 1]);
    lan.pass(35);
    a.sent.length = 0;
    for (let i = 0; i < 20; i++) (b.protocol as Stp).forceTopologyChange();
    for (let i = 0; i < 20; i++)
      (a.protocol as Stp).receive((a.protocol as Stp).port(1)!, Uint8Array.of(0, 0, 0, 0x80));
    lan.pass(1);
    expect(a.sent.length).toBeLessThanOrEqual(2);
  });

  it('costs and port priorities decide between ways', () => {
    const lan = new Lan();
    const [a, b] = [lan.bridge('stp', 1), lan.bridge('stp', 2)];
    lan.join([a, 1], [b, 1]);
    lan.join([a, 2], [b, 2]);
    lan.pass(5);
    const stp = b.protocol as Stp;
    expect(b.roles()).toBe('1 root listening, 2 alternate blocking');
    stp.configurePort(stp.port(1)!, { number: 1, priority: 128, pathCost: 101 });
    expect(b.roles()).toBe('1 alternate blocking, 2 root listening');
    const root = a.protocol as Stp;
    stp.configurePort(stp.port(1)!, { number: 1, priority: 128, pathCost: 100 });
    root.configurePort(root.port(2)!, { number: 2, priority: 16, pathCost: 100 });
    lan.pass(3);
    expect(b.roles()).toBe('1 alternate blocking, 2 root listening');
  });

  it('keeps the times within what 802.1D allows', () => {
    const parts = { nowMs: () => 0, transmit: () => {}, flush: () => {}, info: () => {}, warn: () => {} };
    const times = (helloTimeMs: number, maxAgeMs: number, forwardDelayMs: number) =>
      new Stp({ priority: 0, address: new Uint8Array(6), helloTimeMs, maxAgeMs, forwardDelayMs }, parts).times;
    expect(times(1, 1, 1)).toEqual({ helloTimeMs: 1000, maxAgeMs: 6000, forwardDelayMs: 4000 });
    expect(times(99_000, 6000, 15_000)).toEqual({ helloTimeMs: 10_000, maxAgeMs: 22_000, forwardDelayMs: 15_000 });
    expect(times(2000, 40_000, 15_000)).toEqual({ helloTimeMs: 2000, maxAgeMs: 40_000, forwardDelayMs: 21_000 });
  });

  it('counts what is no BPDU and forgets it', () => {
    const lan = new Lan();
    const a = lan.bridge('stp', 1);
    a.addPort(1);
    for (const hex of ['000000', '00010000', '00000000', '000000000000', '0000020200']) {
      a.receive(1, Buffer.from(hex, 'hex'));
    }
    expect((a.protocol as Stp).port(1)!.counts).toEqual({ rx: 0, tx: 0, error: 5 });
    expect(a.roles()).toBe('1 designated listening');
    expect(a.warnings[0]).toBe('received runt 3-byte BPDU');
  });
});
