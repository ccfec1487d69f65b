import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../lib/errors.ts';
import { JsonRpcPeer } from '../../../src/json-rpc/peer.ts';
import { dial, listen, parseRemote } from '../../../src/json-rpc/remote.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-remote-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('parseRemote()', () => {
  it('reads every kind that Open vSwitch writes', () => {
    expect(parseRemote('unix:/a b')).toEqual({ kind: 'unix', path: '/a b' });
    expect(parseRemote('tcp:10.0.0.1')).toEqual({ kind: 'tcp', host: '10.0.0.1', port: 6640 });
    expect(parseRemote('tcp:[::1]:7')).toEqual({ kind: 'tcp', host: '::1', port: 7 });
    expect(parseRemote('ptcp:')).toEqual({ kind: 'ptcp', host: '0.0.0.0', port: 6640 });
    expect(parseRemote('ptcp:0:127.0.0.1')).toEqual({ kind: 'ptcp', host: '127.0.0.1', port: 0 });
    for (const text of ['', 'unix:', 'tcp:', 'tcp:a:b', 'ptcp:x', 'tcp:a:70000', 'ssl:a']) {
      expect(() => parseRemote(text)).toThrow(UserError);
    }
  });
});

describe('listen() and dial()', () => {
  it('carry a request over unix and tcp', async () => {
    for (const passive of [`punix:${join(dir, 's')}`, 'ptcp:0:127.0.0.1']) {
      const listener = await listen(passive, (channel) => void new JsonRpcPeer(channel, {}));
      const active = listener.port === 0 ? passive.slice(1) : `tcp:127.0.0.1:${listener.port}`;
      const client = new JsonRpcPeer(await dial(active), {});
      expect(await client.request('echo', ['hi'])).toEqual(['hi']);
      client.close();
      await listener.close();
    }
  });

  it('a socket file that is served is left alone, a dead one replaced', async () => {
    const path = join(dir, 's');
    const first = await listen(`punix:${path}`, () => {});
    await expect(listen(`punix:${path}`, () => {})).rejects.toThrow(/another process is listening/);
    await first.close();
    await expect(dial(`unix:${path}`)).rejects.toThrow(/ENOENT/);
    // Node unlinks the name that it bound: renamed away first, the file stays behind as a killed server leaves it.
    const dead = createServer().listen(join(dir, 'x'));
    await new Promise((resolve) => dead.once('listening', resolve));
    renameSync(join(dir, 'x'), path);
    await new Promise((resolve) => dead.close(resolve));
    await (await listen(`punix:${path}`, () => {})).close();
  });
});
