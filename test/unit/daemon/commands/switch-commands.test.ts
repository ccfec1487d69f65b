// Commands of the control socket over a switch of fakes, in the layouts that Open vSwitch 3.1 prints.
import { beforeEach, describe, expect, it } from 'vitest';
import type { DpFlow } from '../../../../datapath/dpif.ts';
import {
  KEY_ETH_TYPE,
  KEY_IN_PORT,
  KEY_NW_FRAG,
  KEY_NW_PROTO,
  KEY_PACKET_TYPE,
  KEY_SIZE,
} from '../../../../datapath/layout/flow-key.ts';
import { VirtualClock } from '../../../../lib/clock.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { emptyMatch } from '../../../../ofproto/model/flow.ts';
import type { TraceRequest } from '../../../../ofproto/ofproto-api.ts';
import type { Bridge } from '../../../../src/daemon/bridge/bridge.ts';
import type { Reconciler } from '../../../../src/daemon/bridge/reconciler.ts';
import { switchCommands } from '../../../../src/daemon/commands/index.ts';
import { CommandRegistry } from '../../../../src/unixctl/command.ts';
import { type FakePort, FakePortsDpif } from '../../../support/fake-ports-dpif.ts';
import { NO_OFFLOAD } from '../../../support/memory-dpif.ts';

const clock = new VirtualClock(10_000);
let commands: CommandRegistry;
let killed: unknown[];
let flows: DpFlow[];
let flowLimit: number;

function iface(name: string, type: string, ofPort: number, port: FakePort, isLocal = false) {
  return { config: { name, type }, ofPort, dpPort: port, device: port, isLocal };
}

function tcpFlow(): DpFlow {
  const bytes = () => Buffer.alloc(KEY_SIZE);
  const [key, mask] = [bytes(), bytes()];
  key.writeUInt32BE(1, KEY_IN_PORT);
  mask.writeUInt32BE(0xffffffff, KEY_IN_PORT);
  mask.writeUInt32BE(0xffffffff, KEY_PACKET_TYPE);
  mask[KEY_NW_FRAG] = 3;
  key.writeUInt16BE(0x0800, KEY_ETH_TYPE);
  mask.writeUInt16BE(0xffff, KEY_ETH_TYPE);
  key[KEY_NW_PROTO] = 6;
  mask[KEY_NW_PROTO] = 255;
  const stats = () => ({ packets: 2n, bytes: 108n, usedMs: 8762, tcpFlags: 0x12 });
  const actions = [{ type: 'output' as const, port: 2 }];
  return {
    ufid: 'f0a2bd5f-5734-4aa0-97b1-8a60b23ab8f6',
    key,
    mask,
    actions,
    alive: true,
    note: undefined,
    stats,
    readCounts: () => {},
  };
}

beforeEach(async () => {
  flowLimit = 10_000;
  const ports = new FakePortsDpif();
  const add = async (name: string, type: FakePort['type']) =>
    (await ports.portAdd({ name, type, options: {} })) as FakePort;
  const [p1, p2, local] = [await add('p1', 'dummy'), await add('eth0', 'system'), await add('br0', 'internal')];
  const ifaces = new Map([
    ['br0', iface('br0', 'internal', OFPP.LOCAL, local, true)],
    ['eth0', iface('eth0', '', 2, p2)],
    ['p1', iface('p1', 'dummy', 1, p1)],
  ]);
  const rule = {
    tableId: 0,
    priority: 0,
    match: emptyMatch(),
    actions: [{ type: 'output', port: OFPP.NORMAL, maxLen: 0 }],
    packets: 3n,
    bytes: 162n,
    durationMs: 1900,
  };
  const bridge = {
    name: 'br0',
    config: { datapathType: 'netdev' },
    ifaces: () => ifaces.values(),
    iface: (name: string) => ifaces.get(name),
    connmgr: { reconnect: () => {} },
    ofproto: {
      l2: {
        macs: () => [
          { ofPort: 2, vlan: 5, mac: Buffer.from('505400000002', 'hex'), ageS: 0.4 },
          { ofPort: OFPP.LOCAL, vlan: 0, mac: Buffer.from('505400000001', 'hex'), ageS: 12 },
        ],
        flushMacs: () => {},
        macStats: () => ({
          entries: 2,
          staticEntries: 0,
          maxEntries: 8192,
          learned: 5,
          expired: 1,
          evicted: 2,
          moved: 3,
        }),
        clearMacStats: () => {},
      },
      flowStats: () => [rule],
      hiddenFlows: () => [],
      trace: ({ flow, packet }: TraceRequest) => `Flow: ${flow} ${packet?.length ?? 'no packet'}`,
    },
  } as unknown as Bridge;
  const reconciler = {
    bridges: () => [bridge],
    bridge: (name: string) => (name === 'br0' ? bridge : undefined),
  } as unknown as Reconciler;
  killed = [];
  flows = [tcpFlow()];
  const dpif = Object.assign(ports, {
    stats: () => ({ hit: 16n, missed: 8n, lost: 0n, flows: flows.length }),
    flows: () => flows,
    flowCount: () => flows.length,
    flowDel: (flow: DpFlow) => flows.splice(flows.indexOf(flow), 1),
    offload: NO_OFFLOAD,
    pmdStats: () => [],
    rxqs: () => [{ core: 1, numa: 0, port: 'p1', queue: 0, enabled: true }],
    killPmd: (...args: unknown[]) => killed.push(args),
  }).dpif;
  const slowPath = {
    revalidate: async () => {},
    pause: async () => {},
    resume: () => {},
    purge: async () => {},
    flowLimit: () => flowLimit,
    setFlowLimit: (limit: number) => {
      flowLimit = limit;
    },
    dumpDurationMs: () => 0.2,
  };
  commands = new CommandRegistry();
  commands.register(...switchCommands({ dpif, reconciler, clock, slowPath, withDummy: true, withTestHooks: true }));
});

