// other_config:flow-restore-wait beside a real Open vSwitch (ovs-vswitchd.conf.db(5)): a switch that starts with it takes
// flows, but neither forwards packets nor dials controllers nor lets flows expire until it is cleared; after that it says
// nothing any more.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool } from '../support/real-ovs.ts';
import { FRAME, normalize, SideBySide } from '../support/side-by-side.ts';

const WAITING = JSON.stringify([
  'Open_vSwitch',
  { op: 'insert', table: 'Open_vSwitch', row: { other_config: ['map', [['flow-restore-wait', 'true']]] } },
]);

const TIMEOUT_MS = 30_000;

const sides = new SideBySide(WAITING);

beforeAll(() => sides.start(2));
afterAll(() => sides.stop());

/** The same `ovs-appctl` on both, weft's answer first. */
async function appctl(...words: string[]): Promise<[weft: string, ovs: string]> {
  return [normalize(await sides.weftd.appctl(...words)), normalize((await sides.oracle.appctl(...words)).trimEnd())];
}

async function receive(port: string): Promise<void> {
  await appctl('netdev-dummy/receive', port, FRAME);
}

async function sameFlows(bridge: string): Promise<string> {
  const [ours, theirs] = await sides.ofctl(['dump-flows', bridge]);
  const words = (text: string) => text.replaceAll(/, idle_age=\d+/g, '');
  expect(words(ours)).toBe(words(theirs));
  return ours;
}

/** How long the flow that is to expire has been in br0. */
async function ages(): Promise<number[]> {
  const dumps = sides.rundirs.map((rundir) => runTool(rundir, 'ovs-ofctl', ['dump-flows', 'br0', 'in_port=2']));
  return (await Promise.all(dumps)).map(({ stdout }) => Number(/duration=([\d.]+)s/.exec(stdout)?.[1] ?? 0));
}

/** Packets that a flow of br0 saw. */
async function packets(): Promise<string[]> {
  const dumps = await sides.ofctl(['dump-flows', 'br0', 'in_port=1']);
  return dumps.map((text) => /n_packets=(\d+)/.exec(text)?.[1] ?? '');
}

const controllerStates = () => sides.both('ovs-vsctl', ['--columns=is_connected,status', 'list', 'Controller']);

describe('a switch that waits for its flows', () => {
  it('takes them, forwards nothing, lets none expire and dials nobody', { timeout: TIMEOUT_MS }, async () => {
    await sides.vsctl('add-br', 'br1', '--', 'set', 'Bridge', 'br1', 'datapath_type=dummy');
    await sides.vsctl('set-controller', 'br1', 'tcp:127.0.0.1:9');
    await sides.ofctl(['add-flow', 'br0', 'in_port=1,actions=2']);
    await sides.ofctl(['add-flow', 'br0', 'in_port=2,hard_timeout=1,actions=1']);
    await receive('p1');
    // Nothing of the first packet's, and nothing of a second that has passed.
    await eventually(async () => (await ages()).every((seconds) => seconds > 2.5));
    expect(await appctl('dpctl/dump-flows')).toEqual(['', '']);
    expect(await sameFlows('br0')).toContain('hard_timeout=1');
    expect(await sameFlows('br1')).toContain('actions=NORMAL');
    const [ours, theirs] = await controllerStates();
    expect(ours).toBe(theirs);
    expect(await packets()).toEqual(['0', '0']);
  });

  it('begins when that is cleared', { timeout: TIMEOUT_MS }, async () => {
    await sides.vsctl('remove', 'Open_vSwitch', '.', 'other_config', 'flow-restore-wait');
    await receive('p1');
    await eventually(async () => {
      return (await packets()).every((count) => count === '1');
    });
    await eventually(async () => {
      return (await sides.ofctl(['dump-flows', 'br0'])).every((text) => !text.includes('hard_timeout'));
    });
    await sameFlows('br0');
    await eventually(async () => (await controllerStates()).every((text) => text.includes('last_error')));
  });

  it('does not stop again', { timeout: TIMEOUT_MS }, async () => {
    await sides.vsctl('set', 'Open_vSwitch', '.', 'other_config:flow-restore-wait=true');
    await receive('p1');
    await eventually(async () => {
      return (await packets()).every((count) => count === '2');
    });
  });
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS - 5000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
