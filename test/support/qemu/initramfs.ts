// What a guest boots: the installed Debian kernel, and a file system of busybox, some of the kernel's drivers and an init.
// The plain guest's init configures the network and gives the serial console to a shell.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const BUSYBOX = '/bin/busybox';
export const VIRTIO_DRIVERS = [
  'drivers/virtio/virtio_ring.ko',
  'drivers/virtio/virtio.ko',
  'drivers/virtio/virtio_pci_legacy_dev.ko',
  'drivers/virtio/virtio_pci_modern_dev.ko',
  'drivers/virtio/virtio_pci.ko',
];
const NET_DRIVERS = [
  ...VIRTIO_DRIVERS,
  'net/core/failover.ko',
  'drivers/net/net_failover.ko',
  'drivers/net/virtio_net.ko',
];

/** The newest Debian kernel that has its modules beside it, or undefined. */
function kernelVersion(): string | undefined {
  if (!existsSync('/lib/modules')) return undefined;
  const versions = readdirSync('/lib/modules').filter((version) => existsSync(`/boot/vmlinuz-${version}`));
  return versions.filter((version) => existsSync(`/lib/modules/${version}/kernel/${NET_DRIVERS[0]}`)).at(-1);
}

/** What is missing here for running guests; undefined when nothing is. */
export function missingForGuests(): string | undefined {
  if (!existsSync('/usr/bin/qemu-system-x86_64')) return 'qemu-system-x86 is not installed';
  if (!existsSync(BUSYBOX)) return 'busybox-static is not installed';
  if (!existsSync('/usr/bin/cpio')) return 'cpio is not installed';
  return kernelVersion() ? undefined : 'linux-image-amd64 is not installed, or its modules are compressed';
}

/** How every init begins: the shell's commands, the kernel's file systems, the drivers. */
function begin(drivers: readonly string[]): string {
  return `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for driver in ${drivers.map((path) => basename(path)).join(' ')}; do insmod /lib/$driver; done
`;
}

const PLAIN_GUEST = `
for word in $(cat /proc/cmdline); do case $word in weft.ip=*) ip addr add \${word#weft.ip=}/24 dev eth0;; esac; done
ip link set eth0 up
while true; do setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'; done
`;

export interface GuestImage {
  readonly kernel: string;
  readonly initramfs: string;
}

/** Builds an image in `folder`: `drivers` are loaded in that order, then `init` runs, a shell script that does not end. */
export function buildImage(folder: string, drivers: readonly string[] = NET_DRIVERS, init = PLAIN_GUEST): GuestImage {
  const version = kernelVersion()!;
  const tree = join(folder, 'root');
  rmSync(tree, { recursive: true, force: true });
  for (const name of ['bin', 'lib', 'proc', 'sys', 'dev', 'tmp']) mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(BUSYBOX, join(tree, 'bin', 'busybox'));
  for (const path of drivers) copyFileSync(`/lib/modules/${version}/kernel/${path}`, join(tree, 'lib', basename(path)));
  writeFileSync(join(tree, 'init'), begin(drivers) + init);
  chmodSync(join(tree, 'init'), 0o755);
  const initramfs = join(folder, 'initramfs.gz');
  execFileSync('sh', ['-c', `cd "$1" && find . | cpio -o -H newc --quiet | gzip -1 > "$2"`, 'sh', tree, initramfs]);
  return { kernel: `/boot/vmlinuz-${version}`, initramfs };
}
