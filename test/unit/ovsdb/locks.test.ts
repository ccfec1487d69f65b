import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as ops from '../../../src/ovsdb/ops.ts';
import { type TestClient, type TestServer, testServer } from '../../support/ovsdb-server.ts';

let server: TestServer;
let a: TestClient;
let b: TestClient;
let c: TestClient;
beforeEach(async () => {
  server = await testServer();
  [a, b, c] = [await server.client(), await server.client(), await server.client()];
});
afterEach(() => server.close());

const call = (client: TestClient, method: string) => client.peer.request(method, ['x']);

describe('locks', () => {
  it('go to waiters in turn, also when their owner leaves', async () => {
    expect(await call(a, 'lock')).toEqual({ locked: true });
    expect(await call(b, 'lock')).toEqual({ locked: false });
    expect(await call(c, 'lock')).toEqual({ locked: false });
    await call(a, 'unlock');
    expect(await b.settle()).toEqual([['locked', 'x']]);
    b.peer.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await c.settle()).toEqual([['locked', 'x']]);
  });

  it('stolen come back to one who asked with lock, not to one who stole', async () => {
    await call(a, 'lock');
    expect(await call(b, 'steal')).toEqual({ locked: true });
    expect(await call(c, 'steal')).toEqual({ locked: true });
    expect([await a.settle(), await b.settle()]).toEqual([[['stolen', 'x']], [['stolen', 'x']]]);
    await expect(call(a, 'lock')).rejects.toThrow('must issue "unlock" before new "lock"');
    await call(c, 'unlock');
    expect([await a.settle(), await b.settle()]).toEqual([[['locked', 'x']], []]);
    await call(b, 'unlock');
    await expect(call(b, 'unlock')).rejects.toThrow('without "lock"');
  });

  it('are what assert looks at', async () => {
    expect(await a.refusal(ops.assertLock('x'))).toBe('not owner');
    await call(a, 'lock');
    expect(await a.refusal(ops.assertLock('x'))).toBeUndefined();
    await call(b, 'steal');
    expect(await a.refusal(ops.assertLock('x'))).toBe('not owner');
  });
});
