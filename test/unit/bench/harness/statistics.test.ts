import { describe, expect, it } from 'vitest';
import { median, pairedRatio, spread } from '../../../../bench/harness/statistics.ts';

describe('median()', () => {
  it('takes the middle, or the mean of the middle two', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow('median of nothing');
  });
});

describe('spread()', () => {
  it('is the largest distance from the median as a fraction of it', () => {
    expect(spread([9, 10, 12])).toBeCloseTo(0.2);
    expect(spread([0, 0])).toBe(0);
  });
});

describe('pairedRatio()', () => {
  it('compares rounds pair by pair, so that a slow machine cancels out', () => {
    expect(pairedRatio([20, 2, 22], [10, 1, 11])).toBe(2);
  });

  it('has no answer without a pair', () => {
    expect(pairedRatio([1], [])).toBeUndefined();
    expect(pairedRatio([1], [0])).toBeUndefined();
  });
});
