// What the kernel says of PCI functions in /sys: who drives them, which functions the IOMMU cannot tell apart (a
// group), and the commands that free one for weft. `root` is where /sys and /dev are looked for: tests have their own.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../../../lib/errors.ts';

/** As the kernel writes it: domain, bus, device, function (`0000:03:10.1`). */
const ADDRESS = /^(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[01][0-9a-f]\.[0-7])$/i;
export const VFIO_DRIVER = 'vfio-pci';
/** Drivers that do not stand in the way of another function in their group (VFIO, "Groups"). */
const HARMLESS = new Set([VFIO_DRIVER, 'pcieport', 'pci-stub']);
const PCI_CLASS_BRIDGE = 0x06;
const PCI_CLASS_NETWORK = 0x02;

export interface PciFacts {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** Base class: 2 is a network controller. */
  readonly baseClass: number;
  /** The kernel's driver that holds it; undefined: none. */
  readonly driver: string | undefined;
  /** Its IOMMU group; undefined where there is no IOMMU. */
  readonly group: string | undefined;
  /** Kernel interfaces that it is now (`enp3s0`). */
  readonly interfaces: readonly string[];
  /** Address of the physical function when this is an SR-IOV VF. */
  readonly physical: string | undefined;
  /** VFs that there are of it, and that there can be; 0 for a function without SR-IOV. */
  readonly vfCount: number;
  readonly vfMax: number;
}

/** The whole address of `text` (`03:10.1`, `0000:03:10.1`); throws UserError when it is none. */
export function parsePciAddress(text: string): string {
  const match = ADDRESS.exec(text);
  if (!match) throw new UserError(`"${text}" is not a PCI address like 0000:03:10.1 (see lspci -D)`);
  return `${match[1] ?? '0000'}:${match[2]}`.toLowerCase();
}

export class PciBus {
  readonly root: string;

  constructor(root = '/') {
    this.root = root;
  }

  /** undefined when the machine has no such function. */
  read(address: string): PciFacts | undefined {
    const folder = this.#folder(address);
    if (!existsSync(folder)) return undefined;
    const number = (name: string) => Number(readText(join(folder, name)) ?? 0);
    return {
      address,
      vendorId: number('vendor'),
      deviceId: number('device'),
      baseClass: number('class') >>> 16,
      driver: linkName(join(folder, 'driver')),
      group: linkName(join(folder, 'iommu_group')),
      interfaces: names(join(folder, 'net')),
      physical: linkName(join(folder, 'physfn')),
      vfCount: number('sriov_numvfs'),
      vfMax: number('sriov_totalvfs'),
    };
  }

  /** Every network function, by address. */
  networkFunctions(): PciFacts[] {
    const all = names(join(this.root, 'sys/bus/pci/devices')).flatMap((address) => this.read(address) ?? []);
    return all.filter(({ baseClass }) => baseClass === PCI_CLASS_NETWORK);
  }

  /** The VFs that there are of a physical function. */
  virtualFunctions(address: string): PciFacts[] {
    const folder = this.#folder(address);
    const links = names(folder).filter((name) => /^virtfn\d+$/.test(name));
    return links.flatMap((name) => this.read(linkName(join(folder, name)) ?? '') ?? []);
  }

  /** The functions of a group that the kernel still drives, so that no function of it can be had. */
  groupBlockers(group: string): PciFacts[] {
    const folder = join(this.root, 'sys/kernel/iommu_groups', group, 'devices');
    const members = names(folder).flatMap((address) => this.read(address) ?? []);
    return members.filter(
      ({ driver, baseClass }) => driver !== undefined && !HARMLESS.has(driver) && baseClass !== PCI_CLASS_BRIDGE,
    );
  }

  groupCount(): number {
    return names(join(this.root, 'sys/kernel/iommu_groups')).length;
  }

  /** Whether the kernel has vfio-pci, loaded or built in. */
  hasVfioPci(): boolean {
    return existsSync(join(this.root, 'sys/bus/pci/drivers', VFIO_DRIVER));
  }

  /** One shell command line that takes a function from its driver and gives it to vfio-pci. */
  freeingCommand({ address, driver }: PciFacts): string {
    const load = this.hasVfioPci() ? [] : [`modprobe ${VFIO_DRIVER}`];
    if (existsSync(join(this.root, 'usr/sbin/driverctl'))) {
      return [...load, `driverctl set-override ${address} ${VFIO_DRIVER}`].join(' && ');
    }
    const device = `/sys/bus/pci/devices/${address}`;
    return [
      ...load,
      `echo ${VFIO_DRIVER} > ${device}/driver_override`,
      ...(driver === undefined ? [] : [`echo ${address} > ${device}/driver/unbind`]),
      `echo ${address} > /sys/bus/pci/drivers_probe`,
    ].join(' && ');
  }

  /** The function's own device file, for kernels that have them (VFIO_DEVICE_CDEV); else undefined. */
  deviceFile(address: string): string | undefined {
    const name = names(join(this.#folder(address), 'vfio-dev'))[0];
    const path = name && join(this.root, 'dev/vfio/devices', name);
    return path && existsSync(path) ? path : undefined;
  }

  #folder(address: string): string {
    return join(this.root, 'sys/bus/pci/devices', address);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
