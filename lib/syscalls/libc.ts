// The C library, loaded once per thread, and how a failed call becomes an error. Everything in lib/syscalls declares
// its functions on `libc`; nothing else in weft calls koffi for system calls.
//
// errno is one variable per thread and anything may overwrite it: read it in the same tick, before any other call.
// Variadic functions (open, ioctl, fcntl) must be declared with `...`, or koffi passes their arguments wrongly.

import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { SyscallError } from '../errors.ts';

export const libc = koffi.load('libc.so.6');

export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;

/** What calls on non-blocking descriptors return instead of a count when they would have had to wait. */
export const WOULD_BLOCK = -1;

/** Memory handed to the kernel: a view over off-heap bytes, or an address (a place in the arena). */
export type Memory = NodeJS.ArrayBufferView | bigint;

/** errno of this thread's last failed call. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The error for this thread's last failed call. */
export function syscallError(syscall: string, detail = '', errno: number = koffi.errno()): SyscallError {
  return new SyscallError(syscall, getSystemErrorName(-errno), errno, detail);
}

/** Returns `result`, or throws SyscallError when it is negative. */
export function check(syscall: string, result: number, detail = ''): number {
  if (result < 0) throw syscallError(syscall, detail);
  return result;
}

/** Repeats an interrupted call; its count, or WOULD_BLOCK when a non-blocking descriptor is not ready. */
export function checkNonBlocking(syscall: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno === EAGAIN) return WOULD_BLOCK;
    if (errno !== EINTR) throw syscallError(syscall, '', errno);
  }
}
