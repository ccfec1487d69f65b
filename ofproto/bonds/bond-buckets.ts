// The 256 buckets that a bond's packets fall into by their hash: which member each goes out by, and how much went there.
// Loads fade: each rebalancing halves them, so that an old burst counts for less than 1% after seven.

import type { BondBucket } from '../xlate/bond-snapshot.ts';
import type { MemberPort } from './member-port.ts';

export const BUCKET_COUNT = 256;

export class Bucket implements BondBucket {
  readonly hash: number;
  port: MemberPort | undefined;
  /** Bytes lately. */
  load = 0;
  /** Since the start. */
  packets = 0;
  bytes = 0;

  constructor(hash: number) {
    this.hash = hash;
  }

  credit(packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
    this.load += bytes;
  }
}

export class Buckets {
  readonly all: readonly Bucket[] = Array.from({ length: BUCKET_COUNT }, (_, hash) => new Bucket(hash));
  /** Who is next to get a bucket. */
  #turn = 0;

  /** The bucket of a hash of any size. */
  of(hash: number): Bucket {
    return this.all[hash & (BUCKET_COUNT - 1)]!;
  }

  /** Gives the buckets of members that are not among `usable` to those, in turn. True when one moved. */
  assign(usable: readonly MemberPort[]): boolean {
    let moved = false;
    for (const bucket of this.all) {
      if (bucket.port ? usable.includes(bucket.port) : usable.length === 0) continue;
      bucket.port = usable.length === 0 ? undefined : usable[this.#turn++ % usable.length];
      moved = true;
    }
    return moved;
  }

  fade(): void {
    for (const bucket of this.all) bucket.load = Math.floor(bucket.load / 2);
  }
}
