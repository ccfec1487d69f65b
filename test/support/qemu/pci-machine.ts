// A virtual machine with an IOMMU and two network functions, an 82574L and a virtio-net device, in which this machine's
// programs run: its root is this machine's, read-only over 9p, with /run of its own. What the functions send and
// receive comes out here, at sockets (wire.ts).
import { join } from 'node:path';
import { buildImage, VIRTIO_DRIVERS } from './initramfs.ts';
import { QemuGuest } from './qemu-guest.ts';
import { Wire } from './wire.ts';

/** By slot: `addr` of the devices below. */
export const INTEL = '0000:00:04.0';
export const VIRTIO = '0000:00:05.0';

const DRIVERS = [
  ...VIRTIO_DRIVERS,
  'net/9p/9pnet.ko',
  'net/9p/9pnet_virtio.ko',
  'fs/netfs/netfs.ko',
  'fs/fscache/fscache.ko',
  'fs/9p/9p.ko',
  'virt/lib/irqbypass.ko',
  'drivers/vfio/vfio.ko',
  'drivers/vfio/vfio_virqfd.ko',
  'drivers/vfio/vfio_iommu_type1.ko',
  'drivers/vfio/pci/vfio-pci-core.ko',
  'drivers/vfio/pci/vfio-pci.ko',
];

const INIT = `
mkdir /host
mount -t 9p -o trans=virtio,ro,version=9p2000.L,cache=loose,msize=262144 host /host
for folder in proc sys dev; do mount --move /$folder /host/$folder; done
mount -t tmpfs run /host/run
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
while true; do chroot /host setsid sh -c 'cd /run; exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'; done
`;

export class PciMachine {
  readonly guest: QemuGuest;
  /** The other ends of the functions' cables. */
  readonly intel: Wire;
  readonly virtio: Wire;

  private constructor(guest: QemuGuest, intel: Wire, virtio: Wire) {
    this.guest = guest;
    this.intel = intel;
    this.virtio = virtio;
  }

  /** Boots in `folder`; resolves when its shell answers. */
  static async boot(folder: string): Promise<PciMachine> {
    const { kernel, initramfs } = buildImage(folder, DRIVERS, INIT);
    const cables = [join(folder, 'intel'), join(folder, 'virtio')] as const;
    const args = ['-machine', 'q35,kernel-irqchip=split', '-accel', 'tcg', '-cpu', 'max', '-m', '1536'];
    args.push('-nodefaults', '-no-reboot', '-display', 'none', '-monitor', 'none', '-serial', 'stdio');
    args.push('-kernel', kernel, '-initrd', initramfs, '-append', 'console=ttyS0 quiet panic=1 intel_iommu=on');
    args.push('-device', 'intel-iommu,caching-mode=on');
    args.push('-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap');
    args.push('-device', 'virtio-9p-pci,fsdev=host,mount_tag=host,addr=3');
    for (const [id, path] of cables.entries()) {
      args.push('-netdev', `stream,id=net${id},server=on,addr.type=unix,addr.path=${path}`);
    }
    args.push('-device', 'e1000e,netdev=net0,mac=52:54:00:00:00:e1,addr=4');
    const virtio = 'virtio-net-pci,netdev=net1,mac=52:54:00:00:00:a1,addr=5';
    args.push('-device', `${virtio},iommu_platform=on,disable-legacy=on`);
    const guest = await QemuGuest.start(args);
    try {
      return new PciMachine(guest, await Wire.connect(cables[0]), await Wire.connect(cables[1]));
    } catch (error) {
      await guest.kill();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.intel.close();
    this.virtio.close();
    await this.guest.kill();
  }
}
