// Flow monitors beside Open vSwitch: what the real ovs-ofctl prints while flows change, and the raw answers to requests.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchTool } from '../support/real-ovs.ts';
import { normalize, ofMessage, SideBySide } from '../support/side-by-side.ts';
import { until } from '../support/sockets.ts';

const switches = new SideBySide();
beforeAll(() => switches.start());
afterAll(() => switches.stop());

const CHANGES: readonly (readonly string[])[] = [
  ['add-flow', 'br0', 'table=1,priority=8,cookie=0x7,udp,actions=drop'],
  ['mod-flows', 'br0', 'table=1,udp,actions=output:2'],
  ['add-flow', 'br0', 'table=1,priority=8,udp,actions=output:1'],
  ['add-flow', 'br0', 'table=1,priority=8,udp,actions=output:1'],
  ['mod-flows', 'br0', 'table=1,udp,actions=output:1'],
  ['add-flow', 'br0', 'table=2,hard_timeout=100,tcp,in_port=1,actions=set_field:5->reg0,NORMAL'],
  ['del-flows', 'br0', 'table=1,udp'],
  ['--strict', 'del-flows', 'br0', 'table=1,priority=7,tcp'],
  ['add-flow', 'br0', 'table=1,priority=99,udp,tp_src=99,actions=output:2'],
];
/** What the last change shows: seen by every watch below. */
const LAST = /tp_src=99|udp_src=99/;

/** Titles vary in how many updates they cover, as both switches put together what happens at once. */
const updates = (text: string): string[] =>
  normalize(text)
    .split('\n')
    .filter((line) => line.startsWith(' event='));

async function run(version: string, watch: string): Promise<[string[], string[]]> {
  await switches.ofctl(['-O', version, 'del-flows', 'br0']);
  await switches.ofctl([
    '-O',
    version,
    'add-flow',
    'br0',
    'table=1,priority=7,cookie=5,tcp,idle_timeout=600,actions=1',
  ]);
  const words = ['-O', version, '--no-names', 'monitor', 'br0', watch];
  const monitors = switches.rundirs.map((rundir) => watchTool(rundir, 'ovs-ofctl', words));
  try {
    await until(() => monitors.every((monitor) => monitor.text().includes('FLOW_MONITOR')), 20_000);
    for (const change of CHANGES) await switches.ofctl(['-O', version, ...change]);
    await until(() => monitors.every((monitor) => LAST.test(monitor.text())), 20_000);
  } finally {
    for (const monitor of monitors) monitor.stop();
  }
  return [updates(monitors[0]!.text()), updates(monitors[1]!.text())];
}

describe.each(['OpenFlow10', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'])('ovs-ofctl monitor over %s', (version) => {
  it.each(['watch:', 'watch:!actions', 'watch:!initial,!modify', 'watch:out_port=2', 'watch:table=1,udp'])(
    'prints the same for %s',
    async (watch) => {
      const [ours, theirs] = await run(version, watch);
      expect(ours).toEqual(theirs);
    },
  );
});

/** A request of Nicira's (1.0) for monitor `id`, with a match of everything. */
const nxRequest = (id: number, flags: number, table = 'ff') =>
  ofMessage(1, 16, `ffff 0000 00002320 00000002 00000000 ${hex(id, 8)} ${hex(flags, 4)} ffff 0000 ${table} 0000000000`);
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const cancel = (id: number) => ofMessage(1, 4, `00002320 00000015 ${hex(id, 8)}`);
const OWN_FLOW = ofMessage(1, 14, `003fffff${'00'.repeat(36)} 0000000000000000 0000 0000 0000 0001 ffffffff ffff 0000`);

describe('raw requests', () => {
  it.each([
    ['cancels what is not there', [cancel(9)]],
    ['monitors a table without flows', [nxRequest(1, 0x1f, '05'), cancel(1), cancel(1)]],
    ['hears of its own changes in short', [nxRequest(1, 0x0e), OWN_FLOW]],
    ['hears of its own changes in full', [nxRequest(1, 0x3e), OWN_FLOW]],
    ['reads the internal table', [nxRequest(1, 0x1f, 'fe')]],
  ])('%s', async (_, messages) => {
    const [ours, theirs] = await switches.exchange(1, messages);
    expect(ours).toEqual(theirs);
  });

  it('refuses an id that is taken, and flags that ask for nothing', async () => {
    const refused = await switches.exchange(1, [nxRequest(1, 0x0e), nxRequest(1, 0x0e), nxRequest(2, 0x10)]);
    // Open vSwitch quotes what it has already read past, so only the codes compare.
    const codes = refused.map((answers) =>
      answers.filter((text) => text.startsWith('0101')).map((t) => t.slice(16, 40)),
    );
    expect(codes[0]).toEqual(codes[1]);
    expect(codes[0]).toHaveLength(2);
  });
});
