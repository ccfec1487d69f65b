// A guest that scribbles over its own rings and takes its memory away, on a weftd where another pair of guests, paced at
// half of what it loses nothing at, must see no gap and no reordering.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFrame } from '../support/guest/datapath-rig.ts';
import { GeneratorGuest } from '../support/guest/generator.ts';
import { RING_LIES, scribble, truncateMemory } from '../support/guest/hostile.ts';
import { VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually, haveOvs, VhostSwitch } from '../support/vhost-switch.ts';

const RATES = [200_000, 100_000, 50_000, 20_000, 10_000];
const PROBE_MS = 700;
const ROUNDS = 12;
const SCRIBBLES = 25;

describe.skipIf(!haveOvs)('a guest that scribbles over its own rings', () => {
  let vswitch: VhostSwitch;

  beforeAll(async () => {
    vswitch = await VhostSwitch.start();
    await vswitch.addPair(['calm0', 'calm1'], 'dpdkvhostuser');
    await vswitch.addPair(['noisy', 'neighbour'], 'dpdkvhostuser');
  });
  afterAll(() => vswitch?.close());

  function pair(pps: number): GeneratorGuest {
    const calm = (side: 'a' | 'b', index: number) => `side=${side},role=both,connect=${vswitch.socket(`calm${index}`)}`;
    return new GeneratorGuest([calm('a', 0), calm('b', 1)], ['--pps', String(pps), '--flows', '8']);
  }

  /** True when the pair lost nothing at this rate. */
  async function losesNothing(pps: number): Promise<boolean> {
    const guests = pair(pps);
    await guests.ready();
    guests.send('start');
    await sleep(PROBE_MS);
    const totals = await guests.finish();
    return totals.every(({ gaps, late, txPackets }) => gaps === 0 && late === 0 && txPackets > (pps * PROBE_MS) / 2000);
  }

  async function zeroLossRate(): Promise<number> {
    for (const pps of RATES) if (await losesNothing(pps)) return pps;
    return RATES.at(-1)!;
  }

  const interfaceError = () => vswitch.weftd.vsctl('get Interface noisy error');

  /** Attaches, scribbles until its ring is broken or the round is over, and hangs up; true when it was broken. */
  async function scribbleRound(round: number): Promise<boolean> {
    const guest = await VhostGuest.connect(vswitch.socket('noisy'));
    try {
      await guest.sendFrame(testFrame(64, round));
      for (let turn = 0; turn < SCRIBBLES; turn++) {
        scribble(guest, round * 1000 + turn, 64, turn % 2 ? guest.tx() : guest.rx());
        await sleep(5);
      }
      if (round % 3 === 2) truncateMemory(guest, 0, 0);
      else RING_LIES[round % RING_LIES.length]!.tell(guest);
      await eventually('a broken ring', async () => /vring [01] is broken: /.test(await interfaceError()));
      return true;
    } finally {
      guest.close();
      await eventually('noisy down', async () => !(await vswitch.linkUp('noisy')));
    }
  }

  it('costs only itself: it is named, may come again, and nobody else loses or reorders a packet', async () => {
    const pps = (await zeroLossRate()) / 2;
    const guests = pair(pps);
    await guests.ready();
    guests.send('start');
    for (let round = 0; round < ROUNDS; round++) await scribbleRound(round);
    guests.send('stop');
    await sleep(200);
    for (const totals of await guests.finish()) {
      expect(totals).toMatchObject({ gaps: 0, late: 0, badChecksum: 0, foreign: 0 });
      expect(totals.rxPackets).toBeGreaterThan(pps);
    }
    expect(vswitch.weftd.output.match(/noisy: virtqueue [01] is broken: /g)!.length).toBeGreaterThanOrEqual(ROUNDS);
    expect(vswitch.weftd.output).not.toMatch(/thread died|\|(ERR|EMER)\|/);
    const honest = await VhostGuest.connect(vswitch.socket('noisy'));
    const neighbour = await VhostGuest.connect(vswitch.socket('neighbour'));
    await eventually('noisy up', () => vswitch.linkUp('noisy'));
    expect(await interfaceError()).toBe('[]');
    await honest.sendFrame(testFrame(900, 1));
    expect(Buffer.compare((await neighbour.receiveFrames(1))[0]!, testFrame(900, 1))).toBe(0);
    honest.close();
    neighbour.close();
  });
});
