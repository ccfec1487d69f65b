// Megaflows' masks as 32-bit words.

import { KEY_SIZE } from '../model/flow.ts';

/** Masks are few and shared; views on them are kept. */
const views = new WeakMap<Uint8Array, Uint32Array>();

export function wordsOf(mask: Uint8Array): Uint32Array {
  let words = views.get(mask);
  if (!words) {
    words = new Uint32Array(mask.buffer, mask.byteOffset, KEY_SIZE / 4);
    views.set(mask, words);
  }
  return words;
}
