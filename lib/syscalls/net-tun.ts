// TAP devices through /dev/net/tun (Linux Documentation/networking/tuntap.rst).

import { SyscallError } from '../errors.ts';
import { noteOpened } from './descriptors.ts';
import { close, ioctl, ioctlInt } from './fd.ts';
import { check, EAGAIN, lastErrno, libc } from './libc.ts';
import { EINVAL, rawRead, rawWrite } from './net-libc.ts';
import { INTERFACE_NAME_MAX } from './net-link.ts';

const cOpen = libc.func('int open(const char *path, int flags, ...)');

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNGETIFF = 0x800454d2;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
/** struct ifreq: the name in 16 bytes, then a union of 24. */
const IFREQ_SIZE = 40;

/** Attaches to the TAP device `name`, making it when it does not exist; returns a non-blocking descriptor. Throws SyscallError. */
export function openTap(name: string): number {
  if (name.length > INTERFACE_NAME_MAX) throw new SyscallError('ioctl TUNSETIFF', 'EINVAL', EINVAL, name);
  const fd = noteOpened(check('open', cOpen('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC), '/dev/net/tun'));
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 0, INTERFACE_NAME_MAX, 'latin1');
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI, 16);
  try {
    ioctl(fd, 'TUNSETIFF', TUNSETIFF, request);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/** A persistent device outlives its descriptor, with its addresses and state. */
export function setTapPersistent(fd: number, persistent: boolean): void {
  ioctlInt(fd, 'TUNSETPERSIST', TUNSETPERSIST, persistent ? 1 : 0);
}

/** Reads one frame into `buffer`; its length, 0 when none waits, or -1 for an error that says nothing of the next read. */
export function readTap(fd: number, buffer: Uint8Array): number {
  const length = Number(rawRead(fd, buffer, buffer.length));
  if (length >= 0) return length;
  return lastErrno() === EAGAIN ? 0 : -1;
}

/** Writes one frame; false when the device did not take it (down, or its queue is full). */
export function writeTap(fd: number, frame: Uint8Array): boolean {
  return Number(rawWrite(fd, frame, frame.length)) === frame.length;
}

/** Closes the descriptor. */
export function closeTap(fd: number): void {
  close(fd);
}

/** False when the device behind the descriptor was removed. */
export function isTapAttached(fd: number): boolean {
  try {
    ioctl(fd, 'TUNGETIFF', TUNGETIFF, Buffer.alloc(IFREQ_SIZE));
    return true;
  } catch {
    return false;
  }
}
