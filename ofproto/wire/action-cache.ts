// Action lists that came lately, by their bytes: most of many flow-mods say one of few things, and need not be decoded
// again. Lists are never changed, so flows may share them; but those that name a bridge's tunnel metadata are its own.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { type DecodeActions, PackedActions } from '../model/packed-actions.ts';
import { tunMetadataUses } from '../model/tun-metadata.ts';

const PLACES = 1024;
/** Longer lists are decoded each time. */
const BYTES_MAX = 256;

/** A list, and the same in little unless it is shared. */
export interface TakenActions {
  readonly actions: readonly OfAction[];
  readonly packed: PackedActions | undefined;
}

interface Known extends TakenActions {
  readonly version: number;
  readonly bytes: Uint8Array;
}

export class ActionCache {
  readonly #decode: DecodeActions;
  readonly #known: (Known | undefined)[] = new Array(PLACES).fill(undefined);
  /** The last hash that came to each place: what comes once only is not kept. */
  readonly #hashes = new Int32Array(PLACES);

  constructor(decode: DecodeActions) {
    this.#decode = decode;
  }

  /** What `decode` makes of the rest of `r`. Throws what it throws. */
  take(r: Reader, version: number): TakenActions {
    const size = r.remaining;
    if (size > BYTES_MAX) return { actions: this.#decode(r, version), packed: undefined };
    const hash = hashOf(r, size);
    const place = hash & (PLACES - 1);
    const known = this.#known[place];
    if (known && known.version === version && isNext(r, known.bytes)) {
      r.skip(size);
      return known;
    }
    const bytes = r.peek(size);
    const uses = tunMetadataUses();
    const actions = this.#decode(r, version);
    if (tunMetadataUses() !== uses) return { actions, packed: undefined };
    if (this.#hashes[place] !== hash) {
      this.#hashes[place] = hash;
      return { actions, packed: PackedActions.pack(actions, bytes, version, this.#decode) };
    }
    const again = { version, bytes: bytes.slice(), actions, packed: undefined };
    this.#known[place] = again;
    return again;
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
