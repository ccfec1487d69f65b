// System calls on any file descriptor: read, write, close, fcntl, ioctl, eventfd, what file lies behind it (memfd and
// mmap: memory.ts). Errors are SyscallErrors.

import { fstatSync, readlinkSync, statfsSync } from 'node:fs';
import { assert } from '../assert.ts';
import { noteClosing, noteOpened } from './descriptors.ts';
import { check, checkNonBlocking, EBADF, lastErrno, libc, type Memory } from './libc.ts';

const cRead = libc.func('intptr_t read(int fd, void *data, size_t size)');
const cWrite = libc.func('intptr_t write(int fd, const void *data, size_t size)');
const cClose = libc.func('int close(int fd)');
const cFcntl = libc.func('int fcntl(int fd, int command, ...)');
const cIoctl = libc.func('int ioctl(int fd, unsigned long request, ...)');
const cEventfd = libc.func('int eventfd(unsigned int initial, int flags)');

export const F_DUPFD_CLOEXEC = 1030;
export const F_GETFD = 1;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
export const F_SEAL_SEAL = 1;
export const F_SEAL_SHRINK = 2;
export const F_SEAL_GROW = 4;
export const O_NONBLOCK = 0x800;
export const EFD_CLOEXEC = 0x80000;
export const EFD_NONBLOCK = 0x800;
const HUGETLBFS_MAGIC = 0x958458f6;

/** Reads at most `size` bytes: the count, 0 at the end, WOULD_BLOCK when none are there yet. */
export function read(fd: number, target: Memory, size: number): number {
  return checkNonBlocking('read', () => cRead(fd, target, size));
}

/** Writes at most `size` bytes: the count, or WOULD_BLOCK. */
export function write(fd: number, source: Memory, size: number): number {
  return checkNonBlocking('write', () => cWrite(fd, source, size));
}

/**
 * Closes a descriptor. On Linux it is closed whatever the call returns; only EBADF tells something: it was closed twice,
 * and next time the number may be someone else's.
 */
export function close(fd: number): void {
  noteClosing(fd);
  if (cClose(fd) < 0) assert(lastErrno() !== EBADF, `descriptor ${fd} was closed twice`);
}

/** fcntl with an integer argument. */
export function fcntl(fd: number, command: number, argument = 0): number {
  const result = check('fcntl', cFcntl(fd, command, 'int', argument));
  return command === F_DUPFD_CLOEXEC ? noteOpened(result) : result;
}

/** Whether `fd` is open in this process. */
export function isOpen(fd: number): boolean {
  return cFcntl(fd, F_GETFD, 'int', 0) >= 0;
}

export function setNonBlocking(fd: number, on = true): void {
  const flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/** ioctl on a structure, which the kernel may also write. `name` is for the error. */
export function ioctl(fd: number, name: string, request: number, argument: Memory): number {
  return check(`ioctl ${name}`, cIoctl(fd, request, 'void *', argument));
}

/** ioctl with an integer argument. */
export function ioctlInt(fd: number, name: string, request: number, argument: number): number {
  return check(`ioctl ${name}`, cIoctl(fd, request, 'long', argument));
}

/** A new eventfd, closed on exec; non-blocking unless told otherwise. */
export function eventfd(initial = 0, flags = EFD_NONBLOCK): number {
  return noteOpened(check('eventfd', cEventfd(initial, flags | EFD_CLOEXEC)));
}

const eventCount = new BigUint64Array(new ArrayBuffer(8));

/** Adds 1 to an eventfd: a kick or a call. A full counter counts as delivered. */
export function eventfdSignal(fd: number): void {
  eventCount[0] = 1n;
  write(fd, eventCount, 8);
}

/** Takes an eventfd's count back to 0: the count, 0 when it was there already. */
export function eventfdDrain(fd: number): bigint {
  return read(fd, eventCount, 8) === 8 ? eventCount[0]! : 0n;
}

/** Whether `fd` is an eventfd. */
export function isEventfd(fd: number): boolean {
  return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventfd]';
}

/** Size in bytes of the regular file (memfd, hugetlbfs) behind a descriptor; undefined when it is something else. */
export function fileSize(fd: number): bigint | undefined {
  const stats = fstatSync(fd, { bigint: true });
  return stats.isFile() ? stats.size : undefined;
}

/** Page size in bytes of the file behind a descriptor: that of its hugetlbfs, else 4096. */
export function filePageSize(fd: number): number {
  const stats = statfsSync(`/proc/self/fd/${fd}`);
  return stats.type >>> 0 === HUGETLBFS_MAGIC ? stats.bsize : 4096;
}
