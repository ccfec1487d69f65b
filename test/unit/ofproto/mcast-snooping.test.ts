import { describe, expect, it } from 'vitest';
import { McastSnooping } from '../../../ofproto/mcast-snooping.ts';
import type { XlateBundle } from '../../../ofproto/xlate/snapshot.ts';
import { igmp, ip4 } from '../../support/mcast-frames.ts';
import { SwitchFixture } from '../../support/switch-fixture.ts';

const bundle = (ofPort: number, more = {}) =>
  ({ name: `p${ofPort}`, ofPort, mcastFlood: false, ...more }) as XlateBundle;
const join = (group: string) => ({ kind: 'join', group: ip4(group) }) as const;
const [p1, p2, p3] = [bundle(1), bundle(2), bundle(3, { mcastFlood: true })];

function table() {
  let changes = 0;
  const snooping = new McastSnooping(() => changes++);
  return { snooping, changes: () => changes, rows: (nowMs = 0) => snooping.rows(nowMs) };
}

describe('McastSnooping', () => {
  it('keeps members by VLAN and group, and says when somebody comes or goes', () => {
    const { snooping, changes, rows } = table();
    snooping.hear(join('225.1.1.1'), p1, 0, 0);
    snooping.hear(join('225.1.1.1'), p1, 0, 1000);
    snooping.hear(join('225.1.1.1'), p2, 0, 2000);
    snooping.hear(join('225.1.1.1'), p1, 7, 2000);
    snooping.hear(join('225.1.1.1'), p3, 7, 2000);
    expect(changes()).toBe(3);
    expect([...snooping.members(0, ip4('225.1.1.1'))!]).toEqual([p1, p2]);
    expect(rows(2500)).toEqual([
      { ofPort: 1, vlan: 0, group: '225.1.1.1', ageS: 1 },
      { ofPort: 2, vlan: 0, group: '225.1.1.1', ageS: 0 },
      { ofPort: 1, vlan: 7, group: '225.1.1.1', ageS: 0 },
    ]);
    snooping.hear({ kind: 'leave', group: ip4('225.1.1.1') }, p2, 7, 3000);
    expect(changes()).toBe(3);
    snooping.hear({ kind: 'leave', group: ip4('225.1.1.1') }, p1, 7, 3000);
    expect(changes()).toBe(4);
    expect(snooping.members(7, ip4('225.1.1.1'))).toBeUndefined();
  });

  it('forgets members and routers that are silent, and those of a port that goes', () => {
    const { snooping, changes, rows } = table();
    snooping.hear(join('225.1.1.1'), p1, 0, 0);
    snooping.hear({ kind: 'query', source: ip4('10.0.0.1') }, p2, 0, 0);
    snooping.hear(join('225.1.1.2'), p2, 0, 0);
    expect(rows().map(({ group }) => group)).toEqual(['225.1.1.1', undefined]);
    snooping.expire(179_999);
    expect(rows()).toHaveLength(2);
    snooping.expire(180_000);
    expect(snooping.routers(0)).toEqual([]);
    snooping.hear({ kind: 'query', source: ip4('10.0.0.1') }, p2, 0, 200_000);
    snooping.flushPort(p2);
    expect(snooping.routers(0)).toEqual([]);
    snooping.expire(300_000);
    expect(rows()).toEqual([]);
    expect(changes()).toBe(6);
  });

  it('a full table forgets the group heard of longest ago', () => {
    const { snooping, rows } = table();
    snooping.maxGroups = 2;
    for (const group of ['225.0.0.1', '225.0.0.2', '225.0.0.1', '225.0.0.3']) snooping.hear(join(group), p1, 0, 0);
    expect(rows().map(({ group }) => group)).toEqual(['225.0.0.1', '225.0.0.3']);
  });
});

describe('the slow path of multicast messages', () => {
  const settings = { macAgingMs: 300_000, macTableSize: 100, forwardBpdu: false, floodVlans: [] };
  const GROUP = 'dl_src=00:00:00:00:00:02,dl_dst=01:00:5e:01:01:01,ip,nw_dst=225.1.1.1';

  it('reads every message, and megaflows follow the members', async () => {
    const fixture = new SwitchFixture();
    const snooping = { agingMs: 300_000, tableSize: 100, floodUnregistered: true };
    fixture.br0.l2.configure({ ...settings, snooping });
    fixture.flowMod('actions=normal');
    const report = igmp(0x16, '225.1.1.1');
    const key = (ofPort: number) => fixture.key(`in_port=${ofPort},${GROUP},nw_proto=2`);
    fixture.dpif.miss(fixture.key(`in_port=4,${GROUP},nw_proto=17`));
    expect(fixture.megaflows()).toEqual([expect.stringMatching(/actions:100,1,2,3$/)]);
    fixture.dpif.miss(key(1), report);
    const userspace = [...fixture.dpif.flows()].at(-1)!.actions[0]!;
    expect(userspace.type).toBe('userspace');
    await fixture.br0.barrier();
    expect(fixture.megaflows()[0]).toMatch(/actions:1$/);
    // The next one comes by the megaflow's action.
    fixture.dpif.extracted.set(key(1));
    fixture.dpif.userspace(userspace.type === 'userspace' ? userspace.cookie : 0, igmp(0x17, '225.1.1.1'), 1);
    await fixture.br0.barrier();
    expect(fixture.br0.l2.mcastRows()).toEqual([]);
    expect(fixture.megaflows()[0]).toMatch(/actions:100,1,2,3$/);
    fixture.br0.l2.configure(settings);
    await fixture.br0.barrier();
    expect(fixture.megaflows().every((flow) => /actions:[\d,]+$/.test(flow))).toBe(true);
  });
});
