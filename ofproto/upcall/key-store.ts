// The keys of all megaflows' first packets, packed: as an object each, they would be most of the slow path's memory.

import { KEY_SIZE } from '../model/flow.ts';

const CHUNK_KEYS = 1024;
const WORDS = KEY_SIZE / 4;

export class KeyStore {
  readonly #chunks: Uint32Array[] = [];
  readonly #free: number[] = [];
  #next = 0;

  /** Keeps a copy of `words`, the first WORDS of them; returns its place. */
  put(words: Uint32Array): number {
    const place = this.#free.pop() ?? this.#next++;
    const at = this.offsetOf(place);
    const chunk = this.#chunk(place);
    for (let i = 0; i < WORDS; i++) chunk[at + i] = words[i]!;
    return place;
  }

  get(place: number, into: Uint32Array): void {
    const at = this.offsetOf(place);
    const chunk = this.#chunk(place);
    for (let i = 0; i < WORDS; i++) into[i] = chunk[at + i]!;
  }

  /** The words that hold a key, which begins at offsetOf() in them. */
  wordsAt(place: number): Uint32Array {
    return this.#chunk(place);
  }

  offsetOf(place: number): number {
    return (place % CHUNK_KEYS) * WORDS;
  }

  free(place: number): void {
    this.#free.push(place);
  }

  #chunk(place: number): Uint32Array {
    const index = Math.floor(place / CHUNK_KEYS);
    let chunk = this.#chunks[index];
    if (!chunk) {
      chunk = new Uint32Array(CHUNK_KEYS * WORDS);
      this.#chunks[index] = chunk;
    }
    return chunk;
  }
}
