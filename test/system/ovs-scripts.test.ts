// What an operator's script does with the real ovs-vsctl, ovs-ofctl and ovs-appctl, on weftd with guests on vhost-user
// ports: each command's effect is seen on the frames. Once on the embedded database, once on a real ovsdb-server.
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExternalDatabase } from '../support/external-database.ts';
import { VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually, haveOvs, VhostSwitch } from '../support/vhost-switch.ts';

const NAMES = ['vm1', 'vm2', 'vm3'] as const;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const macOf = (guest: number) => `02:00:00:00:00:0${guest + 1}`;
/** Longer than a frame needs through a PMD that sleeps: nothing comes after it. */
const QUIET_MS = 300;
/** How long a busy machine may take to deliver. */
const PATIENCE_MS = 20_000;

const bytes = (hex: string) => Buffer.from(hex.replaceAll(/[: ]/g, ''), 'hex');

/** A UDP datagram of 10.0.0.x, TTL 64, with a correct IPv4 checksum. */
function udpFrame(from: number, dst = BROADCAST): Buffer {
  const ip = bytes('4500 0026 0000 4000 4011 0000 0a000001 0a000002');
  ip.writeUInt8(from + 1, 15);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += ip.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  ip.writeUInt16BE(~sum & 0xffff, 10);
  return Buffer.concat([
    bytes(dst),
    bytes(macOf(from)),
    bytes('0800'),
    ip,
    bytes('1000 2000 0012 0000'),
    Buffer.alloc(10),
  ]);
}

const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex');

const tagged = (frame: Buffer, tci: number) => {
  const tag = Buffer.from([0x81, 0x00, tci >> 8, tci & 0xff]);
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
};

