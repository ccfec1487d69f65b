// The text of a system error as the C library words it ("No such file or directory"), from Node's error objects.

import { getSystemErrorMap } from 'node:util';

/** Where Node's words are not those of the C library, which people search for. */
const C_LIBRARY: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EALREADY: 'Operation already in progress',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EFAULT: 'Bad address',
  EHOSTUNREACH: 'No route to host',
  EIO: 'Input/output error',
  EISCONN: 'Transport endpoint is already connected',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
  ENFILE: 'Too many open files in system',
  ENOMEM: 'Cannot allocate memory',
  ENOTCONN: 'Transport endpoint is not connected',
  ENOTSUP: 'Operation not supported',
  ERANGE: 'Numerical result out of range',
  ETXTBSY: 'Text file busy',
  EXDEV: 'Invalid cross-device link',
};

/** The system's text for `error` when it carries an errno, else its message. */
export function systemErrorText(error: unknown): string {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
  const [name, text] = getSystemErrorMap().get(-Math.abs(errno)) ?? [];
  if (name === undefined || text === undefined) return error instanceof Error ? error.message : String(error);
  const other = C_LIBRARY[name];
  if (other !== undefined) return other;
  return `${text[0]?.toUpperCase()}${text.slice(1)}`;
}
