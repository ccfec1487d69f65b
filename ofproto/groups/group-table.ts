// The groups of one bridge and the group-mod commands on them (OpenFlow 1.5.1, 6.4.2 "Group Table Modification Messages").
// Everything is checked before anything changes; what a command did can be taken back.

import { OfError } from '../model/flow-mod.ts';
import { type Bucket, type GroupMod, type GroupSpec, OFPG, OFPG_BUCKET } from '../model/groups.ts';
import { checkActions } from '../tables/check-actions.ts';
import { Group } from './group.ts';

/** What a group-mod did. */
export interface GroupChange {
  /** Groups that are others now. */
  readonly changed: readonly number[];
  /** Groups that are gone: flows that use them go too. */
  readonly deleted: readonly Group[];
  /** Takes the change back. */
  undo(): void;
}

export class GroupTable {
  readonly #groups = new Map<number, Group>();
  /** Those that lead to other groups, or watch them: few do. */
  readonly #leading = new Set<Group>();

  get(groupId: number): Group | undefined {
    return this.#groups.get(groupId);
  }

  /** By number; every group for OFPG.ALL. */
  select(groupId: number): Group[] {
    if (groupId === OFPG.ALL) return [...this.#groups.values()].sort((a, b) => a.groupId - b.groupId);
    const group = this.#groups.get(groupId);
    return group ? [group] : [];
  }

  /** Carries out `mod`. Throws OfError, having changed nothing. */
  apply(mod: GroupMod, nowMs: number): GroupChange {
    for (const { actions } of mod.buckets) checkActions(actions, -1);
    if (mod.command === 'delete') return this.#delete(mod.groupId);
    if (mod.groupId > OFPG.MAX) throw new OfError('OFPGMFC_INVALID_GROUP');
    const old = this.#groups.get(mod.groupId);
    return this.#replace(old, new Group(this.#wanted(mod, old), old?.createdMs ?? nowMs));
  }

  #wanted(mod: GroupMod, old: Group | undefined): GroupSpec {
    if (mod.command === 'add' && old) throw new OfError('OFPGMFC_GROUP_EXISTS');
    if (mod.command === 'add' || mod.command === 'add_or_mod') return mod;
    if (!old) throw new OfError('OFPGMFC_UNKNOWN_GROUP');
    if (mod.command === 'modify') return mod;
    const buckets = mod.command === 'insert_bucket' ? inserted(old, mod) : removed(old, mod.commandBucketId);
    return { ...old, groupId: old.groupId, buckets };
  }

  #replace(old: Group | undefined, group: Group): GroupChange {
    this.#swap(old, group);
    return { changed: [group.groupId], deleted: [], undo: () => this.#swap(group, old) };
  }

  #swap(from: Group | undefined, to: Group | undefined): void {
    if (from) {
      this.#groups.delete(from.groupId);
      this.#leading.delete(from);
    }
    if (!to) return;
    this.#groups.set(to.groupId, to);
    if (to.others.size > 0) this.#leading.add(to);
  }

  #delete(groupId: number): GroupChange {
    const deleted = this.select(groupId);
    for (const group of deleted) this.#swap(group, undefined);
    const undo = () => {
      for (const group of deleted) this.#swap(undefined, group);
    };
    return { changed: deleted.map(({ groupId }) => groupId), deleted, undo };
  }

  /** These groups, and all whose packets may come to one of them or whose buckets watch one. */
  reaching(groupIds: readonly number[]): ReadonlySet<number> {
    const found = new Set(groupIds);
    for (let before = 0; before < found.size; ) {
      before = found.size;
      for (const { groupId, others } of this.#leading) if (meets(others, found)) found.add(groupId);
    }
    return found;
  }
}

function meets(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  for (const id of some) if (others.has(id)) return true;
  return false;
}

/** Where the bucket that `id` names is. Throws OfError OFPGMFC_UNKNOWN_BUCKET. */
function positionOf(buckets: readonly Bucket[], id: number): number {
  const position = buckets.findIndex((bucket) => bucket.bucketId === id);
  if (position < 0) throw new OfError('OFPGMFC_UNKNOWN_BUCKET');
  return position;
}

function inserted(old: Group, mod: GroupMod): Bucket[] {
  const { buckets } = old;
  if (old.type === 'indirect' && buckets.length + mod.buckets.length > 1) throw new OfError('OFPGMFC_INVALID_GROUP');
  const known = new Set(buckets.map((bucket) => bucket.bucketId));
  let at = buckets.length;
  if (mod.commandBucketId === OFPG_BUCKET.FIRST) at = 0;
  else if (mod.commandBucketId !== OFPG_BUCKET.LAST) at = positionOf(buckets, mod.commandBucketId) + 1;
  if (mod.buckets.some((bucket) => known.has(bucket.bucketId))) throw new OfError('OFPGMFC_BUCKET_EXISTS');
  return [...buckets.slice(0, at), ...mod.buckets, ...buckets.slice(at)];
}

function removed(old: Group, id: number): Bucket[] {
  const { buckets } = old;
  if (id === OFPG_BUCKET.ALL) return [];
  if (id === OFPG_BUCKET.FIRST) return buckets.slice(1);
  if (id === OFPG_BUCKET.LAST) return buckets.slice(0, -1);
  return buckets.toSpliced(positionOf(buckets, id), 1);
}
