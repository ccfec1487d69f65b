// From database rows to ports, bridges and controllers, and back: the reconciler over a database in memory and a
// datapath of ports only.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { setLogSink } from '../../../../lib/log.ts';
import type { ConnmgrApi } from '../../../../ofproto/connmgr/connmgr-api.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import type { BundleSettings, OfprotoApi } from '../../../../ofproto/ofproto-api.ts';
import type { DummyMode } from '../../../../src/daemon/bridge/interface-type.ts';
import { Reconciler } from '../../../../src/daemon/bridge/reconciler.ts';
import { FakePortsDpif } from '../../../support/fake-ports-dpif.ts';
import { FakeReplica } from '../../../support/fake-replica.ts';
import { NO_AGGREGATION } from '../../../support/no-aggregation.ts';

/** Records what it is told. */
class FakeOfproto {
  readonly portsByNumber = new Map<number, { name: string; bundle: BundleSettings | undefined }>();
  datapathId = 0n;
  isClosed = false;
  l2Settings: object | undefined;

  addPort(dpPort: { name: string }, ofPort: number, bundle?: BundleSettings): void {
    this.portsByNumber.set(ofPort, { name: dpPort.name, bundle });
  }
  delPort(ofPort: number): void {
    this.portsByNumber.delete(ofPort);
  }
  readonly l2 = {
    aggregation: NO_AGGREGATION,
    setBundle: (bundle: BundleSettings) => {
      for (const port of this.portsByNumber.values()) if (port.name === bundle.name) port.bundle = bundle;
    },
    setMirrors: () => {},
    mirrorStats: () => [],
    configure: (settings: object) => {
      this.l2Settings = settings;
    },
  };
  readonly tree = { configure: () => {}, view: () => undefined, onChange: () => {} };
  configureTables(): void {}
  setCollectors(): void {}
  async barrier(): Promise<void> {}
  close(): void {
    this.isClosed = true;
  }
}

class FakeConnmgr {
  controllers: readonly { target: string }[] = [];
  failMode = '';
  isClosed = false;
  async listen(): Promise<void> {}
  setControllers(list: readonly { target: string }[]): void {
    this.controllers = list;
  }
  setFailMode(mode: string): void {
    this.failMode = mode;
  }
  setProtocols(): void {}
  setInBand(): void {}
  setDescription(): void {}
  status() {
    return this.controllers.map(({ target }) => ({
      target,
      isConnected: true,
      role: 'master' as const,
      status: { state: 'ACTIVE' },
    }));
  }
  onStatusChange(): () => void {
    return () => {};
  }
  async close(): Promise<void> {
    this.isClosed = true;
  }
}

let database: FakeReplica;
let dpif: FakePortsDpif;
let clock: VirtualClock;
let reconciler: Reconciler;
const ofprotos = new Map<string, FakeOfproto>();
const connmgrs = new Map<string, FakeConnmgr>();

function start(dummy: DummyMode = 'off'): void {
  reconciler = new Reconciler({
    replica: database.replica,
    dpif: dpif.dpif,
    clock,
    dummy,
    systemStatistics: () => ({ cpu: '2' }),
    capabilities: () => ({ ufid: 'true' }),
    createOfproto: (name) => {
      const ofproto = new FakeOfproto();
      ofprotos.set(name, ofproto);
      return Object.assign(ofproto, { name }) as unknown as OfprotoApi;
    },
    createConnmgr: (ofproto) => {
      const connmgr = new FakeConnmgr();
      connmgrs.set(ofproto.name, connmgr);
      return connmgr as unknown as ConnmgrApi;
    },
  });
}

/** Writes rows and waits until they are in force. */
async function put(rows: Parameters<FakeReplica['put']>[0]): Promise<void> {
  database.put(rows);
  await reconciler.settled();
}

/** A bridge row `NAME` with ports of the given interface columns; the local port's rows too. */
function bridgeRows(name: string, interfaces: Record<string, Record<string, string | number>>, more = {}) {
  const all = { [name]: { type: 'internal' }, ...interfaces };
  const rows: Record<string, Record<string, string | string[] | number>> = {
    [`Bridge/${name}`]: { name, ports: Object.keys(all).map((port) => `p-${port}`), datapath_type: 'netdev', ...more },
  };
  for (const [iface, columns] of Object.entries(all)) {
    rows[`Port/p-${iface}`] = { name: iface, interfaces: [`i-${iface}`] };
    rows[`Interface/i-${iface}`] = { name: iface, ...columns };
  }
  return rows;
}

