// The real ovs-ofctl on weftd, command by command beside the same commands on real Open vSwitch: what they print must be
// the same, but for what is the switch's own (addresses, times).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Output, RealOvs, runTool, watchTool } from '../support/real-ovs.ts';
import { FRAME, normalize } from '../support/side-by-side.ts';
import { until } from '../support/sockets.ts';
import { Weftd } from '../support/weftd.ts';

function printed({ code, stdout, stderr }: Output): string {
  return normalize(`exit ${code}\n${stdout}${stderr}`);
}

describe('ovs-ofctl', () => {
  const weftd = new Weftd({ args: ['--enable-dummy', '-vconsole:off'] });
  let oracle: RealOvs;

  beforeAll(async () => {
    const ports = ['p1', 'p2'].flatMap((name, index) => [
      '--',
      'add-port',
      'br0',
      name,
      '--',
      'set',
      'Interface',
      name,
      'type=dummy',
      `ofport_request=${index + 1}`,
    ]);
    const bridge = ['add-br', 'br0', '--', 'set', 'Bridge', 'br0', 'datapath_type=dummy', 'fail_mode=secure'];
    oracle = await RealOvs.start();
    await oracle.must('ovs-vsctl', ...bridge, ...ports);
    await weftd.start();
    await weftd.tool('ovs-vsctl', ...bridge, ...ports);
  });

  afterAll(async () => {
    await weftd.close();
    await oracle?.[Symbol.asyncDispose]();
  });

  /** The same command on both; the texts, weft's first. */
  async function both(args: readonly string[], input = ''): Promise<[string, string]> {
    const ours = await runTool(weftd.dir, 'ovs-ofctl', args, input);
    const theirs = await runTool(oracle.rundir, 'ovs-ofctl', args, input);
    return [printed(ours), printed(theirs)];
  }

  const FLOWS = [
    'table=0,priority=10,in_port=1,actions=output:2',
    'table=0,priority=20,tcp,nw_dst=10.0.0.0/8,tp_dst=80,actions=mod_nw_src:1.2.3.4,NORMAL',
    'table=1,cookie=0x1234,idle_timeout=60,hard_timeout=120,ipv6,ipv6_src=fe80::/64,actions=drop',
    'table=2,vlan_tci=0x1123,dl_dst=00:11:22:33:44:55,actions=strip_vlan,resubmit(,3)',
    'table=3,reg0=0x5,metadata=0x7,send_flow_rem,actions=move:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15],controller(max_len=60)',
    'table=253,arp,arp_tpa=10.1.1.1,actions=flood',
  ].join('\n');

  const COMMANDS: readonly (readonly string[])[] = [
    ['del-flows', 'br0'],
    ['show', 'br0'],
    ['dump-desc', 'br0'],
    ['dump-tables', 'br0'],
    ['dump-table-desc', 'br0'],
    ['dump-ports-desc', 'br0'],
    ['dump-ports-desc', 'br0', 'p1'],
    ['ping', 'br0', '100'],
    ['probe', 'br0'],
    ['dump-ports', 'br0'],
    ['dump-ports', 'br0', 'p1'],
    ['dump-ports', 'br0', '99'],
    ['queue-stats', 'br0', 'p1'],
    ['queue-stats', 'br0', 'p1', '0'],
    ['queue-stats', 'br0', 'p1', '7'],
    ['queue-stats', 'br0', '99'],
    ['queue-get-config', 'br0', 'p1'],
    ['queue-get-config', 'br0', 'p1', '0'],
    ['queue-get-config', 'br0', '99'],
    ['add-flows', 'br0', '-'],
    ['dump-flows', 'br0'],
    ['dump-flows', 'br0', 'tcp'],
    ['dump-flows', 'br0', 'table=1'],
    ['dump-flows', 'br0', 'cookie=0x1234/-1'],
    ['dump-flows', 'br0', 'out_port=2'],
    ['dump-flows', '--no-stats', 'br0'],
    ['dump-aggregate', 'br0'],
    ['dump-aggregate', 'br0', 'table=0'],
    ['mod-flows', 'br0', 'table=0,in_port=1,actions=drop'],
    // Adds a flow in 1.0 and 1.1, and changes none later.
    ['mod-flows', 'br0', 'table=7,cookie=0x77,in_port=1,actions=drop'],
    ['mod-flows', 'br0', 'table=1,cookie=0x88,actions=drop'],
    ['--strict', 'mod-flows', 'br0', 'table=253,arp,arp_tpa=10.1.1.1,actions=all'],
    ['dump-flows', 'br0'],
    ['add-flow', 'br0', 'table=0,priority=10,in_port=1,check_overlap,actions=output:2'],
    ['add-flow', 'br0', 'table=0,priority=10,ip,check_overlap,actions=output:2'],
    ['add-flow', 'br0', 'table=0,priority=22,tcp,importance=3,actions=output:2'],
    ['add-flow', 'br0', 'table=0,priority=21,tcp,no_packet_counts,no_byte_counts,reset_counts,actions=output:2'],
    ['dump-flows', 'br0', 'table=0'],
    ['--strict', 'del-flows', 'br0', 'table=0,priority=10,in_port=1'],
    ['del-flows', 'br0', 'table=2'],
    ['del-flows', 'br0', 'out_port=LOCAL'],
    ['dump-flows', 'br0'],
    ['packet-out', 'br0', `in_port=1,packet=${FRAME},actions=output:2`],
    ['mod-port', 'br0', 'p1', 'no-flood'],
    ['mod-port', 'br0', 'p1', 'no-forward'],
    ['dump-ports-desc', 'br0'],
    ['mod-port', 'br0', 'p1', 'flood'],
    ['mod-port', 'br0', 'p1', 'forward'],
    ['mod-port', 'br0', 'p1', 'noflood'],
    ['mod-port', 'br0', 'p9', 'down'],
    ['mod-table', 'br0', '3', 'drop'],
    ['mod-table', 'br0', 'all', 'controller'],
    ['mod-table', 'br0', '3', 'evict'],
    ['mod-table', 'br0', '3', 'vacancy:10,20'],
    ['mod-table', 'br0', '254', 'evict'],
    ['dump-table-desc', 'br0'],
    ['mod-table', 'br0', '3', 'noevict'],
    ['mod-table', 'br0', '3', 'novacancy'],
    ['dump-table-desc', 'br0'],
    ['dump-tables', 'br0'],
    ['get-frags', 'br0'],
    ['set-frags', 'br0', 'drop'],
    ['get-frags', 'br0'],
    ['set-frags', 'br0', 'normal'],
    ['dump-ipfix-bridge', 'br0'],
    ['ct-flush', 'br0', 'zone=5'],
    ['ct-flush', 'br0', 'zone=5', 'ct_nw_src=10.1.1.1,ct_nw_proto=6,ct_tp_dst=80'],
    ['dump-tlv-map', 'br0'],
    ['add-tlv-map', 'br0', '{class=0x102,type=0x80,len=4}->tun_metadata0'],
    ['add-tlv-map', 'br0', '{class=0x102,type=0x80,len=4}->tun_metadata1'],
    ['dump-tlv-map', 'br0'],
    ['add-flow', 'br0', 'table=9,actions=delete_field:tun_metadata0,delete_field:tun_metadata1,output:2'],
    ['add-flow', 'br0', 'table=9,actions=delete_field:tun_metadata0,output:2'],
    ['add-flow', 'br0', 'table=9,priority=1,tun_metadata0=0x1234/0xffff,actions=set_field:0x5/0xff->tun_metadata0'],
    ['add-flow', 'br0', 'table=9,priority=2,tun_metadata0,actions=move:tun_metadata0[0..15]->reg0[0..15]'],
    ['add-flow', 'br0', 'table=9,priority=3,tun_metadata0=0x123456789a,actions=set_field:0->tun_metadata0'],
    ['add-flow', 'br0', 'table=9,priority=4,tun_metadata0=0,actions=push:tun_metadata0[],pop:tun_metadata0[0..15]'],
    ['add-flow', 'br0', 'table=9,tun_metadata1=1,actions=drop'],
    ['add-flow', 'br0', 'table=9,actions=set_field:1->tun_metadata1'],
    ['dump-flows', 'br0', 'tun_metadata0'],
    ['dump-flows', 'br0', 'table=9'],
    ['packet-out', 'br0', `in_port=1,packet=${FRAME},actions=delete_field:tun_metadata5,output:2`],
    ['del-tlv-map', 'br0'],
    ['del-flows', 'br0', 'table=9'],
    ['del-tlv-map', 'br0'],
    ['dump-tlv-map', 'br0'],
    ['del-flows', 'br0'],
    ['dump-flows', 'br0'],
  ];
  const ONLY_13: readonly (readonly string[])[] = [
    ['dump-groups', 'br0'],
    ['dump-group-stats', 'br0'],
    ['dump-meters', 'br0'],
    ['meter-stats', 'br0'],
  ];

  /** Without dummy ports' own counters and ages in seconds, and in an order that is no hash table's. */
  function comparable(text: string): string {
    const ageless = text.replaceAll(/ hard_age=\d+,/g, '').replaceAll(/idle_age=\d+/g, 'idle_age=N');
    const [head = '', ...ports] = ageless.replaceAll(/ *CUSTOM Statistics\n( {22}.*\n)+/g, '').split(/^(?= {2}port )/m);
    const flows = head.includes(' actions=') ? head.split('\n').sort().join('\n') : head;
    return [flows, ...ports.sort()].join('');
  }

  for (const version of ['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15']) {
    it(`prints the same as with Open vSwitch over ${version}`, async () => {
      for (const command of version === 'OpenFlow13' ? [...COMMANDS, ...ONLY_13] : COMMANDS) {
        const words = ['-O', version, ...command];
        const [ours, theirs] = await both(words, FLOWS);
        // Open vSwitch lets go of the tunnel fields of deleted flows a moment later.
        if (command[0] === 'del-tlv-map' && ours !== theirs) {
          const again = async () => printed(await runTool(oracle.rundir, 'ovs-ofctl', words));
          await expect.poll(again, { timeout: 30_000 }).toBe(ours);
          continue;
        }
        expect(comparable(ours), `ovs-ofctl -O ${version} ${command.join(' ')}`).toBe(comparable(theirs));
      }
    });
  }

  it('traces what actions write to tunnel metadata as Open vSwitch does', async () => {
    const flows = [
      'in_port=1 actions=set_field:0x1234->tun_metadata0,set_field:0x5/0xf->tun_metadata1,move:tun_metadata0[0..15]->reg0[0..15],push:tun_metadata1[0..7],pop:reg2[],resubmit(,4)',
      'table=4 priority=5,tun_metadata0=0x1234 actions=load:7->reg5[],delete_field:tun_metadata0,resubmit(,5)',
      'table=5 priority=5,tun_metadata0 actions=load:7->reg6[]',
      'table=5 priority=4 actions=load:8->reg6[],move:tun_metadata0[0..31]->reg7[],move:reg0[0..15]->tun_metadata1[16..31]',
    ].join('\n');
    const mappings = '{class=0x103,type=1,len=4}->tun_metadata0,{class=0x103,type=2,len=124}->tun_metadata1';
    await both(['del-flows', 'br0']);
    await both(['add-tlv-map', 'br0', mappings]);
    const [ours, theirs] = await both(['add-flows', 'br0', '-'], flows);
    expect(ours).toBe(theirs);
    const trace = ['ofproto/trace', 'br0', 'in_port=1,tcp'];
    expect(await weftd.appctl(...trace)).toBe((await oracle.appctl(...trace)).trimEnd());
    await both(['del-flows', 'br0']);
    await weftd.ofctl('del-tlv-map', 'br0');
    // Open vSwitch lets go of the tunnel fields of deleted flows a moment later.
    const clear = async () => (await runTool(oracle.rundir, 'ovs-ofctl', ['del-tlv-map', 'br0'])).code;
    await expect.poll(clear, { timeout: 30_000 }).toBe(0);
  });

  /** Types of the packet-ins a `monitor` printed, and the other messages whole, in order. */
  const monitored = (text: string) => normalize(text).replaceAll(/^.*fatal_signal.*$/gm, '');

  it.each([
    [[], 'priority=0,actions=controller:20'],
    [[], 'table=9,actions=drop'],
    [['-O', 'OpenFlow13'], 'priority=0,actions=controller'],
    [['-O', 'OpenFlow13'], 'priority=1,udp,actions=controller(reason=no_match)'],
    [['-O', 'OpenFlow11', '-P', 'standard'], 'priority=5,udp,send_flow_rem,actions=controller'],
    [['-O', 'OpenFlow12', '-P', 'standard'], 'priority=5,udp,send_flow_rem,actions=controller'],
    [['-O', 'OpenFlow14', '-P', 'standard'], 'priority=0,cookie=0x7,send_flow_rem,actions=controller'],
    [['-O', 'OpenFlow15', '-P', 'standard'], 'priority=5,udp,cookie=0x7,send_flow_rem,actions=controller'],
    [['-P', 'standard'], 'priority=5,udp,cookie=0x7,actions=load:5->NXM_NX_REG3[],controller'],
    [['-P', 'nxt_packet_in'], 'priority=5,udp,cookie=0x7,actions=load:5->NXM_NX_REG3[],controller'],
    [['-O', 'OpenFlow13', '-P', 'standard'], 'priority=5,udp,cookie=0x7,actions=load:5->NXM_NX_REG3[],controller'],
    [['invalid_ttl'], 'priority=5,udp,send_flow_rem,actions=mod_nw_ttl:1,dec_ttl,output:2'],
  ])('monitor %j prints the packet-in of %s as with Open vSwitch', async (args, flow) => {
    const texts: string[] = [];
    for (const [rundir, appctl] of [
      [weftd.dir, (...words: string[]) => weftd.appctl(...words)],
      [oracle.rundir, (...words: string[]) => oracle.appctl(...words)],
    ] as const) {
      await runTool(rundir, 'ovs-ofctl', ['del-flows', 'br0']);
      await runTool(rundir, 'ovs-ofctl', ['add-flow', 'br0', flow]);
      const monitor = watchTool(rundir, 'ovs-ofctl', ['monitor', 'br0', '65534', ...args]);
      // The monitor is in place when a packet comes through; earlier ones went nowhere, and what they left behind (Open
      // vSwitch keeps the drop of a miss that no connection wanted) must not swallow the next.
      for (let tries = 0; tries < 50 && !monitor.text().includes('PACKET_IN'); tries++) {
        await appctl('revalidator/purge');
        await appctl('netdev-dummy/receive', 'p1', FRAME);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await runTool(rundir, 'ovs-ofctl', ['del-flows', 'br0']);
      if (flow.includes('send_flow_rem')) await until(() => monitor.text().includes('FLOW_REMOVED'), 15_000);
      await until(() => /PACKET_IN.*\n.+\n/.test(monitor.text()), 15_000);
      monitor.stop();
      const lines = monitored(monitor.text()).split('\n');
      const first = lines.findIndex((line) => line.includes('PACKET_IN'));
      const rest = lines.filter((line) => line.includes('FLOW_REMOVED')).map((line) => line.replaceAll(/\d+/g, 'N'));
      texts.push([...lines.slice(first, first + 2), ...rest].join('\n'));
    }
    expect(texts[0]).toContain('PACKET_IN');
    expect(texts[0]).toBe(texts[1]);
  });

  it('monitor prints port changes', async () => {
    const monitor = watchTool(weftd.dir, 'ovs-ofctl', ['monitor', 'br0', '65534']);
    for (let tries = 0; tries < 50 && !monitor.text().includes('PORT_STATUS'); tries++) {
      await runTool(weftd.dir, 'ovs-ofctl', ['mod-port', 'br0', 'p1', tries % 2 ? 'up' : 'down']);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    monitor.stop();
    await runTool(weftd.dir, 'ovs-ofctl', ['mod-port', 'br0', 'p1', 'up']);
    expect(monitor.text()).toContain('OFPT_PORT_STATUS (xid=0x0): MOD: 1(p1)');
  });

  it('packet-out reaches the port', async () => {
    const before = await weftd.ofctl('dump-ports', 'br0', 'p2');
    await weftd.ofctl('packet-out', 'br0', `in_port=1,packet=${FRAME},actions=output:2`);
    const sent = (text: string) => Number(/tx pkts=(\d+)/.exec(text)![1]);
    expect(sent(await weftd.ofctl('dump-ports', 'br0', 'p2'))).toBe(sent(before) + 1);
  });

  it('snoop prints what passes between the bridge and its controllers', async () => {
    const controller = watchTool(weftd.dir, 'ovs-testcontroller', [`punix:${weftd.dir}/testcontroller`]);
    const snoop = watchTool(weftd.dir, 'ovs-ofctl', ['snoop', 'br0']);
    const target = `unix:${weftd.dir}/testcontroller`;
    await weftd.vsctl(`set-controller br0 ${target} -- set Controller br0 inactivity_probe=1000 max_backoff=1000`);
    await until(() => snoop.text().includes('OFPT_ECHO_REPLY'), 15_000);
    snoop.stop();
    await weftd.vsctl('del-controller br0');
    controller.stop();
  });

  it('answers an echo on one connection while another sends 100,000 flow-mods', async () => {
    const flows = Array.from(
      { length: 100_000 },
      (_, i) => `priority=${i % 7},ip,nw_dst=10.${i >> 16}.${(i >> 8) & 255}.${i & 255},actions=drop`,
    );
    let loading = true;
    const load = runTool(weftd.dir, 'ovs-ofctl', ['add-flows', 'br0', '-'], `${flows.join('\n')}\n`);
    load.finally(() => {
      loading = false;
    });
    const tookMs: number[] = [];
    while (loading) {
      const startedMs = performance.now();
      await weftd.ofctl('--timeout=5', 'probe', 'br0');
      tookMs.push(performance.now() - startedMs);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await load).code).toBe(0);
    expect(await weftd.ofctl('dump-aggregate', 'br0')).toContain('flow_count=100000');
    await weftd.ofctl('del-flows', 'br0');
    expect(tookMs.length).toBeGreaterThan(1);
    expect(Math.max(...tookMs)).toBeLessThan(2000);
  });

  it('dumps a large table in parts', async () => {
    const flows = Array.from({ length: 5000 }, (_, index) => `in_port=${1 + index},actions=output:${1 + index}`);
    await runTool(weftd.dir, 'ovs-ofctl', ['del-flows', 'br0']);
    await runTool(weftd.dir, 'ovs-ofctl', ['add-flows', 'br0', '-'], flows.join('\n'));
    for (const version of ['OpenFlow10', 'OpenFlow13']) {
      const { stdout } = await runTool(weftd.dir, 'ovs-ofctl', ['-O', version, 'dump-flows', 'br0']);
      expect(stdout.split('\n').filter((line) => line.includes('in_port='))).toHaveLength(5000);
    }
  });
});
