// What dies comes back: weftd, a guest, a PMD worker, each killed under traffic of generator guests.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GuestCounters } from '../../bench/guest/guest.ts';
import { GeneratorGuest } from '../support/guest/generator.ts';
import { eventually, haveOvs, pmdCore, VhostSwitch, type VhostType } from '../support/vhost-switch.ts';

const PPS = 5000;
/** Packets that tell that traffic flows, and not just what was under way. */
const ENOUGH = 2000;

let vswitch: VhostSwitch;
let guests: GeneratorGuest[];

beforeEach(async () => {
  guests = [];
  vswitch = await VhostSwitch.start();
});
afterEach(async () => {
  for (const guest of guests) await guest.kill();
  await vswitch.close();
});

/** A guest of its own process on a port of either type, sending as soon as it is attached. */
function guestOn(name: string, side: 'a' | 'b', type: VhostType = 'dpdkvhostuser'): GeneratorGuest {
  const attach = type === 'dpdkvhostuser' ? 'connect' : 'listen';
  const guest = new GeneratorGuest(
    [`side=${side},role=both,${attach}=${vswitch.socket(name)}`],
    ['--pps', String(PPS), '--reattach'],
  );
  guests.push(guest);
  return guest;
}

async function started(...pair: GeneratorGuest[]): Promise<void> {
  for (const guest of pair) await guest.ready();
  for (const guest of pair) guest.send('start');
  await receiving(...pair);
}

/** Resolves when each of these guests received enough more than now. */
async function receiving(...list: GeneratorGuest[]): Promise<void> {
  for (const guest of list) {
    const [before] = await guest.stats();
    const enough = before!.rxPackets + ENOUGH;
    await eventually('traffic', async () => (await guest.stats())[0]!.rxPackets > enough, 40_000);
  }
}

const lossOf = ({ gaps, late, badChecksum, foreign }: GuestCounters) => ({ gaps, late, badChecksum, foreign });

const ofports = (names: readonly string[]) =>
  Promise.all(names.map((name) => vswitch.weftd.vsctl(`get Interface ${name} ofport type link_state`)));

describe.skipIf(!haveOvs)('after kill -9 of weftd', () => {
  it.each<VhostType>(['dpdkvhostuser', 'dpdkvhostuserclient'])(
    'guests on %s ports go on with the next one',
    async (type) => {
      const names = ['left', 'right'] as const;
      const numbers = await vswitch.addPair(names, type);
      const pair = [guestOn('left', 'a', type), guestOn('right', 'b', type)];
      await started(...pair);
      const before = await ofports(names);
      const { weftd } = vswitch;
      await weftd.kill('SIGKILL');
      const left = ['ovs-vswitchd.pid', `ovs-vswitchd.${weftd.pid}.ctl`, `${vswitch.bridge}.mgmt`, 'db.sock', 'left'];
      for (const file of left) expect(existsSync(join(weftd.dir, file)), file).toBe(true);
      const printed = weftd.output.length;
      await weftd.start();
      for (const name of names) await eventually(`${name} up`, () => vswitch.linkUp(name));
      expect(await ofports(names)).toEqual(before);
      expect(await vswitch.ofctl('dump-flows')).not.toContain('actions=');
      await vswitch.join(...numbers);
      await receiving(...pair);
      for (const guest of pair) {
        const [totals] = await guest.finish();
        expect(totals).toMatchObject({ badChecksum: 0, foreign: 0 });
      }
      expect(weftd.output.slice(printed)).not.toMatch(/\|(WARN|ERR|EMER)\|/);
    },
  );
});

describe.skipIf(!haveOvs)('after kill -9 of a guest', () => {
  it('its port goes down, others lose nothing, and a new guest takes its place', async () => {
    await vswitch.addPair(['left', 'right'], 'dpdkvhostuser');
    await vswitch.addPair(['calm0', 'calm1'], 'dpdkvhostuser');
    const [left, right] = [guestOn('left', 'a'), guestOn('right', 'b')];
    const calm = [guestOn('calm0', 'a'), guestOn('calm1', 'b')];
    await started(left, right, ...calm);
    const harm = () => Promise.all(calm.map(async (guest) => lossOf((await guest.stats())[0]!)));
    const before = await harm();
    await left.kill();
    await eventually('left down', async () => !(await vswitch.linkUp('left')));
    expect(await vswitch.linkUp('right')).toBe(true);
    await receiving(...calm);
    await started(guestOn('left', 'a'));
    await receiving(right, guests.at(-1)!);
    expect(await harm()).toEqual(before);
    expect(await vswitch.weftd.vsctl('get Interface left error')).toBe('[]');
  });
});

describe.skipIf(!haveOvs)('after the end of a PMD worker', () => {
  it.each(['trap', 'exit'])('by %s: it is reported, another takes over, and counters go on', async (how) => {
    await vswitch.addPair(['left', 'right'], 'dpdkvhostuser');
    const pair = [guestOn('left', 'a'), guestOn('right', 'b')];
    await started(...pair);
    const passed = async () =>
      Number(/packets received: (\d+)/.exec(await vswitch.weftd.appctl('dpif-netdev/pmd-stats-show'))?.[1]);
    for (let round = 1; round <= 3; round++) {
      const [packets, counters] = [await passed(), await vswitch.counters('left')];
      await vswitch.weftd.appctl('weft/pmd-kill', String(pmdCore), how);
      await eventually('the report', () => vswitch.weftd.output.includes(`restarted (${round})`));
      await receiving(...pair);
      expect(await passed()).toBeGreaterThan(packets + ENOUGH);
      expect((await vswitch.counters('left')).rxPackets).toBeGreaterThan(counters.rxPackets + ENOUGH);
    }
    expect(vswitch.weftd.output.match(/\|ERR\|pmd-c\d+\/id:\d+: thread died: /g)).toHaveLength(3);
    for (const guest of pair) expect((await guest.finish())[0]).toMatchObject({ badChecksum: 0, foreign: 0 });
  });
});
