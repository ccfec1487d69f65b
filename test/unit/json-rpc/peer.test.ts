import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../lib/clock.ts';
import { localPair } from '../../../src/json-rpc/channel.ts';
import type { JsonObject } from '../../../src/json-rpc/json.ts';
import { ConnectionLost, classify, JsonRpcError, JsonRpcPeer } from '../../../src/json-rpc/peer.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));

describe('JsonRpcPeer', () => {
  it('request() resolves with the result, rejects with the peer error', async () => {
    const [left, right] = localPair();
    const server: JsonRpcPeer = new JsonRpcPeer(right, {
      request: (id, method, params) => {
        if (method === 'add') server.reply(id, Number(params[0]) + Number(params[1]));
        else server.replyError(id, 'unknown method');
      },
    });
    const client = new JsonRpcPeer(left, {});
    expect(await client.request('add', [1, 2])).toBe(3);
    await expect(client.request('nope', [])).rejects.toThrow(new JsonRpcError('unknown method'));
    expect(await client.request('echo', ['x'])).toEqual(['x']);
    const pending = client.request('echo', []);
    server.close('bye');
    await expect(pending).rejects.toBeInstanceOf(ConnectionLost);
  });

  it('classify() refuses what is neither request, notification nor reply', () => {
    const wrong: JsonObject[] = [{}, { method: 1, params: [] }, { method: 'x', params: {} }, { id: 1, x: 1 }];
    for (const message of wrong) expect(() => classify(message)).toThrow(expect.objectContaining({ code: 'json-rpc' }));
    expect(classify({ method: 'x', params: [], id: null }).kind).toBe('notification');
    expect(classify({ id: 0, result: 1, error: null }).kind).toBe('reply');
  });

  it('probes an idle peer and gives up on a silent one', async () => {
    const clock = new VirtualClock();
    const [left, right] = localPair();
    const heard: JsonObject[] = [];
    right.listen({ message: (message) => heard.push(message), closed: () => {} });
    let reason: string | undefined;
    new JsonRpcPeer(left, { closed: (text) => (reason = text) }, { clock, probeIntervalMs: 1000 });
    clock.warp(1000);
    await turn();
    expect(heard).toEqual([{ method: 'echo', params: [], id: 'echo' }]);
    right.send({ id: 'echo', result: [], error: null });
    await turn();
    clock.warp(1500);
    expect(reason).toBeUndefined();
    clock.warp(1500);
    expect(reason).toMatch(/no response to inactivity probe/);
  });
});
