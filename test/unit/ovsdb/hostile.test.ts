import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/json-rpc/json.ts';
import * as ops from '../../../src/ovsdb/ops.ts';
import { random } from '../../support/ovsdb-generator.ts';
import { type TestClient, type TestServer, testServer } from '../../support/ovsdb-server.ts';

let server: TestServer;
let good: TestClient;
let path: string;
beforeEach(async () => {
  server = await testServer({ sessionsMax: 8 });
  path = join(server.folder, 'db.sock');
  await server.server.setRemotes([`punix:${path}`]);
  good = await server.client();
});
afterEach(() => server.close());

async function raw(): Promise<Socket & { ended: Promise<unknown> }> {
  const socket = connect(path);
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return Object.assign(socket, { ended });
}

async function answers(socket: Socket, text: string): Promise<string> {
  let got = '';
  socket.on('data', (bytes: Buffer) => {
    got += bytes.toString();
  });
  socket.write(text);
  for (let i = 0; i < 100 && !got.endsWith('}'); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  return got;
}

describe('a session that misbehaves', () => {
  it.each([
    ['sends what is not JSON', 'hello'],
    ['sends an array', '[]'],
    ['sends broken JSON', '{"id":1,"method":"echo","params":[}'],
    ['sends JSON that is not JSON-RPC', '{"id":1,"metod":"echo","params":[]}'],
    ['sends params that are no array', '{"id":1,"method":"echo","params":{}}'],
    ['nests too deeply', `{"id":1,"method":"echo","params":${'['.repeat(5000)}`],
    ['sends bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ])('is closed when it %s; others go on', async (_, bytes) => {
    const bad = await raw();
    bad.resume();
    bad.write(bytes);
    await bad.ended;
    expect(await good.transact(ops.comment('x'))).toEqual([{}]);
  });

  it('sent with its last request, the end of a stream still lets the reply out', async () => {
    const socket = await raw();
    const got = answers(socket, '{"id":1,"method":"list_dbs","params":[]}');
    socket.end();
    expect(JSON.parse(await got)).toEqual({ id: 1, result: ['Open_vSwitch', '_Server'], error: null });
  });

  it('is not read while it does not take its replies', async () => {
    const big = ops.insert('QoS', { external_ids: ops.stringMap({ k: 'x'.repeat(200_000) }) });
    await good.transact(big);
    const slow = await raw();
    slow.pause();
    const request = (id: number) =>
      JSON.stringify({ id, method: 'transact', params: ['Open_vSwitch', { op: 'select', table: 'QoS', where: [] }] });
    for (let id = 0; id < 400; id++) slow.write(request(id));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // 400 replies are 80 MB; what is queued is what the first few made.
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().external).toBeLessThan(60e6);
    let bytes = 0;
    slow.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    slow.resume();
    for (let i = 0; i < 400 && bytes < 80e6; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(bytes).toBeGreaterThan(80e6);
    slow.destroy();
  });

  it('is disconnected when it does not take its updates', async () => {
    const slow = await raw();
    slow.pause();
    slow.write(
      JSON.stringify({
        id: 1,
        method: 'monitor',
        params: ['Open_vSwitch', 'm', { QoS: [{ columns: ['external_ids'] }] }],
      }),
    );
    let closed = false;
    void slow.ended.then(() => {
      closed = true;
    });
    await good.transact(ops.insert('QoS', {}));
    for (let i = 0; i < 60; i++) {
      const value = String(i).repeat(700_000);
      await good.transact(ops.update('QoS', [], { external_ids: ops.stringMap({ k: value.slice(0, 700_000) }) }));
    }
    slow.resume();
    for (let i = 0; i < 300 && !closed; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(closed).toBe(true);
    expect(await good.transact(ops.comment('x'))).toEqual([{}]);
  });

  it('is refused when there are too many', async () => {
    const sockets = await Promise.all(Array.from({ length: 10 }, raw));
    for (const socket of sockets) socket.resume();
    await Promise.any(sockets.map((socket) => socket.ended));
    expect(await good.transact(ops.comment('x'))).toEqual([{}]);
    for (const socket of sockets) socket.destroy();
  });

  it('sends anything in place of any value, and the server answers or closes, and lives', async () => {
    const next = random(7);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)]!;
    const junk: Json[] = [
      null,
      1,
      -1,
      1e300,
      '',
      'x',
      true,
      [],
      {},
      [[]],
      ['set', []],
      ['map', [1]],
      ['uuid', 1],
      [null],
      '__proto__',
    ];
    const requests: [string, Json[]][] = [
      ['transact', ['Open_vSwitch', ops.insert('QoS', { type: 'a', external_ids: ops.stringMap({ a: 'b' }) }, 'x')]],
      [
        'transact',
        [
          'Open_vSwitch',
          ops.mutate('QoS', [['type', '==', 'a']], [['external_ids', 'insert', ops.stringMap({ c: 'd' })]]),
        ],
      ],
      ['transact', ['Open_vSwitch', ops.waitEqual('QoS', [], ['type'], [{ type: 'a' }])]],
      ['transact', ['Open_vSwitch', ops.update('QoS', [['_uuid', '!=', ops.uuid('1')]], { queues: ops.set([]) })]],
      ['monitor', ['Open_vSwitch', 'm', { QoS: [{ columns: ['type'], select: { initial: true } }] }]],
      [
        'monitor_cond_since',
        ['Open_vSwitch', 'n', { QoS: [{ columns: ['type'], where: [['type', '==', 'a']] }] }, 'x'],
      ],
      ['monitor_cond_change', ['n', 'n', { QoS: [{ where: [['type', '!=', 'a']] }] }]],
      ['monitor_cancel', ['n']],
      ['lock', ['l']],
      ['steal', ['l']],
      ['unlock', ['l']],
      ['get_schema', ['Open_vSwitch']],
      ['cancel', [1]],
    ];
    const mutate = (json: Json): Json => {
      if (next() < 0.12) return pick(junk);
      if (Array.isArray(json)) return json.map(mutate);
      if (typeof json !== 'object' || json === null) return json;
      return Object.fromEntries(
        Object.entries(json).map(([key, value]) => [next() < 0.03 ? 'x' : key, mutate(value ?? null)]),
      );
    };
    const bad = await server.client();
    for (let i = 0; i < 3000; i++) {
      const [method, params] = pick(requests);
      const mutated = mutate(params);
      // A reply or an error: never silence, but for transactions that wait.
      void bad.peer.request(method, Array.isArray(mutated) ? mutated : [mutated]).catch(() => {});
      if (i % 100 === 0) await good.settle();
      expect(bad.closedFor, JSON.stringify([method, mutated])).toBeUndefined();
    }
    expect(await good.transact(ops.comment('x'))).toEqual([{}]);
  });
});
