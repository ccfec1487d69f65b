// Medians and ratios of repeated measurements.

import { assert } from '../../lib/assert.ts';

/** The middle value; of an even count, the mean of the middle two. */
export function median(values: readonly number[]): number {
  assert(values.length > 0, 'median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** The value that `share` of all values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  assert(values.length > 0, 'quantile of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
}

/** Largest distance from the median, as a fraction of it: how far the runs lie apart. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  if (middle === 0) return 0;
  return Math.max(...values.map((value) => Math.abs(value - middle))) / middle;
}

/** Median of the ratios of runs measured one after the other: slow drift of the machine cancels out. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number | undefined {
  const pairs = Math.min(ours.length, theirs.length);
  const ratios: number[] = [];
  for (let run = 0; run < pairs; run++) {
    const their = theirs[run] ?? 0;
    if (their > 0) ratios.push((ours[run] ?? 0) / their);
  }
  return ratios.length > 0 ? median(ratios) : undefined;
}
