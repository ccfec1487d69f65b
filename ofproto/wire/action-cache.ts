// Action lists that came lately, by their bytes: most of many flow-mods say one of few things, and need not be decoded
// again. Lists are never changed, so flows may share them.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';

const PLACES = 1024;
/** Longer lists are decoded each time. */
const BYTES_MAX = 256;

interface Known {
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly actions: readonly OfAction[];
}

type Decode = (r: Reader, version: number) => readonly OfAction[];

export class ActionCache {
  readonly #decode: Decode;
  readonly #known: (Known | undefined)[] = new Array(PLACES).fill(undefined);
  /** The last hash that came to each place: what comes once only is not kept. */
  readonly #hashes = new Int32Array(PLACES);

  constructor(decode: Decode) {
    this.#decode = decode;
  }

  /** What `decode` makes of the rest of `r`. Throws what it throws. */
  take(r: Reader, version: number): readonly OfAction[] {
    const size = r.remaining;
    if (size > BYTES_MAX) return this.#decode(r, version);
    const hash = hashOf(r, size);
    const place = hash & (PLACES - 1);
    const known = this.#known[place];
    if (known && known.version === version && isNext(r, known.bytes)) {
      r.skip(size);
      return known.actions;
    }
    if (this.#hashes[place] !== hash) {
      this.#hashes[place] = hash;
      return this.#decode(r, version);
    }
    const bytes = r.peek(size);
    const actions = this.#decode(r, version);
    this.#known[place] = { version, bytes: bytes.slice(), actions };
    return actions;
  }
}

function hashOf(r: Reader, size: number): number {
  let hash = size;
  for (let i = 0; i < size; i++) hash = Math.imul(hash ^ r.peek8(i), 0x01000193);
  return hash ^ (hash >>> 15);
}

function isNext(r: Reader, bytes: Uint8Array): boolean {
  if (bytes.length !== r.remaining) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== r.peek8(i)) return false;
  return true;
}
