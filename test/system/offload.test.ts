// hw-offload of a running weftd, by the tools that people look at it with: a NIC model whose functions are dummies.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, haveOvs, VhostSwitch } from '../support/vhost-switch.ts';

const KEY = 'eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800)';
const PACKET = `in_port(1),${KEY},ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)`;

describe.skipIf(!haveOvs)('hw-offload', () => {
  let vswitch: VhostSwitch;
  const vsctl = (words: string) => vswitch.weftd.vsctl(words);
  const appctl = (...words: string[]) => vswitch.weftd.appctl(...words);
  const dump = (...words: string[]) => appctl('dpctl/dump-flows', ...words);
  const send = () => appctl('netdev-dummy/receive', 'model0/vf0', PACKET);

  beforeAll(async () => {
    vswitch = await VhostSwitch.start({ args: ['--enable-dummy'] });
    await vsctl('set Open_vSwitch . other_config:nic-model0="vfs=2,vf-end=dummy" other_config:hw-offload=true');
    for (const [vf, name] of ['vf0', 'vf1'].entries()) {
      const iface = `set Interface ${name} type=vf ofport_request=${vf + 1} options:nic=model0 options:vf=${vf}`;
      await vsctl(`add-port ${vswitch.bridge} ${name} -- ${iface}`);
    }
    await vswitch.ofctl('del-flows');
    await vswitch.ofctl('add-flow', 'in_port=vf0,actions=output:vf1');
    for (const name of ['vf0', 'vf1']) await eventually(`${name} up`, () => vswitch.linkUp(name), 30_000);
  });
  afterAll(() => vswitch?.close());

  const offloaded = () => eventually('an offloaded flow', async () => (await dump('type=offloaded')) !== '', 30_000);

  it('moves a flow into the card after its first packet, and says so everywhere', async () => {
    await send();
    await offloaded();
    for (let i = 0; i < 3; i++) await send();
    await eventually('all packets', async () => (await dump('-m')).includes('packets:3, bytes:'));
    expect(await dump('-m')).toMatch(/used:\S+, offloaded:yes, dp:dpdk, actions:vf1\n?$/);
    expect([await dump('type=non-offloaded'), await dump('type=ovs,tc,partially-offloaded')]).toEqual(['', '']);
    expect(await dump('type=dpdk')).toContain('in_port(');
    expect(await appctl('dpctl/offload-stats-show')).toMatch(
      /^HW Offload stats:\n {5}Total {17}Enqueued offloads: {6}0\n {5}Total {17}Inserted offloads: {6}1\n/,
    );
    expect(await appctl('offload/show')).toContain('card model0: in order\n  table: 1 of 65536 flows, 0 queued\n');
    expect(await appctl('offload/stats')).toContain('inserted: 1\n');
    expect(await vswitch.ofctl('dump-flows')).toContain('n_packets=4,');
    // Of the port's packets the card forwarded three.
    expect((await vswitch.counters('vf0')).rxPackets).toBe(4);
    expect((await vswitch.counters('vf1')).txPackets).toBe(4);
  });

  it('explains look by look', async () => {
    const ufid = /ufid:[0-9a-f-]+/.exec(await dump('-m'))![0];
    const text = await appctl('offload/explain', ufid);
    expect(text).toContain('match: ok\n');
    expect(text).toMatch(/so: the card can forward it\nnow: it is in card model0\n?$/);
    const bridge = await appctl('offload/explain', `in_port(vf0),${KEY},ipv4(frag=no)`, `${vswitch.bridge},vf1`);
    expect(bridge).toContain(`actions: output to ${vswitch.bridge} which is not up on card model0\n`);
    expect(bridge).toMatch(/so: software forwards it \(actions\)\n?$/);
  });

  it('says why a flow is in software', async () => {
    await vswitch.ofctl('add-flow', 'in_port=vf0,actions=output:vf1,LOCAL');
    await send();
    await eventually('a reason', async () => (await dump('-m')).includes('offloaded:no, dp:ovs, '));
    expect(await dump('-m')).toMatch(
      /, actions:\S+, dp-extra-info:offload\(output to \S+ which is not up on card model0\)\n?$/,
    );
    await vswitch.ofctl('add-flow', 'in_port=vf0,actions=output:vf1');
    await offloaded();
  });

  it('is switched off and on while the switch runs', async () => {
    await vsctl('set Open_vSwitch . other_config:hw-offload=false');
    expect([await dump('type=offloaded'), await appctl('offload/show')]).toEqual([
      '',
      expect.stringContaining('hw-offload: off\n'),
    ]);
    expect(await dump('-m')).not.toContain('offload');
    await vsctl('set Open_vSwitch . other_config:hw-offload=true');
    await offloaded();
  });
});
