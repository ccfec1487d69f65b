import { expect, it } from 'vitest';
import type { DpFlow, LateCounts } from '../../../../datapath/dpif.ts';
import { SwitchFixture } from '../../../support/switch-fixture.ts';

const LATE = { packets: 3, bytes: 180, usedMs: 1_000_500, tcpFlags: 0 };

/** A switch with one megaflow from p1, and what its datapath is given with changes of it. */
function forwarding() {
  const fixture = new SwitchFixture();
  const lates: ((counts: LateCounts) => void)[] = [];
  const { dpif } = fixture;
  const [flowMod, flowDel] = [dpif.flowMod.bind(dpif), dpif.flowDel.bind(dpif)];
  dpif.flowMod = (flow, actions, late?: (counts: LateCounts) => void) => {
    if (late) lates.push(late);
    flowMod(flow, actions);
  };
  dpif.flowDel = (flow: DpFlow, late?: (counts: LateCounts) => void) => {
    if (late) lates.push(late);
    flowDel(flow);
  };
  fixture.flowMod('in_port=1,actions=2');
  dpif.miss(fixture.key('in_port=1,tcp'));
  const [flow] = dpif.flows();
  return { fixture, flow: flow!, lates };
}

const packets = (fixture: SwitchFixture) => fixture.stats().map((entry) => Number(entry.packets));

it('counts of a card that come after a change are for the rule of before, and not for the next one too', async () => {
  const { fixture, flow, lates } = forwarding();
  fixture.flowMod('in_port=1,priority=40000,actions=3');
  await fixture.br0.barrier();
  expect(lates).toHaveLength(1);
  // As the datapath does: part of the flow's counts, and told.
  flow.hit(LATE.packets, 60, LATE.usedMs);
  lates[0]!(LATE);
  flow.hit(1, 60, LATE.usedMs);
  expect(packets(fixture).sort()).toEqual([1, 4]);
});

it('counts that come after a megaflow was deleted are for its rule', async () => {
  const { fixture, lates } = forwarding();
  await fixture.slowPath.purge();
  lates[0]!(LATE);
  expect(packets(fixture)).toEqual([4]);
});
