// A whole weftd over kernel ports, driven by the real ovs-vsctl, ovs-ofctl and ovs-appctl; traffic is a ping between
// network namespaces.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canMakeNamespaces, ip, NetworkNamespace } from '../support/network-namespace.ts';
import { Weftd } from '../support/weftd.ts';

const hasOvs = spawnSync('ovs-vsctl', ['--version']).status === 0;
let testNumber = 0;
/** Interfaces of this test, in the root namespace. */
const nameOf = (what: string) => `wb${process.pid % 100_000}${what}${testNumber}`;

describe.skipIf(!hasOvs || !canMakeNamespaces())('weftd over kernel ports', () => {
  let weftd: Weftd;
  let left: NetworkNamespace;
  let right: NetworkNamespace;
  let br: string;
  let [p1, p2] = ['', ''];

  beforeEach(async () => {
    testNumber++;
    [br, p1, p2] = [nameOf('b'), nameOf('l'), nameOf('r')];
    left = new NetworkNamespace(`l${testNumber}`);
    right = new NetworkNamespace(`r${testNumber}`);
    left.veth(p1, 'eth0', '10.77.0.1/24');
    right.veth(p2, 'eth0', '10.77.0.2/24');
    weftd = new Weftd();
    await weftd.start();
    await weftd.vsctl(`add-br ${br} -- set bridge ${br} datapath_type=netdev`);
    await weftd.vsctl(`add-port ${br} ${p1} -- add-port ${br} ${p2}`);
  });

  afterEach(async () => {
    await weftd.close();
    left.close();
    right.close();
  });

  /** Pings from `left`; how many answers came. */
  function pings(address = '10.77.0.2', count = 3): number {
    const [file, args] = left.argv('busybox', 'ping', '-c', `${count}`, '-i', '0.1', '-W', '1', address);
    const { stdout } = spawnSync(file, args, { encoding: 'utf8' });
    return Number(/(\d+) packets received/.exec(stdout)?.[1] ?? 0);
  }

  it('forwards by NORMAL, learns addresses and shows what it did', async () => {
    expect(pings()).toBe(3);
    const mac = (side: NetworkNamespace) =>
      /link\/ether (\S+)/.exec(execFileSync(...side.argv('ip', 'link', 'show', 'eth0'), { encoding: 'utf8' }))?.[1];
    const fdb = await weftd.appctl('fdb/show', br);
    for (const side of [left, right]) expect(fdb).toContain(mac(side));
    expect(await weftd.appctl('dpctl/dump-flows')).toMatch(/in_port\(\d+\).*eth_type\(0x0800\).*actions:\d+/);
    expect(await weftd.appctl('dpif/show')).toMatch(new RegExp(`${br} 65534/\\d+: \\(tap\\)`));
    expect(await weftd.ofctl('dump-flows', br)).toContain('actions=NORMAL');
    expect(weftd.output).not.toMatch(/\|(WARN|ERR|EMER)\|/);
  });

  it('obeys flows: drops, forwards again, and counts', async () => {
    await weftd.ofctl('del-flows', br);
    expect(pings()).toBe(0);
    await weftd.ofctl('add-flow', br, 'in_port=1,actions=2');
    await weftd.ofctl('add-flow', br, 'in_port=2,actions=1');
    expect(pings()).toBe(3);
    await expect
      .poll(() => weftd.ofctl('dump-flows', br, 'in_port=1'), { timeout: 5000 })
      .toMatch(/n_packets=[1-9]\d*.*in_port="?1?/);
    expect(await weftd.appctl('ofproto/trace', br, 'in_port=1')).toContain('Datapath actions: ');
  });

  it('the local port is an interface of the host', async () => {
    ip(`link set ${br} up`);
    ip(`addr add 10.77.0.9/24 dev ${br}`);
    expect(pings('10.77.0.9')).toBe(3);
    await expect.poll(() => weftd.vsctl(`get interface ${br} link_state admin_state`)).toBe('up\nup');
    expect(await weftd.vsctl(`get interface ${br} ofport`)).toBe('65534');
  });

  it('keeps VLANs apart', async () => {
    await weftd.vsctl(`set port ${p1} tag=10 -- set port ${p2} tag=20`);
    expect(pings()).toBe(0);
    await weftd.vsctl(`set port ${p2} tag=10`);
    expect(pings()).toBe(3);
  });

  it('after kill -9 the next one takes over: ports, numbers, addresses and traffic', async () => {
    ip(`link set ${br} up`);
    ip(`addr add 10.77.0.9/24 dev ${br}`);
    const numbers = () => weftd.vsctl(`get interface ${p1} ofport -- get interface ${p2} ofport`);
    const before = await numbers();
    await weftd.kill('SIGKILL');
    expect(pings()).toBe(0);
    await weftd.start();
    // The hosts may have given up on each other's addresses meanwhile, and ask again in their own time.
    await expect.poll(() => pings(), { timeout: 30_000 }).toBe(3);
    await expect.poll(() => pings('10.77.0.9'), { timeout: 30_000 }).toBe(3);
    expect(await numbers()).toBe(before);
  });

  it('reports a device that is missing, and takes it in when it comes', async () => {
    const late = nameOf('x');
    await weftd.vsctl(`add-port ${br} ${late}`);
    expect(await weftd.vsctl(`get interface ${late} ofport error`)).toBe(
      `-1\n"could not open network device ${late} (No such device)"`,
    );
    ip(`link add ${late} type veth peer name ${late}p`);
    await expect.poll(() => weftd.vsctl(`get interface ${late} ofport error`)).toBe('3\n[]');
    ip(`link del ${late}`);
    await expect.poll(() => weftd.vsctl(`get interface ${late} error`)).toContain('No such device');
  });

  it('exit --cleanup leaves nothing behind, del-br no interface', async () => {
    const second = nameOf('c');
    await weftd.vsctl(`add-br ${second} -- set bridge ${second} datapath_type=netdev`);
    expect(ip('link')).toContain(second);
    await weftd.vsctl(`del-br ${second}`);
    expect(ip('link')).not.toContain(`${second}:`);
    expect(existsSync(join(weftd.dir, `${second}.mgmt`))).toBe(false);
    await weftd.appctl('exit', '--cleanup');
    await expect.poll(() => ip('link')).not.toContain(`${br}:`);
  });
});

describe.skipIf(!hasOvs)('weftd without privilege', () => {
  it('runs bridges; their own ports stay down and say why', async () => {
    const weftd = new Weftd({ prefix: ['capsh', '--drop=cap_net_admin,cap_net_raw', '--', '-c', 'exec "$0" "$@"'] });
    try {
      await weftd.start();
      const br = `wu${process.pid % 100_000}`;
      await weftd.vsctl(`add-br ${br}`);
      expect(await weftd.vsctl(`get interface ${br} ofport error`)).toBe(
        `65534\n"could not open network device ${br} (Operation not permitted)"`,
      );
      expect(await weftd.ofctl('show', br)).toContain(`LOCAL(${br})`);
    } finally {
      await weftd.close();
    }
  });
});

describe.skipIf(!hasOvs)('weftd with dummy ports', () => {
  it('netdev-dummy/receive goes through the flows', async () => {
    const weftd = new Weftd({ args: ['--enable-dummy'] });
    try {
      await weftd.start();
      const port = (name: string) => `-- add-port br0 ${name} -- set interface ${name} type=dummy`;
      await weftd.vsctl(
        `add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure ${port('p1')} ${port('p2')}` +
          ` -- set interface p2 options:tx_pcap=${weftd.dir}/p2.pcap`,
      );
      await weftd.ofctl('add-flow', 'br0', 'in_port=1,ip,actions=mod_nw_tos:4,2');
      const packet =
        'in_port(1),eth(src=50:54:00:00:00:01,dst=50:54:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=8,dst=80)';
      for (let count = 0; count < 3; count++) await weftd.appctl('netdev-dummy/receive', 'p1', packet);
      const capture = execFileSync('tcpdump', ['-nnvr', `${weftd.dir}/p2.pcap`], { encoding: 'utf8' });
      expect(capture.match(/tos 0x4/g)).toHaveLength(3);
      expect(capture).not.toContain('bad cksum');
      expect(await weftd.appctl('dpif/show')).toMatch(/br0 65534\/\d+: \(dummy-internal\)/);
      expect(await weftd.appctl('dpctl/dump-flows')).toMatch(
        /in_port\(\d+\),packet_type\(ns=0,id=0\),eth_type\(0x0800\),ipv4\(proto=17,tos=0\/0xfc,frag=no\), packets:2, bytes:212, used:[\d.]+s, actions:set\(ipv4\(tos=0x4\/0xfc\)\),\d+/,
      );
    } finally {
      await weftd.close();
    }
  });
});
