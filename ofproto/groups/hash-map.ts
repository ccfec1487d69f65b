// Which bucket of a select group a dp_hash value means: the low bits of the hash index a table in which each bucket has
// entries in proportion to its weight. The table is filled by the Webster method (as seats of a parliament are), one entry
// after another, which is how Open vSwitch fills it: equal hashes mean equal buckets in both.

import type { Bucket } from '../model/groups.ts';

const ENTRIES_MIN = 16;
/** A group whose weights would need more entries chooses by the fields of the packet. */
const ENTRIES_MAX = 256;

export class HashMap {
  /** Low bits of dp_hash that count. */
  readonly mask: number;
  /** Positions in the group's buckets. */
  readonly #entries: Uint16Array;

  private constructor(entries: Uint16Array) {
    this.#entries = entries;
    this.mask = entries.length - 1;
  }

  bucket(dpHash: number): number {
    return this.#entries[dpHash & this.mask]!;
  }

  /** undefined when no bucket has a weight, or the weights are too far apart. */
  static of(buckets: readonly Bucket[]): HashMap | undefined {
    const weights = buckets.map((bucket) => bucket.weight).filter((weight) => weight > 0);
    if (weights.length === 0) return undefined;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const needed = Math.ceil(total / Math.min(...weights));
    const size = Math.max(ENTRIES_MIN, 2 ** Math.ceil(Math.log2(needed)));
    return size > ENTRIES_MAX ? undefined : new HashMap(shareOut(buckets, size));
  }
}

/** Each entry goes to the bucket with the largest quotient of its weight and 1, 3, 5... */
function shareOut(buckets: readonly Bucket[], size: number): Uint16Array {
  const divisors = buckets.map(() => 1);
  const quotients = buckets.map(({ weight }) => weight);
  return Uint16Array.from({ length: size }, () => {
    let winner = 0;
    quotients.forEach((quotient, i) => {
      if (quotient > quotients[winner]!) winner = i;
    });
    divisors[winner]! += 2;
    quotients[winner] = buckets[winner]!.weight / divisors[winner]!;
    return winner;
  });
}
