// VFIO: a PCI function driven from user space (linux/vfio.h, Documentation/driver-api/vfio.rst), by groups and
// containers, and by iommufd (linux/iommufd.h) where the kernel has device files of its own for functions.
//
// Registers are read and written with pread and pwrite on the device's descriptor: the kernel makes one access of that
// width of it, and a function that has gone gives an error, where a mapping would give SIGBUS.

import { readSync, writeSync } from 'node:fs';
import { ioctl, ioctlInt } from './fd.ts';
import { check, libc, syscallError } from './libc.ts';

const cIoctl = libc.func('int ioctl(int fd, unsigned long request, ...)');

/** _IO(';', 100 + n) */
const request = (n: number) => 0x3b64 + n;
const VFIO_GET_API_VERSION = request(0);
const VFIO_CHECK_EXTENSION = request(1);
const VFIO_SET_IOMMU = request(2);
const VFIO_GROUP_GET_STATUS = request(3);
const VFIO_GROUP_SET_CONTAINER = request(4);
const VFIO_GROUP_GET_DEVICE_FD = request(6);
const VFIO_DEVICE_GET_INFO = request(7);
const VFIO_DEVICE_GET_REGION_INFO = request(8);
const VFIO_DEVICE_RESET = request(11);
const VFIO_IOMMU_MAP_DMA = request(13);
const VFIO_IOMMU_UNMAP_DMA = request(14);
const VFIO_DEVICE_BIND_IOMMUFD = request(18);
const VFIO_DEVICE_ATTACH_IOMMUFD_PT = request(19);
/** _IO(';', 0x80 + n) */
const IOMMU_IOAS_ALLOC = 0x3b81;
const IOMMU_IOAS_MAP = 0x3b85;
const IOMMU_IOAS_UNMAP = 0x3b86;

const VFIO_API_VERSION = 0;
const VFIO_TYPE1v2_IOMMU = 3;
const VFIO_GROUP_FLAGS_VIABLE = 1;
const VFIO_DEVICE_FLAGS_RESET = 1;
const VFIO_REGION_INFO_FLAG_MMAP = 4;
const VFIO_DMA_MAP_FLAG_READ_WRITE = 3;
const IOMMU_IOAS_MAP_FIXED_IOVA_WRITEABLE_READABLE = 7;

/** VFIO_PCI_CONFIG_REGION_INDEX; regions 0 to 5 are the BARs. */
export const CONFIG_REGION = 7;

/** A zeroed structure whose first word is its size, as every VFIO structure's. */
function structure(size: number): DataView {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, size, true);
  return view;
}

/** Whether the container can do what is asked of it here. */
export function containerIsUsable(container: number): boolean {
  return (
    ioctlInt(container, 'VFIO_GET_API_VERSION', VFIO_GET_API_VERSION, 0) === VFIO_API_VERSION &&
    ioctlInt(container, 'VFIO_CHECK_EXTENSION', VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) > 0
  );
}

/** Whether every function of the group is out of the kernel's hands. */
export function groupIsViable(group: number): boolean {
  const status = structure(8);
  ioctl(group, 'VFIO_GROUP_GET_STATUS', VFIO_GROUP_GET_STATUS, status);
  return (status.getUint32(4, true) & VFIO_GROUP_FLAGS_VIABLE) !== 0;
}

