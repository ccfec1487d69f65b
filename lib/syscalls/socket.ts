// Sockets by system call, for what node:net cannot do: unix stream sockets that pass file descriptors (unix-socket.ts),
// packet sockets, sockets in another network namespace. All are non-blocking and closed on exec.

import { noteOpened } from './descriptors.ts';
import { check, checkNonBlocking, EINTR, lastErrno, libc } from './libc.ts';

const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cBind = libc.func('int bind(int fd, const void *address, unsigned int size)');
const cConnect = libc.func('int connect(int fd, const void *address, unsigned int size)');
const cListen = libc.func('int listen(int fd, int backlog)');
const cAccept4 = libc.func('int accept4(int fd, void *address, void *size, int flags)');
const cSetsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int size)');
const cGetsockopt = libc.func('int getsockopt(int fd, int level, int name, void *value, void *size)');
const cShutdown = libc.func('int shutdown(int fd, int how)');

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_PEERCRED = 17;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SHUT_RDWR = 2;

/** A new non-blocking socket. */
export function socket(domain: number, type: number, protocol = 0): number {
  return noteOpened(check('socket', cSocket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)));
}

/** Binds to a raw `struct sockaddr_*`; `detail` names it in the error. */
export function bind(fd: number, address: NodeJS.ArrayBufferView, detail = ''): void {
  check('bind', cBind(fd, address, address.byteLength), detail);
}

/** Connects to a raw `struct sockaddr_*`. A unix socket is connected at once or not at all. */
export function connect(fd: number, address: NodeJS.ArrayBufferView, detail = ''): void {
  for (;;) {
    const result: number = cConnect(fd, address, address.byteLength);
    if (result >= 0 || lastErrno() !== EINTR) {
      check('connect', result, detail);
      return;
    }
  }
}

export function listen(fd: number, backlog = 16): void {
  check('listen', cListen(fd, backlog));
}

/** Takes one connection: its descriptor, or WOULD_BLOCK when none waits. */
export function accept(fd: number): number {
  return noteOpened(checkNonBlocking('accept4', () => cAccept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

export function setsockopt(fd: number, level: number, name: number, value: NodeJS.ArrayBufferView): void {
  check('setsockopt', cSetsockopt(fd, level, name, value, value.byteLength));
}

/** Fills `value`; returns how many bytes of it the kernel wrote. */
export function getsockopt(fd: number, level: number, name: number, value: NodeJS.ArrayBufferView): number {
  const size = new Uint32Array([value.byteLength]);
  check('getsockopt', cGetsockopt(fd, level, name, value, size));
  return size[0]!;
}

/** Ends both directions; a peer that is gone already is no error. */
export function shutdown(fd: number): void {
  cShutdown(fd, SHUT_RDWR);
}
