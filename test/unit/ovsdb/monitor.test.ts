import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/json-rpc/json.ts';
import { ZERO_UUID } from '../../../src/ovsdb/atom.ts';
import * as ops from '../../../src/ovsdb/ops.ts';
import { type TestClient, type TestServer, testServer } from '../../support/ovsdb-server.ts';

let server: TestServer;
let client: TestClient;
beforeEach(async () => {
  server = await testServer();
  client = await server.client();
});
afterEach(() => server.close());

const QOS = { QoS: [{ columns: ['type', 'external_ids'] }] };
const monitor = (method: string, id: Json, requests: Json, ...more: Json[]) =>
  client.peer.request(method, ['Open_vSwitch', id, requests, ...more]);

async function insertQos(type: string): Promise<string> {
  const [result] = await client.transact(ops.insert('QoS', { type }));
  return (result!['uuid'] as [string, string])[1];
}

describe('monitors', () => {
  it('monitor sends old and new', async () => {
    const a = await insertQos('a');
    expect(await monitor('monitor', 'm', QOS)).toEqual({
      QoS: { [a]: { new: { type: 'a', external_ids: ['map', []] } } },
    });
    await client.transact(ops.update('QoS', [], { type: 'b' }));
    await client.transact(ops.remove('QoS', []));
    expect(await client.settle()).toEqual([
      ['update', 'm', { QoS: { [a]: { old: { type: 'a' }, new: { type: 'b', external_ids: ['map', []] } } } }],
      ['update', 'm', { QoS: { [a]: { old: { type: 'b', external_ids: ['map', []] } } } }],
    ]);
  });

  it('monitor_cond sends differences, and rows as they come into sight', async () => {
    const where = {
      QoS: [
        {
          columns: ['type', 'external_ids'],
          where: [
            ['type', '==', 'a'],
            ['type', '==', 'b'],
          ],
        },
      ],
    };
    expect(await monitor('monitor_cond', ['m', 1], where)).toEqual({});
    const a = await insertQos('a');
    await client.transact(ops.update('QoS', [], { external_ids: ops.stringMap({ k: 'v' }) }));
    await client.transact(ops.update('QoS', [], { type: 'c' }));
    await client.transact(ops.update('QoS', [], { type: 'b' }));
    expect(await client.settle()).toEqual([
      ['update2', ['m', 1], { QoS: { [a]: { insert: { type: 'a' } } } }],
      ['update2', ['m', 1], { QoS: { [a]: { modify: { external_ids: ['map', [['k', 'v']]] } } } }],
      ['update2', ['m', 1], { QoS: { [a]: { delete: null } } }],
      ['update2', ['m', 1], { QoS: { [a]: { insert: { type: 'b', external_ids: ['map', [['k', 'v']]] } } } }],
    ]);
  });

  it('monitor_cond_change sends the difference between the conditions before its reply', async () => {
    const [a, b] = [await insertQos('a'), await insertQos('b')];
    const where = (type: string) => ({ QoS: [{ where: [['type', '==', type]] }] });
    await monitor('monitor_cond', 'm', { QoS: [{ columns: ['type'], where: [['type', '==', 'a']] }] });
    expect(await client.peer.request('monitor_cond_change', ['m', 'n', where('b')])).toEqual({});
    expect(client.heard.splice(0)).toEqual([
      ['update2', 'n', { QoS: { [a]: { delete: null }, [b]: { insert: { type: 'b' } } } }],
    ]);
    await expect(client.peer.request('monitor_cond_change', ['m', 'n', where('b')])).rejects.toThrow('unknown monitor');
    await expect(client.peer.request('monitor_cond_change', ['n', 'n', { Port: [] }])).rejects.toThrow(
      'no table named Port',
    );
  });

  it('monitor_cond_since gives a client that was away what it missed, as one', async () => {
    const [found, id] = (await monitor('monitor_cond_since', 'm', QOS, ZERO_UUID)) as [boolean, string];
    expect(found).toBe(false);
    const a = await insertQos('a');
    const [[, , known]] = (await client.settle()) as [string[]];
    expect(known).not.toBe(id);
    const b = await insertQos('b');
    await client.transact(ops.update('QoS', [['type', '==', 'b']], { type: 'c' }));
    await client.transact(ops.remove('QoS', [['type', '==', 'a']]));
    await client.transact(ops.remove('QoS', [['_uuid', '==', ops.uuid(await insertQos('gone'))]]));
    const [again, last, updates] = (await monitor('monitor_cond_since', 'n', QOS, known!)) as Json[];
    expect([again, updates]).toEqual([true, { QoS: { [a]: { delete: null }, [b]: { insert: { type: 'c' } } } }]);
    expect(await monitor('monitor_cond_since', 'o', QOS, last!)).toEqual([true, last, {}]);
    expect(((await monitor('monitor_cond_since', 'p', QOS, id)) as Json[])[0]).toBe(true);
    for (let i = 0; i < 120; i++) await insertQos(`${i}`);
    expect(((await monitor('monitor_cond_since', 'q', QOS, known!)) as Json[])[0]).toBe(false);
  });

  it('select leaves out kinds of update; monitor_cancel ends them', async () => {
    await insertQos('a');
    const quiet = { initial: false, insert: false, delete: false };
    expect(await monitor('monitor', null, { QoS: { columns: ['type'], select: quiet } })).toEqual({});
    await insertQos('b');
    expect(await client.settle()).toEqual([]);
    await client.transact(ops.update('QoS', [['type', '==', 'b']], { type: 'c' }));
    expect(await client.settle()).toHaveLength(1);
    expect(await client.peer.request('monitor_cancel', [null])).toEqual({});
    await client.transact(ops.update('QoS', [], { type: 'd' }));
    expect(await client.settle()).toEqual([]);
    await expect(client.peer.request('monitor_cancel', [null])).rejects.toThrow('unknown monitor');
  });

  it('malformed requests are refused', async () => {
    await monitor('monitor', 'taken', {});
    const bad: [string, Json[]][] = [
      ['monitor', ['Open_vSwitch', 'm']],
      ['monitor', ['Open_vSwitch', 'm', []]],
      ['monitor', ['Open_vSwitch', 'taken', {}]],
      ['monitor', ['Open_vSwitch', 'm', { QoS: [{ columns: ['type', 'type'] }] }]],
      ['monitor', ['Open_vSwitch', 'm', { QoS: [{ columns: ['type'], where: [] }] }]],
      ['monitor', ['Open_vSwitch', 'm', { Nope: {} }]],
      ['monitor_cond', ['Open_vSwitch', 'm', { QoS: [{ where: [['nope', '==', 1]] }] }]],
      ['monitor_cond_since', ['Open_vSwitch', 'm', {}, 'x']],
      ['monitor', ['nope', 'm', {}]],
    ];
    for (const [method, params] of bad)
      await expect(client.peer.request(method, params)).rejects.toThrow(/syntax|unknown/);
  });
});
