// The reconciler under random changes of the database, while ports fail and come back: whatever happened before, what
// is there in the end is what the last state of the database asks for.
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import type { OfprotoApi } from '../../../../ofproto/ofproto-api.ts';
import { Reconciler } from '../../../../src/daemon/bridge/reconciler.ts';
import { FakePortsDpif } from '../../../support/fake-ports-dpif.ts';
import { FakeReplica } from '../../../support/fake-replica.ts';
import { idleConnmgr, idleOfproto } from '../../../support/idle-switch.ts';

const BRIDGES = ['br0', 'br1', 'br2'];
const PORTS = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
const STEPS = 60;

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class World {
  readonly database = new FakeReplica();
  readonly datapath = new FakePortsDpif();
  /** OpenFlow ports of each living bridge. */
  readonly ofprotos = new Map<string, Map<number, string>>();
  readonly reconciler: Reconciler;
  /** Which bridge each port shall be in. */
  readonly owner = new Map<string, string>();
  readonly wantedBridges = new Set<string>();
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
    this.database.put({ 'Open_vSwitch/root': { bridges: [], next_cfg: 0 } });
    for (const name of [...BRIDGES, ...PORTS]) {
      this.database.put({
        [`Port/p-${name}`]: { name, interfaces: [`i-${name}`] },
        [`Interface/i-${name}`]: { name, type: BRIDGES.includes(name) ? 'internal' : 'tap' },
      });
    }
    this.reconciler = new Reconciler({
      replica: this.database.replica,
      dpif: this.datapath.dpif,
      clock: new VirtualClock(),
      dummy: 'off',
      capabilities: () => ({}),
      createOfproto: (name) => this.#ofproto(name),
      createConnmgr: idleConnmgr,
    });
  }

  #ofproto(name: string): OfprotoApi {
    if (this.ofprotos.has(name)) throw new Error(`${name} made twice`);
    const ports = new Map<number, string>();
    this.ofprotos.set(name, ports);
    return idleOfproto(name, {
      addPort: (port: { name: string }, ofPort: number) => {
        if (ports.has(ofPort)) throw new Error(`port ${ofPort} of ${name} added twice`);
        ports.set(ofPort, port.name);
      },
      delPort: (ofPort: number) => {
        if (!ports.delete(ofPort)) throw new Error(`port ${ofPort} of ${name} is not there`);
      },
      close: () => this.ofprotos.delete(name),
    });
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#next() * from.length)]!;
  }

  step(): void {
    const roll = this.#next();
    if (roll < 0.25) this.#toggleBridge(this.pick(BRIDGES));
    else if (roll < 0.65) this.#movePort(this.pick(PORTS));
    else if (roll < 0.75)
      this.database.put({ [`Interface/i-${this.pick(PORTS)}`]: { ofport_request: this.pick([1, 2, 9]) } });
    else if (roll < 0.85)
      this.database.put({ [`Interface/i-${this.pick(PORTS)}`]: { type: this.pick(['tap', '', 'frob']) } });
    else this.#breakOrMend(this.pick(PORTS));
    this.#writeBridges();
  }

  #toggleBridge(name: string): void {
    if (!this.wantedBridges.delete(name)) this.wantedBridges.add(name);
  }

  #movePort(name: string): void {
    const bridge = this.pick([...BRIDGES, undefined]);
    if (bridge === undefined) this.owner.delete(name);
    else this.owner.set(name, bridge);
  }

  #breakOrMend(name: string): void {
    const port = this.datapath.port(name);
    if (!this.datapath.broken.delete(name)) this.datapath.broken.set(name, 'broken');
    if (!port) return;
    port.error = this.datapath.broken.get(name);
    this.datapath.changed(port);
  }

  #writeBridges(): void {
    for (const name of BRIDGES) {
      const ports = [name, ...PORTS.filter((port) => this.owner.get(port) === name)].map((port) => `p-${port}`);
      this.database.put({ [`Bridge/${name}`]: { name, ports, datapath_type: 'netdev' } });
    }
    this.database.put({ 'Open_vSwitch/root': { bridges: [...this.wantedBridges] } });
  }

  check(): void {
    expect([...this.ofprotos.keys()].sort()).toEqual([...this.wantedBridges].sort());
    const inDatapath: string[] = [...this.wantedBridges];
    for (const name of this.wantedBridges) {
      const members = PORTS.filter((port) => this.owner.get(port) === name);
      const typed = members.filter((port) => this.database.row('Interface', `i-${port}`)?.string('type') !== 'frob');
      inDatapath.push(...typed);
      const inBridge = new Set(this.ofprotos.get(name)?.values());
      // A port that broke after it had worked may stay; one that works must be there.
      for (const port of typed) if (!this.datapath.broken.has(port)) expect(inBridge).toContain(port);
      for (const port of inBridge) expect([name, ...typed]).toContain(port);
      expect(this.ofprotos.get(name)?.get(OFPP.LOCAL)).toBe(name);
      for (const port of members) this.#checkReported(name, port);
    }
    expect(
      this.datapath
        .ports()
        .map((port) => port.name)
        .sort(),
    ).toEqual(inDatapath.sort());
  }

  #checkReported(bridge: string, port: string): void {
    const ofPort = [...this.ofprotos.get(bridge)!].find(([, name]) => name === port)?.[0];
    expect(this.database.written.get(`i-${port}`)?.['ofport']).toBe(ofPort ?? -1);
  }
}

describe('Reconciler, random changes', () => {
  it.each(Array.from({ length: 30 }, (_, index) => index + 1))('seed %i', async (seed) => {
    const world = new World(seed);
    for (let count = 0; count < STEPS; count++) {
      world.step();
      // Some changes meet a pass half way.
      if (world.pick([0, 1, 2]) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await world.reconciler.settled();
    await world.reconciler.settled();
    world.check();
    await world.reconciler.close(true);
    expect(world.datapath.ports()).toEqual([]);
  });
});
