// Two virtual machines on VFs of a NIC model, under the rules of a bridge: they ping through representors, and again
// after the card was killed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImage, missingForGuests } from '../support/qemu/initramfs.ts';
import { QemuGuest } from '../support/qemu/qemu-guest.ts';
import { Weftd } from '../support/weftd.ts';

const missing = missingForGuests();
if (missing) console.warn(`nic-model-qemu: skipped: ${missing}`);

const PING = 'ping -c 3 -W 10';

describe.skipIf(missing)('two QEMU guests on VFs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-nic-qemu-'));
  const weftd = new Weftd({ env: { WEFT_TEST_HOOKS: '1' } });
  const guests: QemuGuest[] = [];
  const socket = (vf: number) => join(folder, `vf${vf}`);

  beforeAll(async () => {
    const image = buildImage(folder);
    await weftd.start();
    await weftd.vsctl('set Open_vSwitch . other_config:pmd-sleep-max=500 other_config:nic-model0="vfs=2"');
    await weftd.vsctl('add-br brn0 -- set Bridge brn0 datapath_type=netdev');
    for (const vf of [0, 1]) {
      const options = `options:nic=model0 options:vf=${vf} options:vf-path=${socket(vf)}`;
      await weftd.vsctl(`add-port brn0 vf${vf} -- set Interface vf${vf} type=vf ${options}`);
    }
    const boot = (vf: number) =>
      QemuGuest.boot({ image, socket: socket(vf), server: true, ip: `10.1.2.${vf + 1}`, mac: `52:54:00:00:01:0${vf}` });
    guests.push(...(await Promise.all([boot(0), boot(1)])));
  }, 240_000);

  afterAll(async () => {
    await Promise.all(guests.map((guest) => guest.kill()));
    await weftd.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('ping each other through their representors', async () => {
    expect(await guests[0]!.run(`${PING} 10.1.2.2`)).toContain(' 0% packet loss');
    expect(await weftd.appctl('fdb/show', 'brn0')).toContain('52:54:00:00:01:01');
    expect(await weftd.appctl('nic/show', 'model0')).toMatch(/vf 0 .*link up, represented/);
  });

  it('come back when the card was killed', async () => {
    await weftd.appctl('weft/nic-kill', 'model0');
    await expect.poll(() => weftd.appctl('nic/show', 'model0'), { timeout: 60_000 }).toContain('resets 1');
    // The new card dials the guests when it gets to it; until then nobody takes what they send.
    await guests[1]!.run('until ping -c 1 -W 2 10.1.2.1 >/dev/null; do :; done');
    for (const vf of [0, 1]) {
      await expect.poll(() => weftd.vsctl(`get Interface vf${vf} link_state`), { timeout: 60_000 }).toBe('up');
    }
    expect(await guests[1]!.run(`${PING} 10.1.2.1`)).toContain(' 0% packet loss');
  });
});
