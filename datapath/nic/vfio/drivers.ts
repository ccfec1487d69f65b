// Which driver takes a PCI function, by its vendor and device numbers.

import { UserError } from '../../../lib/errors.ts';
import { E1000E_DEVICES, E1000e, INTEL_VENDOR } from './e1000e.ts';
import type { FunctionDriver } from './function-driver.ts';
import type { PciFunction } from './pci-function.ts';
import { VIRTIO_NET_DEVICES, VIRTIO_VENDOR, VirtioNet } from './virtio-net.ts';

interface Ids {
  readonly vendorId: number;
  readonly deviceId: number;
}

const DRIVERS = [
  { vendor: VIRTIO_VENDOR, devices: VIRTIO_NET_DEVICES, Driver: VirtioNet },
  { vendor: INTEL_VENDOR, devices: E1000E_DEVICES, Driver: E1000e },
] as const;

function driverFor({ vendorId, deviceId }: Ids) {
  return DRIVERS.find(({ vendor, devices }) => vendor === vendorId && devices.includes(deviceId))?.Driver;
}

/** `8086:10d3`, as lspci -n prints it. */
export function pciIds({ vendorId, deviceId }: Ids): string {
  return [vendorId, deviceId].map((id) => id.toString(16).padStart(4, '0')).join(':');
}

export function hasDriver(ids: Ids): boolean {
  return driverFor(ids) !== undefined;
}

/** The driver for a function. Throws UserError. */
export function makeDriver(device: PciFunction): FunctionDriver {
  const Driver = driverFor(device);
  if (Driver) return new Driver(device);
  const known = DRIVERS.flatMap(({ vendor, devices }) =>
    devices.map((deviceId) => pciIds({ vendorId: vendor, deviceId })),
  );
  throw new UserError(`weft has no driver for ${device.address} (${pciIds(device)}), only for ${known.join(', ')}`);
}
