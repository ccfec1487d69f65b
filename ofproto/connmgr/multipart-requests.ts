// Requests in several parts (OpenFlow 1.3, 7.3.5): parts with OFPMPF_REQ_MORE wait for the last one of their xid. Only
// lists can be cut: of anything else at most one part may have a body. What waits is bounded, and not for long.

import type { Clock } from '../../lib/clock.ts';
import { OfError } from '../model/flow-mod.ts';
import { checkMessage, OFPMP_LISTS } from '../wire/index.ts';

const OFPT_MULTIPART_REQUEST = 18;
const OFPMPF_REQ_MORE = 1;
const OFPMP_EXPERIMENTER = 0xffff;
const HEADER_SIZE = 16;
const PENDING_MAX = 64;
/** Of one connection: the features of all tables are 1.3 MB. */
const PENDING_BYTES_MAX = 4 << 20;
/** Of one request. */
const PARTS_MAX = 4096;
/** As long as Open vSwitch waits. */
const TIMEOUT_MS = 1000;

interface Pending {
  readonly type: number;
  /** Of the parts so far. */
  readonly bodies: Uint8Array[];
  readonly size: number;
  readonly cancelTimer: () => void;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export class MultipartRequests {
  readonly #pending = new Map<number, Pending>();
  /** Of all bodies that wait. */
  #bytes = 0;
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
    const bodies = bodiesWith(pending, type, bytes);
    const size = (pending?.size ?? 0) + bytes.length - HEADER_SIZE;
    if (!more) return joined(bytes, bodies, size);
    this.#wait(xid, bytes, { type, bodies, size });
    return undefined;
  }

  /** The connection ended. */
  stop(): void {
    for (const xid of [...this.#pending.keys()]) this.#forget(xid);
  }

  #wait(xid: number, part: Uint8Array, parts: Omit<Pending, 'cancelTimer'>): void {
    const isTooMuch = parts.bodies.length > PARTS_MAX || this.#bytes + parts.size > PENDING_BYTES_MAX;
    if (this.#pending.size >= PENDING_MAX || isTooMuch) {
      throw new OfError('OFPBRC_MULTIPART_BUFFER_OVERFLOW');
    }
    const header = part.slice(0, HEADER_SIZE);
    view(header).setUint16(2, HEADER_SIZE);
    const cancelTimer = this.#clock.after(TIMEOUT_MS, () => {
      this.#forget(xid);
      this.#expired(header);
    });
    this.#pending.set(xid, { ...parts, cancelTimer });
    this.#bytes += parts.size;
  }

  #forget(xid: number): void {
    const pending = this.#pending.get(xid);
    pending?.cancelTimer();
    this.#bytes -= pending?.size ?? 0;
    this.#pending.delete(xid);
  }
}

/** A part may be empty whatever the request is, but for an experimenter's, whose header is a part of the body. */
function checkPart(bytes: Uint8Array): void {
  try {
    checkMessage(bytes);
  } catch (error) {
    const isEmpty = bytes.length === HEADER_SIZE && view(bytes).getUint16(8) !== OFPMP_EXPERIMENTER;
    if (!isEmpty || !(error instanceof OfError) || error.code !== 'OFPBRC_BAD_LEN') throw error;
  }
}

/** The bodies so far, and this part's. */
function bodiesWith(pending: Pending | undefined, type: number, part: Uint8Array): Uint8Array[] {
  const body = part.slice(HEADER_SIZE);
  if (!pending) return [body];
  if (pending.type !== type) throw new OfError('OFPBRC_BAD_STAT');
  if (pending.size > 0 && body.length > 0 && !OFPMP_LISTS.has(type)) throw new OfError('OFPBRC_BAD_STAT');
  if (body.length > 0) pending.bodies.push(body);
  return pending.bodies;
}

/** One message, of whose length the header says the low 16 bits; the last part's flags count. */
function joined(last: Uint8Array, bodies: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(HEADER_SIZE + size);
  whole.set(last.subarray(0, HEADER_SIZE));
  let at = HEADER_SIZE;
  for (const body of bodies) {
    whole.set(body, at);
    at += body.length;
  }
  view(whole).setUint16(2, whole.length);
  return whole;
}
