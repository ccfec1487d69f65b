// What controllers configure of tables, beside Open vSwitch: misses (1.1, 1.2), eviction and vacancy events (1.4+), and
// what descriptions and features tell of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ofMessage, openPeer, SideBySide, settle } from '../support/side-by-side.ts';
import type { Peer } from '../support/sockets.ts';

const switches = new SideBySide();
beforeAll(async () => {
  await switches.start();
  await switches.vsctl(...'-- --id=@t create Flow_Table flow_limit=10 -- set Bridge br0 flow_tables:1=@t'.split(' '));
});
afterAll(() => switches.stop());

async function same(...args: string[]): Promise<string> {
  const [ours, theirs] = await switches.ofctl(args);
  expect(ours, args.join(' ')).toBe(theirs);
  return ours;
}

async function sameTrace(flow: string): Promise<string> {
  const [ours, theirs] = await Promise.all(
    [switches.weftd, switches.oracle].map((one) => one.appctl('ofproto/trace', 'br0', flow)),
  );
  const shown = (text: string) => text.trimEnd().replaceAll(/recirc_id=\d+,rule/g, 'recirc_id=N,rule');
  expect(shown(ours!), flow).toBe(shown(theirs!));
  return ours!;
}

describe('table misses of OpenFlow 1.1 and 1.2', () => {
  it.each(['controller', 'continue', 'drop'])('%s', async (miss) => {
    await same('del-flows', 'br0');
    await same('-O', 'OpenFlow12', 'mod-table', 'br0', '0', miss);
    await same('-O', 'OpenFlow12', 'mod-table', 'br0', '2', miss);
    await sameTrace('in_port=1');
    await same('-O', 'OpenFlow13', 'add-flow', 'br0', 'in_port=1,actions=resubmit(,2),goto_table:2');
    await sameTrace('in_port=1');
    await same('add-flow', 'br0', 'table=1,in_port=2,actions=1');
    await sameTrace('in_port=2');
    await same('-O', 'OpenFlow12', 'dump-tables', 'br0');
    await same('mod-port', 'br0', '2', 'no-packet-in');
    await same('del-flows', 'br0');
    await sameTrace('in_port=2');
    await same('mod-port', 'br0', '2', 'packet-in');
  });
});

const OFPT_SET_ASYNC = 28;
const TABLE_STATUS_FOR_ALL = '0009 0008 00000018 0008 0008 00000018';
const OFPT_TABLE_MOD = 17;
const EVICTION = (flags: number) => `0002 0008 ${flags.toString(16).padStart(8, '0')}`;
const VACANCY = '0003 0008 0f 1e 00 00';

describe('eviction and vacancy events of OpenFlow 1.4', () => {
  let peers: Peer[];

  beforeAll(async () => {
    peers = await Promise.all(switches.rundirs.map((rundir) => openPeer(rundir, 5)));
    // A service connection hears of nothing before it says how much of a packet it wants.
    const messages = [ofMessage(5, 9, '0000 0080'), ofMessage(5, OFPT_SET_ASYNC, TABLE_STATUS_FOR_ALL)];
    for (const peer of peers) await settle(peer, 5, messages);
  });
  afterAll(() => {
    for (const peer of peers) peer.socket.destroy();
  });

  /** What the connections heard since the last time, which must be the same. */
  async function news(): Promise<string[]> {
    const heard = await Promise.all(peers.map((peer) => settle(peer, 5, [])));
    // What came before the last barrier's answer is not in settle()'s list.
    const all = peers.map((peer) => peer.messages().filter((hex) => hex.slice(2, 4) === '1f'));
    expect(heard[0]).toEqual(heard[1]);
    expect(all[0]).toEqual(all[1]);
    return all[0]!;
  }

  const fill = async (first: number, last: number) => {
    for (let port = first; port <= last; port++) await same('add-flow', 'br0', `table=1,in_port=${port},actions=drop`);
  };

  it('tells when space becomes short, and when there is enough again, in turn', async () => {
    await same('del-flows', 'br0');
    await same('-O', 'OpenFlow14', 'mod-table', 'br0', '1', 'vacancy:20,80');
    await fill(1, 10);
    expect(await news()).toHaveLength(1);
    for (let port = 1; port <= 10; port++) await same('del-flows', 'br0', `table=1,in_port=${port}`);
    expect(await news()).toHaveLength(2);
    await fill(1, 6);
    // Other thresholds do not change what is awaited.
    await same('-O', 'OpenFlow14', 'mod-table', 'br0', '1', 'vacancy:50,60');
    await news();
    await same('-O', 'OpenFlow14', 'mod-table', 'br0', '1', 'novacancy');
    await same('-O', 'OpenFlow14', 'mod-table', 'br0', '1', 'vacancy:20,80');
    await fill(7, 9);
    await news();
    await same('del-flows', 'br0', 'table=1');
    await news();
    await same('-O', 'OpenFlow14', 'dump-table-desc', 'br0');
  });

  it.each([0, 4, 8, 12])('takes table-mods with the flags %i and any properties alike', async (flags) => {
    for (const properties of ['', EVICTION(0), EVICTION(1), EVICTION(2), EVICTION(7), VACANCY, EVICTION(7) + VACANCY]) {
      const mod = ofMessage(5, OFPT_TABLE_MOD, `01000000 ${flags.toString(16).padStart(8, '0')} ${properties}`);
      const [ours, theirs] = await switches.exchange(5, [mod, ofMessage(5, 18, '000e0000 00000000')]);
      expect(ours).toEqual(theirs);
    }
  });
});

describe('what is told of tables', () => {
  it.each(['OpenFlow13', 'OpenFlow14', 'OpenFlow15'])(
    'dump-table-features and dump-tables with %s',
    async (version) => {
      await same('-O', version, 'dump-table-features', 'br0');
      await same('-O', version, 'dump-tables', 'br0');
    },
  );
});
