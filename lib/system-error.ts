// The text of a system error as the C library words it ("No such file or directory"), from Node's error objects.

import { getSystemErrorMap } from 'node:util';

/** The system's text for `error` when it carries an errno, else its message. */
export function systemErrorText(error: unknown): string {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
  const text = getSystemErrorMap().get(-Math.abs(errno))?.[1];
  if (text === undefined) return error instanceof Error ? error.message : String(error);
  return `${text[0]?.toUpperCase()}${text.slice(1)}`;
}
