// Writes frames to a capture file in libpcap's classic format (pcap-savefile(5)).

import { closeSync, openSync, writeSync } from 'node:fs';

const PCAP_MAGIC = 0xa1b2c3d4;
const SNAPLEN = 65_535;
const LINKTYPE_ETHERNET = 1;

export class PcapFile {
  readonly #fd: number;

  /** Truncates the file. Throws the file system's own error. */
  constructor(path: string) {
    this.#fd = openSync(path, 'w');
    // magic u32, version 2.4 u16 u16, time zone i32, accuracy u32, snapshot length u32, link type u32
    const header = Buffer.alloc(24);
    header.writeUInt32LE(PCAP_MAGIC, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(SNAPLEN, 16);
    header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
    writeSync(this.#fd, header);
  }

  write(frame: Uint8Array): void {
    // seconds u32, microseconds u32, captured length u32, original length u32
    const header = Buffer.alloc(16);
    const nowMs = Date.now();
    header.writeUInt32LE(Math.floor(nowMs / 1000), 0);
    header.writeUInt32LE((nowMs % 1000) * 1000, 4);
    header.writeUInt32LE(frame.length, 8);
    header.writeUInt32LE(frame.length, 12);
    writeSync(this.#fd, Buffer.concat([header, frame]));
  }

  close(): void {
    closeSync(this.#fd);
  }
}
