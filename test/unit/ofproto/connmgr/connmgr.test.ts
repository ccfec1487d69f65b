// The connection manager over its real sockets, with raw OpenFlow on one side and a bridge that forwards nothing on the
// other.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { Connmgr } from '../../../../ofproto/connmgr/connmgr.ts';
import { emptyMatch } from '../../../../ofproto/model/flow.ts';
import { FakeOfproto } from '../../../support/fake-ofproto.ts';
import { acceptPeers, Peer, type TempDir, tempDir, until } from '../../../support/sockets.ts';

const HELLO_10 = '0100000800000001';
const HELLO_13 = '0400000800000001';
/** OFPT_FLOW_MOD of 1.3: add table 0 priority 1, match all, no instruction. */
const FLOW_MOD_13 =
  '040e003800000099 0000000000000000 0000000000000000 00 00 0000 0000 0001 ffffffff ffffffff ffffffff 0000 0000 0001000400000000';

let dir: TempDir;
let clock: VirtualClock;
let ofproto: FakeOfproto;
let connmgr: Connmgr;

beforeEach(async () => {
  dir = tempDir();
  clock = new VirtualClock();
  ofproto = new FakeOfproto('br0');
  connmgr = new Connmgr(ofproto, { rundir: dir.path, clock });
  await connmgr.listen();
});

afterEach(async () => {
  await connmgr.close();
  dir[Symbol.dispose]();
});

/** A client of the management socket, after hello. */
async function client(hello: string): Promise<Peer> {
  const peer = await Peer.connect(join(dir.path, 'br0.mgmt'));
  peer.send(hello);
  await until(() => peer.messages().length === 1);
  return peer;
}

/** A controller that the bridge dials, after hello. */
async function controller(name: string, hello: string): Promise<{ peer: Peer; target: string; close: () => void }> {
  const path = join(dir.path, name);
  const { server, peers } = await acceptPeers(path);
  const target = `unix:${path}`;
  connmgr.setControllers([...connmgr.status().map((status) => ({ target: status.target })), { target }]);
  await until(() => peers.length === 1);
  const peer = peers[0]!;
  peer.send(hello);
  await until(() => connmgr.status().some((status) => status.target === target && status.isConnected));
  return { peer, target, close: () => server.close() };
}

/** Sends `hex` and returns what comes back before the reply to a barrier in the connection's version. */
async function ask(peer: Peer, hex: string, version: 1 | 4 = 4): Promise<string[]> {
  const before = peer.messages().length;
  peer.send(hex);
  peer.send(version === 1 ? '01120008000000cc' : '04140008000000cc');
  const barrier = version === 1 ? '01130008000000cc' : '04150008000000cc';
  await until(() => peer.messages().includes(barrier, before));
  return peer.messages().slice(before, -1);
}

