import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { Rconn, type RconnHandler } from '../../../../ofproto/connmgr/rconn.ts';
import { dial } from '../../../../ofproto/connmgr/stream.ts';
import { acceptPeers, tempDir, until } from '../../../support/sockets.ts';

const HELLO_10 = '0100000800000001';

function recorder(): RconnHandler & { readonly events: string[] } {
  const events: string[] = [];
  return {
    events,
    connected: (version) => events.push(`connected ${version}`),
    readable: () => events.push('readable'),
    drained: () => {},
    disconnected: () => events.push('disconnected'),
    changed: () => {},
  };
}

function dialler(path: string, clock: VirtualClock, handler: RconnHandler): Rconn {
  return new Rconn(
    {
      name: 'br0<->test',
      clock,
      versions: () => [1, 4],
      probeIntervalMs: 5000,
      dial: () => dial({ kind: 'unix', path }),
      maxBackoffMs: 8000,
    },
    handler,
  );
}

describe('Rconn', () => {
  it('waits 1, 2, 4, 8, 8 seconds between failed attempts', async () => {
    using dir = tempDir();
    const clock = new VirtualClock();
    const rconn = dialler(join(dir.path, 'nobody'), clock, recorder());
    rconn.start();
    for (const backoffMs of [1000, 2000, 4000, 8000, 8000]) {
      await until(() => rconn.state === 'BACKOFF');
      expect(rconn.lastError).toBe('No such file or directory');
      expect(rconn.sinceDisconnectMs).toBeUndefined();
      clock.warp(backoffMs - 1);
      expect(rconn.state).toBe('BACKOFF');
      clock.warp(1);
      expect(rconn.state).toBe('CONNECTING');
    }
    rconn.close();
  });

  it('connects with the highest common version, probes a silent peer and gives up on a dead one', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'controller');
    const { server, peers } = await acceptPeers(path);
    const clock = new VirtualClock();
    const handler = recorder();
    const rconn = dialler(path, clock, handler);
    rconn.start();
    await until(() => peers.length === 1);
    const peer = peers[0]!;
    await until(() => peer.messages().length === 1);
    peer.send(HELLO_10);
    await until(() => rconn.isConnected);
    expect(rconn.version).toBe(1);
    expect(handler.events).toContain('connected 1');

    clock.warp(5000);
    expect(rconn.state).toBe('IDLE');
    await until(() => peer.messages().length === 2);
    expect(peer.messages()[1]).toBe('0102000800000000');
    peer.send('0103000800000000');
    await until(() => rconn.state === 'ACTIVE');
    expect(rconn.recv()?.[1]).toBe(3);

    clock.warp(5000);
    clock.warp(5000);
    expect(rconn.state).toBe('BACKOFF');
    expect(rconn.lastError).toBe('Connection timed out');
    expect(rconn.sinceDisconnectMs).toBe(0);
    expect(handler.events.at(-1)).toBe('disconnected');
    await until(() => peer.closed);
    clock.warp(1000);
    await until(() => peers.length === 2);
    rconn.close();
    server.close();
  });

  it('hands out messages that came before the end of the stream, then reports it', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'controller');
    const { server, peers } = await acceptPeers(path);
    const handler = recorder();
    const rconn = dialler(path, new VirtualClock(), handler);
    rconn.start();
    await until(() => peers.length === 1);
    peers[0]!.socket.end(Buffer.from(`${HELLO_10}01120008000000cc`, 'hex'));
    await until(() => handler.events.includes('readable'));
    expect(Buffer.from(rconn.recv()!).toString('hex')).toBe('01120008000000cc');
    // The end may come later than the last message: it is reported to whoever asks for more then.
    await until(() => rconn.recv() === undefined && rconn.state === 'BACKOFF');
    expect(rconn.lastError).toBe('End of file');
    rconn.close();
    server.close();
  });

  it.each([
    ['a header shorter than itself', `${HELLO_10}0105000400000001`],
    ['a first message that is no hello', '0105000800000001'],
  ])('drops %s', async (_, hex) => {
    using dir = tempDir();
    const path = join(dir.path, 'controller');
    const { server, peers } = await acceptPeers(path);
    const handler = recorder();
    const rconn = dialler(path, new VirtualClock(), handler);
    rconn.start();
    await until(() => peers.length === 1);
    peers[0]!.send(hex);
    await until(() => peers[0]!.messages().length > 0);
    await until(() => {
      rconn.recv();
      return rconn.state === 'BACKOFF';
    });
    expect(rconn.lastError).toBe('Protocol error');
    rconn.close();
    server.close();
  });

  it('answers a peer without a common version with OFPHFC_INCOMPATIBLE', async () => {
    using dir = tempDir();
    const path = join(dir.path, 'controller');
    const { server, peers } = await acceptPeers(path);
    const rconn = dialler(path, new VirtualClock(), recorder());
    rconn.start();
    await until(() => peers.length === 1);
    peers[0]!.send('0200001000000001 0001000800000004');
    await until(() => peers[0]!.closed);
    expect(peers[0]!.messages()[1]).toMatch(/^0201....0000000000000000/);
    await until(() => rconn.state === 'BACKOFF');
    rconn.close();
    server.close();
  });
});
