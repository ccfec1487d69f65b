// The reconciler as a client of the real ovsdb-server, configured by the real ovs-vsctl; the datapath has ports only.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { MONITORED_COLUMNS } from '../../src/daemon/bridge/columns.ts';
import { Reconciler } from '../../src/daemon/bridge/reconciler.ts';
import { OvsdbReplica } from '../../src/ovsdb/replica.ts';
import { FakePortsDpif } from '../support/fake-ports-dpif.ts';
import { idleConnmgr, idleOfproto } from '../support/idle-switch.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const hasOvs = spawnSync('ovsdb-server', ['--version']).status === 0;

describe.skipIf(!hasOvs)('Reconciler with ovsdb-server', () => {
  let rundir: string;
  let dpif: FakePortsDpif;
  const running: { reconciler: Reconciler; replica: OvsdbReplica }[] = [];

  beforeEach(() => {
    rundir = mkdtempSync(join(tmpdir(), 'weft-db-'));
    dpif = new FakePortsDpif();
    execFileSync('ovsdb-tool', ['create', join(rundir, 'conf.db'), SCHEMA]);
    execFileSync('ovsdb-server', [
      '--detach',
      '--no-chdir',
      '-vconsole:off',
      `--pidfile=${rundir}/ovsdb-server.pid`,
      `--unixctl=${rundir}/ovsdb-server.ctl`,
      `--remote=punix:${rundir}/db.sock`,
      join(rundir, 'conf.db'),
    ]);
    execFileSync('ovs-vsctl', [`--db=unix:${rundir}/db.sock`, '--no-wait', 'init']);
  });

  afterEach(async () => {
    for (const { reconciler, replica } of running.splice(0)) {
      await reconciler.close(true);
      replica.stop();
    }
    process.kill(Number(readFileSync(join(rundir, 'ovsdb-server.pid'), 'utf8')));
    rmSync(rundir, { recursive: true });
  });

  function start(over = dpif): Reconciler {
    const replica = new OvsdbReplica({ remote: `unix:${rundir}/db.sock`, tables: MONITORED_COLUMNS });
    replica.start();
    const reconciler = new Reconciler({
      replica,
      dpif: over.dpif,
      clock: systemClock,
      dummy: 'on',
      capabilities: () => ({ ufid: 'true' }),
      createOfproto: (name) => idleOfproto(name),
      createConnmgr: idleConnmgr,
    });
    running.push({ reconciler, replica });
    return reconciler;
  }

  async function vsctl(...args: string[]): Promise<string> {
    const all = [`--db=unix:${rundir}/db.sock`, '--timeout=10', ...args];
    return (await promisify(execFile)('ovs-vsctl', all)).stdout.trim();
  }

  it('ovs-vsctl waits for a bridge and its ports and reads their numbers', async () => {
    start();
    dpif.broken.set('bad0', 'could not open network device bad0 (No such device)');
    await vsctl(...'add-br br0 -- set bridge br0 datapath_type=netdev'.split(' '));
    await vsctl(
      ...'add-port br0 p1 -- add-port br0 p2 tag=5 -- set interface p2 ofport_request=9 type=dummy'.split(' '),
    );
    await vsctl('add-port', 'br0', 'bad0');
    expect(await vsctl('get', 'interface', 'br0', 'ofport')).toBe('65534');
    expect(await vsctl('get', 'interface', 'p1', 'ofport')).toBe('1');
    expect(await vsctl('get', 'interface', 'p2', 'ofport', 'link_state', 'status')).toBe('9\nup\n{driver_name=fake}');
    expect(await vsctl('get', 'interface', 'bad0', 'ofport', 'error')).toBe(
      '-1\n"could not open network device bad0 (No such device)"',
    );
    expect(await vsctl('get', 'bridge', 'br0', 'datapath_version')).toBe('"<built-in>"');
    expect(await vsctl('get', 'open', '.', 'iface_types', 'datapath_types')).toContain('dpdkvhostuserclient');
    await vsctl('set', 'interface', 'p1', 'ingress_policing_rate=1000', 'ingress_policing_kpkts_rate=2');
    const bands = dpif.policers.get(dpif.port('p1')!.odpPort);
    expect(bands?.map(({ unit, rate }) => `${unit} ${rate}`)).toEqual(['kbits 1000', 'packets 2000']);
    await vsctl('del-br', 'br0');
    expect(dpif.ports()).toEqual([]);
  });

  it('a second switch waits until the first has gone', async () => {
    const first = start();
    await vsctl(...'add-br br0 -- set bridge br0 datapath_type=netdev'.split(' '));
    const second = new FakePortsDpif();
    start(second);
    await vsctl('add-port', 'br0', 'p1');
    expect([dpif.ports().length, second.ports().length]).toEqual([2, 0]);
    const [{ replica }] = running.splice(0, 1) as [(typeof running)[0]];
    await first.close(false);
    replica.stop();
    await vsctl('add-port', 'br0', 'p2');
    expect(
      second
        .ports()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['br0', 'p1', 'p2']);
  });

  it('goes on after the database server was restarted', async () => {
    start();
    await vsctl(...'add-br br0 -- set bridge br0 datapath_type=netdev'.split(' '));
    execFileSync('ovs-appctl', ['-t', `${rundir}/ovsdb-server.ctl`, 'ovsdb-server/reconnect']);
    await vsctl('add-port', 'br0', 'p1');
    expect(dpif.ports()).toHaveLength(2);
  });
});
