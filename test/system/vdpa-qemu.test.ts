// A virtual machine with Debian's kernel whose virtqueues a card serves: its TCP connections go on while the card comes and
// goes, while it migrates from one QEMU to another, and on the card at the other end.
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImage, type GuestImage, missingForGuests } from '../support/qemu/initramfs.ts';
import { Monitor } from '../support/qemu/monitor.ts';
import { QemuGuest, type QemuOptions } from '../support/qemu/qemu-guest.ts';
import { Weftd } from '../support/weftd.ts';

const missing = missingForGuests();
if (missing) console.warn(`vdpa-qemu: skipped: ${missing}`);

const CARD = '"vfs=2"';
const MIGRANT = { ip: '10.1.3.1', mac: '52:54:00:00:03:01' };
const PEER = { ip: '10.1.3.2', mac: '52:54:00:00:03:02' };
/** For conditions on a busy machine. */
const PATIENCE = { timeout: 60_000, interval: 100 };
const PAGE = 4096;
const CHUNK = 2 ** 20;

/** Numbers of the pages of which two memory files have different ones. */
function differentPages(one: string, other: string): number[] {
  const different: number[] = [];
  const [a, b] = [openSync(one, 'r'), openSync(other, 'r')];
  const [chunkA, chunkB] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
  for (let at = 0; ; at += CHUNK) {
    const size = readSync(a, chunkA, 0, CHUNK, at);
    if (readSync(b, chunkB, 0, CHUNK, at) !== size) throw new Error('memories of different sizes');
    if (size === 0) break;
    if (chunkA.equals(chunkB)) continue;
    for (let page = 0; page < size; page += PAGE) {
      if (chunkA.compare(chunkB, page, page + PAGE, page, page + PAGE) !== 0) different.push((at + page) / PAGE);
    }
  }
  for (const fd of [a, b]) closeSync(fd);
  return different;
}

