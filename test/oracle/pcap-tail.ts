// Reads what a dummy port appends to its capture file (pcap-savefile(5)).
import { closeSync, openSync, readSync } from 'node:fs';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

export class PcapTail {
  readonly #fd: number;
  #at = FILE_HEADER;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** The frames written since the last call. */
  read(): Buffer[] {
    const frames: Buffer[] = [];
    for (;;) {
      const header = this.#bytes(RECORD_HEADER);
      if (!header) return frames;
      const size = header.readUInt32LE(8);
      this.#at += RECORD_HEADER;
      const frame = this.#bytes(size);
      if (!frame) {
        // The record is being written: next time.
        this.#at -= RECORD_HEADER;
        return frames;
      }
      this.#at += size;
      frames.push(frame);
    }
  }

  #bytes(size: number): Buffer | undefined {
    const buffer = Buffer.alloc(size);
    return readSync(this.#fd, buffer, 0, size, this.#at) === size ? buffer : undefined;
  }
}