describe('switch commands', () => {
  it.each([
    ['ofproto/list', 'br0'],
    ['dpif/dump-dps', 'netdev@br0'],
    ['dpctl/dump-dps', 'netdev@ovs-netdev'],
    [
      'dpif/show',
      `netdev@ovs-netdev: hit:16 missed:8
  br0:
    br0 65534/3: (tap)
    eth0 2/2: (system)
    p1 1/1: (dummy)`,
    ],
    [
      'dpctl/show',
      `netdev@ovs-netdev:
  lookups: hit:16 missed:8 lost:0
  flows: 1
  port 1: p1 (dummy)
  port 2: eth0
  port 3: br0 (tap)`,
    ],
    [
      'dpctl/dump-flows netdev@ovs-netdev',
      'flow-dump from pmd on cpu core: 1\nrecirc_id(0),in_port(1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(proto=6,frag=no), packets:2, bytes:108, used:1.238s, flags:S., actions:2',
    ],
    [
      'dpif/dump-flows --names br0',
      'recirc_id(0),in_port(p1),packet_type(ns=0,id=0),eth_type(0x0800),ipv4(proto=6,frag=no), packets:2, bytes:108, used:1.238s, flags:S., actions:eth0',
    ],
    [
      'fdb/show br0',
      ` port  VLAN  MAC                Age
    2     5  50:54:00:00:00:02    0
LOCAL     0  50:54:00:00:00:01   12`,
    ],
    ['fdb/flush br0', 'table successfully flushed'],
    ['fdb/stats-clear', 'statistics successfully cleared'],
    [
      'fdb/stats-show br0',
      `Statistics for bridge "br0":
  Current/maximum MAC entries in the table: 2/8192
  Current static MAC entries in the table : 0
  Total number of learned MAC entries     : 5
  Total number of expired MAC entries     : 1
  Total number of evicted MAC entries     : 2
  Total number of port moved MAC entries  : 3`,
    ],
    ['bridge/dump-flows br0', 'duration=1s, n_packets=3, n_bytes=162, priority=0,actions=NORMAL'],
    [
      'upcall/show',
      `netdev@ovs-netdev:
  flows         : (current 1) (avg 1) (max 1) (limit 10000)
  dump duration : 1ms
  ufid enabled : true

  1: (keys 1)`,
    ],
    ['dpif-netdev/pmd-rxq-rebalance', 'pmd rxq rebalance requested.'],
    ['ofproto/trace br0 in_port=1 ffffffffffff5054000000010800', 'Flow: in_port=1 14'],
    ['bridge/reconnect br0', ''],
    ['weft/pmd-kill 1 trap', ''],
  ])('%s', async (line, text) => {
    const [name, ...args] = line.split(' ') as [string, ...string[]];
    expect(await commands.run(name, args)).toBe(text);
  });

  it.each([
    ['fdb/show nope', 'no such bridge'],
    ['bridge/dump-flows nope', 'Unknown bridge'],
    ['bridge/reconnect nope', 'Unknown bridge'],
    ['ofproto/trace nope in_port=1', 'nope: unknown bridge'],
    ['dpctl/add-if nope p9', 'ovs-vswitchd: opening datapath (No such device)'],
    ['dpctl/ct-set-maxconns 5', 'ovs-vswitchd: ct set maxconns failed (Operation not supported)'],
    ['dpctl/ct-get-limits zone=x', 'ovs-vswitchd: datapath not found (Invalid argument)'],
    ['tnl/neigh/set br0 10.0.0.1 00:11:22:33:44:55', 'tunnels are not supported'],
    ['upcall/disable-megaflows', 'megaflows cannot be disabled'],
    ['dpif/set-dp-features br0 recirc false', 'recirc cannot be changed'],
    ['dpctl/show nope', 'ovs-vswitchd: opening datapath nope failed (No such device)'],
    ['netdev-dummy/receive nope in_port(1)', 'no such dummy netdev'],
    ['netdev-dummy/set-admin-state nope up', 'Unknown Dummy Interface'],
    ['netdev-dummy/set-admin-state frob', 'Invalid Admin State'],
    ['weft/pmd-kill x trap', 'a core number is expected, not x'],
    ['weft/pmd-kill 1 nicely', 'trap or exit expected, not nicely'],
    ['ofproto/trace br0 in_port=1 zz', 'Trailing garbage in packet data'],
  ])('%s: %s', async (line, text) => {
    const [name, ...args] = line.split(' ') as [string, ...string[]];
    await expect(commands.run(name, args)).rejects.toThrow(text);
  });

  it('dpctl/del-flows leaves none', async () => {
    await commands.run('dpctl/del-flows', []);
    expect(await commands.run('dpctl/dump-flows', [])).toBe('');
  });

  it('dpctl/dump-flows -m shows the ufid and names', async () => {
    expect(await commands.run('dpctl/dump-flows', ['-m'])).toMatch(
      /^flow-dump from pmd on cpu core: 1\nufid:f0a2bd5f-5734-4aa0-97b1-8a60b23ab8f6, skb_priority\(0\/0\),.*in_port\(p1\).*, dp:ovs, actions:eth0$/,
    );
  });
});
