// The file behind a database: an append-only log, durable before anything is answered, rewritten when it has grown.
//
// Invariants: the file always starts with whole records; what append() wrote is at `#size`; a failed write is cut off
// again, so that a full disk costs one transaction. Writes go to the page cache at once (an error is seen then);
// fdatasync runs off the main thread, one at a time, and each covers all appends before it.
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { must } from '../../../lib/assert.ts';
import type { Json } from '../../json-rpc/json.ts';
import { encodeRecord } from './record.ts';

const dataSync = promisify(fdatasync);

/** Below this a log is not worth rewriting (ovsdb-server(1), "compact"). */
const COMPACT_MIN_BYTES = 10 * 1024 * 1024;
const COMPACT_MIN_COMMITS = 100;

/** Makes a rename or a new file in `folder` durable. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** Writes a whole new file and puts it in the place of `path`, durably: a crash leaves the old or the new one. */
export function replaceFile(path: string, records: readonly Json[], mode = 0o640): void {
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, 'wx', mode);
  try {
    let size = 0;
    for (const record of records) {
      const bytes = encodeRecord(record);
      writeAll(fd, bytes, size);
      size += bytes.length;
    }
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

export class LogFile {
  readonly path: string;
  #fd: number;
  #size: number;
  #compactedSize: number;
  #commits = 0;
  #flushing: Promise<void> | undefined;
  #nextFlush: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;

  /** Opens an existing file whose first `size` bytes are whole records; what follows is cut off. */
  constructor(path: string, size: number) {
    this.path = path;
    this.#fd = openSync(path, 'r+');
    this.#size = size;
    this.#compactedSize = size;
    ftruncateSync(this.#fd, size);
  }

  get sizeBytes(): number {
    return this.#size;
  }

  /** Appends a record; throws the system's error, and then the file is as before. flush() makes it durable. */
  append(json: Json): void {
    const bytes = encodeRecord(json);
    try {
      writeAll(this.#fd, bytes, this.#size);
    } catch (error) {
      ftruncateSync(this.#fd, this.#size);
      throw error;
    }
    this.#size += bytes.length;
    this.#commits++;
  }

  /** Resolves when everything appended so far is on disk; callers that come together share one fdatasync. */
  flush(): Promise<void> {
    if (!this.#flushing) {
      this.#flushing = dataSync(this.#fd).finally(() => {
        this.#flushing = undefined;
      });
      return this.#flushing;
    }
    // The running fdatasync may have begun before the caller's append.
    this.#nextFlush ??= this.#flushing
      .catch(() => {})
      .then(() => {
        this.#nextFlush = undefined;
        return this.flush();
      });
    return this.#nextFlush;
  }

  /** True when the log is large and has doubled since it was last compacted, and enough commits were added. */
  get grewLots(): boolean {
    const grown = this.#size >= COMPACT_MIN_BYTES && this.#size > 2 * this.#compactedSize;
    return this.#compacting === undefined && grown && this.#commits >= COMPACT_MIN_COMMITS;
  }

  /**
   * Replaces the log by `records`, which must be the database as of this call. Records appended meanwhile are kept.
   * Rejects with the system's error; a whole log is in place then too.
   */
  compact(records: readonly Json[]): Promise<void> {
    // A second call while one is under way joins it: that one's result holds everything appended up to its end.
    this.#compacting ??= this.#rewrite(records).finally(() => {
      this.#compacting = undefined;
    });
    return this.#compacting;
  }

  async #rewrite(records: readonly Json[]): Promise<void> {
    const temporary = `${this.path}.tmp`;
    const snapshotEnd = this.#size;
    let fd: number | undefined;
    try {
      const bytes = Buffer.concat(records.map((record) => encodeRecord(record)));
      rmSync(temporary, { force: true });
      fd = openSync(temporary, 'wx', 0o640);
      writeAll(fd, bytes, 0);
      await dataSync(fd);
      // No fdatasync may be running on the old descriptor when it is closed.
      while (this.#flushing) await this.#flushing.catch(() => {});
      this.#swap(fd, temporary, bytes.length, snapshotEnd);
    } finally {
      if (fd !== undefined && fd !== this.#fd) {
        closeSync(fd);
        rmSync(temporary, { force: true });
      }
    }
  }

  #swap(fd: number, temporary: string, size: number, snapshotEnd: number): void {
    const tail = Buffer.alloc(this.#size - snapshotEnd);
    for (let done = 0; done < tail.length; ) {
      const count = readSync(this.#fd, tail, done, tail.length - done, snapshotEnd + done);
      if (count === 0) throw new Error(`${this.path} became shorter while it was open`);
      done += count;
    }
    writeAll(fd, tail, size);
    fdatasyncSync(fd);
    renameSync(temporary, this.path);
    // From here on the new file is the log, whatever fails: appends to the old one would be lost.
    closeSync(this.#fd);
    this.#fd = fd;
    this.#compactedSize = size;
    this.#size = size + tail.length;
    this.#commits = 0;
    syncFolder(dirname(this.path));
  }

  /** Makes everything durable and closes the file. */
  async close(): Promise<void> {
    // Its caller was told if it failed.
    await this.#compacting?.catch(() => {});
    await this.flush();
    closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** Sets aside the bytes of `path` from `offset` on; returns where. */
export function keepTail(path: string, offset: number, nowMs: number): string {
  const kept = `${path}.corrupt-${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '')}`;
  const fd = openSync(kept, 'wx', 0o640);
  try {
    writeAll(fd, must(readFileSync(path)).subarray(offset), 0);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  syncFolder(dirname(path));
  return kept;
}