describe.skipIf(missing)('a QEMU guest on a function', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-vdpa-qemu-'));
  const weftd = new Weftd();
  let image: GuestImage;
  let migrant: QemuGuest;
  let peer: QemuGuest;
  let monitor: Monitor;
  const incoming = `unix:${join(folder, 'incoming')}`;

  const options = (port: string, guest: typeof PEER, more: Partial<QemuOptions> = {}): QemuOptions => ({
    image,
    socket: join(weftd.dir, port),
    server: false,
    ...guest,
    ...more,
  });
  const vdpa = async (port: string, key = 'vdpa') =>
    (await weftd.vsctl(`--if-exists get Interface ${port} status:${key}`)).replaceAll('"', '');
  const served = (port: string, by: string) => expect.poll(() => vdpa(port), PATIENCE).toBe(by);

  beforeAll(async () => {
    image = buildImage(folder);
    await weftd.start();
    await weftd.vsctl(`set Open_vSwitch . other_config:pmd-sleep-max=500 other_config:nic-model0=${CARD}`);
    await weftd.vsctl('add-br brd0 -- set Bridge brd0 datapath_type=netdev');
    for (const [number, port] of ['vd0', 'vd1'].entries()) {
      const function_ = `options:vdpa-nic=model0 options:vdpa-vf=${number}`;
      const settings = `type=dpdkvhostuser ofport_request=${number + 1} ${function_}`;
      await weftd.vsctl(`add-port brd0 ${port} -- set Interface ${port} ${settings}`);
    }
    await weftd.vsctl('add-port brd0 vhu0 -- set Interface vhu0 type=dpdkvhostuser ofport_request=3');
    const path = join(folder, 'monitor');
    [migrant, peer] = await Promise.all([
      QemuGuest.boot(options('vd0', MIGRANT, { monitor: path })),
      QemuGuest.boot(options('vhu0', PEER)),
    ]);
    monitor = await Monitor.connect(path);
  }, 240_000);

  afterAll(async () => {
    monitor?.close();
    await Promise.all([migrant?.kill(), peer?.kill()]);
    await weftd.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /**
   * Numbers, line by line, `lines` in a block, from one guest to the other over TCP for as long as `meanwhile` takes: all of them arrive, and
   * nothing else.
   */
  async function stream(
    from: () => QemuGuest,
    to: () => QemuGuest,
    ip: string,
    lines: number,
    meanwhile: () => Promise<void>,
  ) {
    const block = `seq $((n * ${lines} + 1)) $(((n + 1) * ${lines}))`;
    await to().run('rm -f /tmp/data; (sleep 600 | nc -l -p 9000 >/tmp/data) & sleep 1');
    const numbers = `n=0; until [ -e /tmp/stop ]; do ${block}; n=$((n + 1)); usleep 50000; done; echo $n >/tmp/blocks`;
    await from().run(`rm -f /tmp/stop /tmp/blocks; ((${numbers}; sleep 600) | nc ${ip} 9000 >/dev/null) & true`);
    const arrived = async () => Number(/\d+/.exec(await to().run('wc -c </tmp/data'))![0]);
    await expect.poll(arrived, PATIENCE).toBeGreaterThan(0);
    await meanwhile();
    const before = await arrived();
    await expect.poll(arrived, PATIENCE).toBeGreaterThan(before);
    const blocks = await from().run('touch /tmp/stop; until [ -s /tmp/blocks ]; do sleep 1; done; cat /tmp/blocks');
    const all = `seq 1 ${Number(/\d+/.exec(blocks)![0]) * lines}`;
    await to().run(`size=$(${all} | wc -c); until [ $(wc -c </tmp/data) -ge $size ]; do sleep 1; done`);
    expect(await to().run(`${all} | cmp - /tmp/data && echo equal`)).toContain('equal');
    for (const guest of [from(), to()]) await guest.run('killall sleep nc; true');
  }

  it('is served by the card', async () => {
    await served('vd0', 'card');
    expect(await migrant.run(`ping -c 3 -W 10 ${PEER.ip}`)).toContain(' 0% packet loss');
    // What it sent has gone through the function: "rx" is what the card took from it.
    expect(await weftd.appctl('nic/show', 'model0')).toMatch(/vf 0 .*link up/);
  });

  it('keeps its connections while the card is removed and put back', async () => {
    const comeAndGo = async () => {
      for (let round = 0; round < 3; round++) {
        await weftd.vsctl('remove Open_vSwitch . other_config nic-model0');
        await served('vd0', 'software');
        await weftd.vsctl(`set Open_vSwitch . other_config:nic-model0=${CARD}`);
        await served('vd0', 'card');
      }
    };
    await stream(
      () => migrant,
      () => peer,
      PEER.ip,
      4000,
      comeAndGo,
    );
  });

  it('is served in software while it migrates, and by the card again when that is given up', async () => {
    await monitor.execute('migrate-set-parameters', { 'max-bandwidth': 65536 });
    await monitor.execute('migrate', { uri: 'exec:cat >/dev/null' });
    await served('vd0', 'software');
    expect(await vdpa('vd0', 'vdpa_error')).toBe('the guest migrates');
    expect(await migrant.run(`ping -c 3 -W 10 ${PEER.ip}`)).toContain(' 0% packet loss');
    await monitor.execute('migrate_cancel');
    await served('vd0', 'card');
    expect(await migrant.run(`ping -c 3 -W 10 ${PEER.ip}`)).toContain(' 0% packet loss');
  });

  it('migrates with its connections, and is served by the card at the other end', async () => {
    const path = join(folder, 'target-monitor');
    const target = QemuGuest.awaiting(options('vd1', MIGRANT, { incoming, monitor: path }));
    const source = migrant;
    const migrate = async () => {
      await expect.poll(() => existsSync(join(folder, 'incoming')), PATIENCE).toBe(true);
      await expect.poll(() => vdpa('vd1', 'status'), PATIENCE).toBe('connected');
      await monitor.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 25, 'downtime-limit': 300 });
      await monitor.migrate(incoming);
      const arrived = await Monitor.connect(path);
      await expect.poll(async () => (await arrived.execute('query-status'))['status'], PATIENCE).toBe('paused');
      // Both are stopped now: what weft wrote while the memory was copied has been copied too. Few frames, in buffers that
      // were offered long before, are what the guest itself does not write again.
      expect(differentPages(source.memoryFile, target.memoryFile)).toEqual([]);
      await arrived.execute('cont');
      arrived.close();
      migrant = target;
      await source.kill();
      await served('vd1', 'card');
      await expect.poll(() => weftd.vsctl('get Interface vd1 link_state'), PATIENCE).toBe('up');
    };
    try {
      await stream(
        () => peer,
        () => migrant,
        MIGRANT.ip,
        20,
        migrate,
      );
    } finally {
      if (migrant !== target) await target.kill();
    }
    expect(await migrant.run(`ping -c 3 -W 10 ${PEER.ip}`)).toContain(' 0% packet loss');
    const learned = (await weftd.appctl('fdb/show', 'brd0')).split('\n').find((line) => line.includes(MIGRANT.mac));
    expect(learned?.trim()).toMatch(/^2 /);
    expect(await vdpa('vd0', 'status')).toBe('disconnected');
  });
});
