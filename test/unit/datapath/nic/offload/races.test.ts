// Changes that race with a card that answers in its own time: whatever happens, after each barrier the card forwards by nothing
// but what the megaflows say now, no two of its flows overlap, and in the end every packet has been counted once.
import { describe, expect, it } from 'vitest';
import { KEY_IN_PORT } from '../../../../../datapath/layout/flow-key.ts';
import type { Subject } from '../../../../../datapath/nic/offload/examine.ts';
import { OffloadRig, output, type RigFlow } from '../../../../support/offload-rig.ts';
import { Random } from '../../../../support/random-frames.ts';

const SEED = Number(process.env['WEFT_SEED'] ?? 20261121);
const PORTS = [1, 2, 3];

class Race {
  readonly random: Random;
  readonly rig: OffloadRig;
  readonly flows: RigFlow[] = [];
  /** Packets that the card forwarded. */
  hits = 0;
  /** Of flows that went: what they counted, late or not. */
  counted = 0;
  resets = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.rig = new OffloadRig({ tableSize: 3 + this.random.below(30) });
    this.rig.nic.latency = async () => {
      for (let turns = this.random.below(6); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    };
  }

  #actions() {
    return Array.from({ length: this.random.below(3) }, () => output(this.random.pick([...PORTS, 9])));
  }

  step(): void {
    const { rig, random, flows } = this;
    const flow = flows.length > 0 ? random.pick(flows) : undefined;
    const choice = random.below(20);
    if (!flow || (choice < 6 && flows.length < 40)) this.#install();
    else if (choice < 9) rig.change(flow, this.#actions());
    else if (choice < 11) this.#remove(flow);
    else if (choice < 17) this.#packet(flow);
    else if (choice === 17) this.#port();
    else if (choice === 18) rig.clock.warp(250);
    else if (random.below(10) === 0) rig.engine.configure(random.below(4) > 0, random.below(3));
  }

  #install(): void {
    const destination = this.random.below(60);
    const inPort = this.random.pick(PORTS);
    // Megaflows do not overlap.
    if (this.flows.some(({ key }) => key[3] === inPort && key[47] === destination)) return;
    this.flows.push(this.rig.install(inPort, destination, this.#actions()));
  }

  #remove(flow: RigFlow): void {
    this.flows.splice(this.flows.indexOf(flow), 1);
    this.counted += flow.hardware?.packets ?? 0;
    this.rig.remove(flow, ({ packets }) => {
      this.counted += packets;
    });
  }

  #packet(flow: RigFlow): void {
    if (this.rig.hit(flow)) this.hits++;
    else flow.packets++;
  }

  #port(): void {
    const port = this.random.pick(PORTS);
    const choice = this.random.below(4);
    if (choice === 0) this.rig.engine.setPlace(port, undefined);
    else if (choice === 1) this.rig.engine.setPoliced(port, this.random.below(2) === 0);
    else this.rig.place(port);
  }

  /** Everything that the card has is what some megaflow says, word for word. */
  check(): void {
    const wanted = new Set(this.flows.map((flow) => textOf(flow.inPort + 10, flow, 10)));
    for (const { flow } of this.rig.nic.table.values()) {
      const vport = new DataView(flow.key.buffer).getUint32(KEY_IN_PORT);
      expect(wanted).toContain(textOf(vport, flow, 0));
    }
    expect(this.rig.nic.overlaps).toBe(0);
  }
}

function textOf(vport: number, flow: Subject, offset: number): string {
  const ports = flow.actions.map((action) => (action.type === 'output' ? action.port + offset : action.type));
  return `${vport} ${Buffer.from(flow.key.subarray(4)).toString('hex')} ${ports}`;
}

describe('races with a card', () => {
  it.each(Array.from({ length: 30 }, (_, i) => SEED + i))('leave nothing stale (seed %i)', async (seed) => {
    const race = new Race(seed);
    for (let round = 0; round < 30; round++) {
      for (let steps = race.random.below(25); steps > 0; steps--) {
        race.step();
        if (race.random.below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // Changes may go on while the barrier waits; those before it are through.
      await race.rig.engine.settled();
      race.check();
    }
    for (const flow of race.flows.slice())
      race.rig.remove(flow, ({ packets }) => {
        race.counted += packets;
      });
    race.counted += race.flows.reduce((sum, { hardware }) => sum + (hardware?.packets ?? 0), 0);
    await race.rig.engine.settled();
    expect([race.rig.nic.table.size, race.counted]).toEqual([0, race.hits]);
  });

  it.each(Array.from({ length: 10 }, (_, i) => SEED + i))('and resets leave nothing stale (seed %i)', async (seed) => {
    const race = new Race(seed);
    for (let round = 0; round < 30; round++) {
      for (let steps = race.random.below(25); steps > 0; steps--) {
        race.step();
        if (race.random.below(12) === 0) race.rig.nic.reset();
        if (race.random.below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await race.rig.engine.settled();
      race.check();
    }
  });
});
