// A guest that scribbles over its own rings and takes its memory away, on a weftd where another pair of guests, paced at
// half of what it loses nothing at, must see no gap and no reordering.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CalmPair } from '../support/guest/calm-pair.ts';
import { testFrame } from '../support/guest/datapath-rig.ts';
import { RING_LIES, scribble, truncateMemory } from '../support/guest/hostile.ts';
import { VhostGuest } from '../support/guest/vhost-guest.ts';
import { threadsPinnedTo } from '../support/run-delay.ts';
import { eventually, haveOvs, pmdCore, VhostSwitch } from '../support/vhost-switch.ts';

/** Runs in which other programs may take the cores from the pair, each told from a loss that is the switch's; slower each. */
const ATTEMPTS = 5;
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

  /** One run of all rounds beside the calm pair. Fails when a loss is the switch's; false when others took the cores. */
  async function leavesThePairAlone(attempt: number): Promise<boolean> {
    // Nothing else of the switch's own may run there: then whoever keeps a PMD waiting is another program.
    const pinned = () => threadsPinnedTo(vswitch.weftd.pid!, pmdCore);
    if (pmdCore > 0) await eventually('the PMD alone on its core', async () => pinned().length === 1);
    const pmds = pinned();
    const pair = await CalmPair.start([vswitch.socket('calm0'), vswitch.socket('calm1')], pmds, attempt);
    try {
      for (let round = 0; round < ROUNDS; round++) await scribbleRound(round);
      const { totals, gaps, unexplained } = await pair.finish();
      for (const guest of totals) {
        expect(guest).toMatchObject({ late: 0, badChecksum: 0, foreign: 0 });
        expect(guest.rxPackets).toBeGreaterThan(pair.pps);
      }
      expect(unexplained).toEqual([]);
      return gaps === 0;
    } finally {
      await pair.kill();
    }
  }

  it('costs only itself: it is named, may come again, and nobody else loses or reorders a packet', async () => {
    let attempts = 0;
    while (!(await leavesThePairAlone(attempts))) {
      if (++attempts === ATTEMPTS) throw new Error(`other programs took the cores in ${ATTEMPTS} attempts`);
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
