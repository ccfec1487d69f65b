// Reading and writing big-endian protocol bytes. A read past the end throws ProtocolError before anything is touched,
// so a decoder needs no length checks of its own beyond those its protocol asks for.

import { ProtocolError } from './errors.ts';

const NOTHING = new Uint8Array(0);

/** The memory that was read last: a DataView costs more than most messages, of which many come in one piece of memory. */
let lastView: DataView = new DataView(NOTHING.buffer);

function viewOf(memory: ArrayBufferLike): DataView {
  if (lastView.buffer !== memory) lastView = new DataView(memory);
  return lastView;
}

/** Reads from a byte array, front to back. `code` is the ProtocolError code of a read past the end. */
export class Reader {
  readonly code: string;
  /** All of the memory that the bytes lie in; positions count from its beginning. */
  readonly #view: DataView;
  readonly #start: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, code = 'truncated', outer?: Reader, start = bytes.byteOffset, size = bytes.length) {
    this.code = code;
    this.#view = outer ? outer.#view : viewOf(bytes.buffer);
    this.#start = start;
    this.#end = start + size;
    this.#at = start;
  }

  /** What this reader was made for, read and unread. */
  get bytes(): Uint8Array {
    return this.#part(this.#start, this.length);
  }

  /** Length of `bytes`. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#at - this.#start;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }
  u64(): bigint {
    const at = this.#advance(8);
    // Mostly cookies that nobody set: a bigint of its own for each is memory for as long as the flow lives.
    if (this.#view.getUint32(at) === 0 && this.#view.getUint32(at + 4) === 0) return 0n;
    return this.#view.getBigUint64(at);
  }

  /** The next `size` bytes, a view of the same memory. */
  take(size: number): Uint8Array {
    return this.#part(this.#advance(size), size);
  }

  /** A copy of the next `size` bytes. */
  copy(size: number): Uint8Array {
    const start = this.#advance(size);
    const copied = new Uint8Array(size);
    for (let i = 0; i < size; i++) copied[i] = this.#view.getUint8(start + i);
    return copied;
  }

  /** The next `size` bytes, into `target`. */
  copyTo(target: Uint8Array, size: number): void {
    const start = this.#advance(size);
    for (let i = 0; i < size; i++) target[i] = this.#view.getUint8(start + i);
  }

  /** Everything that is left, as a view. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  skip(size: number): void {
    this.#advance(size);
  }

  /** A reader of the next `size` bytes, which this one steps over. */
  sub(size: number, code = this.code): Reader {
    return new Reader(NOTHING, code, this, this.#advance(size), size);
  }

  /** The next `size` bytes without reading them, a view of the same memory. */
  peek(size: number): Uint8Array {
    if (size > this.remaining) throw this.#short(size);
    return this.#part(this.#at, size);
  }

  /** The byte that lies `ahead` bytes further, without reading it. */
  peek8(ahead: number): number {
    if (ahead >= this.remaining) throw this.#short(ahead + 1);
    return this.#view.getUint8(this.#at + ahead);
  }

  /** The u16 that lies `ahead` bytes further, without reading it. */
  peek16(ahead: number): number {
    if (ahead + 2 > this.remaining) throw this.#short(ahead + 2);
    return this.#view.getUint16(this.#at + ahead);
  }

  /** Text up to the first NUL in a field of `size` bytes. */
  text(size: number): string {
    const raw = this.take(size);
    const end = raw.indexOf(0);
    return Buffer.from(end < 0 ? raw : raw.subarray(0, end)).toString('utf8');
  }

  #part(start: number, size: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, start, size);
  }

  /** Steps over `size` bytes; returns where they are in the memory. */
  #advance(size: number): number {
    const start = this.#at;
    if (size < 0 || size > this.#end - start) throw this.#short(size);
    this.#at = start + size;
    return start;
  }

  #short(size: number): ProtocolError {
    return new ProtocolError(this.code, `${size} bytes wanted at offset ${this.offset}, ${this.remaining} left`);
  }
}

/** Appends to a byte array that grows. */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #size = 0;

  /** `room`: bytes that it can take without growing. */
  constructor(room = 64) {
    this.#bytes = new Uint8Array(room);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  u8(value: number): this {
    const start = this.#reserve(1);
    this.#view.setUint8(start, value);
    return this;
  }
  u16(value: number): this {
    const start = this.#reserve(2);
    this.#view.setUint16(start, value);
    return this;
  }
  u32(value: number): this {
    const start = this.#reserve(4);
    this.#view.setUint32(start, value);
    return this;
  }
  u64(value: bigint): this {
    const start = this.#reserve(8);
    this.#view.setBigUint64(start, value);
    return this;
  }
  zeros(size: number): this {
    this.#reserve(size);
    return this;
  }
  put(bytes: Uint8Array): this {
    const start = this.#reserve(bytes.length);
    this.#bytes.set(bytes, start);
    return this;
  }

  /** Text in a field of `size` bytes, cut to leave at least one NUL. */
  text(value: string, size: number): this {
    const raw = Buffer.from(value, 'utf8').subarray(0, size - 1);
    return this.put(raw).zeros(size - raw.length);
  }

  /** Zeros up to the next multiple of `align`, counted from `start`. */
  pad(align: number, start = 0): this {
    return this.zeros((align - ((this.#size - start) % align)) % align);
  }

  /** Overwrites a u16 written before: for lengths known only afterwards. */
  patch16(offset: number, value: number): void {
    this.#view.setUint16(offset, value);
  }

  /** What was written up to `size`, a copy; what comes after it stays, as if it had been written alone. */
  cut(size: number): Uint8Array {
    const front = this.#bytes.slice(0, size);
    this.#bytes.copyWithin(0, size, this.#size);
    this.#bytes.fill(0, this.#size - size, this.#size);
    this.#size -= size;
    return front;
  }

  /** Takes back what was written after the first `size` bytes. */
  truncate(size: number): void {
    this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  /** What was written, a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  /** Makes room first: the views may be replaced. */
  #reserve(size: number): number {
    const start = this.#size;
    this.#size += size;
    if (this.#size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return start;
  }
}
