// QEMU as a front-end, both ways of connecting, without an operating system: its firmware's own virtio-net driver asks
// for an address from the network, and the question comes out at another guest.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DatapathRig } from '../support/guest/datapath-rig.ts';
import type { VhostGuest } from '../support/guest/vhost-guest.ts';
import { eventually } from '../support/guest/vhost-port-rig.ts';

const haveQemu =
  spawnSync('qemu-system-x86_64', ['--version']).error === undefined && existsSync('/usr/lib/ipxe/qemu/efi-virtio.rom');

const MAC = '52:54:00:12:34:56';
const BOOT_MS = 60_000;

function startQemu(socket: string, more = ''): ChildProcess {
  const memory = ['-m', '256', '-object', 'memory-backend-memfd,id=ram,size=256M,share=on', '-numa', 'node,memdev=ram'];
  const machine = ['-M', 'pc', '-accel', 'tcg', '-display', 'none', '-nodefaults', '-boot', 'n'];
  const network = ['-chardev', `socket,id=c,path=${socket}${more}`, '-netdev', 'vhost-user,id=n,chardev=c'];
  const device = ['-device', `virtio-net-pci,netdev=n,mac=${MAC},vectors=0`];
  return spawn('qemu-system-x86_64', [...machine, ...memory, ...network, ...device], { stdio: 'inherit' });
}

/** A DHCP question: UDP from port 68 to 67, from the firmware's address. */
function isDhcpFrom(frame: Uint8Array, mac: string): boolean {
  const source = [...frame.subarray(6, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  const ports = Buffer.from(frame.subarray(34, 38)).toString('hex');
  return source === mac && ports === '00440043';
}

describe.skipIf(!haveQemu)('QEMU', () => {
  let rig: DatapathRig;
  let qemu: ChildProcess | undefined;
  beforeAll(async () => {
    rig = await DatapathRig.start();
  });
  afterEach(async () => {
    qemu?.kill('SIGKILL');
    await rig.clear();
  });
  afterAll(() => rig.close());

  async function expectDhcp(guest: VhostGuest): Promise<void> {
    const seen: Uint8Array[] = [];
    await eventually(
      () => {
        seen.push(...guest.pollFrames());
        return seen.some((frame) => isDhcpFrom(frame, MAC));
      },
      'a DHCP question',
      BOOT_MS,
      50,
    );
  }

  it(
    'connects to dpdkvhostuser, talks, is killed and comes back',
    async () => {
      const [port, other] = [await rig.addPort(), await rig.addPort()];
      rig.wire(port, [{ type: 'output', port: other.odpPort }]);
      const guest = await rig.attach(other);
      for (let round = 0; round < 2; round++) {
        qemu = startQemu(join(rig.folder, port.name));
        await expectDhcp(guest);
        expect(port.status()).toMatchObject({ status: 'connected', num_of_vrings: '2' });
        expect([port.linkUp, port.error]).toEqual([true, undefined]);
        qemu.kill('SIGKILL');
        await eventually(() => !port.linkUp, 'link down');
        guest.pollFrames();
      }
    },
    4 * BOOT_MS,
  );

  it(
    'listens for dpdkvhostuserclient, and goes on when the port is removed and added again',
    async () => {
      const path = join(rig.folder, 'qemu');
      const add = () =>
        rig.dpif.portAdd({ name: 'vhc0', type: 'dpdkvhostuserclient', options: { 'vhost-server-path': path } });
      const other = await rig.addPort();
      const guest = await rig.attach(other);
      qemu = startQemu(path, ',server=on');
      for (let round = 0; round < 2; round++) {
        const port = await add();
        rig.wire(port, [{ type: 'output', port: other.odpPort }]);
        await expectDhcp(guest);
        expect([port.linkUp, port.error]).toEqual([true, undefined]);
        await rig.dpif.portDel(port.odpPort);
        guest.pollFrames();
      }
      expect(qemu.exitCode).toBeNull();
    },
    4 * BOOT_MS,
  );
});
