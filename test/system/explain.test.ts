// What explains a switch, beside Open vSwitch: every form of ofproto/trace, the datapath's flows added, changed and removed
// by hand, frames given to dummy ports as flows and as bytes, and a clock that is stopped and warped.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { igmp } from '../support/mcast-frames.ts';
import { FRAME, SideBySide } from '../support/side-by-side.ts';
import { haveOvs } from '../support/vhost-switch.ts';

const PATIENCE = { timeout: 30_000, interval: 100 };
const UDP =
  'in_port(1),eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a),eth_type(0x0800),' +
  'ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)';

describe.skipIf(!haveOvs)('beside Open vSwitch', () => {
  const pair = new SideBySide();

  beforeAll(async () => {
    await pair.start(4);
    await same('ovs-appctl', 'time/stop');
  });
  afterAll(() => pair.stop());

  /** Datapath flows come in no order; recirculation ids and UFIDs are the switch's own. */
  function comparable(text: string): string {
    const own = text
      .replaceAll(/recirc(_id)?\((0x)?[1-9a-f][0-9a-f]*\)/g, 'recirc$1(R)')
      .replaceAll(/recirc_id=\d+/g, 'recirc_id=R')
      .replaceAll(/Megaflow: recirc_id=R/g, 'Megaflow: recirc_id=0')
      .replaceAll(/ufid:[0-9a-f-]+, ?/g, '')
      .replaceAll(/, dp-extra-info:\S*/g, '');
    return /recirc_id\(/.test(own) ? own.split('\n').toSorted().join('\n') : own;
  }

  async function same(tool: string, ...args: readonly string[]): Promise<string> {
    const [weft, ovs] = (await pair.both(tool, args)).map(comparable) as [string, string];
    expect(weft, [tool, ...args].join(' ')).toBe(ovs);
    return weft;
  }
  const appctl = (...args: string[]) => same('ovs-appctl', ...args);

  /** Resolves once both answer alike and have `expected` in it. */
  async function shows(ask: () => Promise<string>, ...expected: (string | RegExp)[]): Promise<void> {
    for (const part of expected) await expect.poll(() => ask().catch(String), PATIENCE).toMatch(part);
  }

  it('ofproto/trace in every form', async () => {
    await same('ovs-ofctl', 'add-flow', 'br0', 'in_port=1,udp,tp_dst=2,actions=set_field:3->reg1,resubmit(,1)');
    await same('ovs-ofctl', 'add-flow', 'br0', 'table=1,ip,actions=mod_nw_tos:8,output:2,controller(userdata=01.02)');
    const forms: readonly (readonly string[])[] = [
      ['br0', 'in_port=1,udp,udp_dst=2'],
      ['br0', 'in_port=p1,udp,udp_dst=2'],
      ['br0', 'dl_dst=ff:ff:ff:ff:ff:ff'],
      ['br0', 'in_port=1,tcp,tcp_flags='],
      ['br0', 'in_port=1,udp,udp_dst=2', '-generate'],
      ['br0', 'in_port=1,udp,nw_src=1.2.3.4,udp_dst=2', '--generate'],
      ['br0', 'in_port=1', FRAME],
      ['br0', 'in_port=1,reg3=7', FRAME],
      ['br0', 'in_port=99', FRAME],
      [UDP],
      [UDP, '-generate'],
      ['dummy@ovs-dummy', UDP],
      ['ovs-dummy', UDP],
      ['dummy@br0', UDP],
      ['dummy@ovs-dummy', 'in_port(1)', FRAME],
      ['in_port(1)', FRAME],
      ['in_port(1),skb_priority(0x5),skb_mark(7)', FRAME],
      ['br0', UDP],
      ['br9', 'in_port=1'],
      ['br0', 'in_port=1,nonsense=3'],
      ['br0', 'in_port=1', 'abc'],
      ['br0', 'in_port=1', '0011223344'],
      ['in_port(77)', FRAME],
      ['in_port('],
      ['br0', 'in_port=1,udp,udp_dst=2', '--ct-next', 'trk,new'],
      ['br0', 'in_port=1,udp,udp_dst=2', '--ct-next', 'bogus'],
      ['br0', 'in_port=1,udp,udp_dst=2', '--ct-next'],
      ['br0', 'in_port=1,udp', FRAME, 'more', 'and more'],
    ];
    for (const form of forms) await appctl('ofproto/trace', ...form);
    await appctl('ofproto/trace-packet-out', 'br0', 'in_port=1,udp,udp_dst=2', 'output:3,resubmit(,1)');
    await appctl('ofproto/trace-packet-out', '-consistent', 'br0', 'in_port=1,udp,udp_dst=2', 'output:3');
    await appctl('ofproto/trace-packet-out', 'br0', 'in_port=1', FRAME, 'dec_ttl,output:3');
    await appctl('ofproto/trace-packet-out', 'br0', 'in_port=1,udp', 'bogus');
    await appctl('ofproto/trace-packet-out', 'br0', 'in_port=1,udp');
  });

  it('dpctl: flows added, read, changed and removed by hand', async () => {
    await appctl('dpctl/del-flows');
    const key = 'in_port(3),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/255.255.255.0,frag=no)';
    await appctl('dpctl/add-flow', key, '2');
    await appctl('dpctl/add-flow', 'in_port(3', '2');
    await appctl('dpctl/add-flow', key, 'bogus(');
    await appctl('dpctl/mod-flow', 'in_port(9),eth(),eth_type(0x0806),arp()', '4');
    await appctl('dpctl/get-flow', 'dummy@ovs-dummy', 'ufid:00000000-0000-0000-0000-000000000000');
    await appctl('dpctl/get-flow', 'ufid:bogus');
    await appctl('dpctl/del-flow', 'in_port(9),eth(),eth_type(0x0806),arp()');
    await appctl('dpctl/dump-flows', 'br9');
    await appctl('dpctl/dump-flows', 'filter=bogus=1');
    await appctl('dpctl/del-flows');
    await appctl('dpctl/dump-flows');
  });

  it('frames for dummy ports, as flows and as bytes; counters, megaflows and idle timeouts on a warped clock', async () => {
    await same('ovs-ofctl', 'del-flows', 'br0');
    await appctl('dpctl/del-flows');
    await same('ovs-ofctl', 'add-flow', 'br0', 'idle_timeout=10,in_port=1,ip,nw_dst=10.0.0.2,actions=output:2');
    await same('ovs-ofctl', 'add-flow', 'br0', 'hard_timeout=25,in_port=2,actions=output:1');
    await same('ovs-ofctl', 'add-flow', 'br0', 'priority=1,actions=output:4');
    await appctl('netdev-dummy/receive', 'p1', UDP);
    await appctl('netdev-dummy/receive', 'p1', UDP, '--len', '200');
    await appctl('netdev-dummy/receive', 'p1', '--qid', '0', UDP);
    for (const queue of [['1'], ['-1'], ['x'], [], ['0', '--qid', '0']]) {
      await appctl('netdev-dummy/receive', 'p1', '--qid', ...queue, UDP);
    }
    await appctl('netdev-dummy/receive', 'p1', FRAME, FRAME);
    await appctl('netdev-dummy/receive', 'p2', FRAME);
    await appctl('netdev-dummy/receive', 'p1', 'bogus');
    await appctl('netdev-dummy/receive', 'p9', FRAME);
    await appctl('netdev-dummy/receive', 'p1', UDP, '--len', 'x');
    for (let second = 0; second < 4; second++) await appctl('time/warp', '1000');
    await same('ovs-ofctl', 'dump-flows', '--no-stats', 'br0');
    await same('ovs-ofctl', 'dump-aggregate', 'br0');
    await appctl('netdev-dummy/receive', 'p1', UDP);
    // The clock goes in steps so that both revalidate on the way.
    for (let second = 0; second < 9; second++) await appctl('time/warp', '1000');
    await same('ovs-ofctl', 'dump-flows', '--no-stats', 'br0');
    for (let second = 0; second < 8; second++) await appctl('time/warp', '1000');
    await same('ovs-ofctl', 'dump-flows', '--no-stats', 'br0');
    for (let second = 0; second < 8; second++) await appctl('time/warp', '1000');
    await same('ovs-ofctl', 'dump-flows', '--no-stats', 'br0');
    await appctl('dpctl/dump-flows');
    await appctl('time/warp', 'soon');
    await appctl('time/warp', '10', '0');
  });

  it('connections that end: timeouts of flows, learned ones too, by the flags that megaflows saw', async () => {
    await same('ovs-ofctl', 'del-flows', 'br0');
    const learned = 'idle_timeout=50,hard_timeout=60,fin_idle_timeout=4,fin_hard_timeout=9';
    const specs = 'NXM_OF_ETH_SRC[],eth_type=0x800,nw_proto=6,output:NXM_OF_IN_PORT[]';
    for (const flow of [
      'idle_timeout=100,hard_timeout=200,in_port=1,tcp,actions=fin_timeout(idle_timeout=5,hard_timeout=10),output:2',
      `in_port=2,tcp,actions=learn(table=1,${learned},${specs}),resubmit(,1)`,
    ]) {
      expect(await same('ovs-ofctl', 'add-flow', 'br0', flow)).toBe('exit 0\n');
    }
    const tcp = async (flags: string) => {
      const key = `${UDP.replace('proto=17', 'proto=6').replace('udp(', 'tcp(')},tcp_flags(${flags})`;
      for (const port of [1, 2]) await appctl('netdev-dummy/receive', `p${port}`, key.replace('(1)', `(${port})`));
    };
    for (const flags of ['syn', 'ack', 'psh|ack']) await tcp(flags);
    await appctl('time/warp', '1000', '100');
    const dump = () => same('ovs-ofctl', 'dump-flows', '--no-stats', 'br0');
    for (const text of [' idle_timeout=100, ', ' idle_timeout=50, ']) expect(await dump()).toContain(text);
    await tcp('fin|ack');
    await appctl('time/warp', '1000', '100');
    await shows(dump, ' idle_timeout=5, hard_timeout=10, ', ' idle_timeout=4, hard_timeout=9, ');
    await appctl('time/warp', '7000', '500');
    await shows(dump, /^exit 0\n tcp,in_port=2 .*\n$/);
  });

  it('addresses grow old', async () => {
    await pair.vsctl('set', 'Bridge', 'br0', 'other_config:mac-aging-time=20', 'mcast_snooping_enable=true');
    await pair.vsctl('set', 'Bridge', 'br0', 'other_config:mcast-snooping-aging-time=30');
    await same('ovs-ofctl', 'add-flow', 'br0', 'priority=65535,actions=normal');
    await appctl('netdev-dummy/receive', 'p1', UDP);
    await appctl('netdev-dummy/receive', 'p2', Buffer.from(igmp(0x16, '225.1.1.1')).toString('hex'));
    const tables = async () => `${await appctl('fdb/show', 'br0')}${await appctl('mdb/show', 'br0')}`;
    await shows(tables, '50:54:00:00:00:09    0', '225.1.1.1 ');
    await appctl('time/warp', '15000', '500');
    await shows(tables, '50:54:00:00:00:09   15', /225.1.1.1 +15/);
    await appctl('time/warp', '10000', '500');
    await shows(tables, /MAC +Age\nexit 0\n.*\n.*225.1.1.1 +25/);
    await appctl('time/warp', '10000', '500');
    await shows(tables, /MAC +Age\nexit 0\n.*Age\n$/);
  });
});
