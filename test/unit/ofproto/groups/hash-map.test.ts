import { describe, expect, it } from 'vitest';
import { HashMap } from '../../../../ofproto/groups/hash-map.ts';
import { OFPG } from '../../../../ofproto/model/groups.ts';

const bucketsOf = (weights: readonly number[]) =>
  weights.map((weight, bucketId) => ({ bucketId, weight, watchPort: OFPG.ANY, watchGroup: OFPG.ANY, actions: [] }));

/** Buckets for the hashes 0 to 15. */
function firstEntries(weights: readonly number[]): string {
  const map = HashMap.of(bucketsOf(weights))!;
  return Array.from({ length: 16 }, (_, hash) => map.bucket(hash)).join(' ');
}

describe('HashMap', () => {
  it.each([
    [[1, 1, 1], '0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 0'],
    [[100, 50], '0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0'],
    [[5, 3, 1], '0 1 0 0 1 2 0 1 0 0 1 0 0 1 2 0'],
    [[1, 2, 3, 4], '3 2 1 3 0 2 3 1 2 3 3 2 1 3 0 2'],
    [[10, 0, 5], '0 2 0 0 2 0 0 2 0 0 2 0 0 2 0 0'],
    [[20, 1], '0 0 0 0 0 0 0 0 0 0 1 0 0 0 0 0'],
  ])('shares weights %j out as Open vSwitch does', (weights, entries) => {
    expect(firstEntries(weights)).toBe(entries);
  });

  it('has as many entries as the smallest weight needs', () => {
    expect(
      [
        [1, 1],
        [20, 1],
        [255, 1],
      ].map((weights) => HashMap.of(bucketsOf(weights))!.mask),
    ).toEqual([0xf, 0x1f, 0xff]);
    expect(HashMap.of(bucketsOf([1000, 1]))).toBeUndefined();
    expect(HashMap.of(bucketsOf([0, 0]))).toBeUndefined();
  });
});
