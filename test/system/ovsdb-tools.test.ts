// The embedded OVSDB server driven by Open vSwitch's own tools, and its file read and continued by them.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as ops from '../../src/ovsdb/ops.ts';
import { OvsdbReplica } from '../../src/ovsdb/replica.ts';
import { Oracle, oracleMissing, socketClient } from '../support/ovsdb-oracle.ts';
import { type TestServer, testServer } from '../support/ovsdb-server.ts';

let server: TestServer;
let remote: string;
beforeEach(async () => {
  server = await testServer({ managerOptions: true });
  remote = `unix:${join(server.folder, 'db.sock')}`;
  await server.server.setRemotes([`p${remote}`]);
});
afterEach(() => server.close());

/** Runs a tool; resolves with its output, rejects with what it wrote to stderr. */
function run(tool: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(tool, args, { timeout: 20_000 }, (error, stdout, stderr) =>
      error ? reject(new Error(stderr)) : resolve(stdout),
    );
  });
}
const vsctl = (words: string) => run('ovs-vsctl', `--db=${remote}`, '--no-wait', '--timeout=10', ...words.split(' '));
const client = (command: string, ...args: string[]) => run('ovsdb-client', '--timeout=10', command, remote, ...args);

describe.skipIf(oracleMissing() !== undefined)('ovs-vsctl on the embedded server', () => {
  it('initialises, builds a switch, reads it back and takes it down', async () => {
    await vsctl('init');
    await vsctl('add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=secure other_config:a=b');
    await vsctl(
      'add-port br0 p1 tag=7 -- set Interface p1 type=dummy options:x=y -- --id=@q create QoS type=linux-htb queues:1=@e -- --id=@e create Queue dscp=3 -- set Port p1 qos=@q',
    );
    expect(await vsctl('list-ports br0')).toBe('p1\n');
    expect(await vsctl('get Port p1 tag')).toBe('7\n');
    expect(await vsctl('-- --if-exists get Interface nope name')).toBe('');
    expect(await vsctl('--bare --columns=name find Interface options:x=y')).toBe('p1\n');
    await vsctl('remove Bridge br0 other_config a -- clear Port p1 qos -- set Port p1 trunks=1,2');
    expect(await vsctl('get Bridge br0 other_config')).toBe('{}\n');
    expect(await vsctl('get Port p1 trunks')).toBe('[1, 2]\n');
    await vsctl('--id=@p get Port p1 -- --id=@m create Mirror name=m output_port=@p -- add Bridge br0 mirrors @m');
    await vsctl('del-port p1');
    expect(await vsctl('get Mirror m output_port')).toBe('[]\n');
    expect(await vsctl('--may-exist add-br br0')).toBe('');
    await expect(vsctl('set Bridge br0 fail_mode=open')).rejects.toThrow(/not one of the allowed values/);
    await expect(vsctl('set Interface br0 mtu_request=0')).rejects.toThrow(/constraint violation/);
    await vsctl('del-br br0');
    expect(await vsctl('list-br')).toBe('');
    expect(await vsctl('--columns=_uuid list Interface')).toBe('');
  });

  it('waits for cur_cfg, which a replica that acts as the switch writes', async () => {
    await vsctl('init');
    const daemon = new OvsdbReplica({
      remote: server.server.connect,
      tables: { Open_vSwitch: ['next_cfg', 'cur_cfg'] },
    });
    daemon.listen({
      change: () => {
        const row = daemon.only('Open_vSwitch');
        if (!row || row.number('cur_cfg') === row.number('next_cfg')) return;
        void daemon.transact([ops.update('Open_vSwitch', [], { cur_cfg: row.number('next_cfg') })]);
      },
    });
    daemon.start();
    await daemon.synced();
    await run('ovs-vsctl', `--db=${remote}`, '--timeout=10', 'add-br', 'br0');
    expect(await vsctl('get Open_vSwitch . cur_cfg')).toBe('1\n');
    daemon.stop();
  });

  it('set-manager opens a remote that the tools can use, del-manager closes it', async () => {
    await vsctl('init -- set-manager ptcp:0:127.0.0.1');
    let port = '';
    for (let i = 0; i < 50 && port === ''; i++)
      port = (await vsctl('--if-exists get Manager . status:bound_port')).replaceAll(/["\n]/g, '');
    expect(await run('ovsdb-client', 'list-dbs', `tcp:127.0.0.1:${port}`)).toBe('Open_vSwitch\n_Server\n');
    const watcher = await socketClient(`tcp:127.0.0.1:${port}`);
    for (let i = 0; i < 50 && (await vsctl('get Manager . is_connected')) !== 'true\n'; i++);
    expect(await vsctl('get Manager . is_connected')).toBe('true\n');
    await vsctl('del-manager');
    for (let i = 0; i < 50 && watcher.closedFor === undefined; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(watcher.closedFor).toBeDefined();
    await expect(run('ovsdb-client', '--timeout=2', 'list-dbs', `tcp:127.0.0.1:${port}`)).rejects.toThrow();
  });
});

describe.skipIf(oracleMissing() !== undefined)('ovsdb-client on the embedded server', () => {
  it('lists, describes, dumps, transacts and backs up', async () => {
    await vsctl('init -- add-br br0');
    expect(await client('list-dbs')).toBe('Open_vSwitch\n_Server\n');
    const installed = JSON.parse(readFileSync('/usr/share/openvswitch/vswitch.ovsschema', 'utf8'));
    expect(await client('get-schema-version', 'Open_vSwitch')).toBe(`${installed.version}\n`);
    expect(await client('get-schema-cksum', 'Open_vSwitch')).toBe(`${installed.cksum}\n`);
    expect(await client('needs-conversion', '/usr/share/openvswitch/vswitch.ovsschema')).toBe('no\n');
    expect(await client('dump', 'Open_vSwitch', 'Bridge', 'name')).toContain('br0');
    expect(await client('dump', '_Server', 'Database', 'name', 'model')).toContain('standalone');
    const query = JSON.stringify(['Open_vSwitch', { op: 'select', table: 'Bridge', where: [], columns: ['name'] }]);
    expect(JSON.parse(await client('transact', query))).toEqual([{ rows: [{ name: 'br0' }] }]);
    const backup = join(server.folder, 'backup.db');
    writeFileSync(backup, await client('backup', 'Open_vSwitch'));
    expect(JSON.parse(await run('ovsdb-tool', 'query', backup, query))).toEqual([{ rows: [{ name: 'br0' }] }]);
    await run('ovsdb-client', 'wait', remote, 'Open_vSwitch', 'connected');
  });

  it('monitors, locks and steals', async () => {
    await vsctl('init');
    const monitor = spawn('ovsdb-client', ['monitor', remote, 'Open_vSwitch', 'Bridge', 'name', '--format=json']);
    let seen = '';
    monitor.stdout.on('data', (bytes: Buffer) => {
      seen += bytes.toString();
    });
    const lock = spawn('ovsdb-client', ['lock', remote, 'l']);
    lock.stdout.on('data', (bytes: Buffer) => {
      seen += `lock ${bytes.toString()}`;
    });
    const until = async (text: string) => {
      for (let i = 0; i < 200 && !seen.includes(text); i++) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(seen).toContain(text);
    };
    try {
      await until('"locked":true');
      await vsctl('add-br br7');
      await until('br7');
      const thief = await socketClient(remote);
      await thief.peer.request('steal', ['l']);
      await until('stolen');
      thief.peer.close();
      await until('locked');
    } finally {
      monitor.kill();
      lock.kill();
    }
  });
});

describe.skipIf(oracleMissing() !== undefined)('the database file', () => {
  it('is read by ovsdb-tool and served by ovsdb-server, and comes back', async () => {
    await vsctl('init -- add-br br0 -- set Bridge br0 external_ids:a="é"');
    await vsctl('set Bridge br0 external_ids:b=c -- remove Bridge br0 external_ids a');
    expect(await run('ovsdb-tool', 'show-log', server.file)).toContain('ovs-vsctl');
    expect(await run('ovsdb-tool', 'db-version', server.file)).toBe('8.3.1\n');
    await server.server.close();
    const oracle = await Oracle.start(server.folder, server.file);
    const onOracle = (words: string) =>
      run('ovs-vsctl', `--db=unix:${oracle.socket}`, '--no-wait', ...words.split(' '));
    expect(await onOracle('get Bridge br0 external_ids')).toBe('{b=c}\n');
    await expect(testServer({}, server.folder)).rejects.toThrow(/held by process \d+/);
    await onOracle('add-port br0 p9 -- set Bridge br0 external_ids:b=d external_ids:e=f');
    await oracle.stop();
    server = await testServer({}, server.folder);
    await server.server.setRemotes([`p${remote}`]);
    expect(await vsctl('get Bridge br0 external_ids')).toBe('{b=d, e=f}\n');
    expect(await vsctl('list-ports br0')).toBe('p9\n');
    await server.server.compact();
    expect(await run('ovsdb-tool', 'show-log', server.file)).toContain('compacting database online');
  });

  it('of a real server with an older schema is taken over', async () => {
    await server.server.close();
    const schema = JSON.parse(readFileSync('/usr/share/openvswitch/vswitch.ovsschema', 'utf8'));
    schema.version = '7.0.0';
    delete schema.cksum;
    delete schema.tables.Interface.columns.ingress_policing_kpkts_rate;
    delete schema.tables.Datapath;
    delete schema.tables.Open_vSwitch.columns.datapaths;
    schema.tables.Bridge.columns.retired = { type: 'string' };
    const path = join(server.folder, 'old.ovsschema');
    writeFileSync(path, JSON.stringify(schema));
    const file = join(server.folder, 'old.db');
    await run('ovsdb-tool', 'create', file, path);
    const row = { op: 'insert', table: 'Bridge', row: { name: 'br0', retired: 'x' }, 'uuid-name': 'b' };
    const root = { op: 'insert', table: 'Open_vSwitch', row: { bridges: ['named-uuid', 'b'] } };
    await run('ovsdb-tool', 'transact', file, JSON.stringify(['Open_vSwitch', row, root]));
    copyFileSync(file, server.file);
    server = await testServer({}, server.folder);
    await server.server.setRemotes([`p${remote}`]);
    expect(await vsctl('list-br')).toBe('br0\n');
    await server.server.close();
    expect(await run('ovsdb-tool', 'needs-conversion', server.file, '/usr/share/openvswitch/vswitch.ovsschema')).toBe(
      'no\n',
    );
    server = await testServer({}, server.folder);
  });

  it('survives kill -9 of its server with everything that was answered', async () => {
    const file = join(server.folder, 'killed.db');
    const script = join(server.folder, 'serve.mjs');
    const built = new URL('../../dist/src/ovsdb/server/server.js', import.meta.url);
    const socket = join(server.folder, 'killed.sock');
    writeFileSync(
      script,
      `import { startOvsdbServer } from ${JSON.stringify(built.href)};
       await startOvsdbServer({ file: ${JSON.stringify(file)}, listen: ['punix:${socket}'] });
       console.log('up');`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const writer = await socketClient(`unix:${socket}`);
    let answered = 0;
    for (let i = 0; i < 500; i++) {
      void writer.transact(ops.insert('QoS', { type: `t${i}` })).then(
        () => {
          answered++;
        },
        () => {},
      );
    }
    while (answered < 100) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const known = answered;
    appendFileSync(file, 'OVSDB JSON 4');
    const again = await import(built.href);
    const handle = await again.startOvsdbServer({ file, listen: [`punix:${socket}`] });
    const reader = await socketClient(`unix:${socket}`);
    const [result] = await reader.transact({ op: 'select', table: 'QoS', where: [], columns: ['type'] });
    expect((result!['rows'] as unknown[]).length).toBeGreaterThanOrEqual(known);
    reader.peer.close();
    await handle.close();
    expect(existsSync(socket)).toBe(false);
    execFileSync('ovsdb-tool', ['show-log', file], { stdio: 'ignore' });
  });
});
