// The pidfile: its number, and the record lock that proves its process alive.
//
// Clients believe a pidfile only while the process that it names holds a write lock on it, and a second daemon
// refuses to start for the same reason. The lock is the process's, not the descriptor's: closing any descriptor of
// the file drops it, so nothing in this process may open the file again.

import { closeSync, constants, ftruncateSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { UserError } from '../../../lib/errors.ts';
import { fileLockOwner, tryLockFile } from '../../../lib/syscalls/process.ts';
import { systemErrorText } from '../../../lib/system-error.ts';

export class Pidfile {
  readonly path: string;
  readonly #fd: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /**
   * Writes and locks the pidfile. Throws UserError when a live process holds it, unless `overwrite`.
   *
   * The file is made under another name, locked and then renamed, so that it is never seen without its lock and of
   * two daemons that start at once only one gets on.
   */
  static create(path: string, overwrite: boolean): Pidfile {
    const temporary = `${path}.tmp`;
    const fd = open(temporary, constants.O_RDWR | constants.O_CREAT);
    if (!tryLockFile(fd)) {
      const owner = fileLockOwner(fd);
      closeSync(fd);
      throw alreadyRunning(path, owner);
    }
    try {
      if (!overwrite) refuseLive(path);
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`);
      renameSync(temporary, path);
      return new Pidfile(path, fd);
    } catch (error) {
      unlinkSync(temporary);
      closeSync(fd);
      throw error;
    }
  }

  /** Removes the file and lets go of its lock. */
  remove(): void {
    try {
      unlinkSync(this.path);
    } catch {
      // Somebody else removed it already.
    }
    closeSync(this.#fd);
  }
}

function open(path: string, flags: number): number {
  try {
    return openSync(path, flags, 0o644);
  } catch (error) {
    throw new UserError(`${path}: create failed (${systemErrorText(error)})`);
  }
}

function alreadyRunning(path: string, pid: number | undefined): UserError {
  return new UserError(`${path}: already running as pid ${pid ?? 'unknown'}, aborting`);
}

function refuseLive(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR);
  } catch {
    return;
  }
  const owner = fileLockOwner(fd);
  closeSync(fd);
  if (owner !== undefined) throw alreadyRunning(path, owner);
}
