// RSTP in bridges that are wired to each other (IEEE 802.1D-2004, clause 17).
import { describe, expect, it } from 'vitest';
import { FLAG_AGREEMENT, FLAG_PROPOSAL, FLAG_TC } from '../../../../ofproto/spanning-tree/bpdu.ts';
import type { Rstp } from '../../../../ofproto/spanning-tree/rstp/rstp.ts';
import { Lan, type TreeBridge } from '../../../support/spanning-trees.ts';

const portOf = ({ protocol }: TreeBridge, number: number) =>
  (protocol as Rstp).ports.find((port) => port.number === number)!;

/** Bridges 1, 2 and 3 in a ring: port 1 leads up, port 2 down. */
function ring() {
  const lan = new Lan();
  const [a, b, c] = [lan.bridge('rstp', 1), lan.bridge('rstp', 2), lan.bridge('rstp', 3)];
  lan.join([a, 2], [b, 1]);
  lan.join([b, 2], [c, 1]);
  lan.join([c, 2], [a, 1]);
  return { lan, a, b, c };
}

describe('Rstp', () => {
  it('two parallel links: proposal and agreement open one of them at once', () => {
    const lan = new Lan();
    const [a, b] = [lan.bridge('rstp', 1), lan.bridge('rstp', 2)];
    lan.join([a, 1], [b, 1]);
    lan.join([a, 2], [b, 2]);
    lan.pass(1);
    expect(b.roles()).toBe('1 root forwarding, 2 alternate discarding');
    expect(a.roles()).toContain('1 designated forwarding');
    const flags = (bridge: TreeBridge) => bridge.sent.map(({ bpdu }) => (bpdu.type === 'tcn' ? 0 : bpdu.config.flags));
    expect(flags(a).some((bits) => bits & FLAG_PROPOSAL)).toBe(true);
    expect(flags(b).some((bits) => bits & FLAG_AGREEMENT)).toBe(true);
  });

  it('a ring becomes a tree with the lowest bridge as its root', () => {
    const { lan, a, b, c } = ring();
    lan.pass(10);
    expect(a.roles()).toBe('1 designated forwarding, 2 designated forwarding');
    expect(b.roles()).toBe('1 root forwarding, 2 designated forwarding');
    expect(c.roles()).toBe('1 alternate discarding, 2 root forwarding');
    expect(lan.openWires()).toBe(2);
  });

  it('a link that is cut is replaced within a hello time, and addresses are forgotten', () => {
    const { lan, a, b, c } = ring();
    lan.pass(10);
    const flushes = b.flushes;
    lan.cut([a, 1]);
    lan.pass(2);
    expect(c.roles()).toBe('1 root forwarding, 2 disabled discarding');
    expect(b.flushes).toBeGreaterThan(flushes);
    expect(b.sent.some(({ bpdu }) => bpdu.type === 'rst' && bpdu.config.flags & FLAG_TC)).toBe(true);
    expect(lan.openWires()).toBe(2);
  });

  it('a neighbour that falls silent is given up after three hellos (17.21.23)', () => {
    const { lan, a, c } = ring();
    lan.pass(10);
    lan.silence([a, 1]);
    lan.pass(4);
    expect(c.roles()).toContain('2 root');
    lan.pass(6);
    expect(c.roles()).toContain('1 root forwarding');
  });

  it('a port without a neighbour is an edge after MigrateTime, one with admin-edge at once', () => {
    const lan = new Lan();
    const a = lan.bridge('rstp', 1);
    a.addPort(1);
    lan.pass(2);
    expect(a.roles()).toBe('1 designated discarding');
    lan.pass(2);
    expect(a.roles()).toBe('1 designated forwarding');
    expect(portOf(a, 1).operEdge).toBe(true);
    const edge = { number: 2, priority: 128, pathCost: 1, adminEdge: true, autoEdge: false, isPointToPoint: true };
    const protocol = a.protocol as Rstp;
    protocol.setEnabled(protocol.addPort(edge), true);
    expect(a.roles()).toContain('2 designated forwarding');
  });

  it('without auto-edge a lonely port waits for the forward delay twice', () => {
    const lan = new Lan();
    const a = lan.bridge('rstp', 1, { forceProtocolVersion: 0 });
    a.addPort(1);
    lan.pass(14);
    expect(a.roles()).toBe('1 designated discarding');
    lan.pass(15);
    expect(a.roles()).toBe('1 designated learning');
    lan.pass(16);
    expect(a.roles()).toBe('1 designated forwarding');
  });

  it('two ports on one LAN: the worse is a backup', () => {
    const lan = new Lan();
    const a = lan.bridge('rstp', 1);
    lan.join([a, 1], [a, 2]);
    lan.pass(10);
    expect(a.roles()).toBe('1 designated forwarding, 2 backup discarding');
  });

  it('speaks STP to an STP bridge, and both make one tree', () => {
    const lan = new Lan();
    const [old, fresh] = [lan.bridge('stp', 1), lan.bridge('rstp', 2)];
    lan.join([old, 1], [fresh, 1]);
    lan.join([old, 2], [fresh, 2]);
    lan.pass(20);
    const warnings = old.warnings.length;
    lan.pass(40);
    expect(old.roles()).toBe('1 designated forwarding, 2 designated forwarding');
    expect(fresh.roles()).toBe('1 root forwarding, 2 alternate discarding');
    expect(portOf(fresh, 1).sendRSTP).toBe(false);
    // It took the first BPDUs for no BPDUs, until they became Configuration BPDUs.
    expect(old.warnings.length).toBe(warnings);
  });

  it('sends no more than TxHoldCount BPDUs in a second', () => {
    const lan = new Lan();
    const a = lan.bridge('rstp', 9, { transmitHoldCount: 3 });
    const b = lan.bridge('rstp', 1);
    lan.join([a, 1], [b, 1]);
    lan.pass(10);
    const before = a.sent.length;
    for (let i = 0; i < 50; i++) (a.protocol as Rstp).forceTopologyChange();
    for (let i = 0; i < 50; i++) {
      portOf(a, 1).newInfo = true;
      (a.protocol as Rstp).forceTopologyChange();
    }
    expect(a.sent.length - before).toBeLessThanOrEqual(3);
  });

  it('a better priority takes the root over', () => {
    const { lan, a, c } = ring();
    lan.pass(10);
    const settings = { maxAge: 20, forwardDelay: 15, transmitHoldCount: 6, forceProtocolVersion: 2 as const };
    (c.protocol as Rstp).configure({ ...settings, priority: 4096, address: Uint8Array.of(0, 0, 0, 0, 0, 3) });
    lan.pass(10);
    expect((c.protocol as Rstp).isRoot).toBe(true);
    expect((a.protocol as Rstp).rootPriority.rootId >> 48n).toBe(4096n);
    expect(lan.openWires()).toBe(2);
  });

  it.each([1, 2, 3, 4, 5])('random networks become trees (seed %i)', (seed) => {
    let state = seed;
    const random = (below: number) => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const lan = new Lan();
    const bridges = Array.from({ length: 6 }, (_, i) => lan.bridge('rstp', i + 1));
    const next = new Map(bridges.map((bridge) => [bridge, 1]));
    const take = (bridge: TreeBridge) => {
      const number = next.get(bridge)!;
      next.set(bridge, number + 1);
      return [bridge, number] as const;
    };
    for (let i = 1; i < 6; i++) lan.join(take(bridges[i]!), take(bridges[random(i)]!), 1 + random(9));
    for (let i = 0; i < 6; i++) {
      const [x, y] = [random(6), random(6)];
      if (x !== y) lan.join(take(bridges[x]!), take(bridges[y]!), 1 + random(9));
    }
    lan.pass(40);
    expect(lan.openWires()).toBe(5);
    const roots = new Set(bridges.map(({ protocol }) => (protocol as Rstp).rootPriority.rootId));
    expect([...roots]).toEqual([(bridges[0]!.protocol as Rstp).bridgeId]);
  });
});
