// Changes to a kernel interface that a port can do without.

import { SyscallError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { strerror } from '../../../lib/syscalls/net-libc.ts';

const log = logger('netdev_linux');

/** Makes the change `what` (after 'could not') to interface `name`; the system's refusal is logged and no more. */
export function attempt(name: string, what: string, change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    log.warn(`${name}: could not ${what}: ${strerror(error.errno)}`);
  }
}
