// Bonds and LACP beside a real Open vSwitch, by the real tools; and one bond with an end in each of the two.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PcapTail } from '../oracle/pcap-tail.ts';
import { runTool } from '../support/real-ovs.ts';
import { SideBySide } from '../support/side-by-side.ts';

const hasOvs = spawnSync('ovs-vsctl', ['--version']).status === 0;
/** Long enough for a busy machine. */
const PATIENCE = { timeout: 60_000, interval: 200 };
const BRIDGE_MAC = 'other_config:hwaddr=aa:66:aa:66:00:01';

const dummy = (name: string, ...columns: string[]) => {
  return ['--', 'set', 'Interface', name, 'type=dummy', `ofport_request=${name.slice(1)}`, ...columns];
};
const frame = (source: string) => `in_port(4),eth(src=00:00:00:00:00:${source},dst=00:00:00:00:00:99),eth_type(0x1234)`;
const lines = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line));

describe.skipIf(!hasOvs)('bonds beside Open vSwitch', () => {
  const pair = new SideBySide();
  const tails: [weft: PcapTail, ovs: PcapTail][] = [];

  beforeAll(async () => {
    await pair.start(0, '--', 'set', 'Bridge', 'br0', BRIDGE_MAC, '--', 'add-port', 'br0', 'p4', ...dummy('p4'));
    await pair.ofctl(['add-flow', 'br0', 'actions=normal']);
    // From here on the same time passes in both.
    await appctl('time/stop');
  }, 120_000);

  afterAll(async () => {
    for (const tail of tails.flat()) tail.close();
    await pair.stop();
  });

  /** Addresses of dummy ports, and ids, go by the order in which things were made. */
  const comparable = (text: string) => {
    return text.replaceAll(/aa:55:aa:55:[0-9a-f:]{5}/g, 'M').replaceAll(/(Recirc-ID : |balance-\w+\t)\d+/g, '$1N');
  };
  const appctl = async (...args: string[]): Promise<[string, string]> => {
    const [ours, theirs] = await Promise.all(pair.rundirs.map((rundir) => runTool(rundir, 'ovs-appctl', args)));
    const text = ({ code, stdout, stderr }: typeof ours & {}) => comparable(`exit ${code}\n${stdout}${stderr}`);
    return [text(ours!), text(theirs!)];
  };

  /** Resolves once both answer alike and `expected` is part of that. */
  async function agree(ask: () => Promise<[string, string]>, ...expected: string[]): Promise<void> {
    const answers = async () => {
      const [ours, theirs] = await ask();
      return { ours, theirs, has: expected.every((part) => theirs.includes(part)) };
    };
    await expect.poll(answers, PATIENCE).toSatisfy(({ ours, theirs, has }) => ours === theirs && has);
  }
  const shows = (command: string, ...expected: string[]) => agree(() => appctl(command), ...expected);

  async function same(...args: string[]): Promise<string> {
    const [ours, theirs] = await appctl(...args);
    expect(ours, args.join(' ')).toBe(theirs);
    return theirs;
  }

  /** A bond of p1 and p2 in place of the last one. */
  async function bond(columns: readonly string[], ...more: string[]): Promise<void> {
    await pair.vsctl('--if-exists', 'del-port', 'bond0');
    await pair.vsctl('add-bond', 'br0', 'bond0', 'p1', 'p2', ...columns, ...dummy('p1'), ...dummy('p2'), ...more);
  }
  const warp = (ms: number) => same('time/warp', `${ms}`, '100');
  const link = (port: string, state: 'up' | 'down') => same('netdev-dummy/set-admin-state', port, state);

  it('answers commands alike, wrong ones too', async () => {
    await bond(['bond_mode=active-backup', 'other_config:bond-primary=p1']);
    await shows('bond/show', 'active member mac: M(p1)');
    for (const words of [
      'bond/show bond0',
      'bond/show nosuch',
      'bond/show bond0 more',
      'bond/list more',
      'bond/hash 00:11:22:33:44:55',
      'bond/hash 00:11:22:33:44:55 5',
      'bond/hash 00:11:22:33:44:55 -1',
      'bond/hash 00:11:22:33:44:55 4097 7',
      'bond/hash 00:11:22:33:44:55 x y',
      'bond/hash 00:11:22:33:44:55 1 y',
      'bond/hash x',
      'bond/hash',
      'bond/migrate bond0 1',
      'bond/migrate bond0 1 p2',
      'bond/migrate nosuch 1 p2',
      'bond/set-active-member bond0 p2',
      'bond/set-active-member bond0 p9',
      'bond/set-active-slave nosuch p1',
      'bond/enable-member bond0 p9',
      'bond/disable-slave bond0',
      'lacp/show',
      'lacp/show bond0',
      'lacp/show-stats nosuch',
    ]) {
      await same(...words.split(' '));
    }
    const listed = await Promise.all((await appctl('list-commands')).map((text) => lines(text, /^ +(bond|lacp)\//)));
    expect(listed[0]).toEqual(listed[1]);
  });

  it('bond/list names the members', async () => {
    const ordered = async () => {
      const answers = await appctl('bond/list');
      return answers.map((text) => text.replace(/p2, p1$/m, 'p1, p2')) as [string, string];
    };
    await agree(ordered, 'bond0\tactive-backup\t0\tp1, p2');
    await bond(['bond_mode=balance-slb']);
    await agree(ordered, 'balance-slb');
  });

  it('waits for bond_updelay and bond_downdelay, and skips the former when no member is left', async () => {
    await bond(['bond_mode=active-backup', 'bond_updelay=2000', 'bond_downdelay=1000', 'other_config:bond-primary=p1']);
    await shows('bond/show', 'active member mac: M(p1)', 'updelay: 2000 ms');
    await link('p1', 'down');
    await shows('bond/show', 'downdelay expires in 1000 ms');
    await warp(600);
    await shows('bond/show', 'downdelay expires in 400 ms', 'active member mac: M(p1)');
    await warp(500);
    await shows('bond/show', 'member p1: disabled', 'active member mac: M(p2)');
    await link('p1', 'up');
    await shows('bond/show', 'updelay expires in 2000 ms');
    await warp(2100);
    await shows('bond/show', 'member p1: enabled\n  active member');
    for (const port of ['p1', 'p2']) await link(port, 'down');
    await warp(1100);
    await shows('bond/show', 'active member mac: 00:00:00:00:00:00(none)');
    await link('p2', 'up');
    await shows('bond/show', 'member p2: enabled\n  active member');
    await same('bond/set-active-member', 'bond0', 'p1');
    await same('bond/enable-member', 'bond0', 'p1');
    await link('p1', 'up');
  });

  it('shows who is active in the database', async () => {
    await bond(['bond_mode=active-backup', 'other_config:bond-primary=p2']);
    for (const rundir of pair.rundirs) {
      const get = async (...words: string[]) => (await runTool(rundir, 'ovs-vsctl', ['get', ...words])).stdout;
      const columns = async () => [
        await get('Port', 'bond0', 'bond_active_slave'),
        await get('Interface', 'p2', 'mac_in_use'),
      ];
      await expect.poll(columns, PATIENCE).toSatisfy(([active, mac]) => active !== '' && active === mac);
    }
  });

  it('moves load from one member to the other', async () => {
    await bond(['bond_mode=balance-slb']);
    const sources = ['01', '02', '03', '04', '05', '06'];
    for (const source of sources) {
      const hash = await same('bond/hash', `00:00:00:00:00:${source}`);
      await same('bond/migrate', 'bond0', hash.split('\n')[1]!, 'p1');
    }
    // It may have been active before, in either.
    await appctl('bond/set-active-member', 'bond0', 'p1');
    // As many as Open vSwitch's dummy port takes at once.
    for (const [i, source] of sources.entries()) {
      const frames = Array.from({ length: 100 }, () => [frame(source), '--len', `${i * 200 + 400}`]);
      await same('netdev-dummy/receive', 'p4', ...frames.flat());
    }
    await warp(1000);
    await shows('bond/show', 'member p1: enabled', 'hash 209: 136 kB load');
    await warp(9000);
    // A shift by Open vSwitch's rules, and every load halved.
    await shows('bond/show', 'member p2: enabled\n  may_enable: true\n  hash 209: 68 kB load');
  });

  it('shows peers where stations are after a failover', async () => {
    const capture = (name: string) => pair.rundirs.map((rundir) => join(rundir, `${name}.pcap`));
    await bond(['bond_mode=active-backup', 'other_config:bond-primary=p1']);
    await Promise.all(
      pair.rundirs.map((rundir) =>
        runTool(rundir, 'ovs-vsctl', ['set', 'Interface', 'p2', `options:tx_pcap=${join(rundir, 'p2.pcap')}`]),
      ),
    );
    await pair.vsctl('add-port', 'br0', 'p5', 'tag=5', ...dummy('p5'));
    for (const [port, source] of [
      ['p4', '11'],
      ['p5', '12'],
    ] as const) {
      await same('netdev-dummy/receive', port, frame(source));
    }
    await agree(async () => {
      const answers = await appctl('fdb/show', 'br0');
      return answers.map((text) => String(lines(text, /00:1[12]/).length)) as [string, string];
    }, '2');
    const [ours, theirs] = capture('p2');
    tails.push([new PcapTail(ours!), new PcapTail(theirs!)]);
    const [weft, ovs] = tails[0]!;
    await link('p1', 'down');
    const seen: [string[], string[]] = [[], []];
    const announced = () => {
      for (const [i, tail] of [weft, ovs].entries()) seen[i]!.push(...tail.read().map((one) => one.toString('hex')));
      const learned = (frames: string[]) => frames.filter((one) => /^f{12}0{9}0?1[12]/.test(one)).sort();
      return [learned(seen[0]), learned(seen[1])];
    };
    await expect
      .poll(announced, PATIENCE)
      .toSatisfy(([a, b]) => a.length === 2 && JSON.stringify(a) === JSON.stringify(b));
    await link('p1', 'up');
    await pair.vsctl('del-port', 'p5');
  });

  it('goes through the states of LACP without a partner', async () => {
    const keys = [
      ...dummy('p1', 'other_config:lacp-aggregation-key=7'),
      ...dummy('p2', 'other_config:lacp-aggregation-key=7'),
    ];
    const ids = ['other_config:lacp-system-priority=9', 'other_config:lacp-time=fast'];
    await bond(['bond_mode=balance-tcp', 'lacp=active', ...ids], ...keys);
    await shows('lacp/show', 'status: active negotiated', 'member: p1: expired attached', 'aggregation key: 7');
    await shows('bond/show', 'lacp_status: negotiated', 'member p1: disabled');
    await warp(3500);
    await shows('lacp/show', 'status: active\n', 'member: p1: defaulted detached');
    await shows('bond/show', 'lacp_status: configured');
    for (const word of ['p1', 'p2']) {
      await agree(() => pair.both('ovs-vsctl', ['get', 'Interface', word, 'lacp_current']), 'false');
    }
    await pair.vsctl('set', 'Port', 'bond0', 'other_config:lacp-fallback-ab=true', 'other_config:bond-primary=p2');
    await shows('lacp/show', 'member: p2: defaulted attached', 'may_enable: true');
    await shows('bond/show', 'bond may use recirculation: no, Recirc-ID : -1', 'active member mac: M(p2)');
    await pair.vsctl('set', 'Port', 'bond0', 'lacp=passive');
    await shows('lacp/show', 'status: passive');
    for (const pdu of ['02', '05', '01']) {
      const bytes = `0180c20000020011223344558809${pdu}01`;
      await same('netdev-dummy/receive', 'p1', bytes.padEnd(2 * 124, '0'));
      await same('netdev-dummy/receive', 'p1', bytes.padEnd(2 * 60, '0'));
    }
    const received = async () => (await appctl('lacp/show-stats')).map((text) => text.replaceAll(/TX PDUs: \d+/g, ''));
    await agree(received as () => Promise<[string, string]>, 'RX PDUs: 6', 'RX Bad PDUs: 5', 'Marker Request PDUs: 1');
    await pair.vsctl('clear', 'Port', 'bond0', 'lacp');
    await shows('bond/show', 'lacp_status: off');
    await agree(() => pair.both('ovs-vsctl', ['get', 'Interface', 'p1', 'lacp_current']), '[]');
  });

  it('runs LACP on a port of its own', async () => {
    await pair.vsctl('set', 'Port', 'p4', 'lacp=active');
    await shows('lacp/show', '---- p4 ----', 'sys_id: aa:66:aa:66:00:01', 'sys_priority: 65535');
    await pair.vsctl('set', 'Port', 'p4', 'other_config:lacp-system-id=00:00:00:00:00:00');
    await agree(() => appctl('lacp/show', 'p4'), 'no such lacp object');
    await pair.vsctl('clear', 'Port', 'p4', 'lacp');
  });

  it('has an interface of its name when asked for', async () => {
    await bond(['bond_mode=active-backup', 'bond_fake_iface=true'], '--', 'set', 'Bridge', 'br0', 'fail_mode=secure');
    const numbers = async () => {
      const shown = await Promise.all(pair.rundirs.map((rundir) => runTool(rundir, 'ovs-ofctl', ['show', 'br0'])));
      return shown.map(({ stdout }) => lines(stdout, /\(bond0\)/).length.toString()) as [string, string];
    };
    await agree(numbers, '1');
    await bond(['bond_mode=active-backup', 'bond_fake_iface=false']);
    await agree(numbers, '0');
  });
});

describe.skipIf(!hasOvs)('a bond between weftd and Open vSwitch', () => {
  const pair = new SideBySide();
  const [OURS, THEIRS] = [0, 1] as const;

  const vsctl = async (side: 0 | 1, ...words: string[]) => {
    const { code, stderr } = await runTool(pair.rundirs[side], 'ovs-vsctl', ['--timeout=20', ...words]);
    expect(code, stderr).toBe(0);
  };
  const ask = async (side: 0 | 1, ...words: string[]) => {
    const { stdout } = await runTool(pair.rundirs[side], 'ovs-appctl', words);
    return stdout;
  };

  beforeAll(async () => {
    await pair.start(0, '--', 'add-port', 'br0', 'p3', ...dummy('p3'));
    await pair.ofctl(['add-flow', 'br0', 'actions=normal']);
    await vsctl(OURS, 'set', 'Bridge', 'br0', 'other_config:hwaddr=aa:66:aa:66:00:01');
    await vsctl(THEIRS, 'set', 'Bridge', 'br0', 'other_config:hwaddr=aa:66:aa:66:00:02');
    const socket = (name: string) => join(pair.rundirs[OURS], `${name}.link`);
    const options = ['bond_mode=balance-tcp', 'other_config:lacp-time=fast'];
    await vsctl(
      OURS,
      ...['add-bond', 'br0', 'bond0', 'p1', 'p2', 'lacp=active', ...options],
      ...dummy('p1', `options:pstream=punix:${socket('p1')}`),
      ...dummy('p2', `options:pstream=punix:${socket('p2')}`),
    );
    await vsctl(
      THEIRS,
      ...['add-bond', 'br0', 'bond0', 'p1', 'p2', 'lacp=passive', ...options],
      ...dummy('p1', `options:stream=unix:${socket('p1')}`),
      ...dummy('p2', `options:stream=unix:${socket('p2')}`),
    );
  }, 120_000);

  afterAll(() => pair.stop());

  /** What one side says of itself has to be what the other knows of its partner. */
  const view = (text: string, who: 'actor' | 'partner') => {
    return lines(text, new RegExp(`^  ${who} `)).map((line) => line.replace(who, 'who'));
  };

  const isNegotiated = async () => {
    const [ours, theirs] = [await ask(OURS, 'lacp/show', 'bond0'), await ask(THEIRS, 'lacp/show', 'bond0')];
    const agreed = [
      [view(ours, 'actor'), view(theirs, 'partner')],
      [view(theirs, 'actor'), view(ours, 'partner')],
    ].every(([one, other]) => one!.length === 12 && JSON.stringify(one) === JSON.stringify(other));
    return agreed && [ours, theirs].every((text) => lines(text, /: current attached$|may_enable: true/).length === 4);
  };

  it('is negotiated by LACP, and both tell the same of it', async () => {
    await expect.poll(isNegotiated, PATIENCE).toBe(true);
    const states = lines(await ask(OURS, 'lacp/show', 'bond0'), /(actor|partner) state:/).map((line) => line.trim());
    expect(states.slice(0, 2)).toEqual([
      'actor state: activity timeout aggregation synchronized collecting distributing',
      'partner state: timeout aggregation synchronized collecting distributing',
    ]);
    const summary = (text: string) => lines(text, /^(lacp_status|bond may|member| {2}may_enable)/);
    await expect
      .poll(async () => summary(await ask(OURS, 'bond/show')), PATIENCE)
      .toEqual(summary(await ask(THEIRS, 'bond/show')));
  });

  /** Floods have an order of their own; which member a hash means is each switch's choice. */
  const comparable = (flow: string) => (text: string) => {
    const sorted = text.replace(/(Datapath actions: )(.*)/, (_, title, actions) => title + actions.split(',').sort());
    return flow.startsWith('recirc') ? sorted.replaceAll(/(output:|actions: )[12]$/gm, '$1M') : sorted;
  };

  it('is one port to NORMAL, whose packets go round with their hash', async () => {
    await expect.poll(isNegotiated, PATIENCE).toBe(true);
    const udp =
      'udp,dl_src=00:00:00:00:00:05,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,udp_src=4,udp_dst=5';
    for (const flow of [
      `in_port=3,${udp}`,
      `in_port=3,dl_vlan=7,${udp}`,
      `in_port=1,${udp}`,
      'in_port=2,dl_src=00:00:00:00:00:05,dl_dst=ff:ff:ff:ff:ff:ff',
      'in_port=1,dl_src=00:00:00:00:00:05,dl_dst=01:80:c2:00:00:02,dl_type=0x8809',
      `recirc_id=1,dp_hash=0x29e,in_port=3,${udp}`,
    ]) {
      const texts = await Promise.all([
        ask(OURS, 'ofproto/trace', 'br0', flow),
        ask(THEIRS, 'ofproto/trace', 'br0', flow),
      ]);
      const [ours, theirs] = texts.map(comparable(flow));
      expect(theirs, flow).toContain('Datapath actions');
      expect(ours, flow).toBe(theirs);
    }
  });

  it('has a flow in table 254 for each hash', async () => {
    const flows = async (side: 0 | 1) => {
      const dumped = lines(await ask(side, 'bridge/dump-flows', 'br0'), /priority=20,/);
      return dumped
        .map((line) => line.replace(/duration=\d+s, n_packets=\d+, n_bytes=\d+/, '').replace(/\d$/, 'M'))
        .sort();
    };
    const theirs = await flows(THEIRS);
    expect(theirs).toHaveLength(256);
    expect(await flows(OURS)).toEqual(theirs);
  });

  const UDP = (port: number) =>
    `in_port(3),eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),eth_type(0x0800),` +
    `ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=${port},dst=9)`;
  const sent = async (side: 0 | 1, port: string) => {
    const { stdout } = await runTool(pair.rundirs[side], 'ovs-vsctl', ['get', 'Interface', port, 'statistics']);
    return Number(/tx_packets=(\d+)/.exec(stdout)?.[1] ?? 0);
  };

  it('spreads connections over its links, and all arrive', async () => {
    const before = await sent(THEIRS, 'p3');
    for (let port = 1; port <= 40; port++) await ask(OURS, 'netdev-dummy/receive', 'p3', UDP(port));
    await expect.poll(async () => (await sent(THEIRS, 'p3')) - before, PATIENCE).toBeGreaterThanOrEqual(40);
    const flows = await ask(OURS, 'dpctl/dump-flows');
    const used = lines(flows, /recirc_id\(0x1\),dp_hash/).map((line) => /actions:(\d+)/.exec(line)?.[1]);
    expect(new Set(used)).toEqual(new Set(['1', '2']));
    expect(flows).toContain('actions:100,hash(l4(0)),recirc(0x1)');
    for (const port of ['1', '2']) expect(flows).toMatch(new RegExp(`in_port\\(${port}\\).*slow_path\\(lacp\\)`));
  });

  it('goes on with one link when the other is lost, and takes it back', async () => {
    await ask(OURS, 'netdev-dummy/set-admin-state', 'p1', 'down');
    const members = async (side: 0 | 1) => lines(await ask(side, 'bond/show'), /^member/);
    await expect.poll(() => members(OURS), PATIENCE).toEqual(['member p1: disabled', 'member p2: enabled']);
    // The other end notices that LACPDUs stay away.
    await expect.poll(() => members(THEIRS), PATIENCE).toEqual(['member p1: disabled', 'member p2: enabled']);
    const before = await sent(THEIRS, 'p3');
    for (let port = 1; port <= 10; port++) await ask(OURS, 'netdev-dummy/receive', 'p3', UDP(port));
    await expect.poll(async () => (await sent(THEIRS, 'p3')) - before, PATIENCE).toBeGreaterThanOrEqual(10);
    await ask(OURS, 'netdev-dummy/set-admin-state', 'p1', 'up');
    await expect.poll(isNegotiated, PATIENCE).toBe(true);
  });
});
