// The bundles of one connection (OpenFlow 1.4, 6.9): messages that are collected here, checked as far as they can be, and
// carried out together when the controller commits them, or not at all.
//
// A bundle lives until it is committed, discarded, broken by a wrong request, or idle for too long. What all bundles of a
// connection hold is bounded, because nothing of it has had an effect yet that could slow the peer down.

import type { Clock } from '../../lib/clock.ts';
import { OfError } from '../model/flow-mod.ts';
import { MessageLog } from './message-log.ts';

const BUNDLES_MAX = 256;
/** Bytes of all the messages that a connection has in bundles. */
const BYTES_MAX = 512 * 1024 * 1024;
export const BUNDLE_IDLE_TIMEOUT_MS = 10_000;

/** What a message of a bundle will do. */
export interface BundleEntry {
  /** Makes the change. Throws OfError. */
  apply(): void;
  /** Tells of it, when the whole bundle has been carried out. */
  applied?(): void;
}

export interface Bundle {
  readonly id: number;
  readonly flags: number;
  /** The message that opened it. */
  readonly opener: Uint8Array;
  readonly entries: BundleEntry[];
  /** The messages that added them, for the error that a failure is answered with. */
  readonly requests: MessageLog;
  isOpen: boolean;
  bytes: number;
  usedMs: number;
}

export class Bundles {
  readonly #clock: Clock;
  readonly #bundles = new Map<number, Bundle>();
  /** Told of a bundle that was given up because nobody used it. */
  readonly #timedOut: (bundle: Bundle) => void;
  #bytes = 0;
  #cancelTimer: (() => void) | undefined;
  idleTimeoutMs = BUNDLE_IDLE_TIMEOUT_MS;

  constructor(clock: Clock, timedOut: (bundle: Bundle) => void) {
    this.#clock = clock;
    this.#timedOut = timedOut;
  }

  /** Throws OfError OFPBFC_BAD_ID for one that is there, which is lost. */
  open(id: number, flags: number, opener: Uint8Array): void {
    const known = this.#bundles.get(id);
    if (known) this.#forget(known, 'OFPBFC_BAD_ID');
    this.#create(id, flags, opener);
  }

  /** Adds the entry of a message; a bundle that nobody opened is opened by it. Throws OfError. */
  add(id: number, flags: number, entry: BundleEntry, request: Uint8Array): void {
    const known = this.#bundles.get(id);
    if (known && !known.isOpen) this.#forget(known, 'OFPBFC_BUNDLE_CLOSED');
    if (known && known.flags !== flags) this.#forget(known, 'OFPBFC_BAD_FLAGS');
    const bundle = known ?? this.#create(id, flags, request);
    const size = request.length;
    if (this.#bytes + size > BYTES_MAX) this.#forget(bundle, 'OFPBFC_MSG_TOO_MANY');
    bundle.entries.push(entry);
    bundle.requests.add(request);
    bundle.bytes += size;
    this.#bytes += size;
    bundle.usedMs = this.#clock.nowMs();
  }

  /** Ends collecting. Throws OfError. */
  close(id: number, flags: number): void {
    const bundle = this.#known(id);
    if (!bundle.isOpen) this.#forget(bundle, 'OFPBFC_BUNDLE_CLOSED');
    if (bundle.flags !== flags) this.#forget(bundle, 'OFPBFC_BAD_FLAGS');
    bundle.isOpen = false;
    bundle.usedMs = this.#clock.nowMs();
  }

  /** Takes a bundle out to carry it out. Throws OfError. */
  take(id: number, flags: number): Bundle {
    const bundle = this.#known(id);
    if (bundle.flags !== flags) this.#forget(bundle, 'OFPBFC_BAD_FLAGS');
    this.#remove(bundle);
    return bundle;
  }

  discard(id: number): void {
    this.#remove(this.#known(id));
  }

  /** The connection ended. */
  stop(): void {
    this.#bundles.clear();
    this.#cancelTimer?.();
  }

  #known(id: number): Bundle {
    const bundle = this.#bundles.get(id);
    if (!bundle) throw new OfError('OFPBFC_BAD_ID');
    return bundle;
  }

  #create(id: number, flags: number, opener: Uint8Array): Bundle {
    if (this.#bundles.size >= BUNDLES_MAX) throw new OfError('OFPBFC_OUT_OF_BUNDLES');
    const holds = { entries: [], requests: new MessageLog(), bytes: 0 };
    const bundle: Bundle = { id, flags, opener: opener.slice(), ...holds, isOpen: true, usedMs: this.#clock.nowMs() };
    this.#bundles.set(id, bundle);
    this.#watch();
    return bundle;
  }

  #remove(bundle: Bundle): void {
    this.#bundles.delete(bundle.id);
    this.#bytes -= bundle.bytes;
  }

  #forget(bundle: Bundle, code: string): never {
    this.#remove(bundle);
    throw new OfError(code);
  }

  #watch(): void {
    if (this.#cancelTimer || this.#bundles.size === 0) return;
    const oldestMs = Math.min(...[...this.#bundles.values()].map((bundle) => bundle.usedMs));
    const waitMs = Math.max(1, oldestMs + this.idleTimeoutMs - this.#clock.nowMs());
    this.#cancelTimer = this.#clock.after(waitMs, () => {
      this.#cancelTimer = undefined;
      this.#expire();
      this.#watch();
    });
  }

  #expire(): void {
    const limitMs = this.#clock.nowMs() - this.idleTimeoutMs;
    for (const bundle of [...this.#bundles.values()]) {
      if (bundle.usedMs > limitMs) continue;
      this.#remove(bundle);
      this.#timedOut(bundle);
    }
  }
}
