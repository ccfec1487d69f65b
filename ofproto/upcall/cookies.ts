// The numbers that stand in `userspace` actions for what is to be done with the packet. Equal intents share a number, so
// that translating again gives equal actions; a number lives as long as some megaflow or packet-out uses it.

import type { ControllerSpec } from '../xlate/snapshot.ts';

interface Entry {
  readonly key: string;
  readonly spec: ControllerSpec;
  users: number;
}

export class CookieTable {
  readonly #byKey = new Map<string, number>();
  readonly #byCookie = new Map<number, Entry>();
  #last = 0;

  /** The number for this intent; the caller gives it back with release(). */
  acquire(spec: ControllerSpec): number {
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

  release(cookie: number): void {
    const entry = this.#byCookie.get(cookie);
    if (!entry || --entry.users > 0) return;
    this.#byCookie.delete(cookie);
    this.#byKey.delete(entry.key);
  }

  get(cookie: number): ControllerSpec | undefined {
    return this.#byCookie.get(cookie)?.spec;
  }
}

function keyOf(spec: ControllerSpec): string {
  const metadata = Buffer.from(spec.metadata.bytes).toString('base64');
  const userdata = spec.userdata ? Buffer.from(spec.userdata).toString('base64') : '-';
  const { reason, miss, maxLen, controllerId, tableId, ruleCookie } = spec;
  return [spec.bridge.name, reason, miss, maxLen, controllerId, tableId, ruleCookie, userdata, metadata].join(' ');
}
