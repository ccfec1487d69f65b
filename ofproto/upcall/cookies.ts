// The numbers that stand in `userspace` actions for what is to be done with the packet. Equal intents share a number, so
// that translating again gives equal actions; a number lives as long as some megaflow or packet-out uses it.

import { stateText } from '../xlate/freeze.ts';
import type { ControllerSpec, SampleSpec, SlowReason } from '../xlate/snapshot.ts';
import type { Resume } from './ukey.ts';

/** The packet is to be translated and its actions done here. */
export interface SlowSpec {
  readonly slow: readonly SlowReason[];
  readonly resume: Resume | undefined;
}

export type Intent = ControllerSpec | SampleSpec | SlowSpec;

interface Entry {
  readonly key: string;
  readonly spec: Intent;
  users: number;
}

export class CookieTable {
  readonly #byKey = new Map<string, number>();
  readonly #byCookie = new Map<number, Entry>();
  #last = 0;

  /** The number for this intent; the caller gives it back with release(). */
  acquire(spec: Intent): number {
    const key = keyOf(spec);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      this.#byCookie.get(known)!.users++;
      return known;
    }
    const cookie = ++this.#last;
    this.#byKey.set(key, cookie);
    this.#byCookie.set(cookie, { key, spec, users: 1 });
    return cookie;
  }

  /** One more user of a number that has some. */
  hold(cookie: number): void {
    const entry = this.#byCookie.get(cookie);
    if (entry) entry.users++;
  }

  release(cookie: number): void {
    const entry = this.#byCookie.get(cookie);
    if (!entry || --entry.users > 0) return;
    this.#byCookie.delete(cookie);
    this.#byKey.delete(entry.key);
  }

  get(cookie: number): Intent | undefined {
    return this.#byCookie.get(cookie)?.spec;
  }
}

function keyOf(spec: Intent): string {
  if ('slow' in spec) return `slow ${spec.slow.join()} ${spec.resume?.id ?? 0}`;
  if ('flowSample' in spec) return `sample ${spec.bridge.name} ${Object.values(spec.flowSample).join()}`;
  const metadata = Buffer.from(spec.metadata.bytes).toString('base64');
  const userdata = spec.userdata ? Buffer.from(spec.userdata).toString('base64') : '-';
  const continuation = spec.continuation ? stateText(spec.continuation) : '-';
  const { reason, miss, maxLen, controllerId, tableId, ruleCookie } = spec;
  return [
    spec.bridge.name,
    reason,
    miss,
    maxLen,
    controllerId,
    tableId,
    ruleCookie,
    userdata,
    metadata,
    continuation,
  ].join(' ');
}
