// Blocking waits for a generator guest, which has nothing else to do before its rings run: the switch's own sockets
// (lib/syscalls) never block.

import { constants } from 'node:os';
import { SyscallError } from '../../lib/errors.ts';
import { read } from '../../lib/syscalls/fd.ts';
import { check, libc, WOULD_BLOCK } from '../../lib/syscalls/libc.ts';
import { sendWithFds } from '../../lib/syscalls/unix-socket.ts';

const cPoll = libc.func('int poll(void *fds, unsigned long count, int timeout)');
const POLLIN = 1;

/** Waits up to `timeoutMs` for `fd` to be readable or hung up. */
export function isReadable(fd: number, timeoutMs: number): boolean {
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(POLLIN, 4);
  return check('poll', cPoll(entry, 1, timeoutMs)) > 0;
}

/** Sends a whole message with its descriptors. Messages are far smaller than a socket's buffer: a short write is an error. */
export function sendMessage(fd: number, bytes: Buffer, fds: readonly number[]): void {
  if (sendWithFds(fd, bytes, fds) === bytes.length) return;
  throw new SyscallError('sendmsg', 'EAGAIN', constants.errno.EAGAIN, 'the switch does not read');
}

/** Reads exactly `size` bytes, or throws when the peer closes or is silent for `timeoutMs`. */
export function receiveExactly(fd: number, size: number, timeoutMs: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    if (!isReadable(fd, timeoutMs)) throw new SyscallError('recv', 'ETIMEDOUT', constants.errno.ETIMEDOUT);
    const count = read(fd, bytes.subarray(at), size - at);
    if (count === 0) throw new SyscallError('recv', 'ECONNRESET', constants.errno.ECONNRESET);
    if (count !== WOULD_BLOCK) at += count;
  }
  return bytes;
}
