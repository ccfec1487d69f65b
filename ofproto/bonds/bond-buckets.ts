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
  #usable: readonly MemberPort[] = [];

  /** The bucket of a hash of any size. */
  of(hash: number): Bucket {
    return this.all[hash & (BUCKET_COUNT - 1)]!;
  }

  /**
   * Gives the buckets of members that are not among `usable` to those, in turn, and a member that came back its share of
   * those that carry nothing: Open vSwitch leaves it without any until loads are balanced anew. True when one moved.
   */
  assign(usable: readonly MemberPort[]): boolean {
    let moved = false;
    for (const bucket of this.all) {
      if (bucket.port ? usable.includes(bucket.port) : usable.length === 0) continue;
      bucket.port = usable.length === 0 ? undefined : usable[this.#turn++ % usable.length];
      moved = true;
    }
    const newcomers = usable.filter((port) => !this.#usable.includes(port));
    this.#usable = usable;
    for (const port of newcomers) if (this.#giveShare(port, Math.floor(BUCKET_COUNT / usable.length))) moved = true;
    return moved;
  }

  #giveShare(port: MemberPort, share: number): boolean {
    const owned = new Map<MemberPort | undefined, number>();
    for (const bucket of this.all) owned.set(bucket.port, (owned.get(bucket.port) ?? 0) + 1);
    let missing = share - (owned.get(port) ?? 0);
    const moves = missing > 0;
    for (const bucket of this.all) {
      const left = owned.get(bucket.port) ?? 0;
      if (missing <= 0 || bucket.port === port || bucket.load > 0 || left <= share) continue;
      owned.set(bucket.port, left - 1);
      bucket.port = port;
      missing--;
    }
    return moves;
  }

  fade(): void {
    for (const bucket of this.all) bucket.load = Math.floor(bucket.load / 2);
  }
}
