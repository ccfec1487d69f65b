import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/json-rpc/json.ts';
import * as ops from '../../../src/ovsdb/ops.ts';
import { type TestClient, type TestServer, testServer } from '../../support/ovsdb-server.ts';

let server: TestServer;
let client: TestClient;
beforeAll(async () => {
  server = await testServer();
  client = await server.client();
});
afterAll(() => server.close());
beforeEach(async () => {
  await client.transact(ops.remove('Open_vSwitch', []), ops.remove('QoS', []), ops.remove('Queue', []));
  await client.transact(ops.insert('Open_vSwitch', { bridges: ops.namedUuid('b') }), bridge('br0', 'b'));
});

const bridge = (name: string, id: string, row = {}) => ops.insert('Bridge', { name, ...row }, id);
const addBridge = (id: string) => ops.mutate('Open_vSwitch', [], [['bridges', 'insert', ops.namedUuid(id)]]);
const select = (table: string, columns: Json[], where: Json = []) => ({ op: 'select', table, where, columns });
const rows = async (...args: Parameters<typeof select>) => (await client.transact(select(...args)))[0]?.['rows'];

describe('transact', () => {
  it('a failed operation undoes the ones before it and answers null for those after', async () => {
    const results = await client.transact(
      ops.update('Bridge', [], { fail_mode: 'secure' }),
      { op: 'abort' },
      select('Bridge', []),
    );
    expect(results).toEqual([{ count: 1 }, { error: 'aborted', details: 'aborted by request' }, null]);
    expect(await rows('Bridge', ['fail_mode'])).toEqual([{ fail_mode: ['set', []] }]);
  });

  it('named uuids work before and after their insert', async () => {
    const port = ops.insert('Port', { name: 'p', interfaces: ops.namedUuid('i') }, 'p');
    await client.transact(
      ops.mutate('Bridge', [], [['ports', 'insert', ops.namedUuid('p')]]),
      port,
      ops.insert('Interface', { name: 'p' }, 'i'),
    );
    expect(await rows('Interface', ['name'])).toEqual([{ name: 'p' }]);
    expect(await client.refusal(ops.insert('QoS', {}, 'a'), ops.insert('QoS', {}, 'a'))).toBe('duplicate uuid-name');
  });

  it('insert with "uuid" takes it once', async () => {
    const uuid = '11111111-2222-3333-4444-555555555555';
    const op = { ...ops.insert('QoS', {}), uuid };
    expect(await client.transact(op)).toEqual([{ uuid: ['uuid', uuid] }]);
    expect(await client.refusal(op)).toBe('duplicate uuid');
  });

  it('rows without references go, and take what only they referred to with them', async () => {
    await client.transact(
      addBridge('x'),
      bridge('x', 'x', { ports: ops.namedUuid('p') }),
      ops.insert('Port', { name: 'x', interfaces: ops.namedUuid('i') }, 'p'),
      ops.insert('Interface', { name: 'x' }, 'i'),
    );
    expect(await rows('Interface', ['name'])).toHaveLength(1);
    await client.transact(ops.update('Open_vSwitch', [], { bridges: ops.set([]) }));
    for (const table of ['Bridge', 'Port', 'Interface']) expect(await rows(table, ['name'])).toEqual([]);
    await client.transact(bridge('orphan', 'o'));
    expect(await rows('Bridge', ['name'])).toEqual([]);
  });

  it('strong references must lead somewhere', async () => {
    const nowhere = ops.uuid('99999999-9999-9999-9999-999999999999');
    expect(await client.refusal(ops.update('Bridge', [], { ports: nowhere }))).toBe('referential integrity violation');
    expect(await client.refusal(ops.remove('Bridge', []))).toBe('referential integrity violation');
  });

  it('weak references to rows that go are dropped', async () => {
    await client.transact(
      ops.mutate(
        'Bridge',
        [],
        [
          ['ports', 'insert', ops.namedUuid('p')],
          ['mirrors', 'insert', ops.namedUuid('m')],
        ],
      ),
      ops.insert('Port', { name: 'p', interfaces: ops.namedUuid('i') }, 'p'),
      ops.insert('Interface', { name: 'p' }, 'i'),
      ops.insert('Mirror', { name: 'm', output_port: ops.namedUuid('p') }, 'm'),
    );
    await client.transact(ops.update('Bridge', [], { ports: ops.set([]) }));
    expect(await rows('Mirror', ['output_port'])).toEqual([{ output_port: ['set', []] }]);
  });

  it('maxRows, unique indexes and immutable columns hold', async () => {
    expect(await client.refusal(ops.insert('Open_vSwitch', {}))).toBe('constraint violation');
    expect(await client.refusal(bridge('br0', 'd'), addBridge('d'))).toBe('constraint violation');
    expect(await client.refusal(ops.update('Bridge', [], { name: 'other' }))).toBe('constraint violation');
    // A name may pass from a deleted row to a new one in one transaction.
    const swap = [ops.update('Open_vSwitch', [], { bridges: ops.namedUuid('n') }), bridge('br0', 'n')];
    expect(await client.refusal(...swap)).toBeUndefined();
  });

  it('conditions select as RFC 7047 section 5.1 says', async () => {
    await client.transact(ops.update('Bridge', [], { flood_vlans: ops.set([1, 2, 3]) }));
    const hit = async (...clause: Json[]) => ((await rows('Bridge', ['name'], [clause])) as Json[]).length === 1;
    expect(await hit('flood_vlans', 'includes', ops.set([1, 3]))).toBe(true);
    expect(await hit('flood_vlans', 'includes', ops.set([1, 4]))).toBe(false);
    expect(await hit('flood_vlans', 'excludes', ops.set([4]))).toBe(true);
    expect(await hit('name', '!=', 'br0')).toBe(false);
    expect(await client.refusal(select('Bridge', [], [['name', '<', 'x']]))).toBe('syntax error');
    expect(await client.refusal(select('Bridge', [], [['name', '~', 'x']]))).toBe('unknown function');
  });

  it('mutators compute, insert and delete', async () => {
    await client.transact(
      ops.update('Bridge', [], { flood_vlans: ops.set([10, 20]), external_ids: ops.stringMap({ a: '1' }) }),
    );
    await client.transact(
      ops.mutate(
        'Bridge',
        [],
        [
          ['flood_vlans', '+=', 5],
          ['flood_vlans', 'insert', 1],
          ['external_ids', 'insert', ops.stringMap({ a: '2', b: '2' })],
          ['external_ids', 'delete', ops.set(['zz'])],
        ],
      ),
    );
    expect(await rows('Bridge', ['flood_vlans', 'external_ids'])).toEqual([
      {
        flood_vlans: ['set', [1, 15, 25]],
        external_ids: [
          'map',
          [
            ['a', '1'],
            ['b', '2'],
          ],
        ],
      },
    ]);
    expect(await client.refusal(ops.mutate('Bridge', [], [['flood_vlans', '/=', 0]]))).toBe('domain error');
    expect(await client.refusal(ops.mutate('Bridge', [], [['flood_vlans', '%=', 5]]))).toBe('constraint violation');
    expect(
      await client.refusal(
        ops.mutate(
          'Open_vSwitch',
          [],
          [
            ['next_cfg', '-=', 2 ** 52],
            ['next_cfg', '*=', 4],
          ],
        ),
      ),
    ).toBe('range error');
  });

  it('wait answers at once, when it holds, when it times out, or when it is cancelled', async () => {
    const wait = (name: string, timeout: number | undefined) => ({
      op: 'wait',
      table: 'Bridge',
      where: [['name', '==', name]],
      columns: ['name'],
      until: '==',
      rows: [{ name }],
      ...(timeout === undefined ? {} : { timeout }),
    });
    expect(await client.transact(wait('br0', 0))).toEqual([{}]);
    expect(await client.refusal(wait('late', 0))).toBe('timed out');
    expect(await client.refusal(wait('late', 30))).toBe('timed out');
    const waiting = client.transact(wait('late', undefined), ops.comment('now'));
    await client.transact(bridge('late', 'l'), addBridge('l'));
    expect(await waiting).toEqual([{}, {}]);
    const never = client.peer.request('transact', ['Open_vSwitch', wait('never', undefined)]);
    // The helper's peers number their requests from 1: the newest id is one less than the next.
    for (let id = 1; id < 200; id++) client.peer.notify('cancel', [id]);
    await expect(never).rejects.toThrow('canceled');
  });

  it('_Server can be read, not written', async () => {
    const read = {
      op: 'select',
      table: 'Database',
      where: [],
      columns: ['name', 'model', 'connected', 'leader', 'index'],
    };
    const [result] = (await client.peer.request('transact', ['_Server', read])) as { rows: Json[] }[];
    expect(result?.rows).toHaveLength(2);
    const write = ops.update('Database', [], { connected: false });
    const [refused] = (await client.peer.request('transact', ['_Server', write])) as Record<string, Json>[];
    expect(refused?.['error']).toBe('not allowed');
  });

  it('malformed operations are refused one by one', async () => {
    const bad: Json[] = [
      {},
      1,
      'x',
      { op: 1 },
      { op: 'nope' },
      { op: 'constructor' },
      { op: 'insert', table: 'Bridge' },
    ];
    bad.push({ op: 'insert', table: '__proto__', row: {} }, { op: 'insert', table: 'QoS', row: {}, extra: 1 });
    bad.push({ op: 'insert', table: 'QoS', row: { toString: 1 } }, { op: 'select', table: 'QoS', where: 'x' });
    for (const operation of bad)
      expect(await client.refusal(operation), JSON.stringify(operation)).toMatch(/syntax|unknown/);
    await expect(client.peer.request('transact', ['nope'])).rejects.toThrow('unknown database');
    await expect(client.peer.request('toString', [])).rejects.toThrow('unknown method');
  });
});
