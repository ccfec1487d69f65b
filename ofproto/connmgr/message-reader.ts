// Cuts a byte stream into OpenFlow messages by the length in each header (OpenFlow 1.3.5, 7.1).

import { ProtocolError } from '../../lib/errors.ts';

export const OFP_HEADER_SIZE = 8;
const EMPTY = Buffer.alloc(0);

export class MessageReader {
  #pending: Buffer = EMPTY;

  /** Bytes received and not yet handed out. */
  get bufferedBytes(): number {
    return this.#pending.length;
  }

  /** next() has something to give, or to throw. */
  get hasMessage(): boolean {
    if (this.#pending.length < OFP_HEADER_SIZE) return false;
    return this.#pending.length >= this.#pending.readUInt16BE(2);
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
  }

  /**
   * The next whole message, a view on the received bytes. Throws ProtocolError `too-short-header` when its length
   * says less than its own header: nothing after it can be understood.
   */
  next(): Buffer | undefined {
    const length = this.#nextLength();
    if (length === undefined || this.#pending.length < length) return undefined;
    const message = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return message;
  }

  #nextLength(): number | undefined {
    if (this.#pending.length < OFP_HEADER_SIZE) return undefined;
    const length = this.#pending.readUInt16BE(2);
    if (length < OFP_HEADER_SIZE) {
      throw new ProtocolError('too-short-header', `message of ${length} bytes is shorter than its header`);
    }
    return length;
  }
}
