// weft-ofctl beside ovs-ofctl on the same Open vSwitch bridge: what they print, their exit codes and what they leave in
// the flow table must be the same, but for times.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RealOvs, runTool, watchTool } from '../support/real-ovs.ts';
import { until } from '../support/sockets.ts';

const WEFT = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'dist/src/cli/weft-ofctl.js');

const FLOWS = `priority=5,ip,actions=output:1
priority=6,tcp,tp_dst=80,actions=2
table=2,cookie=3,actions=drop
table=3,cookie=5,priority=77,in_port=2,idle_timeout=500,actions=mod_vlan_vid:3,output:2
table=4,icmp6,nd_target=fe80::1,icmp_type=135,actions=load:5->reg0[],resubmit(,5)
table=5,reg0=0x5/0xff,vlan_tci=0x1000/0x1000,actions=learn(table=6,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:in_port)
table=6,ip,nw_src=10.0.0.0/8,actions=dec_ttl,set_field:00:00:00:00:00:01->eth_dst,clone(output:1),note:01.02
`;
const OTHER_FLOWS = `priority=5,ip,actions=output:2
priority=6,tcp,tp_dst=80,actions=2
idle_timeout=500,actions=1
`;

/** Of the bundle command: with the second, nothing is done. */
const MIXED = `flow add in_port=5,actions=drop
group group_id=3,type=all,bucket=output:1
flow in_port=6,actions=group:3
packet-out in_port=controller,packet=50540000000a505400000009080000000000000000000000,actions=group:3
`;
const HALF = `flow add in_port=7,actions=drop
group group_id=3,type=all,bucket=output:1
`;
const FILES = ['flows', 'other', 'mixed', 'half'];

/** Times, and what names the program. */
function normalize(text: string): string {
  return (
    text
      .replaceAll(/duration=?[\d.]+s/g, 'duration=T')
      .replaceAll(/idle_age=\d+/g, 'idle_age=T')
      // Shown where it differs from the duration, which two runs can see in different seconds.
      .replaceAll(/hard_age=\d+, /g, '')
      .replaceAll(/time=[\d.]+ ms/g, 'time=T')
      .replaceAll(/^weft-ofctl:/gm, 'ovs-ofctl:')
      .replaceAll(/^[-\dT:.]+Z\|\d+\|/gm, '')
  );
}

