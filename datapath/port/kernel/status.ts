// Interface.status and the error texts of ports on kernel interfaces, in Open vSwitch's words.

import { SyscallError } from '../../../lib/errors.ts';
import { strerror } from '../../../lib/syscalls/net-libc.ts';
import { getDriverInfo } from '../../../lib/syscalls/net-link.ts';

/** `could not open network device eth9 (No such device)`; rethrows what is not a failed system call. */
export function openError(name: string, error: unknown): string {
  if (!(error instanceof SyscallError)) throw error;
  return `could not open network device ${name} (${strerror(error.errno)})`;
}

/** The error of an interface that is not there. */
export function noSuchDevice(name: string): string {
  return `could not open network device ${name} (No such device)`;
}

/** Interface.status: what the driver says of itself; empty when the interface is not there. */
export function driverStatus(name: string): Record<string, string> {
  const info = getDriverInfo(name);
  if (!info) return {};
  return { driver_name: info.driver, driver_version: info.version, firmware_version: info.firmware };
}
