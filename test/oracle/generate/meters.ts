// Meters. Time stands still while a case runs (switch-under-test.ts), so a bucket that starts with a few packets or bits
// passes just these.
import type { Random } from '../../support/random-frames.ts';

const KINDS = [
  'pktps,burst,stats,bands=type=drop,rate=1,burst_size=1',
  'pktps,stats,bands=type=drop,rate=3',
  'kbps,burst,bands=type=drop,rate=1,burst_size=1',
  'kbps,stats,bands=type=drop,rate=2',
  'kbps,burst,stats,bands=type=drop,rate=1000000,burst_size=1000',
  'pktps,burst,stats,bands=type=drop,rate=5,burst_size=5,type=drop,rate=2,burst_size=2',
] as const;

/** How many ids flows may name; not every case has meters with all of them. */
export const METER_IDS = [1, 2, 3] as const;

export function makeMeters(random: Random): string[] {
  return METER_IDS.filter((id) => id === 1 || random.below(2) === 0).map((id) => `meter=${id},${random.pick(KINDS)}`);
}
