// One group: what it was told to be, and what it has counted. A group is replaced, never changed, so that a bundle can put
// the old one back; counters begin anew then, as in Open vSwitch, and the age goes on.

import { type Bucket, type GroupSpec, type GroupStats, type GroupType, OFPG, type Selection } from '../model/groups.ts';
import { referencesOf } from '../tables/references.ts';
import { HashMap } from './hash-map.ts';

const NOBODY: ReadonlySet<number> = new Set();

function othersOf(buckets: readonly Bucket[]): ReadonlySet<number> {
  const others = new Set<number>();
  for (const { actions, watchGroup } of buckets) {
    if (watchGroup !== OFPG.ANY) others.add(watchGroup);
    for (const [kind, id] of referencesOf(actions)) if (kind === 'group') others.add(id);
  }
  return others.size > 0 ? others : NOBODY;
}

/** A bucket with its counters. */
export class GroupBucket {
  readonly spec: Bucket;
  packets = 0;
  bytes = 0;

  constructor(spec: Bucket) {
    this.spec = spec;
  }
}

export class Group implements GroupSpec {
  readonly groupId: number;
  readonly type: GroupType;
  readonly selection: Selection;
  readonly createdMs: number;
  readonly members: readonly GroupBucket[];
  packets = 0;
  bytes = 0;
  /** How dp_hash values are shared out; undefined when the group chooses in another way. */
  readonly hashMap: HashMap | undefined;
  /** Groups that its buckets send packets to, or watch. */
  readonly others: ReadonlySet<number>;

  constructor(spec: GroupSpec, createdMs: number) {
    this.groupId = spec.groupId;
    this.type = spec.type;
    this.selection = spec.selection;
    this.createdMs = createdMs;
    this.members = spec.buckets.map((bucket) => new GroupBucket(bucket));
    const usesDpHash = spec.type === 'select' && spec.selection.method !== 'hash';
    this.hashMap = usesDpHash ? HashMap.of(this.buckets) : undefined;
    this.others = othersOf(spec.buckets);
  }

  get buckets(): readonly Bucket[] {
    return this.members.map(({ spec }) => spec);
  }

  /** Packets took this bucket; every bucket without one. */
  credit(bucket: GroupBucket | undefined, packets: number, bytes: number): void {
    this.packets += packets;
    this.bytes += bytes;
    for (const member of bucket ? [bucket] : this.members) {
      member.packets += packets;
      member.bytes += bytes;
    }
  }

  stats(refCount: number, nowMs: number): GroupStats {
    return {
      groupId: this.groupId,
      refCount,
      packets: BigInt(this.packets),
      bytes: BigInt(this.bytes),
      durationMs: Math.max(0, Math.floor(nowMs - this.createdMs)),
      buckets: this.members.map(({ packets, bytes }) => ({ packets: BigInt(packets), bytes: BigInt(bytes) })),
    };
  }
}
