// weftd beside a real Open vSwitch: two bridges with patch ports, the MAC table, multicast snooping and mirrors, by the
// real tools.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { igmp, igmp3, ip4, mld } from '../support/mcast-frames.ts';
import { SideBySide } from '../support/side-by-side.ts';

const hasOvs = spawnSync('ovs-vsctl', ['--version']).status === 0;
/** Long enough for a busy machine. */
const PATIENCE = { timeout: 60_000, interval: 200 };

const port = (name: string, number: number, ...columns: string[]) =>
  ['--', 'set', 'Interface', name, `ofport_request=${number}`, ...columns] as const;

describe.skipIf(!hasOvs)('bridges beside Open vSwitch', () => {
  const pair = new SideBySide();

  beforeAll(async () => {
    await pair.start(4);
    const br1 = ['add-br', 'br1', '--', 'set', 'Bridge', 'br1', 'datapath_type=dummy', 'fail_mode=secure'];
    await pair.vsctl(...br1, '--', 'add-port', 'br1', 'p5', ...port('p5', 5, 'type=dummy'));
    await pair.vsctl('add-port', 'br0', 'left', ...port('left', 10, 'type=patch', 'options:peer=right'));
    for (const bridge of ['br0', 'br1']) {
      const [ours, theirs] = await pair.ofctl(['add-flow', bridge, 'actions=normal']);
      expect(ours).toBe(theirs);
    }
  }, 120_000);

  afterAll(() => pair.stop());

  const appctl = (...args: string[]) => pair.both('ovs-appctl', args);
  const column = (table: string, row: string, ...columns: string[]) =>
    pair.both('ovs-vsctl', ['--columns', columns.join(), '--format=csv', '--no-headings', 'list', table, row]);

  /** Sends a frame in hex, or a flow that describes one, into a port of both. */
  async function send(name: string, frame: Uint8Array | string): Promise<void> {
    const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('hex');
    for (const answer of await appctl('netdev-dummy/receive', name, text)) expect(answer).toBe('exit 0\n');
  }

  /** Resolves once both answer alike and `expected` is part of that. */
  async function agree(ask: () => Promise<[string, string]>, ...expected: string[]): Promise<void> {
    const answers = async () => {
      const [ours, theirs] = await ask();
      return { ours, theirs, has: expected.every((part) => theirs.includes(part)) };
    };
    await expect.poll(answers, PATIENCE).toSatisfy(({ ours, theirs, has }) => ours === theirs && has);
  }

  /** Tables with the age of their entries left out. */
  const ageless = async (...args: string[]): Promise<[string, string]> => {
    const [ours, theirs] = await appctl(...args);
    return [ours.replaceAll(/ +\d+$/gm, ''), theirs.replaceAll(/ +\d+$/gm, '')];
  };

  const sortedFloods = (text: string) =>
    text.replace(/(Datapath actions: )(.*)/, (_, title, actions) => title + actions.split(',').sort());
  /** A trace; ports that are added at once are flooded in an order of their own. */
  const trace = async (bridge: string, flow: string): Promise<[string, string]> => {
    const [ours, theirs] = await appctl('ofproto/trace', bridge, flow);
    return [sortedFloods(ours), sortedFloods(theirs)];
  };

  const udp = (src: number, dst: number) =>
    `in_port(1),eth(src=00:00:00:00:00:0${src},dst=00:00:00:00:00:0${dst}),eth_type(0x0800),` +
    'ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)';

  it('a patch port says what it lacks, and works when its peer comes', async () => {
    await agree(() => column('Interface', 'left', 'error', 'ofport', 'link_state'), "No usable peer 'right'");
    await pair.vsctl('add-port', 'br1', 'right', ...port('right', 11, 'type=patch', 'options:peer=left'));
    await agree(() => column('Interface', 'left', 'error', 'ofport', 'link_state', 'mtu', 'status'), '[],10,up');
    for (const options of [['options:peer=self'], []]) {
      const words = ['--no-wait', 'add-port', 'br0', 'self', ...port('self', 12, 'type=patch', ...options)];
      await pair.vsctl(...words);
      await agree(() => column('Interface', 'self', 'error', 'ofport', 'admin_state'), 'patch');
      await pair.vsctl('del-port', 'self');
    }
    for (const bridge of ['br0', 'br1']) await agree(() => pair.ofctl(['show', bridge]));
    const show = async (): Promise<[string, string]> => {
      const [ours, theirs] = await appctl('dpif/show');
      return [ours.replace(/hit:.*/, ''), theirs.replace(/hit:.*/, '')];
    };
    await agree(show, 'left 10/none: (patch: peer=right)');
  });

  it('packets cross: addresses, counters of rules and of patch ports', async () => {
    await send('p1', udp(1, 5));
    await agree(() => ageless('fdb/show', 'br0'), '00:00:00:00:00:01');
    await agree(() => ageless('fdb/show', 'br1'), '   11     0  00:00:00:00:00:01');
    await send('p5', udp(5, 1));
    await agree(() => ageless('fdb/show', 'br0'), '   10     0  00:00:00:00:00:05');
    await agree(() => appctl('ofproto/trace', 'br0', 'in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:05'));
    for (let i = 0; i < 3; i++) await send('p1', udp(1, 5));
    await agree(() => pair.ofctl(['dump-ports', 'br0', 'left']), 'tx pkts=4');
    await agree(() => pair.ofctl(['dump-ports', 'br1', 'right']), 'rx pkts=4');
    await agree(() => pair.ofctl(['dump-aggregate', 'br1']), 'packet_count=5');
  });

  it('static addresses, their answers and errors', async () => {
    const commands = [
      'fdb/add br0 p2 0 00:00:00:00:00:21',
      'fdb/add br0 p3 0 00:00:00:00:00:21',
      'fdb/add br0 p3 7 00:00:00:00:00:21',
      'fdb/add br0 nobody 0 00:00:00:00:00:21',
      'fdb/add br0 p3 0 nonsense',
      'fdb/del br0 9 00:00:00:00:00:21',
      'fdb/del br0 7 00:00:00:00:00:21',
      'fdb/add nowhere p3 0 00:00:00:00:00:21',
      'fdb/flush br0',
      'fdb/show br0',
      'ofproto/trace br0 in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:21',
      'fdb/del br0 0 00:00:00:00:00:21',
      'fdb/show br0',
    ];
    for (const command of commands) {
      const [ours, theirs] = await appctl(...command.split(' '));
      expect(ours.replaceAll(/\S*\.ctl/g, 'CTL'), command).toBe(theirs.replaceAll(/\S*\.ctl/g, 'CTL'));
    }
  });

  it('multicast groups are learned, left and flushed alike', async () => {
    const mdb = () => ageless('mdb/show', 'br0');
    await pair.vsctl('set', 'Bridge', 'br0', 'mcast_snooping_enable=true');
    const steps: [string, Uint8Array, string][] = [
      ['p1', igmp(0x16, '225.1.1.1'), '    1     0  225.1.1.1'],
      ['p2', igmp3([4, ip4('225.1.1.2')], [4, ip4('225.1.1.3')]), '    2     0  225.1.1.3'],
      ['p3', mld(131, 'ff050000000000000000000000010001'), 'ff05::1:1'],
      ['p4', igmp(0x11, '0.0.0.0', { src: '10.0.0.9', dst: '224.0.0.1' }), 'querier'],
    ];
    for (const [name, frame, line] of steps) {
      await send(name, frame);
      await agree(mdb, line);
    }
    for (const group of ['225.1.1.1', '225.1.1.9']) {
      const flow = `in_port=3,dl_src=00:00:00:00:00:03,dl_dst=01:00:5e:01:01:01,ip,nw_dst=${group}`;
      await agree(() => trace('br0', flow), 'Datapath actions: ');
    }
    const leave = async (name: string, frame: Uint8Array, gone: string) => {
      await send(name, frame);
      await expect.poll(async () => (await mdb())[1], PATIENCE).not.toContain(gone);
      await agree(mdb);
    };
    // The same messages again: by now they meet the megaflows of the slow path.
    await send('p1', igmp(0x16, '225.1.1.4'));
    await agree(mdb, '225.1.1.4');
    await leave('p1', igmp(0x17, '225.1.1.1', { dst: '224.0.0.2' }), '225.1.1.1');
    await leave('p2', igmp3([3, ip4('225.1.1.2')]), '225.1.1.2');
    const [ours, theirs] = await appctl('dpctl/dump-flows');
    for (const flows of [ours, theirs]) expect(flows).toContain('actions:userspace(pid=0,slow_path(action))');
    await agree(() => appctl('mdb/flush', 'br0'), 'flushed');
    await agree(mdb, 'GROUP');
    await pair.vsctl('set', 'Bridge', 'br0', 'mcast_snooping_enable=false');
    await agree(() => appctl('mdb/flush', 'br0'), 'disabled');
  });

  it('customer tags ride in a tunnel, and vlan-limit hides them', async () => {
    await pair.vsctl(
      'set',
      'Port',
      'p2',
      'vlan_mode=dot1q-tunnel',
      'tag=100',
      '--',
      'set',
      'Port',
      'p4',
      'trunks=5,100',
    );
    const ip = '0800450000140000000040116ad60a0000010a000002';
    const frames = ['8100000581000006', '810060058100a006', '88a8000581000006', '81000005', ''].map(
      (tags) => `000000000009000000000008${tags}${ip}`,
    );
    for (const limit of ['', '2', '0', '1']) {
      const words = limit === '' ? ['clear', 'Open_vSwitch', '.', 'other_config'] : undefined;
      await pair.vsctl(...(words ?? ['set', 'Open_vSwitch', '.', `other_config:vlan-limit=${limit}`]));
      for (const inPort of [1, 2, 4]) {
        for (const frame of frames) {
          const traced = async (): Promise<[string, string]> => {
            const [ours, theirs] = await appctl('ofproto/trace', 'br0', `in_port=${inPort}`, frame);
            return [sortedFloods(ours), sortedFloods(theirs)];
          };
          await agree(traced);
        }
      }
    }
    await pair.vsctl('clear', 'Port', 'p2', 'vlan_mode', 'tag', '--', 'clear', 'Port', 'p4', 'trunks');
  });

  it('mirrors copy alike, and count it in the database', async () => {
    const mirror = ['--id=@m', 'create', 'Mirror', 'name=m', 'select_all=true', 'output_port=@o', '--'];
    await pair.vsctl('--', '--id=@o', 'get', 'Port', 'p3', '--', ...mirror, 'set', 'Bridge', 'br0', 'mirrors=@m');
    const flow = 'in_port=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:05';
    await agree(() => trace('br0', flow), ',3,');
    const before = Number(/tx pkts=(\d+)/.exec((await pair.ofctl(['dump-ports', 'br0', 'p3']))[1])?.[1]);
    for (let i = 0; i < 3; i++) {
      // Open vSwitch may keep a megaflow from before the mirror, and counts for the mirror by those made with it.
      await appctl('revalidator/purge');
      await send('p1', udp(1, 5));
    }
    await agree(() => pair.ofctl(['dump-ports', 'br0', 'p3']), `tx pkts=${before + 3}`);
    await agree(() => column('Mirror', 'm', 'statistics'), 'tx_packets=3');
  });
});
