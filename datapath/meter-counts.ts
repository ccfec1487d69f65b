// Sums and differences of what meters count, where several count for one: software and cards, or a card at two times.

import type { DpMeterStats } from './dpif.ts';

export const noMeterCounts = (): DpMeterStats => ({ packets: 0n, bytes: 0n, bands: [] });

/** As many bands as `one` has; of those that `other` lacks it counted nothing. */
export const sumOfMeters = (one: DpMeterStats, other: DpMeterStats): DpMeterStats => combined(one, other, 1n);

/** What came to `before` until `now`. */
export const moreThan = (now: DpMeterStats, before: DpMeterStats): DpMeterStats => combined(now, before, -1n);

function combined(one: DpMeterStats, other: DpMeterStats, sign: bigint): DpMeterStats {
  return {
    packets: one.packets + sign * other.packets,
    bytes: one.bytes + sign * other.bytes,
    bands: one.bands.map(({ packets, bytes }, i) => ({
      packets: packets + sign * (other.bands[i]?.packets ?? 0n),
      bytes: bytes + sign * (other.bands[i]?.bytes ?? 0n),
    })),
  };
}
