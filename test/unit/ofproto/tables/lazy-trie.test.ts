import { describe, expect, it } from 'vitest';
import { LazyTrie } from '../../../../ofproto/tables/lazy-trie.ts';
import { PrefixTrie } from '../../../../ofproto/tables/trie.ts';

describe('LazyTrie', () => {
  it('answers as a trie does that is changed at once, however many changes come between two questions', () => {
    let seed = 11;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const [lazy, prompt] = [new LazyTrie(), new PrefixTrie()];
    const stored: [prefix: number, length: number][] = [];
    const change = () => {
      if (stored.length > 0 && random(2) === 0) {
        const [[prefix, length]] = stored.splice(random(stored.length), 1) as [[number, number]];
        for (const trie of [lazy, prompt]) trie.remove([prefix], length);
        return;
      }
      const length = 1 + random(32);
      // Few prefixes, so that some are there more than once.
      const prefix = ((random(64) << 26) & (-1 << (32 - length))) >>> 0;
      stored.push([prefix, length]);
      for (const trie of [lazy, prompt]) trie.insert([prefix], length);
    };
    for (let question = 0; question < 400; question++) {
      for (let left = random(200); left > 0; left--) change();
      const value = [random(2 ** 32)];
      expect(lazy.lookup(value)).toEqual(prompt.lookup(value));
    }
  });

  it('takes in what it noted when that is much for what is left', () => {
    const trie = new LazyTrie();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10_000; i++) trie.insert([i << 12], 20);
      for (let i = 1; i < 10_000; i++) trie.remove([i << 12], 20);
      expect(trie.lookup([0]).hasLength(20)).toBe(true);
      expect(trie.lookup([1 << 12]).hasLength(20)).toBe(false);
      trie.remove([0], 20);
      expect(trie.lookup([0]).hasLength(20)).toBe(false);
    }
  });

  it('follows prefixes of more than a word too', () => {
    const trie = new LazyTrie();
    trie.insert([0x20010db8, 0, 0, 0], 64);
    expect(trie.lookup([0x20010db8, 0, 1, 1]).hasLength(64)).toBe(true);
    trie.remove([0x20010db8, 0, 0, 0], 64);
    expect(trie.lookup([0x20010db8, 0, 1, 1]).hasLength(64)).toBe(false);
  });
});