const ofportOf = (name: string) => database.written.get(`i-${name}`)?.['ofport'];
const portNames = (bridge: string) =>
  [...(ofprotos.get(bridge)?.portsByNumber ?? [])].map(([number, { name }]) => `${number}:${name}`).sort();

beforeEach(() => {
  database = new FakeReplica();
  dpif = new FakePortsDpif();
  clock = new VirtualClock();
  ofprotos.clear();
  connmgrs.clear();
  database.put({ 'Open_vSwitch/root': { bridges: ['br0'], next_cfg: 1 } });
});

afterEach(async () => {
  await reconciler.close(true);
});

describe('Reconciler', () => {
  it('makes a bridge with its ports, and reports them with cur_cfg', async () => {
    database.put(bridgeRows('br0', { tap1: { type: 'tap' }, eth1: { type: '', ofport_request: 7 } }));
    start();
    await reconciler.settled();
    expect(portNames('br0')).toEqual([`${OFPP.LOCAL}:br0`, '1:tap1', '7:eth1'].sort());
    expect(dpif.port('eth1')?.type).toBe('system');
    expect([ofportOf('br0'), ofportOf('tap1'), ofportOf('eth1')]).toEqual([65_534, 1, 7]);
    expect(database.written.get('i-eth1')).toMatchObject({ error: ['set', []], link_state: 'up', mtu: 1500 });
    expect(database.written.get('root')).toMatchObject({ cur_cfg: 1, datapath_types: ['set', ['netdev']] });
    expect(database.written.get('br0')?.['datapath_id']).toMatch(/^[0-9a-f]{16}$/);
  });

  it('writes -1 and the error of an interface that fails, and goes on with the others', async () => {
    dpif.broken.set('eth9', 'could not open network device eth9 (No such device)');
    dpif.refused.set('vhu1', 'bad option');
    database.put(bridgeRows('br0', { eth9: {}, odd: { type: 'frob' }, vhu1: { type: 'dpdkvhostuser' }, ok: {} }));
    start();
    await reconciler.settled();
    expect(portNames('br0')).toEqual([`${OFPP.LOCAL}:br0`, '1:ok'].sort());
    const failed = (name: string) => [ofportOf(name), database.written.get(`i-${name}`)?.['error']];
    expect(failed('eth9')).toEqual([-1, 'could not open network device eth9 (No such device)']);
    expect(failed('odd')).toEqual([-1, 'could not open network device odd (Address family not supported by protocol)']);
    expect(failed('vhu1')).toEqual([-1, 'bad option']);
    expect(database.written.get('root')?.['cur_cfg']).toBe(1);
  });

  it('makes a bond of the interfaces of one port', async () => {
    const rows = bridgeRows('br0', { eth1: {}, eth2: {} });
    database.put({
      ...rows,
      'Port/p-eth1': { name: 'bond0', interfaces: ['i-eth1', 'i-eth2'] },
      'Bridge/br0': { name: 'br0', ports: ['p-br0', 'p-eth1'] },
    });
    start();
    await reconciler.settled();
    expect([ofportOf('eth1'), ofportOf('eth2')]).toEqual([1, 2]);
    const bundles = [...ofprotos.get('br0')!.portsByNumber.values()].map(({ bundle }) => bundle);
    const members = bundles.filter((bundle) => bundle?.name === 'bond0');
    expect(members.map((bundle) => bundle?.bond?.mode)).toEqual(['active-backup', 'active-backup']);
  });

  it('takes an interface in as soon as it works, and keeps it when it fails later', async () => {
    dpif.broken.set('eth9', 'could not open network device eth9 (No such device)');
    database.put(bridgeRows('br0', { eth9: {} }));
    start();
    await reconciler.settled();
    const port = dpif.port('eth9')!;
    port.error = undefined;
    dpif.changed(port);
    await reconciler.settled();
    expect(portNames('br0')).toContain('1:eth9');
    expect(database.written.get('i-eth9')).toMatchObject({ ofport: 1, error: ['set', []] });
    port.error = 'gone';
    dpif.changed(port);
    clock.warp(100);
    await expect.poll(() => database.written.get('i-eth9')).toMatchObject({ ofport: 1, error: 'gone' });
  });

  it('keeps the local port of a switch without privilege in the bridge', async () => {
    dpif.broken.set('br0', 'could not open network device br0 (Operation not permitted)');
    database.put(bridgeRows('br0', {}));
    start();
    await reconciler.settled();
    expect(portNames('br0')).toEqual([`${OFPP.LOCAL}:br0`]);
    expect(database.written.get('i-br0')).toMatchObject({
      ofport: 65_534,
      error: 'could not open network device br0 (Operation not permitted)',
    });
  });

  it('moves, changes and removes ports, and closes a bridge that is gone', async () => {
    database.put(bridgeRows('br0', { eth1: {}, eth2: {} }));
    start();
    await reconciler.settled();
    const eth2 = dpif.port('eth2');
    await put({ 'Port/p-eth2': { tag: 5 }, 'Interface/i-eth2': { ofport_request: 44, mtu_request: 1400 } });
    expect(ofprotos.get('br0')?.portsByNumber.get(44)).toEqual({
      name: 'eth2',
      bundle: { name: 'eth2', vlan: { mode: 'access', tag: 5 } },
    });
    expect(dpif.port('eth2')).toBe(eth2);
    expect(eth2?.mtu).toBe(1400);
    expect(dpif.port('br0')?.mtu).toBe(1400);
    await put({
      ...bridgeRows('br1', { eth1: {} }),
      'Bridge/br0': { ports: ['p-br0'] },
      'Open_vSwitch/root': { bridges: ['br0', 'br1'] },
    });
    expect([portNames('br0').length, portNames('br1').length]).toEqual([1, 2]);
    await put({ 'Open_vSwitch/root': { bridges: ['br1'], next_cfg: 9 } });
    expect([ofprotos.get('br0')?.isClosed, connmgrs.get('br0')?.isClosed]).toEqual([true, true]);
    expect(
      dpif
        .ports()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['br1', 'eth1']);
    expect(database.written.get('root')?.['cur_cfg']).toBe(9);
  });

  it('keeps OpenFlow port numbers over a restart', async () => {
    database.put(bridgeRows('br0', { eth1: { ofport: 12 }, eth2: {}, eth3: { ofport: 1 } }));
    start();
    await reconciler.settled();
    expect([ofportOf('eth1'), ofportOf('eth2'), ofportOf('eth3')]).toEqual([12, 2, 1]);
  });

  it('adds a port again when it cannot change in place', async () => {
    database.put(bridgeRows('br0', { eth1: {} }));
    start();
    await reconciler.settled();
    const before = dpif.port('eth1')!;
    before.canReconfigure = false;
    await put({ 'Interface/i-eth1': { options: { a: 'b' } } });
    expect(dpif.port('eth1')).not.toBe(before);
    expect(dpif.port('eth1')?.spec.options).toEqual({ a: 'b' });
    expect(portNames('br0')).toHaveLength(2);
  });

  it('gives the local port the lowest address of its ports and makes it the datapath id', async () => {
    database.put(bridgeRows('br0', { eth1: { mac: '00:11:22:33:44:55' } }));
    start();
    await reconciler.settled();
    expect(dpif.port('br0')?.mac).toBe('00:11:22:33:44:55');
    expect(database.written.get('br0')?.['datapath_id']).toBe('0000001122334455');
    await put({ 'Bridge/br0': { other_config: { 'datapath-id': '00000000000000ff', hwaddr: '00:22:33:44:55:66' } } });
    expect(dpif.port('br0')?.mac).toBe('00:22:33:44:55:66');
    expect(database.written.get('br0')?.['datapath_id']).toBe('00000000000000ff');
  });

  it('leaves the local port to its Bridge row, and says so', async () => {
    const told: string[] = [];
    setLogSink(({ text }) => told.push(text));
    database.put(bridgeRows('br0', {}, { other_config: { hwaddr: '00:22:33:44:55:66' } }));
    database.put({ 'Interface/i-br0': { mac: '00:11:22:33:44:55' } });
    start();
    await reconciler.settled();
    setLogSink(() => {});
    expect(dpif.port('br0')?.mac).toBe('00:22:33:44:55:66');
    expect(told.filter((text) => text.includes('ignoring mac'))).toHaveLength(1);
  });

  it('describes the machine while it is asked to', async () => {
    database.put(bridgeRows('br0', {}));
    database.put({ 'Open_vSwitch/root': { other_config: { 'enable-statistics': 'true' } } });
    start();
    await reconciler.settled();
    const column = () => database.written.get('root')?.['statistics'];
    clock.warp(5000);
    await expect.poll(column).toEqual(['map', [['cpu', '2']]]);
    await put({ 'Open_vSwitch/root': { other_config: {} } });
    clock.warp(5000);
    await expect.poll(column).toEqual(['map', []]);
  });

  it('limits what ports may send', async () => {
    database.put(bridgeRows('br0', { eth1: { ingress_policing_rate: 1000, ingress_policing_burst: 100 } }));
    start();
    await reconciler.settled();
    const number = dpif.port('eth1')!.odpPort;
    expect(dpif.policers.get(number)).toMatchObject([{ unit: 'kbits', rate: 1000, burst: 100 }]);
    await put({ 'Interface/i-eth1': { ingress_policing_rate: 0 } });
    expect(dpif.policers.get(number)).toEqual([]);
  });

  it('says once each what columns have no effect', async () => {
    const told: string[] = [];
    setLogSink(({ level, text }) => level === 'warn' && told.push(text));
    database.put(
      bridgeRows('br0', { eth1: { cfm_mpid: 5 } }, { auto_attach: ['a'], netflow: ['n'], sflow: ['s'], ipfix: ['i'] }),
    );
    database.put({ 'Port/p-eth1': { qos: ['q'] }, 'QoS/q': { type: 'linux-htb' } });
    database.put({ 'Interface/i-eth1': { lldp: { enable: 'true' }, bfd: { enable: 'false' } } });
    start();
    await reconciler.settled();
    await put({ 'Open_vSwitch/root': { next_cfg: 2 } });
    setLogSink(() => {});
    expect(told).toEqual([
      'bridge br0: column auto_attach is not supported and has no effect',
      'bridge br0: column ipfix is not supported and has no effect',
      'bridge br0: column netflow is not supported and has no effect',
      'bridge br0: column sflow is not supported and has no effect',
      'port eth1: QoS type linux-htb is not supported, traffic is not shaped',
      'port eth1: column lldp is not supported and has no effect',
      'port eth1: column cfm_mpid is not supported and has no effect',
    ]);
  });

  it('changes nothing until it holds the lock, and nothing after losing it', async () => {
    database.grantsLock = false;
    database.put(bridgeRows('br0', {}));
    start();
    await reconciler.settled();
    expect([dpif.ports().length, database.transactions]).toEqual([0, 0]);
    database.setLock(true);
    await reconciler.settled();
    expect(dpif.ports()).toHaveLength(1);
    database.setLock(false);
    await put({ 'Open_vSwitch/root': { bridges: [] } });
    expect(dpif.ports()).toHaveLength(1);
  });

  it('answers a burst of changes with few passes, and its own writes with none', async () => {
    database.put(bridgeRows('br0', {}));
    start();
    for (let index = 0; index < 50; index++) {
      database.put({ 'Open_vSwitch/root': { next_cfg: index }, 'Bridge/br0': { other_config: { x: `${index}` } } });
    }
    await reconciler.settled();
    expect(database.transactions).toBeLessThanOrEqual(2);
    expect(database.written.get('root')?.['cur_cfg']).toBe(49);
    const before = database.transactions;
    await put({ 'Interface/i-br0': { ofport: 65_534 }, 'Bridge/br0': { datapath_id: 'x' } });
    expect(database.transactions).toBe(before);
  });

  it('hands controllers and fail mode on, and reports what became of them', async () => {
    database.put({
      ...bridgeRows('br0', {}, { controller: ['c1'], fail_mode: 'secure' }),
      'Controller/c1': { target: 'tcp:127.0.0.1:6653', max_backoff: 2000 },
    });
    start();
    await reconciler.settled();
    expect(connmgrs.get('br0')).toMatchObject({ failMode: 'secure', controllers: [{ maxBackoffMs: 2000 }] });
    expect(database.written.get('c1')).toMatchObject({ is_connected: true, role: 'master' });
  });

  it('writes statistics every five seconds', async () => {
    database.put(bridgeRows('br0', {}));
    start();
    await reconciler.settled();
    clock.warp(5000);
    await expect
      .poll(() => database.written.get('i-br0')?.['statistics'])
      .toEqual([
        'map',
        [
          ['rx_bytes', Number.MAX_SAFE_INTEGER],
          ['rx_packets', 3],
        ],
      ]);
  });

  it('refuses bridges of unknown datapath types, and makes dummy ones only when told', async () => {
    database.put(bridgeRows('br0', {}, { datapath_type: 'dummy' }));
    start();
    await reconciler.settled();
    expect(dpif.ports()).toHaveLength(0);
    expect(database.written.get('root')?.['cur_cfg']).toBe(1);
    await reconciler.close(true);
    start('on');
    await reconciler.settled();
    expect(dpif.port('br0')?.type).toBe('dummy');
  });

  it('sets the datapath up from other_config', async () => {
    database.put({
      'Open_vSwitch/root': {
        other_config: { 'pmd-cpu-mask': '0x3', 'pmd-maxsleep': '50', 'flow-limit': 'x', 'hw-offload': 'true' },
      },
    });
    start();
    await reconciler.settled();
    const expected = { pmdCpuMask: '0x3', pmdSleepUsMax: 50, vlanLimit: 1, hwOffload: true };
    expect(dpif.configs.at(-1)).toEqual(expected);
  });
});
