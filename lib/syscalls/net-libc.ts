// What the calls on kernel network interfaces (net-*.ts) share: raw reads and writes, whose failures are too common to
// be exceptions (every frame to an interface that is down), errno numbers and texts, and buffers that keep their place.

import koffi from 'koffi';
import { libc } from './libc.ts';

/** Raw calls: a negative result leaves errno for lastErrno(). */
export const rawRead = libc.func('int64_t read(int fd, void *buffer, size_t length)');
export const rawWrite = libc.func('int64_t write(int fd, const void *buffer, size_t length)');
const cStrerror = libc.func('const char *strerror(int errno)');

export const EINVAL = 22;
export const ENODEV = 19;
export const ENETDOWN = 100;

/** The C library's text for an errno: `No such device`. */
export function strerror(code: number): string {
  return cStrerror(code) as string;
}

/** A zeroed buffer outside the JavaScript heap, so that its address stays. */
export function stableBuffer(sizeBytes: number): { bytes: Uint8Array; view: DataView; address: bigint } {
  const buffer = new ArrayBuffer(sizeBytes);
  const bytes = new Uint8Array(buffer);
  return { bytes, view: new DataView(buffer), address: koffi.address(bytes) };
}
