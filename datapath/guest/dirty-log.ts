// A front-end's dirty log in the arena (datapath/layout/vring.ts, LOG): its file mapped in a window, and for each ring a record
// that says where. The hot path sets bits in it (datapath/hot/dirty-log.ts), the front-end reads and clears them.

import { UserError } from '../../lib/errors.ts';
import { close } from '../../lib/syscalls/fd.ts';
import type { Offset } from '../arena/offset.ts';
import { LOG_BYTES, LOG_FD, LOG_FILE_END, LOG_HAS_USED, LOG_OFFSET, LOG_SIZE, LOG_USED_ADDR } from '../layout/vring.ts';
import type { LogFile } from '../port/vhost-user/services.ts';
import type { MemoryServices } from './guest-memory.ts';

const PAGE_SIZE = 4096;
const WINDOW_ALIGNMENT = 65536;

export class DirtyLog {
  readonly #services: MemoryServices;
  readonly #file: LogFile;
  readonly #window: Offset;
  readonly #windowSize: number;
  /** Of the first byte, in the window. */
  readonly #head: number;

  /** Takes over the file's descriptor, also when it throws: UserError when there is no room, or the file cannot be mapped. */
  constructor(services: MemoryServices, file: LogFile) {
    this.#services = services;
    this.#file = file;
    this.#head = file.offset % PAGE_SIZE;
    this.#windowSize = Math.ceil((this.#head + file.size) / PAGE_SIZE) * PAGE_SIZE;
    try {
      this.#window = this.#map();
    } catch (error) {
      close(file.fd);
      throw error instanceof UserError ? error : new UserError(`cannot map the dirty log: ${String(error)}`);
    }
  }

  /** A record for a ring, the caller's to free. */
  record(usedAddr: bigint | undefined): Offset {
    const { heap, arena } = this.#services;
    const { u32, u64 } = arena.views;
    const record = heap.alloc(LOG_SIZE);
    u32[(record + LOG_OFFSET) >> 2] = this.#window + this.#head;
    u32[(record + LOG_BYTES) >> 2] = this.#file.size;
    u64[(record + LOG_USED_ADDR) >> 3] = usedAddr ?? 0n;
    u64[(record + LOG_FILE_END) >> 3] = BigInt(this.#file.offset + this.#file.size);
    u32[(record + LOG_FD) >> 2] = this.#file.fd;
    u32[(record + LOG_HAS_USED) >> 2] = usedAddr === undefined ? 0 : 1;
    return record;
  }

  /** Only once no thread can touch it. */
  release(): void {
    this.#services.arena.unmap(this.#window, this.#windowSize);
    this.#services.windows.release(this.#window);
    close(this.#file.fd);
  }

  #map(): Offset {
    const { windows, arena } = this.#services;
    const window = windows.reserve(this.#windowSize, WINDOW_ALIGNMENT);
    try {
      arena.mapFile(window, this.#file.fd, BigInt(this.#file.offset - this.#head), this.#windowSize);
      return window;
    } catch (error) {
      windows.release(window);
      throw error;
    }
  }
}
