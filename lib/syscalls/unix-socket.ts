// Unix stream sockets that carry file descriptors (SCM_RIGHTS, unix(7)): what vhost-user speaks over.

import koffi from 'koffi';
import { SyscallError } from '../errors.ts';
import { noteOpened } from './descriptors.ts';
import { close } from './fd.ts';
import { checkNonBlocking, libc, WOULD_BLOCK } from './libc.ts';
import { AF_UNIX, bind, connect, listen, SOCK_STREAM, socket } from './socket.ts';

const cSendmsg = libc.func('intptr_t sendmsg(int fd, const void *message, int flags)');
const cRecvmsg = libc.func('intptr_t recvmsg(int fd, void *message, int flags)');

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** sizeof(sun_path) in bytes, its final NUL included. */
const SUN_PATH_SIZE = 108;
/** Descriptors that one message may carry each way; the kernel's own limit is 253. */
const FDS_MAX = 32;
const CMSG_HEADER_SIZE = 16;

// One message header, one iovec and one control buffer serve every call: a call returns before the next begins.
//
//   msghdr   0 name  8 namelen  16 iov  24 iovlen  32 control  40 controllen  48 flags
//   iovec    0 base  8 len
//   cmsghdr  0 len   8 level   12 type  16 data...
const message = new DataView(new ArrayBuffer(56));
const iovec = new DataView(new ArrayBuffer(16));
const control = new DataView(new ArrayBuffer(CMSG_HEADER_SIZE + FDS_MAX * 4));
const controlAddress = koffi.address(control);
message.setBigUint64(16, koffi.address(iovec), true);
message.setBigUint64(24, 1n, true);

function prepare(data: Uint8Array, controlSize: number): void {
  iovec.setBigUint64(0, koffi.address(data), true);
  iovec.setBigUint64(8, BigInt(data.byteLength), true);
  message.setBigUint64(32, controlSize > 0 ? controlAddress : 0n, true);
  message.setBigUint64(40, BigInt(controlSize), true);
  message.setInt32(48, 0, true);
}

/** `struct sockaddr_un` of a path; ENAMETOOLONG when it does not fit its 107 bytes. */
export function unixAddress(path: string): Uint8Array {
  const bytes = Buffer.from(path);
  if (bytes.length >= SUN_PATH_SIZE) throw new SyscallError('sockaddr_un', 'ENAMETOOLONG', 36, path);
  const address = new Uint8Array(new ArrayBuffer(2 + bytes.length + 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 2);
  return address;
}

function opened(path: string, start: (fd: number, address: Uint8Array) => void): number {
  const address = unixAddress(path);
  const fd = socket(AF_UNIX, SOCK_STREAM);
  try {
    start(fd, address);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** A listening socket at `path`, which must not exist. */
export function unixListen(path: string): number {
  return opened(path, (fd, address) => {
    bind(fd, address, path);
    listen(fd);
  });
}

/** A connection to the socket at `path`. */
export function unixConnect(path: string): number {
  return opened(path, (fd, address) => connect(fd, address, path));
}

/** Sends bytes with descriptors, which stay open here: the count of bytes, or WOULD_BLOCK (then no descriptor went). */
export function sendWithFds(fd: number, data: Uint8Array, fds: readonly number[]): number {
  const controlSize = fds.length === 0 ? 0 : CMSG_HEADER_SIZE + fds.length * 4;
  if (controlSize > control.byteLength) throw new RangeError(`${fds.length} descriptors in one message`);
  control.setBigUint64(0, BigInt(controlSize), true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  for (const [index, passed] of fds.entries()) control.setInt32(CMSG_HEADER_SIZE + index * 4, passed, true);
  prepare(data, controlSize);
  return checkNonBlocking('sendmsg', () => cSendmsg(fd, message, MSG_NOSIGNAL));
}

export interface Received {
  /** Bytes received; 0 at the end of the stream; WOULD_BLOCK when none are there yet. */
  readonly size: number;
  /** Descriptors that came with the first of these bytes, closed on exec; the caller owns them. */
  readonly fds: readonly number[];
  /** More than `fdsMax` descriptors were sent; the kernel dropped the others. */
  readonly fdsTruncated: boolean;
}

/** Receives at most `target.length` bytes, and at most `fdsMax` descriptors with them. */
export function receiveWithFds(fd: number, target: Uint8Array, fdsMax: number): Received {
  // The exact size, without CMSG_SPACE's padding: in the padding the kernel would install one descriptor more.
  const controlSize = CMSG_HEADER_SIZE + Math.min(fdsMax, FDS_MAX) * 4;
  prepare(target, controlSize);
  const size = checkNonBlocking('recvmsg', () => cRecvmsg(fd, message, MSG_CMSG_CLOEXEC));
  if (size === WOULD_BLOCK) return { size, fds: [], fdsTruncated: false };
  const fdsTruncated = (message.getInt32(48, true) & MSG_CTRUNC) !== 0;
  return { size, fds: receivedFds(Number(message.getBigUint64(40, true))), fdsTruncated };
}

/** Only SCM_RIGHTS can arrive (nobody asked for credentials), as one control message. */
function receivedFds(controlSize: number): number[] {
  if (controlSize < CMSG_HEADER_SIZE || control.getInt32(12, true) !== SCM_RIGHTS) return [];
  const count = (Number(control.getBigUint64(0, true)) - CMSG_HEADER_SIZE) >> 2;
  return Array.from({ length: count }, (_, index) => noteOpened(control.getInt32(CMSG_HEADER_SIZE + index * 4, true)));
}
