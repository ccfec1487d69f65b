// One server for one database file: a lock beside it, taken as ovsdb-server takes it, so that the two exclude each other.
import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../../lib/errors.ts';
import { fileLockOwner, tryLockFile } from '../../../lib/syscalls/process.ts';

/** Lock files that this process holds: fcntl locks never exclude their own process. */
const held = new Set<string>();

/** `DIR/.NAME.~lock~`, where ovsdb-server looks. */
export function lockPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.~lock~`);
}

/** Locks the database at `path` for this process; returns what unlocks it. Throws UserError when it is taken. */
export function lockDatabase(path: string): () => void {
  const key = lockPath(path);
  // Looked up first: a second descriptor of the lock file, once closed, would drop the lock.
  if (held.has(key)) throw new UserError(`${path}: this database is already served by this process`);
  const fd = openLock(path);
  if (!tryLockFile(fd)) {
    const owner = fileLockOwner(fd);
    closeSync(fd);
    throw new UserError(`${path}: cannot lock ${lockPath(path)}: it is held by process ${owner ?? '(gone meanwhile)'}`);
  }
  held.add(key);
  return () => {
    held.delete(key);
    closeSync(fd);
  };
}

function openLock(path: string): number {
  try {
    return openSync(lockPath(path), constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    throw new UserError(
      `${path}: cannot open its lock file: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
