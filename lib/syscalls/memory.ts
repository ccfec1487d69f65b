// Memory-mapping system calls through koffi. Addresses are bigint; lengths and offsets are bytes.

import { noteOpened } from './descriptors.ts';
import { close } from './fd.ts';
import { check, libc, syscallError } from './libc.ts';

const mmapCall = libc.func('intptr_t mmap(uintptr_t addr, size_t len, int prot, int flags, int fd, int64_t offset)');
const munmapCall = libc.func('int munmap(uintptr_t addr, size_t len)');
const madviseCall = libc.func('int madvise(uintptr_t addr, size_t len, int advice)');
const memfdCreateCall = libc.func('int memfd_create(const char *name, unsigned int flags)');
const ftruncateCall = libc.func('int ftruncate(int fd, int64_t length)');
const mlockCall = libc.func('int mlock(uintptr_t addr, size_t len)');

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_NORESERVE = 0x4000;
export const MADV_HUGEPAGE = 14;
export const MADV_DONTDUMP = 16;
export const MFD_CLOEXEC = 1;
export const MFD_ALLOW_SEALING = 2;
export const MFD_HUGETLB = 4;

/** Maps `len` bytes of `fd` (or anonymous memory, fd -1) at `addr`; returns the address. */
export function mmap(addr: bigint, len: number, prot: number, flags: number, fd: number, offset: bigint): bigint {
  const at = mmapCall(addr, len, prot, flags, fd, offset);
  if (at === -1) throw syscallError('mmap', `${len} bytes`);
  return BigInt(at);
}

/** Gives a range back that mmap() chose the place of; never one inside a mapping that must stay whole. */
export function munmap(addr: bigint, len: number): void {
  check('munmap', munmapCall(addr, len), `${len} bytes`);
}

export function madvise(addr: bigint, len: number, advice: number): boolean {
  return madviseCall(addr, len, advice) === 0;
}

/** Locks a range into memory. */
export function mlock(addr: bigint, len: number): void {
  check('mlock', mlockCall(addr, len), `${len} bytes`);
}

/** An anonymous file of `size` bytes; the caller closes it. */
export function memfd(name: string, size: number, flags = MFD_CLOEXEC): number {
  const fd = noteOpened(check('memfd_create', memfdCreateCall(name, flags), name));
  if (ftruncateCall(fd, size) === 0) return fd;
  const error = syscallError('ftruncate', name);
  close(fd);
  throw error;
}
