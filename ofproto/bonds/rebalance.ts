// Which buckets of a bond move to another member so that loads become alike (ovs-vswitchd.conf.db(5), Port,
// "Rebalancing Configuration"), by Open vSwitch's rules: the most loaded member gives to the least loaded one, the largest
// buckets first, as long as they fit into half the difference.

import type { Bucket } from './bond-buckets.ts';
import type { MemberPort } from './member-port.ts';

/** Differences below this (about 1 Mbit/s over the usual interval), or below 1/32 of the lesser load, are left. */
const OVERLOAD_MIN_BYTES = 100_000;
const OVERLOAD_MIN_SHIFT = 32;

export interface Shift {
  readonly bucket: Bucket;
  readonly from: MemberPort;
  readonly to: MemberPort;
  /** What they carry afterwards. */
  readonly fromLoad: number;
  readonly toLoad: number;
}

interface Balance {
  readonly port: MemberPort;
  load: number;
  readonly buckets: Bucket[];
}

/** Moves buckets among `usable` members; tells each move. */
export function rebalance(
  usable: readonly MemberPort[],
  buckets: readonly Bucket[],
  shifted: (shift: Shift) => void,
): void {
  const balances = usable.map((port) => balanceOf(port, buckets));
  while (balances.length > 1) {
    balances.sort((a, b) => b.load - a.load);
    const from = balances[0]!;
    const to = balances.at(-1)!;
    const overload = from.load - to.load;
    if (overload < to.load / OVERLOAD_MIN_SHIFT || overload < OVERLOAD_MIN_BYTES) return;
    const moving = chooseBuckets(from, overload / 2);
    // Nothing can usefully be taken from it.
    if (moving.length === 0) balances.shift();
    for (const bucket of moving) shifted(shift(bucket, from, to));
  }
}

function balanceOf(port: MemberPort, buckets: readonly Bucket[]): Balance {
  const own = buckets.filter((bucket) => bucket.port === port && bucket.load > 0).sort((a, b) => b.load - a.load);
  return { port, buckets: own, load: own.reduce((sum, { load }) => sum + load, 0) };
}

/** The largest buckets that together are no more than `bytes`. */
function chooseBuckets({ buckets }: Balance, bytes: number): Bucket[] {
  let left = bytes;
  return buckets.filter(({ load }) => {
    const fits = load <= left;
    if (fits) left -= load;
    return fits;
  });
}

function shift(bucket: Bucket, from: Balance, to: Balance): Shift {
  from.buckets.splice(from.buckets.indexOf(bucket), 1);
  to.buckets.push(bucket);
  from.load -= bucket.load;
  to.load += bucket.load;
  bucket.port = to.port;
  return { bucket, from: from.port, to: to.port, fromLoad: from.load, toLoad: to.load };
}
