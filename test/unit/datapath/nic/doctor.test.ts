// The doctor on machines that are folders: a healthy one, one without an IOMMU, one whose functions the kernel has.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { examineNics } from '../../../../datapath/nic/doctor.ts';
import { PciBus, parsePciAddress } from '../../../../datapath/nic/vfio/pci-facts.ts';
import { whyNotFree } from '../../../../datapath/nic/vfio/vfio-function.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'weft-machine-'));
  file('proc/self/limits', 'Max locked memory         8388608              8388608              bytes\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function file(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

interface Card {
  readonly ids?: string;
  readonly driver?: string;
  readonly group?: string;
  readonly netdev?: string;
  readonly vfs?: readonly [count: number, most: number];
}

/** A network function as the kernel shows it. */
function card(address: string, { ids = '0x8086:0x10d3', driver, group, netdev, vfs }: Card): void {
  const folder = `sys/bus/pci/devices/${address}`;
  const [vendor, device] = ids.split(':');
  file(`${folder}/vendor`, `${vendor}\n`);
  file(`${folder}/device`, `${device}\n`);
  file(`${folder}/class`, '0x020000\n');
  file(`${folder}/uevent`, `PCI_SLOT_NAME=${address}\n`);
  if (driver) link(`${folder}/driver`, `../../../bus/pci/drivers/${driver}`);
  if (netdev) file(`${folder}/net/${netdev}/mtu`, '1500\n');
  if (vfs) {
    file(`${folder}/sriov_numvfs`, `${vfs[0]}\n`);
    file(`${folder}/sriov_totalvfs`, `${vfs[1]}\n`);
  }
  if (!group) return;
  link(`${folder}/iommu_group`, `../../../kernel/iommu_groups/${group}`);
  link(`sys/kernel/iommu_groups/${group}/devices/${address}`, `../../../../bus/pci/devices/${address}`);
}

const loadVfio = () => mkdirSync(join(root, 'sys/bus/pci/drivers/vfio-pci'), { recursive: true });

describe('nic/doctor', () => {
  it('finds nothing wrong with a function that is ready', () => {
    loadVfio();
    card('0000:03:10.1', { driver: 'vfio-pci', group: '7' });
    const report = examineNics(root);
    expect(report).toContain('on, 1 groups');
    expect(report).toContain(
      'ok      0000:03:10.1 8086:10d3 (function, IOMMU group 7): ready, options:pci=0000:03:10.1',
    );
    expect(report).toContain('No problems found.');
  });

  it('begins at the bottom: an IOMMU, the driver', () => {
    card('0000:03:10.1', { driver: 'e1000e', netdev: 'enp3s16' });
    const report = examineNics(root);
    expect(report).toContain('add intel_iommu=on or amd_iommu=on');
    expect(report).toContain('modprobe vfio-pci');
    expect(report).toContain('enp3s16): needs an IOMMU');
    expect(report).toContain('2 problem(s) found.');
  });

  it('says how a function that the kernel uses is freed', () => {
    loadVfio();
    card('0000:03:10.1', { driver: 'e1000e', group: '7', netdev: 'enp3s16' });
    const report = examineNics(root);
    expect(report).toContain("is bound to the kernel's driver e1000e (enp3s16)\n");
    expect(report).toContain('echo 0000:03:10.1 > /sys/bus/pci/devices/0000:03:10.1/driver/unbind && ');
  });

  it('says in which order a card is brought to switchdev mode', () => {
    loadVfio();
    card('0000:03:00.0', { ids: '0x15b3:0x101d', driver: 'mlx5_core', group: '1', netdev: 'p0', vfs: [1, 8] });
    card('0000:03:00.2', { ids: '0x15b3:0x101e', driver: 'mlx5_core', group: '2' });
    link('sys/bus/pci/devices/0000:03:00.0/virtfn0', '../0000:03:00.2');
    const report = examineNics(root);
    const order = ['0000:03:00.2/driver/unbind', 'eswitch set pci/0000:03:00.0 mode switchdev', 'then bind the VFs'];
    expect(order.map((step) => report.indexOf(step)).every((at, i, all) => at > (all[i - 1] ?? 0))).toBe(true);
    file('sys/bus/pci/devices/0000:03:00.0/net/p0/phys_switch_id', 'b8cef6\n');
    expect(examineNics(root)).toContain('0000:03:00.0: 1 VFs, switchdev');
  });
});

describe('a function that cannot be had', () => {
  const why = (address: string) => whyNotFree(new PciBus(root), new PciBus(root).read(address)!);

  it('without an IOMMU', () => {
    card('0000:03:10.1', { driver: 'vfio-pci' });
    expect(why('0000:03:10.1')).toContain('no IOMMU');
  });

  it('is freed by driverctl where that is installed', () => {
    loadVfio();
    file('usr/sbin/driverctl');
    card('0000:03:10.1', { driver: 'e1000e', group: '7' });
    expect(why('0000:03:10.1')).toMatch(/driverctl set-override 0000:03:10.1 vfio-pci$/);
  });

  it('without any driver needs no unbinding', () => {
    card('0000:03:10.1', { group: '7' });
    expect(why('0000:03:10.1')).toBe(
      '0000:03:10.1 has no driver; to free it: modprobe vfio-pci && ' +
        'echo vfio-pci > /sys/bus/pci/devices/0000:03:10.1/driver_override && ' +
        'echo 0000:03:10.1 > /sys/bus/pci/drivers_probe',
    );
  });

  it('with others of its group in the kernel’s hands', () => {
    loadVfio();
    card('0000:03:10.1', { driver: 'vfio-pci', group: '7' });
    card('0000:03:10.2', { driver: 'e1000e', group: '7' });
    expect(why('0000:03:10.1')).toContain(
      'in IOMMU group 7 with functions that the kernel drives: 0000:03:10.2 (e1000e); to free them: ',
    );
  });
});

describe('parsePciAddress()', () => {
  it('completes the domain', () => expect(parsePciAddress('03:1A.1')).toBe('0000:03:1a.1'));
  it.each(['', 'eth0', '03:10', '0000:03:10.9', '0000:03:10.1 '])('refuses "%s"', (text) => {
    expect(() => parsePciAddress(text)).toThrow('is not a PCI address');
  });
});
