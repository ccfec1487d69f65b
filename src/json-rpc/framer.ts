// Cuts a byte stream into JSON texts. OVSDB and unixctl send objects back to back with no delimiter (RFC 7047, 4),
// so the end of a message is where its brackets balance.
//
// The scan looks at each byte once: inside of strings for '"' and '\', outside of them for brackets, and those that do
// not match end the stream at once. Whether the text is JSON is JSON.parse's business; this file bounds its depth and
// size before that.
import { ProtocolError } from '../../lib/errors.ts';
import { isObject, type Json, type JsonObject } from './json.ts';

export interface FramerLimits {
  /** Deepest nesting of arrays and objects in one message. */
  readonly depthMax: number;
  /** Largest message, in bytes. */
  readonly sizeMax: number;
}

export const DEFAULT_LIMITS: FramerLimits = { depthMax: 1000, sizeMax: 64 * 1024 * 1024 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export class JsonFramer {
  readonly #limits: FramerLimits;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** Start of a message whose end has not come: the first #heldBytes of a buffer that doubles as it fills. */
  #held = Buffer.alloc(0);
  #heldBytes = 0;
  /** The closing brackets that are still to come, innermost last. */
  readonly #closers: number[] = [];
  #inString = false;
  #escaped = false;

  constructor(limits: FramerLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** True between messages: a stream that ends here was not cut short. */
  get idle(): boolean {
    return this.#closers.length === 0;
  }

  /**
   * Takes the next bytes of the stream and calls `deliver` for each message that they complete.
   * Throws ProtocolError (`json-syntax`, `json-depth`, `json-size`); the stream is then of no further use.
   */
  push(bytes: Uint8Array, deliver: (message: JsonObject) => void): void {
    let start = this.idle ? -1 : 0;
    for (let i = 0; i < bytes.length; i++) {
      if (this.#inString) {
        i = this.#skipString(bytes, i);
        continue;
      }
      const byte = bytes[i]!;
      if (this.idle) {
        if (isSpace(byte)) continue;
        if (byte !== OPEN_BRACE) throw new ProtocolError('json-syntax', "message does not start with '{'");
        start = i;
      }
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE) this.#deeper(CLOSE_BRACE);
      else if (byte === OPEN_BRACKET) this.#deeper(CLOSE_BRACKET);
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#closed(byte);
      if (!this.idle || start < 0) continue;
      deliver(this.#finish(bytes.subarray(start, i + 1)));
      start = -1;
    }
    if (start >= 0) this.#hold(bytes.subarray(start));
  }

  /** Walks string bytes from `i`; returns the last index that it looked at. */
  #skipString(bytes: Uint8Array, from: number): number {
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return i;
      }
    }
    return bytes.length;
  }

  #deeper(closer: number): void {
    if (this.#closers.push(closer) > this.#limits.depthMax) {
      throw new ProtocolError('json-depth', `input exceeds maximum nesting depth ${this.#limits.depthMax}`);
    }
  }

  #closed(bracket: number): void {
    if (this.#closers.pop() !== bracket) throw new ProtocolError('json-syntax', 'brackets do not match');
  }

  #hold(rest: Uint8Array): void {
    const size = this.#heldBytes + rest.length;
    this.#checkSize(size);
    if (size > this.#held.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#held.length));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(rest, this.#heldBytes);
    this.#heldBytes = size;
  }

  #checkSize(size: number): void {
    if (size > this.#limits.sizeMax) {
      throw new ProtocolError('json-size', `message is larger than ${this.#limits.sizeMax} bytes`);
    }
  }

  #finish(last: Uint8Array): JsonObject {
    if (this.#heldBytes === 0) {
      this.#checkSize(last.length);
      return this.#parse(last);
    }
    this.#hold(last);
    const whole = this.#held.subarray(0, this.#heldBytes);
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
    return this.#parse(whole);
  }

  #parse(bytes: Uint8Array): JsonObject {
    let value: Json;
    try {
      value = JSON.parse(this.#decoder.decode(bytes)) as Json;
    } catch (error) {
      throw new ProtocolError('json-syntax', error instanceof Error ? error.message : String(error));
    }
    if (!isObject(value)) throw new ProtocolError('json-syntax', 'message is not an object');
    return value;
  }
}
