// Full flow tables beside Open vSwitch: limits, who is evicted, and what is told of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SideBySide } from '../support/side-by-side.ts';

const switches = new SideBySide();
beforeAll(() => switches.start());
afterAll(() => switches.stop());

async function same(...args: string[]): Promise<void> {
  const [ours, theirs] = await switches.ofctl(args);
  expect(ours, args.join(' ')).toBe(theirs);
}

/** Lines sorted: the order of flows of equal priority is each switch's own. */
async function sameFlows(): Promise<void> {
  const dumps = await switches.ofctl(['-O', 'OpenFlow14', '--no-stats', 'dump-flows', 'br0']);
  const [ours, theirs] = dumps.map((text) => text.split('\n').sort());
  expect(ours).toEqual(theirs);
}

const row = (...columns: string[]) =>
  switches.vsctl('--', '--id=@t', 'create', 'Flow_Table', ...columns, '--', 'set', 'Bridge', 'br0', 'flow_tables:1=@t');

describe('a table with a limit', () => {
  it('refuses what is too much', async () => {
    await row('name=small', 'flow_limit=2');
    await same('add-flow', 'br0', 'table=1,tcp,idle_timeout=600,actions=1');
    await same('add-flow', 'br0', 'table=1,udp,idle_timeout=300,actions=1');
    await same('add-flow', 'br0', 'table=1,icmp,actions=1');
    await same('add-flow', 'br0', 'table=1,udp,actions=2');
    await same('dump-tables', 'br0');
    await sameFlows();
  });

  it('evicts the least important of the largest group, the soonest to expire', async () => {
    await same('del-flows', 'br0');
    await row('flow_limit=4', 'overflow_policy=evict', 'groups="NXM_OF_IN_PORT[]"');
    const add = (flow: string) => same('-O', 'OpenFlow14', 'add-flow', 'br0', `table=1,${flow},actions=drop`);
    await add('in_port=1,tcp,idle_timeout=600,importance=5');
    await add('in_port=1,udp,idle_timeout=900,importance=2');
    await add('in_port=1,icmp,idle_timeout=800,importance=2');
    await add('in_port=2,tcp,idle_timeout=10,importance=0');
    await add('in_port=2,udp,idle_timeout=700');
    await sameFlows();
    await add('in_port=3,arp');
    await add('in_port=3,ip');
    await sameFlows();
  });

  it('evicts nothing that is permanent', async () => {
    await same('del-flows', 'br0');
    await row('flow_limit=1', 'overflow_policy=evict');
    await same('add-flow', 'br0', 'table=1,tcp,actions=1');
    await same('add-flow', 'br0', 'table=1,udp,actions=1');
    await sameFlows();
  });

  it('evicts no permanent flow where OpenFlow asks for eviction either', async () => {
    await same('del-flows', 'br0');
    await row('flow_limit=1');
    await same('-O', 'OpenFlow14', 'mod-table', 'br0', '1', 'evict');
    await same('add-flow', 'br0', 'table=1,tcp,actions=1');
    await same('add-flow', 'br0', 'table=1,udp,actions=1');
    await same('add-flow', 'br0', 'table=2,udp,actions=1');
    await sameFlows();
  });
});
