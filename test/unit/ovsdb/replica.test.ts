import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Channel, localPair } from '../../../src/json-rpc/channel.ts';
import type { Json } from '../../../src/json-rpc/json.ts';
import { JsonRpcPeer } from '../../../src/json-rpc/peer.ts';
import { OvsdbError } from '../../../src/ovsdb/errors.ts';
import * as ops from '../../../src/ovsdb/ops.ts';
import { OvsdbReplica, type RowChange } from '../../../src/ovsdb/replica.ts';
import { schemaToJson } from '../../../src/ovsdb/schema.ts';
import { OPEN_VSWITCH_SCHEMA } from '../../../src/ovsdb/vswitch-schema.ts';
import { type TestServer, testServer } from '../../support/ovsdb-server.ts';

let server: TestServer;
const replicas: OvsdbReplica[] = [];
beforeEach(async () => {
  server = await testServer();
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) replica.stop();
  await server.close();
});

async function replicaOf(
  remote: string | (() => Promise<Channel>),
  tables?: Record<string, string[] | 'all'>,
): Promise<OvsdbReplica> {
  const replica = new OvsdbReplica({ remote, backoffMinMs: 20, ...(tables ? { tables } : {}) });
  replicas.push(replica);
  replica.start();
  await replica.synced();
  return replica;
}

function record(replica: OvsdbReplica): string[] {
  const seen: string[] = [];
  const name = ({ table, old, row }: RowChange) => {
    const kind = old ? (row ? 'modify' : 'delete') : 'insert';
    return `${kind} ${table} ${(row ?? old)?.string('type')}`;
  };
  replica.listen({
    change: (changes) => seen.push(changes.map(name).sort().join(', ')),
    synced: (synced) => seen.push(synced ? 'synced' : 'lost'),
    locked: (held) => seen.push(held ? 'locked' : 'unlocked'),
    contended: () => seen.push('contended'),
  });
  return seen;
}

describe('OvsdbReplica', () => {
  it('shows one change event for each transaction, and its result when transact() resolves', async () => {
    const replica = await replicaOf(server.server.connect);
    const seen = record(replica);
    await replica.transact([ops.insert('QoS', { type: 'a' }), ops.insert('QoS', { type: 'b' })]);
    expect([...replica.table('QoS').values()].map((row) => row.string('type')).sort()).toEqual(['a', 'b']);
    await replica.transact([
      ops.remove('QoS', [['type', '==', 'a']]),
      ops.update('QoS', [], { type: 'c', external_ids: ops.stringMap({ k: 'v' }) }),
    ]);
    expect(seen).toEqual(['insert QoS a, insert QoS b', 'delete QoS a, modify QoS c']);
    const row = replica.only('QoS')!;
    expect([row.mapGet('external_ids', 'k'), row.mapGet('external_ids', 'x')]).toEqual(['v', undefined]);
    expect(replica.row('QoS', row.uuid)).toBe(row);
  });

  it('transact() rejects with the failed operation, and changes nothing', async () => {
    const replica = await replicaOf(server.server.connect);
    const failed = replica.transact([ops.insert('QoS', {}), ops.insert('Interface', { mtu_request: 0 })]);
    await expect(failed).rejects.toThrow(OvsdbError);
    await expect(failed).rejects.toMatchObject({ code: 'constraint violation', message: /less than minimum/ });
    expect(replica.table('QoS').size).toBe(0);
  });

  it('monitors what it was asked to, as far as the server has it', async () => {
    const replica = await replicaOf(server.server.connect, { QoS: ['type', 'not_there'], Nowhere: 'all' });
    await replica.transact([
      ops.insert('QoS', { type: 'a', external_ids: ops.stringMap({ k: 'v' }) }),
      ops.insert('Queue', {}),
    ]);
    expect(replica.only('QoS')?.stringMap('external_ids').size).toBe(0);
    expect(replica.only('QoS')?.optString('not_there')).toBeUndefined();
    expect([replica.table('Queue').size, replica.table('Nowhere').size]).toEqual([0, 0]);
  });

  it('finds again what it had, and what changed meanwhile, after a lost connection', async () => {
    const channels: Channel[] = [];
    const replica = await replicaOf(async () => {
      const channel = await server.server.connect();
      channels.push(channel);
      return channel;
    });
    await replica.transact([ops.insert('QoS', { type: 'a' }), ops.insert('QoS', { type: 'b' })]);
    const seen = record(replica);
    const other = await server.client();
    channels[0]?.close('test');
    await other.transact(ops.remove('QoS', [['type', '==', 'a']]), ops.insert('QoS', { type: 'c' }));
    await replica.synced();
    expect(seen).toEqual(['lost', 'delete QoS a, insert QoS c', 'synced']);
    expect(channels).toHaveLength(2);
  });

  it('compares the whole when the server cannot tell what changed', async () => {
    const remote = `punix:${join(server.folder, 's')}`;
    await server.server.setRemotes([remote]);
    const replica = await replicaOf(remote.slice(1));
    await replica.transact([ops.insert('QoS', { type: 'a' }), ops.insert('QoS', { type: 'b' })]);
    const seen = record(replica);
    await server.server.close();
    server = await testServer({}, server.folder);
    await (await server.client()).transact(
      ops.update('QoS', [['type', '==', 'b']], { type: 'c' }),
      ops.insert('Queue', {}),
    );
    await server.server.setRemotes([remote]);
    await replica.until(() => replica.isSynced && seen.includes('lost'));
    expect(seen).toEqual(['lost', 'insert Queue , modify QoS c', 'synced']);
  });

  it('holds a lock while connected', async () => {
    const [first, second] = [await replicaOf(server.server.connect), await replicaOf(server.server.connect)];
    first.lock('l');
    await first.until(() => first.hasLock);
    const seen = record(second);
    second.lock('l');
    await second.transact([ops.comment('x')]);
    expect([second.hasLock, seen]).toEqual([false, ['contended']]);
    first.unlock();
    await second.until(() => second.hasLock);
    await second.transact([ops.assertLock('l')]);
    await expect(first.transact([ops.assertLock('l')])).rejects.toMatchObject({ code: 'not owner' });
  });

  it.each(['monitor_cond', 'monitor'])('falls back to %s', async (offered) => {
    const uuid = '00000000-0000-4000-8000-00000000000a';
    const asked: string[] = [];
    const connect = async () => {
      const [left, right] = localPair();
      const peer: JsonRpcPeer = new JsonRpcPeer(right, {
        request: (id, method, params) => {
          asked.push(method);
          if (method === 'get_schema') peer.reply(id, schemaToJson(OPEN_VSWITCH_SCHEMA));
          else if (method !== offered) peer.replyError(id, 'unknown method');
          else {
            const row: Json = offered === 'monitor' ? { new: { type: 'a' } } : { initial: { type: 'a' } };
            peer.reply(id, { QoS: { [uuid]: row } });
            const change: Json =
              offered === 'monitor' ? { old: { type: 'a' }, new: { type: 'b' } } : { modify: { type: 'b' } };
            peer.notify(offered === 'monitor' ? 'update' : 'update2', [params[1]!, { QoS: { [uuid]: change } }]);
          }
        },
      });
      return left;
    };
    const replica = await replicaOf(connect, { QoS: ['type'] });
    await replica.until(() => replica.only('QoS')?.string('type') === 'b');
    expect(asked.at(-1)).toBe(offered);
  });
});
