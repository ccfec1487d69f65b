// Groups and meters in the real tools' hands: the same commands and packets on weftd and on real Open vSwitch, and the same
// words, counters and packets out of both.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SideBySide } from '../support/side-by-side.ts';
import { haveOvs } from '../support/vhost-switch.ts';

/** UDP from 10.0.0.1 to 10.0.0.`host`, port 1000 + `host`. */
const packet = (host: number) =>
  `in_port(1),eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a),eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.${host},` +
  `proto=17,tos=0x28,ttl=64,frag=no),udp(src=1,dst=${1000 + host})`;

const sortLines = (text: string) => text.split('\n').toSorted().join('\n');

describe.skipIf(!haveOvs)('beside Open vSwitch', () => {
  const pair = new SideBySide();
  const PORTS = 4;

  beforeAll(async () => {
    await pair.start(PORTS);
    await same('ovs-appctl', ['time/stop']);
  });
  afterAll(() => pair.stop());

  async function same(tool: string, args: readonly string[], input = ''): Promise<string> {
    const [weft, ovs] = await pair.both(tool, args, input);
    // Open vSwitch lists groups and meters in the order of its hash table.
    const ordered = (text: string) => (/(dump-group|meter)/.test(args.join(' ')) ? sortLines(text) : text);
    const comparable = (text: string) => ordered(text).replaceAll(/recirc\(0x[0-9a-f]+\)/g, 'recirc(R)');
    expect(comparable(weft), [tool, ...args].join(' ')).toBe(comparable(ovs));
    return weft;
  }
  const ofctl = (version: number, ...args: string[]) => same('ovs-ofctl', ['-O', `OpenFlow1${version}`, ...args]);
  const receive = (host: number) => same('ovs-appctl', ['netdev-dummy/receive', 'p1', packet(host)]);

  /** The switch counts after its revalidators ran: warped until it has. */
  async function settled(): Promise<void> {
    for (let i = 0; i < 4; i++) await same('ovs-appctl', ['time/warp', '600']);
  }

  /** Packets out of each port, which must be the same on both. */
  async function sent(): Promise<number[]> {
    await settled();
    const texts = await pair.both('ovs-ofctl', ['-O', 'OpenFlow13', 'dump-ports', 'br0']);
    const [weft, ovs] = texts.map((text) =>
      Array.from({ length: PORTS }, (_, i) => {
        const found = new RegExp(`port\\s+"?p?${i + 1}"?: [^]*?tx pkts=(\\d+)`).exec(text);
        return Number(found![1]);
      }),
    );
    expect(weft).toEqual(ovs);
    return weft!;
  }

  async function clear(): Promise<void> {
    await ofctl(3, 'del-flows', 'br0');
    await ofctl(3, 'del-groups', 'br0');
    await ofctl(3, 'del-meters', 'br0');
  }

  it('a group of every type: dumps, features, trace, packets and counters', async () => {
    await clear();
    const groups = [
      'group_id=1,type=all,bucket=output:2,bucket=set_field:10.9.9.9->nw_dst,output:3',
      'group_id=2,type=indirect,bucket=set_field:7->reg1,group:1',
      'group_id=3,type=select,selection_method=hash,fields(nw_dst),bucket=bucket_id:1,weight:10,output:2,bucket=bucket_id:2,weight:20,output:3,bucket=bucket_id:3,weight:1,output:4',
      'group_id=4,type=select,bucket=weight:3,output:2,bucket=weight:5,output:4',
      'group_id=5,type=ff,bucket=watch_port:2,output:2,bucket=watch_port:3,output:3',
    ];
    for (const group of groups) await ofctl(5, 'add-group', 'br0', group);
    for (const version of [1, 3, 5]) await ofctl(version, 'dump-groups', 'br0');
    await ofctl(5, 'dump-groups', 'br0', '3');
    await ofctl(3, 'dump-group-features', 'br0');
    for (let group = 1; group <= 5; group++) {
      await ofctl(3, 'add-flow', 'br0', `in_port=1,ip,nw_dst=10.0.${group}.0/24,actions=group:${group}`);
    }
    for (let group = 1; group <= 5; group++) {
      for (let host = 1; host <= 8; host++) {
        const flow = packet(host).replace('dst=10.0.0.', `dst=10.0.${group}.`);
        await same('ovs-appctl', ['ofproto/trace', flow]);
        await same('ovs-appctl', ['netdev-dummy/receive', 'p1', flow]);
      }
    }
    const out = await sent();
    expect(out[1]! + out[2]! + out[3]!).toBe(8 * (2 + 2 + 1 + 1 + 1));
    for (const version of [1, 3, 5]) await ofctl(version, 'dump-group-stats', 'br0');
    await ofctl(3, 'dump-flows', 'br0');
  });

  it('fast failover follows the link, of ports and of groups behind groups', async () => {
    await clear();
    await ofctl(3, 'add-group', 'br0', 'group_id=1,type=ff,bucket=watch_port:2,output:2,bucket=watch_port:3,output:3');
    await ofctl(3, 'add-group', 'br0', 'group_id=2,type=ff,bucket=watch_group:1,group:1,bucket=watch_port:4,output:4');
    await ofctl(3, 'add-flow', 'br0', 'in_port=1,actions=group:2');
    const before = await sent();
    const count = async () => (await sent()).map((packets, i) => packets - before[i]!);
    await receive(1);
    expect(await count()).toEqual([0, 1, 0, 0]);
    await same('ovs-appctl', ['netdev-dummy/set-admin-state', 'p2', 'down']);
    await settled();
    await receive(1);
    expect(await count()).toEqual([0, 1, 1, 0]);
    await same('ovs-appctl', ['netdev-dummy/set-admin-state', 'p3', 'down']);
    await settled();
    await receive(1);
    expect(await count()).toEqual([0, 1, 1, 1]);
    for (const name of ['p2', 'p3']) await same('ovs-appctl', ['netdev-dummy/set-admin-state', name, 'up']);
    await settled();
    await receive(1);
    expect(await count()).toEqual([0, 2, 1, 1]);
  });

  it('buckets inserted and removed, groups modified and deleted with the flows that use them', async () => {
    await clear();
    await ofctl(
      5,
      'add-group',
      'br0',
      'group_id=7,type=select,bucket=bucket_id:5,output:2,bucket=bucket_id:9,output:3',
    );
    await ofctl(5, 'insert-buckets', 'br0', 'group_id=7,command_bucket_id=5,bucket=bucket_id:6,output:4');
    await ofctl(5, 'insert-buckets', 'br0', 'group_id=7,command_bucket_id=first,bucket=bucket_id:1,output:1');
    await ofctl(5, 'insert-buckets', 'br0', 'group_id=7,command_bucket_id=3,bucket=bucket_id:8,output:1');
    await ofctl(5, 'insert-buckets', 'br0', 'group_id=7,command_bucket_id=last,bucket=bucket_id:6,output:1');
    await ofctl(5, 'dump-groups', 'br0');
    await ofctl(5, 'remove-buckets', 'br0', 'group_id=7,command_bucket_id=6');
    await ofctl(5, 'remove-buckets', 'br0', 'group_id=7,command_bucket_id=66');
    await ofctl(5, 'dump-groups', 'br0');
    await ofctl(5, 'mod-group', 'br0', 'group_id=7,type=all,bucket=output:2');
    await ofctl(5, 'mod-group', 'br0', 'group_id=8,type=all,bucket=output:2');
    await ofctl(5, '--may-create', 'mod-group', 'br0', 'group_id=8,type=all,bucket=group:7');
    await ofctl(5, 'mod-group', 'br0', 'group_id=7,type=all,bucket=group:8');
    await ofctl(5, 'add-group', 'br0', 'group_id=7,type=all,bucket=output:2');
    await ofctl(5, 'add-flow', 'br0', 'ip,actions=group:7');
    await ofctl(5, 'add-flow', 'br0', 'arp,actions=group:99');
    await ofctl(5, 'del-groups', 'br0', 'group_id=7');
    await ofctl(5, 'dump-flows', 'br0');
    await ofctl(5, 'dump-groups', 'br0');
  });

  it('a meter lets its burst through, its rate thereafter, and counts both', async () => {
    await clear();
    await ofctl(3, 'add-meter', 'br0', 'meter=1,pktps,burst,stats,bands=type=drop,rate=10,burst_size=5');
    await ofctl(3, 'add-meter', 'br0', 'meter=2,kbps,stats,bands=type=drop,rate=1000');
    await ofctl(3, 'add-meter', 'br0', 'meter=1,pktps,bands=type=drop,rate=10');
    await ofctl(3, 'dump-meters', 'br0');
    await ofctl(3, 'dump-meter', 'br0', 'meter=2');
    await ofctl(3, 'add-flow', 'br0', 'in_port=1,ip,nw_dst=10.0.0.1,actions=meter:1,output:2');
    await ofctl(3, 'add-flow', 'br0', 'in_port=1,ip,nw_dst=10.0.0.2,actions=meter:2,output:3');
    await ofctl(3, 'add-flow', 'br0', 'in_port=1,ip,nw_dst=10.0.0.3,actions=meter:9,output:3');
    const before = await sent();
    for (let i = 0; i < 20; i++) for (const host of [1, 2]) await receive(host);
    const first = (await sent()).map((packets, i) => packets - before[i]!);
    expect(first[1]).toBeGreaterThan(0);
    expect(first[1]).toBeLessThan(20);
    expect(first[2]).toBe(20);
    await same('ovs-appctl', ['time/warp', '5000']);
    for (let i = 0; i < 20; i++) await receive(1);
    await settled();
    await ofctl(3, 'meter-stats', 'br0');
    await ofctl(3, 'mod-meter', 'br0', 'meter=1,pktps,burst,bands=type=drop,rate=1000,burst_size=1000');
    for (let i = 0; i < 20; i++) await receive(1);
    await sent();
    await ofctl(3, 'dump-flows', 'br0');
    await ofctl(3, 'del-meter', 'br0', 'meter=2');
    await ofctl(3, 'dump-flows', 'br0');
    await ofctl(3, 'dump-meters', 'br0');
    await ofctl(3, 'mod-meter', 'br0', 'meter=77,pktps,bands=type=drop,rate=1');
  });
});