describe('weft-ofctl', () => {
  let oracle: RealOvs;

  const run = async (program: 'ovs' | 'weft', args: readonly string[]) => {
    const words = program === 'ovs' ? ['ovs-ofctl', args] : [process.execPath, [WEFT, ...args]];
    const { code, stdout, stderr } = await runTool(oracle.rundir, words[0] as string, words[1] as string[]);
    // Flows that differ come in the order of the switch's hash tables.
    const answer = args.includes('diff-flows') ? stdout.split('\n').sort().join('\n') : stdout;
    return { code, stdout: normalize(answer), stderr: normalize(stderr).split('\n').sort() };
  };
  const file = (name: string) => join(oracle.rundir, name);

  beforeAll(async () => {
    oracle = await RealOvs.start();
    const port = (name: string, number: number) =>
      `-- add-port br0 ${name} -- set Interface ${name} type=dummy ofport_request=${number}`;
    const bridge = `add-br br0 -- set Bridge br0 datapath_type=dummy fail_mode=secure ${port('p1', 1)} ${port('p-2', 2)}`;
    await oracle.must('ovs-vsctl', ...bridge.split(' '));
    writeFileSync(file('flows'), FLOWS);
    writeFileSync(file('other'), OTHER_FLOWS);
    writeFileSync(file('mixed'), MIXED);
    writeFileSync(file('half'), HALF);
    writeFileSync(file('bad'), 'ip,actions=1\n# comment\n\nfoo=3,actions=2\n');
  });

  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
  });

  describe.each(['OpenFlow10', 'OpenFlow13'])('on %s', (protocol) => {
    it('leaves the flows that ovs-ofctl leaves', async () => {
      const tables: string[] = [];
      for (const program of ['ovs', 'weft'] as const) {
        await oracle.must('ovs-ofctl', 'del-flows', 'br0');
        const commands = [
          ['add-flows', 'br0', file('flows')],
          ['mod-flows', 'br0', 'tcp,actions=load:1->reg0[],output:p1'],
          ['--strict', 'mod-flows', 'br0', 'priority=5,ip,actions=drop'],
          ['add-flow', 'br0', 'priority=9,in_port=p-2,send_flow_rem,cookie=0x77,actions=controller(userdata=01.02)'],
          ['del-flows', 'br0', 'table=2'],
          ['--strict', 'del-flows', 'br0', 'table=6,ip'],
        ];
        for (const words of commands) expect((await run(program, ['-O', protocol, ...words])).code).toBe(0);
        tables.push(await oracle.must('ovs-ofctl', '--no-stats', '--sort', 'dump-flows', 'br0'));
      }
      expect(tables[1]).toBe(tables[0]);
    });

    it.each([
      ['show', 'br0'],
      ['dump-desc', 'br0'],
      ['dump-tables', 'br0'],
      ['dump-ports', 'br0'],
      ['dump-ports', 'br0', 'p1'],
      ['dump-ports', 'br0', 'nope'],
      ['dump-ports-desc', 'br0'],
      ['dump-flows', 'br0'],
      ['dump-flows', 'br0', 'table=3'],
      ['dump-flows', 'br0', 'in_port=p-2'],
      ['dump-flows', 'br0', 'cookie=5/-1'],
      ['dump-flows', 'br0', 'tcp,tp_dst=80'],
      ['dump-flows', 'br0', 'foo=1'],
      ['--no-stats', 'dump-flows', 'br0'],
      ['--names', 'dump-flows', 'br0'],
      ['--names', 'dump-ports', 'br0'],
      ['--sort', 'dump-flows', 'br0'],
      ['--rsort=in_port', 'dump-flows', 'br0'],
      ['--sort=cookie', 'dump-flows', 'br0'],
      ['dump-aggregate', 'br0'],
      ['dump-aggregate', 'br0', 'tcp'],
      ['get-frags', 'br0'],
      ['set-frags', 'br0', 'foo'],
      ['mod-port', 'br0', 'p1', 'foo'],
      ['mod-port', 'br0', '99', 'up'],
      ['probe', 'br0'],
      ['ping', 'br0', '10'],
      ['dump-groups', 'br0'],
      ['add-flow', 'br0', 'table=254,actions=1'],
      ['add-flow', 'br0', 'ip,actions=group:5'],
      ['add-flow', 'br0', 'ip,actions=foo'],
      ['add-flow', 'br0', 'tp_dst=80,priority=3,actions=drop'],
      ['add-flow', 'br0'],
      ['del-flows', 'br0', 'in_port=1,actions=5'],
      ['packet-out', 'br0', 'foo'],
      ['packet-out', 'br0', 'in_port=1,packet=ffffffffffff000000000001080000,actions=2'],
      ['diff-flows', 'br0', 'OTHER'],
      ['diff-flows', 'FLOWS', 'OTHER'],
      ['add-flows', 'br0', 'BAD'],
      ['show', 'nobr'],
      ['nonsense'],
      ['probe', 'unix:/nonexistent'],
      ['--no-such-option', 'show', 'br0'],
    ])('%s %s %s %s prints what ovs-ofctl prints', async (...words) => {
      const args = words
        .filter((word) => word !== undefined)
        .map((word) => (/^(FLOWS|OTHER|BAD)$/.test(word) ? file(word.toLowerCase()) : word));
      const expected = await run('ovs', ['-O', protocol, ...args]);
      expect(await run('weft', ['-O', protocol, ...args])).toEqual(expected);
    });
  });

  describe.each(['OpenFlow12', 'OpenFlow14'])('on %s', (protocol) => {
    it.each([
      ['del-flows', 'br0'],
      ['add-flows', 'br0', 'FLOWS'],
      ['add-flow', 'br0', 'table=7,priority=9,importance=5,tcp,actions=drop'],
      ['add-flow', 'br0', 'table=7,no_packet_counts,actions=drop'],
      ['--sort', 'dump-flows', 'br0'],
      ['dump-aggregate', 'br0'],
      ['dump-ports-desc', 'br0'],
      ['dump-ports', 'br0', 'p1'],
      ['queue-stats', 'br0'],
      ['queue-stats', 'br0', 'p1', '0'],
      ['queue-stats', 'br0', 'p1', '7'],
      ['queue-get-config', 'br0', 'p1'],
      ['queue-get-config', 'br0', '99'],
      ['mod-table', 'br0', '3', 'drop'],
      ['mod-table', 'br0', '3', 'evict'],
      ['mod-table', 'br0', '3', 'vacancy:10,20'],
      ['mod-table', 'br0', '3', 'vacancy:20,10'],
      ['mod-table', 'br0', '3', 'foo'],
      ['mod-table', 'br0', '3', 'name:foo'],
      ['mod-table', 'br0', '3', 'name:'],
      ['mod-table', 'br0', 'all', 'name:foo'],
      ['dump-table-desc', 'br0'],
      ['mod-table', 'br0', 'all', 'noevict'],
      ['mod-port', 'br0', 'p1', 'noflood'],
      ['mod-port', 'br0', 'p1', 'flood'],
      ['add-tlv-map', 'br0', '{class=0x102,type=0x80,len=4}->tun_metadata0'],
      ['dump-tlv-map', 'br0'],
      ['del-tlv-map', 'br0'],
      ['ct-flush', 'br0', 'zone=5'],
      ['ct-flush-zone', 'br0', 'x'],
    ])('%s %s %s %s prints what ovs-ofctl prints', async (...words) => {
      const args = words.filter((word) => word !== undefined).map((word) => (word === 'FLOWS' ? file('flows') : word));
      const expected = await run('ovs', ['-O', protocol, ...args]);
      // Adding once more what is there already would be another question.
      if (args[0] === 'add-tlv-map') await oracle.must('ovs-ofctl', 'del-tlv-map', 'br0');
      expect(await run('weft', ['-O', protocol, ...args])).toEqual(expected);
    });
  });

  it('changes ports, fragment handling and whole flow tables', async () => {
    expect((await run('weft', ['mod-port', 'br0', 'p1', 'no-flood'])).code).toBe(0);
    expect((await run('ovs', ['show', 'br0'])).stdout).toContain('config:     NO_FLOOD');
    expect((await run('weft', ['mod-port', 'br0', '1', 'flood'])).code).toBe(0);
    expect((await run('ovs', ['show', 'br0'])).stdout).not.toContain('NO_FLOOD');
    expect((await run('weft', ['set-frags', 'br0', 'drop'])).code).toBe(0);
    expect((await run('ovs', ['get-frags', 'br0'])).stdout).toBe('drop\n');
    expect((await run('weft', ['set-frags', 'br0', 'normal'])).code).toBe(0);
    expect((await run('weft', ['replace-flows', 'br0', file('other')])).code).toBe(0);
    expect(await run('ovs', ['diff-flows', 'br0', file('other')])).toMatchObject({ code: 0, stdout: '' });
    expect((await run('weft', ['del-flows', 'br0'])).code).toBe(0);
    expect((await run('ovs', ['--no-stats', 'dump-flows', 'br0'])).stdout).toBe('');
  });

  describe.each([[], ['-O', 'OpenFlow13'], ['-O', 'OpenFlow15']])('in a bundle (%s %s)', (...protocol) => {
    const commands = [
      ['--bundle', 'add-flows', 'br0', 'flows'],
      ['--bundle', 'add-flow', 'br0', 'in_port=4,actions=group:77'],
      ['--bundle', 'mod-flows', 'br0', 'table=3,actions=drop'],
      ['--bundle', 'del-flows', 'br0', 'table=4'],
      ['--bundle', 'replace-flows', 'br0', 'other'],
      ['--bundle', 'add-group', 'br0', 'group_id=9,type=all,bucket=output:1'],
      ['--bundle', 'add-group', 'br0', 'group_id=9,type=all,bucket=output:1'],
      ['bundle', 'br0', 'mixed'],
      ['bundle', 'br0', 'half'],
      ['bundle', 'br0', 'other'],
      ['--bundle', 'del-groups', 'br0'],
      ['--read-only', 'add-flow', 'br0', 'actions=drop'],
      ['--read-only', 'dump-groups', 'br0'],
    ];

    it('does what ovs-ofctl does, and says it in the same words', async () => {
      const done = [];
      for (const program of ['ovs', 'weft'] as const) {
        await oracle.must('ovs-ofctl', 'del-flows', 'br0');
        await oracle.must('ovs-ofctl', '-O', 'OpenFlow13', 'del-groups', 'br0');
        const answers = [];
        for (const words of commands) {
          const args = words.map((word) => (FILES.includes(word) ? file(word) : word));
          answers.push([words.join(' '), await run(program, [...protocol, ...args])]);
        }
        done.push([answers, await oracle.must('ovs-ofctl', '--no-stats', '--sort', 'dump-flows', 'br0')]);
      }
      expect(done[1]).toEqual(done[0]);
    });
  });

  it('monitors what ovs-ofctl monitors', async () => {
    await oracle.must('ovs-ofctl', 'del-flows', 'br0');
    await oracle.must('ovs-ofctl', 'add-flow', 'br0', 'cookie=7,in_port=1,actions=load:5->reg0[],controller');
    const args = ['monitor', 'br0', '65534', 'watch:'];
    const theirs = watchTool(oracle.rundir, 'ovs-ofctl', args);
    const ours = watchTool(oracle.rundir, process.execPath, [WEFT, ...args]);
    const both = (text: string) => () => theirs.text().includes(text) && ours.text().includes(text);
    await until(both('event=ADDED'));
    // The packet-in format is set after the initial flows came.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const packet = (rest: string) =>
      oracle.appctl(
        'netdev-dummy/receive',
        'p1',
        `in_port(1),eth(src=50:54:00:00:00:05,dst=50:54:00:00:00:07),${rest}`,
      );
    const ip = 'ipv4(src=192.168.0.1,dst=192.168.0.2,proto=6,tos=0,ttl=64,frag=no)';
    await packet(`eth_type(0x0800),${ip},tcp(src=80,dst=90)`);
    await packet('eth_type(0x0806),arp(sip=1.2.3.4,tip=5.6.7.8,op=1,sha=00:0f:02:03:04:05,tha=00:00:00:00:00:00)');
    await packet('eth_type(0x1234)');
    await oracle.must('ovs-ofctl', 'add-flow', 'br0', 'priority=9,ip,send_flow_rem,cookie=9,actions=1');
    await oracle.must('ovs-ofctl', '--strict', 'del-flows', 'br0', 'priority=9,ip');
    await oracle.must('ovs-ofctl', 'mod-port', 'br0', '2', 'no-flood');
    await until(both('NO_FLOOD'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const watch of [theirs, ours]) watch.stop();
    expect(normalize(ours.text())).toBe(normalize(theirs.text().replace(/^.*fatal_signal.*\n/gm, '')));
  });
});
