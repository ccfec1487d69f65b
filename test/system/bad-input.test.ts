// Bad input to a running weftd, from every side but the guests': each costs its sender a clear error, and two guests go
// on exchanging frames. And weftd where things are in its way: a broken database file, a taken socket, no privilege.
import { appendFileSync, chownSync, mkdtempSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testFrame } from '../support/guest/datapath-rig.ts';
import { VhostGuest } from '../support/guest/vhost-guest.ts';
import { Peer, until } from '../support/sockets.ts';
import { eventually, haveOvs, VhostSwitch } from '../support/vhost-switch.ts';

const NOBODY = 65534;

let vswitch: VhostSwitch;
let guests: VhostGuest[] = [];

async function attachPair(names: readonly [string, string]): Promise<void> {
  guests = await Promise.all(names.map((name) => VhostGuest.connect(vswitch.socket(name))));
  for (const name of names) await eventually(`${name} up`, () => vswitch.linkUp(name));
}

async function stillForwards(): Promise<void> {
  for (let count = 0; count < 10; count++) await guests[0]!.sendFrame(testFrame(60 + count * 150, count));
  const frames = await guests[1]!.receiveFrames(10, 10_000);
  frames.forEach((frame, index) => {
    expect(Buffer.compare(frame, testFrame(60 + index * 150, index))).toBe(0);
  });
}

async function stop(): Promise<void> {
  for (const guest of guests) guest.close();
  guests = [];
  await vswitch?.close();
}

describe.skipIf(!haveOvs)('weftd with bad clients', () => {
  beforeAll(async () => {
    vswitch = await VhostSwitch.start();
    await vswitch.addPair(['left', 'right'], 'dpdkvhostuser');
    await attachPair(['left', 'right']);
  });
  afterEach(stillForwards);
  afterAll(stop);

  const controlSocket = () => `ovs-vswitchd.${vswitch.weftd.pid}.ctl`;

  const NONSENSE: readonly (readonly [string, string])[] = [
    ['no JSON', 'GET / HTTP/1.0\r\n\r\n'],
    ['JSON that breaks off and goes wrong', '{"method":"transact","params":["Open_vSwitch",}}}'],
    ['no object', '[1,2,3]'],
    ['a message without its members', '{"hello":"world"}'],
    ['params that are no array', '{"id":0,"method":"transact","params":{"a":1}}'],
    ['endless nesting', '['.repeat(200_000)],
    ['bytes that are no UTF-8', '{"id":0,"method":"\xff\xfe\xfd","params":[]}'],
    ['a NUL', '{"id":0,\0"method":"echo","params":[]}'],
  ];

  it.each(NONSENSE)('%s ends the session on db.sock and on the control socket', async (_what, text) => {
    for (const name of ['db.sock', controlSocket()]) {
      const peer = await Peer.connect(vswitch.socket(name));
      peer.socket.write(Buffer.from(text, 'latin1'));
      await until(() => peer.closed || peer.received.includes('error'), 10_000);
      peer.socket.destroy();
    }
    expect(await vswitch.weftd.vsctl('list-br')).toBe(vswitch.bridge);
    expect(await vswitch.weftd.appctl('version')).toContain('Open vSwitch');
  });

  it.each([
    ['an unknown method', '{"id":7,"method":"nosuch","params":[]}'],
    ['an unknown database', '{"id":7,"method":"transact","params":["nosuch"]}'],
    [
      'an unknown table',
      '{"id":7,"method":"transact","params":["Open_vSwitch",{"op":"select","table":"No","where":[]}]}',
    ],
  ])('%s is answered with an error object on db.sock, and the session goes on', async (_what, text) => {
    const peer = await Peer.connect(vswitch.socket('db.sock'));
    peer.socket.write(text);
    await until(() => peer.received.includes('"error":{') || /"error":"/.test(peer.received.toString()), 10_000);
    peer.received = Buffer.alloc(0);
    peer.socket.write('{"id":8,"method":"echo","params":["still here"]}');
    await until(() => peer.received.includes('still here'), 10_000);
    peer.socket.destroy();
  });

  it.each([
    ['an unknown type', '0163 0008 00000001', '0101'],
    ['a truncated flow-mod', '010e 0010 00000001 0000000000000000', '0101'],
    ['junk in place of a hello', 'ff'.repeat(0x10000), undefined],
    ['a length below a header', '0100 0004 00000001', undefined],
    ['noise', '9e3779b97f4a7c15f39cc0605cedc8341082276bf3a27251'.repeat(2000), undefined],
  ])('%s on the management socket', async (_what, hex, answer) => {
    const peer = await Peer.connect(vswitch.socket(`${vswitch.bridge}.mgmt`));
    if (answer) peer.send('0100 0008 00000001');
    peer.send(hex);
    if (answer) await until(() => peer.messages().some((message) => message.startsWith(answer)), 10_000);
    else await until(() => peer.closed, 10_000);
    peer.socket.destroy();
    expect(await vswitch.ofctl('dump-flows')).toContain('actions=output');
  });

  it('a bad command word says what was expected', async () => {
    await expect(vswitch.weftd.appctl('weft/pmd-kill', '0', 'softly')).rejects.toThrow(/trap or exit expected/);
    await expect(vswitch.weftd.appctl('fdb/show', 'nosuch')).rejects.toThrow(/no such bridge/);
    await expect(vswitch.weftd.appctl('ofproto/trace', vswitch.bridge, 'in_prot=1')).rejects.toThrow(/in_prot/);
    await expect(vswitch.ofctl('add-flow', 'in_port=1,actions=outptu:2')).rejects.toThrow(/outptu/);
  });

  it('a socket path that is taken is named, and used once it is free', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(vswitch.socket('taken'), resolve));
    await vswitch.addPort('taken', 'dpdkvhostuser');
    expect(await vswitch.weftd.vsctl('get Interface taken error')).toContain('in use by another process');
    writeFileSync(vswitch.socket('file'), 'mine');
    await vswitch.addPort('file', 'dpdkvhostuser');
    expect(await vswitch.weftd.vsctl('get Interface file error')).toContain('it is not a socket');
    expect(statSync(vswitch.socket('file')).size).toBe(4);
    await new Promise((resolve) => server.close(resolve));
    await vswitch.weftd.vsctl(`del-port taken`);
    await vswitch.addPort('taken', 'dpdkvhostuser');
    expect(await vswitch.weftd.vsctl('get Interface taken error')).toBe('[]');
    const guest = await VhostGuest.connect(vswitch.socket('taken'));
    await eventually('taken up', () => vswitch.linkUp('taken'));
    guest.close();
    await vswitch.weftd.vsctl('del-port taken -- del-port file');
  });
});

