// Cuts a byte stream into OpenFlow messages by the length in each header (OpenFlow 1.3.5, 7.1).

import { ProtocolError } from '../../lib/errors.ts';

export const OFP_HEADER_SIZE = 8;
const EMPTY = new Uint8Array(0);

export class MessageReader {
  /** What came last, and how much of it was handed out. */
  #chunk: Uint8Array = EMPTY;
  #taken = 0;

  /** Bytes received and not yet handed out. */
  get bufferedBytes(): number {
    return this.#chunk.length - this.#taken;
  }

  /** next() has something to give, or to throw. */
  get hasMessage(): boolean {
    return this.bufferedBytes >= OFP_HEADER_SIZE && this.bufferedBytes >= this.#nextLength();
  }

  push(chunk: Uint8Array): void {
    const left = this.bufferedBytes;
    this.#chunk = left === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#taken), chunk]);
    this.#taken = 0;
  }

  /**
   * The next whole message, a view on the received bytes. Throws ProtocolError `too-short-header` when its length
   * says less than its own header: nothing after it can be understood.
   */
  next(): Uint8Array | undefined {
    if (this.bufferedBytes < OFP_HEADER_SIZE) return undefined;
    const length = this.#nextLength();
    if (length < OFP_HEADER_SIZE) {
      throw new ProtocolError('too-short-header', `message of ${length} bytes is shorter than its header`);
    }
    if (this.bufferedBytes < length) return undefined;
    const { buffer, byteOffset } = this.#chunk;
    const message = new Uint8Array(buffer, byteOffset + this.#taken, length);
    this.#taken += length;
    return message;
  }

  #nextLength(): number {
    return (this.#chunk[this.#taken + 2]! << 8) | this.#chunk[this.#taken + 3]!;
  }
}
