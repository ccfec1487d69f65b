// Two virtual machines with Debian's kernel and its virtio-net driver, one on each kind of vhost-user port of a weftd:
// they ping, move 20 MiB, and survive the end of a guest and of the switch.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImage, type GuestImage, missingForGuests } from '../support/qemu/initramfs.ts';
import { QemuGuest } from '../support/qemu/qemu-guest.ts';
import { Weftd } from '../support/weftd.ts';

const missing = missingForGuests();
if (missing) console.warn(`qemu-guests: skipped: ${missing}`);

const PING = 'ping -c 3 -W 10';
const BYTES = 20 * 2 ** 20;

describe.skipIf(missing)('two QEMU guests', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-qemu-'));
  const weftd = new Weftd();
  let image: GuestImage;
  let first: QemuGuest;
  let second: QemuGuest;

  const bootFirst = () =>
    QemuGuest.boot({ image, socket: join(weftd.dir, 'vhu0'), server: false, ip: '10.1.1.1', mac: '52:54:00:00:00:01' });
  const bootSecond = () =>
    QemuGuest.boot({ image, socket: join(folder, 'vhu1'), server: true, ip: '10.1.1.2', mac: '52:54:00:00:00:02' });

  beforeAll(async () => {
    image = buildImage(folder);
    await weftd.start();
    await weftd.vsctl('set Open_vSwitch . other_config:pmd-sleep-max=500');
    await weftd.vsctl('add-br brq0 -- set Bridge brq0 datapath_type=netdev');
    await weftd.vsctl('add-port brq0 vhu0 -- set Interface vhu0 type=dpdkvhostuser');
    const options = `type=dpdkvhostuserclient options:vhost-server-path=${join(folder, 'vhu1')}`;
    await weftd.vsctl(`add-port brq0 vhu1 -- set Interface vhu1 ${options}`);
    [first, second] = await Promise.all([bootFirst(), bootSecond()]);
  }, 240_000);

  afterAll(async () => {
    await Promise.all([first?.kill(), second?.kill()]);
    await weftd.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('ping each other, both ways', async () => {
    expect(await first.run(`${PING} 10.1.1.2`)).toContain(' 0% packet loss');
    expect(await second.run(`${PING} 10.1.1.1`)).toContain(' 0% packet loss');
    const status = await weftd.vsctl('get Interface vhu0 status');
    for (const word of ['mode=server', 'num_of_vrings="2"', 'vring_0_size=']) expect(status).toContain(word);
    expect(await weftd.appctl('fdb/show', 'brq0')).toContain('52:54:00:00:00:02');
  });

  it('move 20 MiB with equal checksums', async () => {
    await first.run(`dd if=/dev/urandom of=/tmp/data bs=1M count=${BYTES / 2 ** 20} 2>/dev/null`);
    const sent = await first.run('sha256sum < /tmp/data');
    // Its input stays open: nc would close the connection at the end of it.
    await second.run('(sleep 300 | nc -l -p 9000 > /tmp/data) & sleep 1');
    await first.run('nc -w 60 10.1.1.2 9000 < /tmp/data');
    await second.run(`until [ $(wc -c < /tmp/data) -ge ${BYTES} ]; do sleep 1; done`);
    const received = await second.run('sha256sum < /tmp/data');
    expect(/[0-9a-f]{64}/.exec(received)?.[0]).toBe(/[0-9a-f]{64}/.exec(sent)?.[0]);
    // The database has statistics every five seconds.
    const sentBytes = async () =>
      Number((await weftd.vsctl('get Interface vhu1 statistics:tx_bytes')).replaceAll('"', ''));
    await expect.poll(sentBytes, { timeout: 20_000 }).toBeGreaterThan(BYTES);
  });

  it('a guest that is killed leaves the other its port, and comes back on the same socket', async () => {
    await first.kill();
    await expect.poll(() => weftd.vsctl('get Interface vhu0 link_state'), { timeout: 20_000 }).toBe('down');
    first = await bootFirst();
    expect(await first.run(`${PING} 10.1.1.2`)).toContain(' 0% packet loss');
  });

  it('a guest with the server side of the socket survives kill -9 of the switch', async () => {
    await first.kill();
    await weftd.kill('SIGKILL');
    await weftd.start();
    // The port dials about once a second; the guest then sees its carrier again.
    await expect.poll(() => weftd.vsctl('get Interface vhu1 link_state'), { timeout: 30_000 }).toBe('up');
    first = await bootFirst();
    expect(await first.run(`${PING} 10.1.1.2`)).toContain(' 0% packet loss');
  });
});
