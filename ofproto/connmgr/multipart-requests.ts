// Requests in several parts (OpenFlow 1.3, 7.3.5): parts with OFPMPF_REQ_MORE wait for the last one of their xid. Only
// lists can be cut: of anything else at most one part may have a body. What waits is bounded, and not for long.

import type { Clock } from '../../lib/clock.ts';
import { OfError } from '../model/flow-mod.ts';
import { checkMessage, OFPMP_LISTS } from '../wire/index.ts';

const OFPT_MULTIPART_REQUEST = 18;
const OFPMPF_REQ_MORE = 1;
const HEADER_SIZE = 16;
const MESSAGE_MAX = 0xffff;
const PENDING_MAX = 64;
/** As long as Open vSwitch waits. */
const TIMEOUT_MS = 1000;

interface Pending {
  readonly type: number;
  /** The parts so far, as one message. */
  bytes: Uint8Array;
  readonly cancelTimer: () => void;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export class MultipartRequests {
  readonly #pending = new Map<number, Pending>();
  readonly #clock: Clock;
  readonly #expired: (header: Uint8Array) => void;

  /** `expired` is told the header of a request whose last part did not come. */
  constructor(clock: Clock, expired: (header: Uint8Array) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /**
   * The whole request when `bytes` completes one, any other message as it is, undefined while parts are missing.
   * Throws OfError.
   */
  take(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes[1] !== OFPT_MULTIPART_REQUEST || bytes.length < HEADER_SIZE) return bytes;
    const part = view(bytes);
    const [xid, type, flags] = [part.getUint32(4), part.getUint16(8), part.getUint16(10)];
    const more = (flags & OFPMPF_REQ_MORE) !== 0;
    const pending = this.#pending.get(xid);
    if (!more && !pending) return bytes;
    checkPart(bytes);
    if (pending) this.#forget(xid);
    const whole = pending ? joined(pending, type, bytes) : bytes.slice();
    if (!more) return whole;
    this.#wait(xid, type, whole);
    return undefined;
  }

  /** The connection ended. */
  stop(): void {
    for (const xid of [...this.#pending.keys()]) this.#forget(xid);
  }

  #wait(xid: number, type: number, bytes: Uint8Array): void {
    if (this.#pending.size >= PENDING_MAX) throw new OfError('OFPBRC_MULTIPART_BUFFER_OVERFLOW');
    const cancelTimer = this.#clock.after(TIMEOUT_MS, () => {
      this.#forget(xid);
      const header = bytes.slice(0, HEADER_SIZE);
      view(header).setUint16(2, HEADER_SIZE);
      this.#expired(header);
    });
    this.#pending.set(xid, { type, bytes, cancelTimer });
  }

  #forget(xid: number): void {
    this.#pending.get(xid)?.cancelTimer();
    this.#pending.delete(xid);
  }
}

/** A part may be empty whatever the request is. */
function checkPart(bytes: Uint8Array): void {
  try {
    checkMessage(bytes);
  } catch (error) {
    const isEmpty = bytes.length === HEADER_SIZE;
    if (!isEmpty || !(error instanceof OfError) || error.code !== 'OFPBRC_BAD_LEN') throw error;
  }
}

/** Adds a part's body; the last part's flags count. */
function joined(pending: Pending, type: number, part: Uint8Array): Uint8Array {
  const [before, after] = [pending.bytes.length - HEADER_SIZE, part.length - HEADER_SIZE];
  if (pending.type !== type) throw new OfError('OFPBRC_BAD_STAT');
  if (before > 0 && after > 0 && !OFPMP_LISTS.has(type)) throw new OfError('OFPBRC_BAD_STAT');
  const whole = new Uint8Array(pending.bytes.length + after);
  if (whole.length > MESSAGE_MAX) throw new OfError('OFPBRC_MULTIPART_BUFFER_OVERFLOW');
  whole.set(pending.bytes);
  whole.set(part.subarray(HEADER_SIZE), pending.bytes.length);
  view(whole).setUint16(2, whole.length);
  view(whole).setUint16(10, view(part).getUint16(10));
  return whole;
}