describe.skipIf(!haveOvs).each(['embedded', 'external'])('scripts on the %s database', (kind) => {
  let vswitch: VhostSwitch;
  let database: ExternalDatabase | undefined;
  let guests: VhostGuest[] = [];

  beforeAll(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'weftd-'));
    if (kind === 'external') database = new ExternalDatabase(dir);
    vswitch = await VhostSwitch.start({ dir, args: database ? [database.remote] : [] });
    await vsctl(`remove Bridge ${vswitch.bridge} fail_mode secure`);
    for (const name of NAMES) await vswitch.addPort(name, 'dpdkvhostuser');
    await attach();
  });
  afterAll(async () => {
    for (const guest of guests) guest.close();
    await vswitch?.close();
    database?.close();
  });

  const vsctl = (line: string) => vswitch.weftd.vsctl(line);
  const appctl = (...args: string[]) => vswitch.weftd.appctl(...args);

  async function attach(): Promise<void> {
    guests = await Promise.all(NAMES.map((name) => VhostGuest.connect(vswitch.socket(name))));
    for (const name of NAMES) await eventually(`${name} up`, () => vswitch.linkUp(name));
  }

  /** Sends a frame from one guest; what each guest got of it, once they have as many as expected and no more come. */
  async function deliver(from: number, frame: Uint8Array, counts: readonly number[]): Promise<string[][]> {
    for (const guest of guests) guest.pollFrames();
    await guests[from]!.sendFrame(frame);
    const got = guests.map((): string[] => []);
    const collect = () => {
      for (const [i, guest] of guests.entries()) got[i]!.push(...guest.pollFrames().map(hex));
      return got.every((frames, i) => frames.length >= counts[i]!);
    };
    const deadline = performance.now() + PATIENCE_MS;
    while (!collect() && performance.now() < deadline) await sleep(QUIET_MS);
    await sleep(QUIET_MS);
    collect();
    return got;
  }

  async function expectDelivered(from: number, frame: Uint8Array, expected: readonly string[][]): Promise<void> {
    const counts = expected.map((frames) => frames.length);
    expect(await deliver(from, frame, counts)).toEqual(expected);
  }

  it('a new bridge switches by NORMAL, learns, and shows what it learned', async () => {
    await vsctl(`set-fail-mode ${vswitch.bridge} standalone`);
    await eventually('the default flow', async () => (await vswitch.ofctl('dump-flows')).includes('actions=NORMAL'));
    const flood = udpFrame(0);
    await expectDelivered(0, flood, [[], [hex(flood)], [hex(flood)]]);
    const reply = udpFrame(1, macOf(0));
    await expectDelivered(1, reply, [[hex(reply)], [], []]);
    const fdb = await appctl('fdb/show', vswitch.bridge);
    expect(fdb).toMatch(new RegExp(`^ +1 +0 +${macOf(0)} +\\d+$`, 'm'));
    expect(fdb).toMatch(new RegExp(`^ +2 +0 +${macOf(1)} +\\d+$`, 'm'));
    await appctl('fdb/flush', vswitch.bridge);
    expect(await appctl('fdb/show', vswitch.bridge)).not.toContain(macOf(0));
  });

  it('tags and trunks decide who hears whom', async () => {
    await vsctl('set Port vm1 tag=10 -- set Port vm2 tag=20');
    const flood = udpFrame(0);
    await expectDelivered(0, flood, [[], [], [hex(tagged(flood, 10))]]);
    const trunk = udpFrame(2);
    await expectDelivered(2, tagged(trunk, 20), [[], [hex(trunk)], []]);
    await vsctl('set Port vm3 trunks=10');
    await expectDelivered(2, tagged(trunk, 20), [[], [], []]);
    expect(await appctl('fdb/show', vswitch.bridge)).toMatch(new RegExp(`^ +1 +10 +${macOf(0)} `, 'm'));
    await vsctl('clear Port vm1 tag -- clear Port vm2 tag -- clear Port vm3 trunks');
    await expectDelivered(0, flood, [[], [hex(flood)], [hex(flood)]]);
  });

  it('flows replace it and take effect at once', async () => {
    const frame = udpFrame(0);
    await vswitch.ofctl('add-flow', 'priority=10,in_port=1,udp,actions=mod_nw_ttl:9,mod_vlan_vid:5,output:3');
    const [, two, three] = await deliver(0, frame, [0, 0, 1]);
    expect(two).toEqual([]);
    expect(three).toHaveLength(1);
    const got = bytes(three![0]!);
    expect(got.subarray(12, 16).toString('hex')).toBe('81000005');
    expect(got.readUInt8(18 + 8)).toBe(9);
    await vswitch.ofctl('mod-flows', 'in_port=1,udp,actions=output:in_port,output:2');
    await expectDelivered(0, frame, [[hex(frame)], [hex(frame)], []]);
    expect(await vswitch.ofctl('dump-flows', 'in_port=1')).toMatch(/n_packets=[12], n_bytes=\d+, .*priority=10,udp/);
    expect(await appctl('dpctl/dump-flows')).toMatch(
      /recirc_id\(0\),in_port\(\d+\).*eth_type\(0x0800\),ipv4\(.*actions:\d/,
    );
    expect(await appctl('ofproto/trace', vswitch.bridge, 'in_port=1,udp')).toMatch(/Datapath actions: \d+,\d+$/);
    await vswitch.weftd.ofctl('--strict', 'del-flows', vswitch.bridge, 'priority=10,in_port=1,udp');
    await expectDelivered(0, frame, [[], [hex(frame)], [hex(frame)]]);
  });

  it('mod-port down silences a port, packet-out speaks for it', async () => {
    const frame = udpFrame(0);
    await vswitch.ofctl('mod-port', 'vm2', 'down');
    expect(await vswitch.ofctl('show')).toMatch(/2\(vm2\).*\n +config: +PORT_DOWN/);
    await expectDelivered(0, frame, [[], [], [hex(frame)]]);
    await expectDelivered(1, udpFrame(1), [[], [], []]);
    await vswitch.ofctl('mod-port', 'vm2', 'up');
    await expectDelivered(0, frame, [[], [hex(frame)], [hex(frame)]]);
    await vswitch.ofctl('packet-out', `in_port=LOCAL packet=${hex(udpFrame(5))} actions=output:2`);
    await sleep(QUIET_MS);
    expect(guests.map((guest) => guest.pollFrames().map(hex))).toEqual([[], [hex(udpFrame(5))], []]);
  });

  it('counters agree wherever they are read', async () => {
    const before = await vswitch.counters('vm1');
    const frame = udpFrame(0, macOf(7));
    for (let count = 0; count < 20; count++) await guests[0]!.sendFrame(frame);
    await eventually('20 packets', async () => (await vswitch.counters('vm1')).rxPackets === before.rxPackets + 20);
    const after = await vswitch.counters('vm1');
    expect(after.rxBytes - before.rxBytes).toBe(20 * frame.length);
    await eventually('the database to follow', async () => {
      const text = await vsctl('get Interface vm1 statistics:rx_packets statistics:rx_bytes statistics:rx_dropped');
      return text === `${after.rxPackets}\n${after.rxBytes}\n0`;
    });
    const pmd = await appctl('dpif-netdev/pmd-stats-show');
    expect(pmd).toMatch(/^pmd thread numa_id 0 core_id \d+:\n {2}packets received: [1-9]\d+/);
    expect(pmd).toMatch(/avg cycles per packet: \d+\.\d+/);
    expect(await appctl('dpctl/show')).toMatch(/lookups: hit:\d+ missed:\d+ lost:0/);
    expect(await appctl('dpif/show')).toMatch(/vm1 1\/\d+: \(dpdkvhostuser/);
  });

  it('an interface that cannot be made says why and leaves the others alone', async () => {
    await vsctl(`add-port ${vswitch.bridge} bad -- set Interface bad type=nosuch`);
    expect(await vsctl('get Interface bad ofport')).toBe('-1');
    expect(await vsctl('get Interface bad error')).toContain(
      'could not open network device bad (Address family not supported by protocol)',
    );
    await vsctl('del-port bad');
    await expect(vsctl('del-port bad')).rejects.toThrow(/no port named bad/);
    await vsctl('--if-exists del-port bad');
  });

  it('a restart brings everything back but what OpenFlow added', async () => {
    await vswitch.ofctl('add-flow', 'priority=5,in_port=1,actions=drop');
    const numbers = () => Promise.all(NAMES.map((name) => vsctl(`get Interface ${name} ofport`)));
    const before = await numbers();
    for (const guest of guests) guest.close();
    await vswitch.weftd.kill('SIGKILL');
    await vswitch.weftd.start();
    await attach();
    expect(await numbers()).toEqual(before);
    const frame = udpFrame(0);
    await expectDelivered(0, frame, [[], [hex(frame)], [hex(frame)]]);
  });

  it('del-port and del-br leave nothing behind', async () => {
    await vsctl(`del-port ${vswitch.bridge} vm2`);
    await guests[1]!.frontEnd.closed;
    expect(existsSync(vswitch.socket('vm2'))).toBe(false);
    expect(await vswitch.ofctl('show')).not.toContain('vm2');
    const frame = udpFrame(0);
    expect((await deliver(0, frame, [0, 0, 1]))[2]).toEqual([hex(frame)]);
    await vsctl(`del-br ${vswitch.bridge}`);
    for (const guest of guests) await guest.frontEnd.closed;
    for (const name of [...NAMES, `${vswitch.bridge}.mgmt`, `${vswitch.bridge}.snoop`]) {
      expect(existsSync(vswitch.socket(name)), name).toBe(false);
    }
    expect(await vsctl('list-br')).toBe('');
    expect(await appctl('dpif/show')).not.toContain('vm');
    expect(vswitch.weftd.output).not.toMatch(/\|(ERR|EMER)\|/);
  });
});
