// Spanning trees: weftd and a real Open vSwitch in one loop, in a time that the test makes pass. Each of them is the root
// once; what one says as the root, and as the other bridge, the other has to say in its place.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runTool } from '../support/real-ovs.ts';
import { SideBySide } from '../support/side-by-side.ts';

const hasOvs = spawnSync('ovs-vsctl', ['--version']).status === 0;
/** Long enough for a busy machine. */
const PATIENCE = { timeout: 100_000, interval: 20 };
const OURS = 0;
const THEIRS = 1;
type Side = typeof OURS | typeof THEIRS;
const SIDES = [OURS, THEIRS] as const;

const LOW = '00:00:00:00:00:01';
const HIGH = '00:00:00:00:00:02';
/** p1 and p2 are links between the two, p3 leads to hosts. */
const PORTS = ['p1', 'p2', 'p3'];

describe.skipIf(!hasOvs)('spanning trees with Open vSwitch', () => {
  const pair = new SideBySide();

  const vsctl = async (side: Side, ...words: string[]) => {
    const { code, stdout, stderr } = await runTool(pair.rundirs[side], 'ovs-vsctl', ['--timeout=20', ...words]);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const ask = async (side: Side, ...words: string[]) => {
    const { stdout, stderr } = await runTool(pair.rundirs[side], 'ovs-appctl', ['--timeout=30', ...words]);
    return stdout + stderr;
  };
  const bridge = (side: Side, ...columns: string[]) => vsctl(side, 'set', 'Bridge', 'br0', ...columns);

  beforeAll(async () => {
    const numbers = PORTS.flatMap((port) => {
      const number = port.slice(1);
      return ['--', 'set', 'Port', port, `other_config:stp-port-num=${number}`, `other_config:rstp-port-num=${number}`];
    });
    await pair.start(3, ...numbers);
    await pair.ofctl(['add-flow', 'br0', 'actions=normal']);
    const path = (port: string) => join(pair.rundirs[OURS], `${port}.link`);
    for (const port of ['p1', 'p2']) {
      // No loop before there is a tree.
      for (const side of SIDES) await ask(side, 'netdev-dummy/set-admin-state', port, 'down');
      await vsctl(OURS, 'set', 'Interface', port, `options:pstream=punix:${path(port)}`);
      await vsctl(THEIRS, 'set', 'Interface', port, `options:stream=unix:${path(port)}`);
    }
    const isConnected = async () => (await ask(THEIRS, 'netdev-dummy/conn-state')).match(/: connected/g)?.length;
    await vi.waitFor(async () => expect(await isConnected()).toBe(2), PATIENCE);
    for (const side of SIDES) await ask(side, 'time/stop');
  }, 180_000);

  afterAll(() => pair.stop());

  /** A second passes in both. */
  async function second(): Promise<void> {
    const answers = await Promise.all(SIDES.map((side) => ask(side, 'time/warp', '1000', '250')));
    expect(answers).toEqual(['warped\n', 'warped\n']);
  }

  async function setLink(port: string, state: 'up' | 'down'): Promise<void> {
    for (const side of SIDES) await ask(side, 'netdev-dummy/set-admin-state', port, state);
  }

  /** Open vSwitch lists RSTP's ports in no order. */
  const show = async (side: Side, protocol: string) => {
    const text = await ask(side, `${protocol}/show`, 'br0');
    const isPort = (line: string) => /^ {2}p\d /.test(line);
    const lines = text.split('\n');
    return [...lines.filter((line) => !isPort(line)), ...lines.filter(isPort).sort()].join('\n');
  };
  /** `p1 root forwarding` and so on. */
  const ports = async (side: Side, protocol: string) =>
    (await show(side, protocol))
      .split('\n')
      .filter((line) => /^ {2}p\d /.test(line))
      .map((line) => line.trim().split(/ +/).slice(0, 3).join(' ').toLowerCase());

  /** Lets time pass until both sides' ports are as wanted. */
  async function converge(protocol: string, wanted: readonly [ours: string[], theirs: string[]]): Promise<void> {
    const both = async () => {
      await second();
      return [await ports(OURS, protocol), await ports(THEIRS, protocol)];
    };
    await expect.poll(both, PATIENCE).toEqual(wanted);
  }

  /** Everything that a side tells of its tree, but how long it has been so. */
  async function account(side: Side, protocol: string): Promise<string[]> {
    const column = protocol === 'stp' ? 'status' : 'rstp_status';
    const rows = PORTS.map((port) => vsctl(side, 'get', 'Port', port, column));
    const states = (await runTool(pair.rundirs[side], 'ovs-ofctl', ['-O', 'OpenFlow10', 'show', 'br0'])).stdout;
    const told = [
      await show(side, protocol),
      await vsctl(side, 'get', 'Bridge', 'br0', column),
      ...(await Promise.all(rows)),
    ];
    told.push(...states.split('\n').filter((line) => line.includes('state:')));
    return told.map((text) => text.replace(/stp_sec_in_state="\d+", /, ''));
  }

  /** The same when nothing of it changes any more: the database is told of some things every five seconds. */
  async function settled(side: Side, protocol: string): Promise<string[]> {
    let told: string[] = [];
    const isSame = async () => {
      const before = told;
      for (let i = 0; i < 6; i++) await second();
      told = await account(side, protocol);
      return JSON.stringify(before) === JSON.stringify(told);
    };
    await expect.poll(isSame, PATIENCE).toBe(true);
    return told;
  }

  const count = async (side: Side, port: string) =>
    Number(/tx_packets=(\d+)/.exec(await vsctl(side, 'get', 'Interface', port, 'statistics'))?.[1]);

  const frame = (source: number) =>
    `in_port(3),eth(src=00:00:00:00:01:0${source},dst=ff:ff:ff:ff:ff:ff),eth_type(0x1234)`;

  /** A broadcast from either side's hosts reaches the other's. */
  async function isJoined(): Promise<void> {
    for (const side of SIDES) {
      const other = side === OURS ? THEIRS : OURS;
      const macs = () => ask(other, 'fdb/show', 'br0');
      await ask(other, 'fdb/flush', 'br0');
      const sends = async () => {
        await ask(side, 'netdev-dummy/receive', 'p3', frame(side));
        // Cached flows are looked over as time passes.
        await second();
        return macs();
      };
      await expect.poll(sends, PATIENCE).toContain(`00:00:00:00:01:0${side}`);
    }
  }

  const ROOT = {
    stp: ['p1 designated forwarding', 'p2 designated forwarding', 'p3 designated forwarding'],
    rstp: ['p1 designated forwarding', 'p2 designated forwarding', 'p3 designated forwarding'],
  };
  const LEAF = {
    stp: ['p1 root forwarding', 'p2 alternate blocking', 'p3 designated forwarding'],
    rstp: ['p1 root forwarding', 'p2 alternate discarding', 'p3 designated forwarding'],
  };
  /** With p1 down. */
  const CUT = {
    stp: [ROOT.stp.slice(1), ['p2 root forwarding', 'p3 designated forwarding']],
    rstp: [
      ['p1 disabled discarding', ...ROOT.rstp.slice(1)],
      ['p1 disabled discarding', 'p2 root forwarding', 'p3 designated forwarding'],
    ],
  };

  describe.each(['stp', 'rstp'] as const)('%s', (protocol) => {
    const identity = protocol === 'stp' ? 'other_config:stp-system-id' : 'other_config:rstp-address';

    beforeAll(async () => {
      for (const side of SIDES) {
        await bridge(side, `stp_enable=${protocol === 'stp'}`, `rstp_enable=${protocol === 'rstp'}`);
        await bridge(side, `${identity}="${side === OURS ? LOW : HIGH}"`);
      }
      for (const port of ['p1', 'p2']) await setLink(port, 'up');
    });

    const accounts: Record<'root' | 'leaf', string[]> = { root: [], leaf: [] };

    it('with weft as the root the loop becomes a tree', async () => {
      await converge(protocol, [ROOT[protocol], LEAF[protocol]]);
      await isJoined();
      accounts.root = await settled(OURS, protocol);
      accounts.leaf = await settled(THEIRS, protocol);
    });

    it('a lost link is replaced by the other, and comes back', async () => {
      await setLink('p1', 'down');
      await converge(protocol, CUT[protocol] as [string[], string[]]);
      await isJoined();
      await setLink('p1', 'up');
      await converge(protocol, [ROOT[protocol], LEAF[protocol]]);
    });

    it('with Open vSwitch as the root each says what the other said before', async () => {
      await bridge(OURS, `${identity}="${HIGH}"`);
      await bridge(THEIRS, `${identity}="${LOW}"`);
      await converge(protocol, [LEAF[protocol], ROOT[protocol]]);
      await isJoined();
      // As the root, both have the lower address, as the other bridge the higher.
      const told = async () => {
        await second();
        return { root: await account(THEIRS, protocol), leaf: await account(OURS, protocol) };
      };
      await expect.poll(told, PATIENCE).toEqual(accounts);
    });

    it('weft replaces a lost link, too, and no packet is doubled', async () => {
      await setLink('p1', 'down');
      await converge(protocol, [...CUT[protocol]].reverse() as [string[], string[]]);
      await isJoined();
      await setLink('p1', 'up');
      await converge(protocol, [LEAF[protocol], ROOT[protocol]]);
      await isJoined();
      // Statistics are written every five seconds.
      for (let i = 0; i < 6; i++) await second();
      const before = await count(OURS, 'p3');
      await ask(THEIRS, 'netdev-dummy/receive', 'p3', frame(7));
      for (let i = 0; i < 6; i++) await second();
      // BPDUs and the frame; a loop would make it thousands.
      expect((await count(OURS, 'p3')) - before).toBeLessThan(50);
    });
  });
});
