// dpdk-testpmd as two guests of a whole weftd: virtio-user devices on both kinds of vhost-user port, flows by the real
// ovs-ofctl, and counters that agree on both sides.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { haveTestpmd, Testpmd } from '../support/guest/testpmd.ts';
import { eventually, haveOvs, VhostSwitch, type VhostType } from '../support/vhost-switch.ts';

/** testpmd listens where the switch dials. */
const ROLES: readonly { type: VhostType; prefix: string; devargs: string }[] = [
  { type: 'dpdkvhostuser', prefix: 'served', devargs: '' },
  { type: 'dpdkvhostuserclient', prefix: 'dialled', devargs: ',server=1' },
];

describe.skipIf(!haveTestpmd || !haveOvs)('dpdk-testpmd on weftd', () => {
  let vswitch: VhostSwitch;
  const running = new Set<Testpmd>();

  beforeAll(async () => {
    vswitch = await VhostSwitch.start();
  });
  afterEach(() => {
    for (const testpmd of running) testpmd.kill();
    running.clear();
  });
  afterAll(() => vswitch?.close());

  async function attach(names: readonly string[], devargs: string): Promise<Testpmd> {
    const testpmd = new Testpmd(names.map((name) => `path=${vswitch.socket(name)},queues=1${devargs}`));
    running.add(testpmd);
    await testpmd.prompt();
    for (const name of names) await eventually(`${name} up`, () => vswitch.linkUp(name), 30_000);
    return testpmd;
  }

  /** Packets that a port received, once traffic stands still. */
  async function settled(names: readonly string[]): Promise<void> {
    let last = '';
    await eventually('a standstill', async () => {
      const before = last;
      last = JSON.stringify(await Promise.all(names.map((name) => vswitch.counters(name))));
      return last === before;
    });
  }

  /** Lets one burst of `size`-byte frames go round, and compares what both sides counted. */
  async function loop(testpmd: Testpmd, names: readonly [string, string], size: number): Promise<void> {
    const before = await Promise.all(names.map((name) => vswitch.counters(name)));
    testpmd.command('clear port stats all');
    testpmd.command('set fwd io');
    testpmd.command(`set txpkts ${size}`);
    testpmd.command('start tx_first 1');
    const rounds = async () => (await vswitch.counters(names[0])).rxPackets - before[0]!.rxPackets;
    await eventually('packets going round', async () => (await rounds()) > 5000);
    testpmd.command('stop');
    await settled(names);
    for (const [index, name] of names.entries()) {
      const theirs = await testpmd.portStats(index);
      const [was, is] = [before[index]!, await vswitch.counters(name)];
      expect(is.rxPackets - was.rxPackets).toBe(theirs.txPackets);
      expect(is.rxBytes - was.rxBytes).toBe(theirs.txPackets * size);
      expect(is.txPackets - was.txPackets).toBeGreaterThanOrEqual(theirs.rxPackets);
      expect([is.rxDropped, is.txDropped]).toEqual([was.rxDropped, was.txDropped]);
    }
    // Nothing is lost between the two ports.
    const after = await Promise.all(names.map((name) => vswitch.counters(name)));
    expect(after[0]!.rxPackets - before[0]!.rxPackets).toBe(after[1]!.txPackets - before[1]!.txPackets);
    expect(after[1]!.rxPackets - before[1]!.rxPackets).toBe(after[0]!.txPackets - before[0]!.txPackets);
  }

  it.each(ROLES)('loops short and long frames through $type ports, and again after a restart', async (role) => {
    const names = [`${role.prefix}0`, `${role.prefix}1`] as const;
    const [one] = await vswitch.addPair(names, role.type);
    const first = await attach(names, role.devargs);
    await loop(first, names, 64);
    await loop(first, names, 1500);
    const flow = await vswitch.ofctl('dump-flows', `in_port=${one}`);
    expect(Number(/n_packets=(\d+)/.exec(flow)?.[1])).toBeGreaterThan(0);
    await first.quit();
    for (const name of names) await eventually(`${name} down`, async () => !(await vswitch.linkUp(name)));
    const second = await attach(names, role.devargs);
    await loop(second, names, 64);
    await second.quit();
    for (const name of names) {
      expect(await vswitch.weftd.vsctl(`get Interface ${name} error`)).toBe('[]');
      await vswitch.weftd.vsctl(`del-port ${vswitch.bridge} ${name}`);
    }
  });

  it('carries a stream of 1500-byte frames from one testpmd to another', async () => {
    const names = ['source', 'sink'] as const;
    const numbers = await vswitch.addPair(names, 'dpdkvhostuser');
    const [source, sink] = [await attach(['source'], ''), await attach(['sink'], '')];
    sink.command('set fwd rxonly');
    sink.command('start');
    const lost = async () => Number(/lost:(\d+)/.exec(await vswitch.weftd.appctl('dpctl/show'))?.[1]);
    const lostBefore = await lost();
    source.command('set fwd txonly');
    source.command('set txpkts 1500');
    source.command('start');
    await eventually('20000 packets', async () => (await vswitch.counters('sink')).txPackets > 20_000);
    source.command('stop');
    await settled(names);
    const [sent, received] = [await source.portStats(0), await sink.portStats(0)];
    const [from, to] = [await vswitch.counters('source'), await vswitch.counters('sink')];
    expect(from.rxPackets).toBe(sent.txPackets);
    expect(from.rxBytes).toBe(sent.txPackets * 1500);
    // What came faster than the first packet's translation, and no more than that, is in the datapath's own count.
    expect(to.txPackets + to.txDropped + (await lost()) - lostBefore).toBe(from.rxPackets);
    expect(received.rxPackets).toBe(to.txPackets);
    expect(received.rxBytes).toBe(to.txBytes);
    const flow = await vswitch.weftd.appctl('dpctl/dump-flows');
    expect(flow).toMatch(/eth_type\(0x0800\).*packets:\d+, bytes:\d+/);
    expect(numbers).toHaveLength(2);
    await Promise.all([source.quit(), sink.quit()]);
    expect(vswitch.weftd.output).not.toMatch(/\|(ERR|EMER)\|/);
  });

  it('reconnects after kill -9 of weftd, without a restart of its own', async () => {
    const names = ['again0', 'again1'] as const;
    const numbers = await vswitch.addPair(names, 'dpdkvhostuserclient');
    const testpmd = await attach(names, ',server=1');
    testpmd.command('set fwd flowgen');
    testpmd.command('start');
    const flowing = async () => {
      const [one, two] = [await vswitch.counters(names[0]), await vswitch.counters(names[1])];
      return Math.min(one.rxPackets, one.txPackets, two.rxPackets, two.txPackets) > 5000;
    };
    await eventually('traffic', flowing);
    await vswitch.weftd.kill('SIGKILL');
    await vswitch.weftd.start();
    for (const name of names) await eventually(`${name} up`, () => vswitch.linkUp(name), 30_000);
    await vswitch.join(...numbers);
    await eventually('traffic again', flowing);
    await testpmd.quit();
    for (const name of names) expect(await vswitch.weftd.vsctl(`get Interface ${name} error`)).toBe('[]');
  });
});