/** Gives the group its IOMMU domain: the container's. */
export function joinContainer(group: number, container: number): void {
  const target = new DataView(new ArrayBuffer(4));
  target.setInt32(0, container, true);
  ioctl(group, 'VFIO_GROUP_SET_CONTAINER', VFIO_GROUP_SET_CONTAINER, target);
  ioctlInt(container, 'VFIO_SET_IOMMU', VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

/** Opens the function at `address` (`0000:03:10.1`) of a group; the caller closes it. */
export function groupDevice(group: number, address: string): number {
  const name = Buffer.from(`${address}\0`);
  return check('ioctl VFIO_GROUP_GET_DEVICE_FD', cIoctl(group, VFIO_GROUP_GET_DEVICE_FD, 'void *', name), address);
}

export function containerMapDma(container: number, vaddr: bigint, iova: bigint, size: number): void {
  const map = structure(32);
  map.setUint32(4, VFIO_DMA_MAP_FLAG_READ_WRITE, true);
  map.setBigUint64(8, vaddr, true);
  map.setBigUint64(16, iova, true);
  map.setBigUint64(24, BigInt(size), true);
  ioctl(container, 'VFIO_IOMMU_MAP_DMA', VFIO_IOMMU_MAP_DMA, map);
}

export function containerUnmapDma(container: number, iova: bigint, size: number): void {
  const unmap = structure(24);
  unmap.setBigUint64(8, iova, true);
  unmap.setBigUint64(16, BigInt(size), true);
  ioctl(container, 'VFIO_IOMMU_UNMAP_DMA', VFIO_IOMMU_UNMAP_DMA, unmap);
}

/** A new address space of an iommufd: its id. */
export function ioasAlloc(iommufd: number): number {
  const alloc = structure(12);
  ioctl(iommufd, 'IOMMU_IOAS_ALLOC', IOMMU_IOAS_ALLOC, alloc);
  return alloc.getUint32(8, true);
}

/** Gives a device file's function that address space. */
export function bindIommufd(device: number, iommufd: number, ioas: number): void {
  const bind = structure(16);
  bind.setInt32(8, iommufd, true);
  ioctl(device, 'VFIO_DEVICE_BIND_IOMMUFD', VFIO_DEVICE_BIND_IOMMUFD, bind);
  const attach = structure(12);
  attach.setUint32(8, ioas, true);
  ioctl(device, 'VFIO_DEVICE_ATTACH_IOMMUFD_PT', VFIO_DEVICE_ATTACH_IOMMUFD_PT, attach);
}

export function ioasMap(iommufd: number, ioas: number, vaddr: bigint, iova: bigint, size: number): void {
  const map = structure(40);
  map.setUint32(4, IOMMU_IOAS_MAP_FIXED_IOVA_WRITEABLE_READABLE, true);
  map.setUint32(8, ioas, true);
  map.setBigUint64(16, vaddr, true);
  map.setBigUint64(24, BigInt(size), true);
  map.setBigUint64(32, iova, true);
  ioctl(iommufd, 'IOMMU_IOAS_MAP', IOMMU_IOAS_MAP, map);
}

export function ioasUnmap(iommufd: number, ioas: number, iova: bigint, size: number): void {
  const unmap = structure(24);
  unmap.setUint32(4, ioas, true);
  unmap.setBigUint64(8, iova, true);
  unmap.setBigUint64(16, BigInt(size), true);
  ioctl(iommufd, 'IOMMU_IOAS_UNMAP', IOMMU_IOAS_UNMAP, unmap);
}

/** Function level reset, or what the function has; false when it has none that concerns it alone. */
export function resetDevice(device: number): boolean {
  const info = structure(24);
  ioctl(device, 'VFIO_DEVICE_GET_INFO', VFIO_DEVICE_GET_INFO, info);
  if ((info.getUint32(4, true) & VFIO_DEVICE_FLAGS_RESET) === 0) return false;
  ioctlInt(device, 'VFIO_DEVICE_RESET', VFIO_DEVICE_RESET, 0);
  return true;
}

/** A BAR or the configuration space: where its bytes are in the device's descriptor. */
export interface VfioRegion {
  readonly size: number;
  readonly offset: number;
  readonly mappable: boolean;
}

export function deviceRegion(device: number, index: number): VfioRegion {
  const info = structure(32);
  info.setUint32(8, index, true);
  ioctl(device, 'VFIO_DEVICE_GET_REGION_INFO', VFIO_DEVICE_GET_REGION_INFO, info);
  return {
    mappable: (info.getUint32(4, true) & VFIO_REGION_INFO_FLAG_MMAP) !== 0,
    size: Number(info.getBigUint64(16, true)),
    offset: Number(info.getBigUint64(24, true)),
  };
}

export type Width = 1 | 2 | 4;

const word = Buffer.alloc(4);

/** One read access of `width` bytes, little-endian. */
export function readRegister(device: number, { offset }: VfioRegion, at: number, width: Width): number {
  if (readSync(device, word, 0, width, offset + at) !== width) throw syscallError('pread', 'register', 5);
  return word.readUIntLE(0, width);
}

/** One write access of `width` bytes, little-endian. */
export function writeRegister(device: number, { offset }: VfioRegion, at: number, width: Width, value: number): void {
  word.writeUIntLE(value, 0, width);
  if (writeSync(device, word, 0, width, offset + at) !== width) throw syscallError('pwrite', 'register', 5);
}