describe('Connmgr', () => {
  it('offers 1.0 to 1.5 unless told otherwise', async () => {
    expect((await client(HELLO_10)).messages()[0]).toMatch(/^06000008........$/);
    connmgr.setProtocols(['OpenFlow13', 'OpenFlow14']);
    expect((await client(HELLO_13)).messages()[0]).toMatch(/^05000010........0001000800000030$/);
    connmgr.setProtocols(['OpenFlow10']);
    expect((await client(HELLO_10)).messages()[0]).toMatch(/^01000008........$/);
  });

  it.each([
    ['an unknown type', HELLO_10, '01ff000800000002', '01010014000000020001000101ff000800000002'],
    ['another version', HELLO_10, '0405000800000002', '0401001400000002000100000405000800000002'],
    ['a request that is too long', HELLO_10, '0105000900000003ff', '0101001500000003000100060105000900000003ff'],
    ['a second hello', HELLO_10, '0100000800000004', '0101001400000004000100010100000800000004'],
    [
      'an unknown statistics type',
      HELLO_10,
      '0110000c0000000800ff0000',
      '0101001800000008000100020110000c0000000800ff0000',
    ],
    ['a reply', HELLO_10, '0106000800000002', undefined],
    ['a truncated packet-out', HELLO_13, '040d000800000012', '040100140000001200010006040d000800000012'],
  ])('answers %s with the right error and carries on', async (_, hello, message, error) => {
    const peer = await client(hello);
    const replies = await ask(peer, message, hello === HELLO_10 ? 1 : 4);
    if (error === undefined) expect(replies[0]).toMatch(/^0101/);
    else expect(replies).toEqual([error]);
  });

  it('quotes the message at fault, as much as fits', async () => {
    const peer = await client(HELLO_10);
    const [error] = await ask(peer, `01ff012c00000002${'ab'.repeat(292)}`, 1);
    expect(error!.length / 2).toBe(12 + 300);
    const [long] = await ask(peer, `01ffffff00000002${'ab'.repeat(0xffff - 8)}`, 1);
    expect(long!.length / 2).toBeGreaterThan(0xff00);
  });

  it('a barrier waits for the bridge, and what follows waits for the barrier', async () => {
    let done = () => {};
    ofproto.barrierDone = new Promise((resolve) => {
      done = resolve;
    });
    const peer = await client(HELLO_13);
    peer.send(`${FLOW_MOD_13}04140008000000cc 0402000800000077`);
    await until(() => ofproto.flows.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(peer.messages()).toHaveLength(1);
    done();
    await until(() => peer.messages().length === 3);
    expect(peer.messages().slice(1)).toEqual(['04150008000000cc', '0403000800000077']);
  });

  it('roles: one master at a time, slaves may only look, stale generations are refused', async () => {
    const one = await controller('one', HELLO_13);
    const two = await controller('two', HELLO_13);
    const role = (number: string, generation: string) => `0418001800000001 ${number} 00000000 ${generation}`;
    expect(await ask(one.peer, role('00000002', '0000000000000005'))).toEqual([
      '041900180000000100000002000000000000000000000005',
    ]);
    await ask(two.peer, role('00000002', '0000000000000006'));
    await until(() => connmgr.status()[0]!.role === 'slave');
    expect(connmgr.status()[1]!.role).toBe('master');
    expect((await ask(one.peer, FLOW_MOD_13))[0]).toMatch(/^04010044000000990001000a/);
    expect(ofproto.flows).toHaveLength(0);
    expect(await ask(two.peer, FLOW_MOD_13)).toEqual([]);
    expect(ofproto.flows).toHaveLength(1);
    expect((await ask(one.peer, role('00000002', '0000000000000004')))[0]).toContain('000b0000');
    one.close();
    two.close();
  });

  it('fail mode, flows and misses follow the controllers', async () => {
    expect(ofproto.failModes).toEqual([]);
    connmgr.setControllers([]);
    expect(ofproto.failModes).toEqual(['standalone none']);
    const { peer, close } = await controller('one', HELLO_10);
    expect(ofproto.failModes.at(-1)).toBe('standalone present');
    await until(() => ofproto.missToController);
    close();
    peer.socket.destroy();
    await until(() => !ofproto.missToController);
    expect(connmgr.status()[0]).toMatchObject({ isConnected: false, role: undefined, status: { state: 'BACKOFF' } });
    clock.warp(15_000);
    expect(ofproto.failModes.at(-1)).toBe('standalone lost');
    connmgr.setFailMode('secure');
    expect(ofproto.failModes.at(-1)).toBe('secure present');
    connmgr.setControllers([]);
    expect(ofproto.failModes.at(-1)).toBe('secure none');
  });

  it('set-config asks for expired TTLs in 1.0 and leaves the masks of 1.3 alone', async () => {
    const old = await client(HELLO_10);
    await ask(old, '0109000c0000001400040080', 1);
    expect((await ask(old, '0107000800000001', 1))[0]).toBe('0108000c0000000100040080');
    const peer = await client(HELLO_13);
    const masks = '00000007 00000001 00000007 00000007 0000000f 00000000';
    await ask(peer, `041c002000000001 ${masks}`);
    await ask(peer, '0409000c0000001400000080');
    expect((await ask(peer, '041a000800000002'))[0]).toBe(`041b002000000002${masks.replaceAll(' ', '')}`);
  });

  it('controllers that stay keep their connection, whatever their settings', async () => {
    const { target, peer, close } = await controller('one', HELLO_10);
    connmgr.setControllers([{ target }]);
    connmgr.setControllers([{ target, inactivityProbeMs: 6000, rateLimit: 100 }]);
    expect(await ask(peer, '010200080000000a', 1)).toEqual(['010300080000000a']);
    expect(connmgr.status()[0]!.status).toHaveProperty('packet-in-miss-queued');
    connmgr.setControllers([{ target, type: 'service' }]);
    await until(() => peer.closed);
    close();
  });

  it.each([
    ['unix:/etc/passwd', /only unix:.* is permitted/],
    ['unix:RUNDIR/../elsewhere', /only unix:.* is permitted/],
    ['punix:RUNDIR/br1.controller', /only punix:.*br0\.\* is permitted/],
    ['ssl:127.0.0.1', /not supported/],
    ['tcp:', /expected tcp:/],
  ])('refuses the target %s and says why in last_error', (text, why) => {
    connmgr.setControllers([{ target: text.replace('RUNDIR', dir.path) }]);
    expect(connmgr.status()[0]).toMatchObject({ isConnected: false, role: undefined });
    expect(connmgr.status()[0]!.status['last_error']).toMatch(why);
    expect(ofproto.failModes.at(-1)).toBe('standalone none');
  });

  it('listens for service controllers, which do not count for the fail mode', async () => {
    const target = `punix:${join(dir.path, 'br0.controller')}`;
    connmgr.setControllers([{ target }]);
    await until(() => connmgr.status()[0]!.status['last_error'] === undefined);
    let peer: Peer | undefined;
    await until(() => {
      Peer.connect(join(dir.path, 'br0.controller')).then(
        (one) => {
          peer ??= one;
        },
        () => {},
      );
      return peer !== undefined;
    });
    peer!.send(HELLO_10);
    await until(() => connmgr.status()[0]!.isConnected);
    expect(ofproto.failModes).toEqual(['standalone none']);
    expect(ofproto.missToController).toBe(false);
  });

  it('snoop sees the messages of primary controllers in both directions', async () => {
    const snooper = await Peer.connect(join(dir.path, 'br0.snoop'));
    snooper.send(HELLO_10);
    await until(() => snooper.messages().length === 1);
    const { peer, close } = await controller('one', HELLO_10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.send('0102000800000055');
    await until(() => snooper.messages().length === 3);
    expect(snooper.messages().slice(1)).toEqual(['0102000800000055', '0103000800000055']);
    close();
  });

  it('reconnect() drops controllers and dials again at once', async () => {
    const path = join(dir.path, 'one');
    const { server, peers } = await acceptPeers(path);
    connmgr.setControllers([{ target: `unix:${path}` }]);
    await until(() => peers.length === 1);
    connmgr.reconnect();
    await until(() => peers.length === 2 && peers[0]!.closed);
    server.close();
  });

  it('a client that does not read is not served further; the others are, and nothing is lost', async () => {
    const slow = await client(HELLO_10);
    slow.socket.pause();
    const requests = 4000;
    for (let xid = 0; xid < requests; xid++) slow.send(`0110000c${xid.toString(16).padStart(8, '0')}00000000`);
    const other = await client(HELLO_10);
    expect(await ask(other, '0102000800000055', 1)).toEqual(['0103000800000055']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    slow.socket.resume();
    await until(() => slow.messages().length === 1 + requests, 15_000);
    expect(slow.messages().every((text, index) => index === 0 || parseInt(text.slice(8, 16), 16) === index - 1)).toBe(
      true,
    );
  });

  it('packet-ins for a controller that does not read are dropped, not queued for ever', async () => {
    const { peer, close } = await controller('one', HELLO_10);
    await until(() => ofproto.missToController);
    peer.socket.pause();
    const packet = new Uint8Array(1400);
    const packetIn = {
      tableId: 0,
      cookie: 0n,
      totalLen: 1400,
      packet,
      metadata: emptyMatch(),
      controllerId: 0,
      maxLen: 0xffff,
    };
    for (let i = 0; i < 5000; i++) {
      ofproto.emit((events) => events.packetIn({ ...packetIn, reason: 'no_match' }));
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    peer.socket.resume();
    expect(await ask(peer, '0102000800000055', 1)).toContain('0103000800000055');
    const packetIns = peer.messages().filter((text) => text.startsWith('010a')).length;
    expect(packetIns).toBeGreaterThan(100);
    expect(packetIns).toBeLessThan(2000);
    close();
  });

  it('random bytes get errors or a closed connection, never anything worse', async () => {
    const seed = Date.now() & 0xffff;
    let state = seed;
    const random = (limit: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % limit;
    };
    for (let round = 0; round < 40; round++) {
      const version = round % 2 ? 4 : 1;
      const peer = await client(version === 1 ? HELLO_10 : HELLO_13);
      for (let count = 0; count < 25; count++) {
        const message = Buffer.from(Array.from({ length: 8 + random(120) }, () => random(256)));
        message[0] = version;
        message[1] = random(32);
        message.writeUInt16BE(message.length, 2);
        // Half of them name a real statistics or vendor message.
        if (random(2) && message.length >= 12) message.writeUInt32BE(random(2) ? random(16) << 16 : 0x2320, 8);
        peer.socket.write(message);
      }
      peer.send(version === 1 ? '0102000800000077' : '0402000800000077');
      await until(() => peer.closed || peer.messages().at(-1)?.slice(2) === '03000800000077');
      expect(peer.closed, `seed ${seed} round ${round}`).toBe(false);
      peer.socket.destroy();
    }
  });
});
