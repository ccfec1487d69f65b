import { describe, expect, it } from 'vitest';
import { HashCounts } from '../../../../ofproto/tables/hash-counts.ts';

describe('HashCounts', () => {
  it('agrees with a Map while hashes come and go, also those that collide', () => {
    let seed = 3;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const counts = new HashCounts();
    const expected = new Map<number, number>();
    // Few values, so that chains are long and are cut in every place.
    const hashes = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? random(2 ** 32) | 0 : i << 20));
    for (let step = 0; step < 20_000; step++) {
      const hash = hashes[random(hashes.length)]!;
      const count = expected.get(hash) ?? 0;
      // It grows, and empties again.
      if (random(20_000) < step ? count === 0 : true) {
        counts.add(hash);
        expected.set(hash, count + 1);
      } else {
        counts.delete(hash);
        expected.set(hash, count - 1);
      }
      const asked = hashes[random(hashes.length)]!;
      expect(counts.has(asked)).toBe((expected.get(asked) ?? 0) > 0);
    }
    for (const [hash, count] of expected) for (let i = 0; i < count; i++) counts.delete(hash);
    expect(hashes.some((hash) => counts.has(hash))).toBe(false);
  });
});
