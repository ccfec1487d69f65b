// Process-level system calls that Node does not offer: record locks on files (fcntl(2)), dup2(2), and datagrams to a
// UNIX socket (how a program speaks to syslogd).

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { SyscallError } from '../errors.ts';

const libc = koffi.load('libc.so.6');
const fcntlCall = libc.func('int fcntl(int fd, int command, ...)');
const dup2Call = libc.func('int dup2(int from, int to)');
const socketCall = libc.func('int socket(int domain, int type, int protocol)');
const sendtoCall = libc.func(
  'int64_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)',
);

const F_GETLK = 5;
const F_SETLK = 6;
const F_WRLCK = 1;
const F_UNLCK = 2;
const SEEK_SET = 0;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SUN_PATH_MAX = 108;

function failed(syscall: string, detail: string): SyscallError {
  const errno = koffi.errno();
  return new SyscallError(syscall, getSystemErrorName(-errno), errno, detail);
}

/** `struct flock` of 64-bit Linux: type, whence, start at 8, length at 16 (0: to the end), pid at 24. */
function wholeFileWriteLock(): Buffer {
  const flock = Buffer.alloc(32);
  flock.writeInt16LE(F_WRLCK, 0);
  flock.writeInt16LE(SEEK_SET, 2);
  return flock;
}

/**
 * Takes a write lock on the whole file for this process; false when another process holds one. The lock goes as soon
 * as the process closes *any* descriptor of that file.
 */
export function tryLockFile(fd: number): boolean {
  if (fcntlCall(fd, F_SETLK, 'void *', wholeFileWriteLock()) === 0) return true;
  const error = failed('fcntl(F_SETLK)', '');
  if (error.code === 'EAGAIN' || error.code === 'EACCES') return false;
  throw error;
}

/** Pid of another process that holds a lock on the file, or undefined. */
export function fileLockOwner(fd: number): number | undefined {
  const flock = wholeFileWriteLock();
  if (fcntlCall(fd, F_GETLK, 'void *', flock) !== 0) throw failed('fcntl(F_GETLK)', '');
  return flock.readInt16LE(0) === F_UNLCK ? undefined : flock.readInt32LE(24);
}

/** Makes descriptor `to` another name of what `from` is, closing what `to` was. */
export function dup2(from: number, to: number): void {
  if (dup2Call(from, to) < 0) throw failed('dup2', `${from} to ${to}`);
}

/** A socket for sendDatagram(); the caller closes it with fs.closeSync(). */
export function openDatagramSocket(): number {
  const fd = socketCall(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed('socket', '');
  return fd;
}

/** Sends one datagram to the UNIX socket at `path` without ever waiting; false when it could not be taken. */
export function sendDatagram(fd: number, path: string, data: Uint8Array): boolean {
  const name = Buffer.from(path);
  if (name.length >= SUN_PATH_MAX) return false;
  const address = Buffer.alloc(2 + SUN_PATH_MAX);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return sendtoCall(fd, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, 2 + name.length + 1) === data.length;
}
