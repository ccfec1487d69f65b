// A trie that is brought up to date when it is next asked: until then changes are only noted. Notes go in sorted, so that
// prefixes which share their nodes come one after another, and those of flows that went before a packet came never do.
// Prefixes of more than one word (IPv6 addresses) are not noted but changed at once.

import { type BitString, PrefixTrie, type TrieAnswer } from './trie.ts';

/** A note is one number: prefix (32 bits) | length (6) | whether it goes (1). */
const LENGTHS = 64;
const NOTES_PER_PREFIX = 2 * LENGTHS;
const FIRST_NOTES = 16;
/** Notes are too many when there are more than these, and so many for each prefix that there was: then they go in unasked. */
const NOTES_MIN = 4096;
const NOTES_PER_LIVE = 4;

export class LazyTrie {
  #trie = new PrefixTrie();
  #notes = new Float64Array(FIRST_NOTES);
  #noted = 0;
  /** Prefixes that it stands for, noted ones included. */
  #live = 0;
  /** The most that these have been since notes were last taken in. */
  #mostLive = 0;
  readonly #value = [0];

  /** Adds one prefix of `length` bits, 1 or more; the same one may be added many times. */
  insert(prefix: BitString, length: number): void {
    if (prefix.length > 1) {
      this.#trie.insert(prefix, length);
      return;
    }
    this.#live++;
    if (this.#live > this.#mostLive) this.#mostLive = this.#live;
    this.#note((prefix[0]! >>> 0) * NOTES_PER_PREFIX + length * 2);
  }

  /** Removes what insert() added. */
  remove(prefix: BitString, length: number): void {
    if (prefix.length > 1) {
      this.#trie.remove(prefix, length);
      return;
    }
    this.#live--;
    this.#note((prefix[0]! >>> 0) * NOTES_PER_PREFIX + length * 2 + 1);
  }

  lookup(value: BitString, answer?: TrieAnswer): TrieAnswer {
    if (this.#noted > 0) this.#settle();
    return this.#trie.lookup(value, answer);
  }

  #note(note: number): void {
    if (this.#noted === this.#notes.length) {
      const notes = new Float64Array(2 * this.#noted);
      notes.set(this.#notes);
      this.#notes = notes;
    }
    this.#notes[this.#noted++] = note;
    if (this.#noted <= NOTES_MIN) return;
    if (this.#live === 0 || this.#noted > NOTES_PER_LIVE * this.#mostLive) this.#settle();
  }

  #settle(): void {
    if (this.#live === 0) this.#trie = new PrefixTrie();
    else this.#apply(this.#notes.subarray(0, this.#noted).sort());
    this.#noted = 0;
    this.#mostLive = this.#live;
    if (this.#notes.length > NOTES_MIN) this.#notes = new Float64Array(FIRST_NOTES);
  }

  /** Notes of one prefix follow each other: only their sum matters. */
  #apply(notes: Float64Array): void {
    for (let i = 0; i < notes.length; ) {
      const which = Math.floor(notes[i]! / 2);
      let change = 0;
      for (; i < notes.length && Math.floor(notes[i]! / 2) === which; i++) change += notes[i]! % 2 === 0 ? 1 : -1;
      this.#value[0] = Math.floor(which / LENGTHS);
      if (change > 0) this.#trie.insert(this.#value, which % LENGTHS, change);
      else if (change < 0) this.#trie.remove(this.#value, which % LENGTHS, -change);
    }
  }
}
