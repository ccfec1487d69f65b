// Real functions through VFIO: in a virtual machine with an IOMMU weftd drives an 82574L and a virtio-net device, and
// forwards between them and a vhost-user guest. The frames are made and compared out here, at the ends of their cables.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFrame } from '../support/guest/datapath-rig.ts';
import { missingForGuests } from '../support/qemu/initramfs.ts';
import { INTEL, PciMachine, VIRTIO } from '../support/qemu/pci-machine.ts';
import type { Wire } from '../support/qemu/wire.ts';
import { haveOvs } from '../support/vhost-switch.ts';

const missing = missingForGuests() ?? (haveOvs ? undefined : 'openvswitch-switch is not installed');
if (missing) console.warn(`vfio-guest: skipped: ${missing}`);

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** No shorter than Ethernet's: cards fill such frames up. */
const SIZES = [60, 61, 64, 65, 127, 128, 129, 300, 777, 1024, 1513, 1514];
/** Few enough for every ring on the way. */
const WINDOW = 24;
/** A machine without hardware help, on a machine that may be busy. */
const SLOW_MS = 120_000;

describe.skipIf(missing)('weftd in a machine with an IOMMU', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-vfio-'));
  let machine: PciMachine;
  const run = (command: string) => machine.guest.run(command, SLOW_MS);
  const vsctl = (line: string) => run(`ovs-vsctl --timeout=60 ${line}`);
  const column = async (port: string, name: string) =>
    (await vsctl(`--if-exists get Interface ${port} ${name}`)).replaceAll('"', '');
  const becomes = (port: string, name: string, value: string) =>
    expect.poll(() => column(port, name), { timeout: SLOW_MS, interval: 500 }).toBe(value);

  beforeAll(async () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', join(root, 'test/reflector/tsconfig.json')]);
    machine = await PciMachine.boot(folder);
    await run('export OVS_RUNDIR=/run OVS_LOGDIR=/run OVS_DBDIR=/run OVS_SYSLOG_METHOD=null; ip link set lo up');
    await run(`(${process.execPath} ${root}/dist/src/weftd.js --pidfile >/run/weftd.log 2>&1 &)`);
    await run('until ovs-vsctl --timeout=1 show >/dev/null 2>&1; do sleep 1; done');
    await vsctl('set Open_vSwitch . other_config:pmd-sleep-max=500');
    const bridge = 'add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=secure';
    const port = (name: string, number: number, settings: string) =>
      `add-port br0 ${name} -- set Interface ${name} ofport_request=${number} ${settings}`;
    const ports = [
      port('vf0', 1, `type=vf options:pci=${INTEL}`),
      port('vf1', 2, `type=vf options:pci=${VIRTIO}`),
      port('vhu0', 3, 'type=dpdkvhostuser'),
    ];
    await vsctl([bridge, ...ports].join(' -- '));
  }, 2 * SLOW_MS);

  afterAll(async () => {
    await machine?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Sends frames of every size and compares what comes, `rounds` times. */
  async function exchange(from: Wire, to: Wire, changed: (frame: Uint8Array) => Uint8Array, rounds = 1): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (let first = 0; first < SIZES.length; first += WINDOW) {
        const frames = SIZES.slice(first, first + WINDOW).map((size, i) => testFrame(size, round * 100 + i));
        for (const frame of frames) from.send(frame);
        const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex');
        expect((await to.receive(frames.length)).map(hex)).toEqual(frames.map((frame) => hex(changed(frame))));
      }
    }
  }

  const same = (frame: Uint8Array) => frame;
  const swapped = (frame: Uint8Array) =>
    Uint8Array.from([...frame.subarray(6, 12), ...frame.subarray(0, 6), ...frame.subarray(12)]);

  async function counters(port: string) {
    const text = await run(`ovs-ofctl dump-ports br0 ${port}`);
    const numbers = (direction: string) =>
      new RegExp(`${direction} pkts=(\\d+), bytes=(\\d+), drop=(\\d+)`).exec(text)!.slice(1).map(Number);
    return { rx: numbers('rx'), tx: numbers('tx') };
  }

  it(
    'says what stands in the way, and takes the functions when the commands that it names have been run',
    async () => {
      const doctor = await run('ovs-appctl nic/doctor');
      expect(doctor).toMatch(/IOMMU:\n {2}ok +on, \d+ groups/);
      expect(doctor).toContain(`${VIRTIO} 1af4:1041`);
      expect(doctor).toContain("is bound to the kernel's driver virtio-pci");
      for (const [port, address, obstacle] of [
        ['vf0', INTEL, 'has no driver; to free it: '],
        ['vf1', VIRTIO, "is bound to the kernel's driver virtio-pci; to free it: "],
      ] as const) {
        const error = await column(port, 'error');
        expect(error).toContain(`${address} ${obstacle}`);
        await run(error.slice(error.indexOf(': ') + 2).replace(/^.*to free it: /, ''));
      }
      await becomes('vf0', 'link_state', 'up');
      await becomes('vf1', 'link_state', 'up');
      await becomes('vf0', 'mac_in_use', '52:54:00:00:00:e1');
      await becomes('vf1', 'mac_in_use', '52:54:00:00:00:a1');
      await becomes('vf0', 'status:driver_name', 'e1000e');
      await becomes('vf1', 'status:driver_name', 'virtio-net');
      expect(await run('ovs-appctl nic/doctor')).toContain(`ready, options:pci=${VIRTIO}`);
    },
    2 * SLOW_MS,
  );

  it(
    'forwards between an 82574L and a virtio-net device, byte for byte, many times round their rings',
    async () => {
      await run('ovs-ofctl add-flow br0 in_port=1,actions=output:2; ovs-ofctl add-flow br0 in_port=2,actions=output:1');
      const rounds = 50;
      await exchange(machine.intel, machine.virtio, same, rounds);
      await exchange(machine.virtio, machine.intel, same, rounds);
      const packets = rounds * SIZES.length;
      const bytes = rounds * SIZES.reduce((sum, size) => sum + size, 0);
      for (const port of ['vf0', 'vf1']) {
        expect(await counters(port)).toEqual({ rx: [packets, bytes, 0], tx: [packets, bytes, 0] });
      }
    },
    2 * SLOW_MS,
  );

  it(
    'forwards between each of them and a vhost-user guest',
    async () => {
      const reflector = `${process.execPath} --no-liftoff ${root}/dist/test/reflector/main.js /run/vhu0`;
      await run(`(${reflector} >/run/reflector 2>&1 &)`);
      await run('until grep -q reflecting /run/reflector; do sleep 1; done');
      await becomes('vhu0', 'link_state', 'up');
      for (const [number, wire] of [
        [1, machine.intel],
        [2, machine.virtio],
      ] as const) {
        await run(`ovs-ofctl add-flow br0 in_port=${number},actions=output:3`);
        await run(`ovs-ofctl add-flow br0 in_port=3,actions=output:${number}`);
        await exchange(wire, wire, swapped, 5);
      }
      const packets = 2 * 5 * SIZES.length;
      const { rx, tx } = await counters('vhu0');
      expect([rx[0], tx[0], rx[2], tx[2]]).toEqual([packets, packets, 0, 0]);
    },
    2 * SLOW_MS,
  );

  it(
    'gives functions back, and takes them again',
    async () => {
      await vsctl('del-port vf0 -- del-port vf1');
      const again = (name: string, number: number, pci: string) =>
        `add-port br0 ${name} -- set Interface ${name} type=vf options:pci=${pci} ofport_request=${number}`;
      await vsctl(`${again('vf0', 1, VIRTIO)} -- ${again('vf1', 2, INTEL)}`);
      await becomes('vf0', 'link_state', 'up');
      await becomes('vf1', 'link_state', 'up');
      await run('ovs-ofctl add-flow br0 in_port=1,actions=output:2');
      await exchange(machine.virtio, machine.intel, same);
      expect([machine.intel.left, machine.virtio.left]).toEqual([0, 0]);
      // Nothing that a device was not given has been touched.
      expect(await run('dmesg | grep -c "DMAR:.*fault" || true')).toBe('0');
    },
    2 * SLOW_MS,
  );
});