describe.skipIf(!haveOvs)('weftd whose database file was damaged', () => {
  beforeEach(async () => {
    vswitch = await VhostSwitch.start();
    await vswitch.addPair(['left', 'right'], 'dpdkvhostuser');
    await vswitch.weftd.kill('SIGKILL');
  });
  afterEach(stop);

  it.each<[string, (file: string) => void]>([
    ['garbage', (file) => appendFileSync(file, Buffer.alloc(3000, 'OVSDB JSON 99 nonsense\n'))],
    ['half a record', (file) => appendFileSync(file, 'OVSDB JSON 1000 0123456789012345678901234567890123456789\n{"a"')],
    ['a cut', (file) => truncateSync(file, statSync(file).size - 7)],
  ])('at its end by %s keeps everything before it, says so, and goes on', async (_what, damage) => {
    damage(join(vswitch.weftd.dir, 'conf.db'));
    const printed = vswitch.weftd.output.length;
    await vswitch.weftd.start();
    await eventually('the warning', () => /\|WARN\|.*conf\.db/.test(vswitch.weftd.output.slice(printed)));
    expect(await vswitch.weftd.vsctl(`list-ports ${vswitch.bridge}`)).toMatch(/^left/);
    await vswitch.weftd.vsctl('set Interface left external-ids:after=damage');
    await vswitch.weftd.kill('SIGKILL');
    await vswitch.weftd.start();
    expect(await vswitch.weftd.vsctl('get Interface left external-ids:after')).toBe('damage');
  });
});

describe.skipIf(!haveOvs || process.getuid?.() !== 0)('weftd as nobody', () => {
  afterEach(stop);

  it('forwards between guests; what needs privilege says so', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'weftd-'));
    chownSync(dir, NOBODY, NOBODY);
    const prefix = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    vswitch = await VhostSwitch.start({ dir, prefix });
    const numbers = await vswitch.addPair(['left', 'right'], 'dpdkvhostuser');
    expect(numbers).toEqual([1, 2]);
    expect(await vswitch.weftd.vsctl(`get Interface ${vswitch.bridge} ofport error`)).toMatch(
      /^65534\n"could not open network device \S+ \(Operation not permitted\)"$/,
    );
    await attachPair(['left', 'right']);
    await stillForwards();
    expect(vswitch.weftd.output).not.toMatch(/thread died|\|EMER\|/);
  });
});
