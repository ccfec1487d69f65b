// A subtable: one mask, as the list of 8-byte key words that it reads. Shared by every port whose flows use the mask.

import { randomBytes } from 'node:crypto';
import type { ArenaViews } from '../arena/arena.ts';
import type { Heap } from '../arena/heap.ts';
import type { Offset } from '../arena/offset.ts';
import {
  DEPTH_ADDRESSES,
  DEPTH_L4,
  DEPTH_WIDE,
  NARROW_SIZE,
  SHORT_SIZE,
  SUB_DENSE_MASK,
  SUB_HASH_KEYS,
  SUB_MASKS,
  SUB_NARROW,
  SUB_OFFSETS,
  SUB_SEED,
  SUB_SIZE,
  SUB_WORD_COUNT,
} from '../layout/flow.ts';
import { KEY_ETH_DST, KEY_IPV6_SRC, KEY_TP_SRC, KEY_WORDS } from '../layout/flow-key.ts';

export interface Subtable {
  readonly offset: Offset;
  readonly mask: Uint8Array;
  /** The same bytes as 32-bit words, in the machine's order. */
  readonly maskWords: Uint32Array;
  /** Offsets in the key of the words that the mask reads. */
  readonly wordOffsets: readonly number[];
  /** The mask reads only the key's first NARROW_SIZE bytes. */
  readonly narrow: boolean;
  /** DEPTH_* flags of what the parser must fill for it. */
  readonly depth: number;
  /** Flows by scope (classifiers.ts). */
  readonly users: Map<number, number>;
}

let seeds = 1;
/** Keys of the narrow masks' hash (hot/lookup.ts, Narrow): a secret of this process. */
export const HASH_KEYS = new Uint8Array(randomBytes(NARROW_SIZE));

export function isNarrow(wordOffsets: readonly number[]): boolean {
  return wordOffsets.every((at) => at < NARROW_SIZE);
}

/** Words of a mask that are not zero. */
export function maskWords(mask: Uint8Array): number[] {
  return Array.from({ length: KEY_WORDS }, (_, i) => i * 8).filter((at) =>
    mask.subarray(at, at + 8).some((b) => b !== 0),
  );
}

function depthOf(offset: number): number {
  if (offset >= KEY_IPV6_SRC) return DEPTH_WIDE;
  if (offset === KEY_TP_SRC) return DEPTH_L4;
  return offset >= KEY_ETH_DST ? DEPTH_ADDRESSES : 0;
}

/** The mask is kept. */
export function createSubtable(views: ArenaViews, heap: Heap, mask: Uint8Array): Subtable {
  const wordOffsets = maskWords(mask);
  const offset = heap.alloc(SUB_SIZE);
  views.u32[(offset + SUB_SEED) >> 2] = seeds++;
  views.u32[(offset + SUB_WORD_COUNT) >> 2] = wordOffsets.length;
  wordOffsets.forEach((at, i) => {
    views.u32[(offset + SUB_OFFSETS + i * 4) >> 2] = at;
    views.u8.set(mask.subarray(at, at + 8), offset + SUB_MASKS + i * 8);
  });
  const narrow = isNarrow(wordOffsets);
  const isShort = wordOffsets.every((at) => at < SHORT_SIZE);
  views.u32[(offset + SUB_NARROW) >> 2] = isShort ? SHORT_SIZE : narrow ? NARROW_SIZE : 0;
  views.u8.set(mask.subarray(0, NARROW_SIZE), offset + SUB_DENSE_MASK);
  views.u8.set(HASH_KEYS, offset + SUB_HASH_KEYS);
  const depth = wordOffsets.reduce((flags, at) => flags | depthOf(at), 0);
  const words = new Uint32Array(mask.buffer, mask.byteOffset, mask.length / 4);
  return { offset, mask, maskWords: words, wordOffsets, narrow, depth, users: new Map() };
}
