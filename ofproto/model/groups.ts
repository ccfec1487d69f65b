// Groups and meters in version-free form (OpenFlow 1.5, 7.3.4.2 and 7.3.4.5; ovs-ofctl(8), "Group Syntax", "Meter Syntax").

import type { OfAction } from './actions.ts';
import type { Field } from './field.ts';
import { OfError } from './flow-mod.ts';

export const OFPG = { MAX: 0xffffff00, ALL: 0xfffffffc, ANY: 0xffffffff } as const;

/** Bucket ids of 1.5, which every version has here: earlier ones count their buckets. */
export const OFPG_BUCKET = { MAX: 0xffffff00, FIRST: 0xfffffffd, LAST: 0xfffffffe, ALL: 0xffffffff } as const;

export type GroupType = 'all' | 'select' | 'indirect' | 'ff';

/** OFPGT_* numbers by position. */
export const GROUP_TYPES: readonly GroupType[] = ['all', 'select', 'indirect', 'ff'];

export interface Bucket {
  readonly bucketId: number;
  /** Of a select group's bucket; 0 in others. */
  readonly weight: number;
  /** The bucket is live while this port is: OFPP.ANY for none. */
  readonly watchPort: number;
  /** The bucket is live while this group is: OFPG.ANY for none. */
  readonly watchGroup: number;
  readonly actions: readonly OfAction[];
}

/** How a select group chooses (Netronome's extension of 1.5); an empty method leaves it to the switch. */
export interface Selection {
  readonly method: '' | 'hash' | 'dp_hash';
  readonly param: bigint;
  /** `mask`: the bits to hash, `field.size` bytes. */
  readonly fields: readonly { readonly field: Field; readonly mask: Uint8Array }[];
}

export const NO_SELECTION: Selection = { method: '', param: 0n, fields: [] };

export interface GroupSpec {
  readonly groupId: number;
  readonly type: GroupType;
  readonly buckets: readonly Bucket[];
  readonly selection: Selection;
}

export type GroupCommand = 'add' | 'modify' | 'add_or_mod' | 'delete' | 'insert_bucket' | 'remove_bucket';

export interface GroupMod extends GroupSpec {
  readonly command: GroupCommand;
  /** Where to insert, what to remove; OFPG_BUCKET.ALL for other commands. */
  readonly commandBucketId: number;
}

export interface Counts {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface GroupStats extends Counts {
  readonly groupId: number;
  /** Flows that send packets to it. */
  readonly refCount: number;
  readonly durationMs: number;
  readonly buckets: readonly Counts[];
}

export const OFPM = { MAX: 0xffff0000, SLOWPATH: 0xfffffffd, CONTROLLER: 0xfffffffe, ALL: 0xffffffff } as const;

export interface MeterBand {
  readonly type: 'drop' | 'dscp_remark';
  /** kbit/s or packets/s. */
  readonly rate: number;
  /** kbit or packets; 0 when the meter has no burst flag. */
  readonly burst: number;
  /** dscp_remark: by how much the drop precedence rises. */
  readonly precLevel: number;
}

export interface MeterConfig {
  readonly meterId: number;
  /** OFPMF13_* bits. */
  readonly flags: number;
  readonly bands: readonly MeterBand[];
}

export const OFPMF = { KBPS: 1, PKTPS: 2, BURST: 4, STATS: 8 } as const;

export type MeterCommand = 'add' | 'modify' | 'delete';

export interface MeterMod extends MeterConfig {
  readonly command: MeterCommand;
}

export interface MeterStats extends Counts {
  readonly meterId: number;
  readonly flowCount: number;
  readonly durationMs: number;
  readonly bands: readonly Counts[];
}

/** Throws OfError when a group with these members cannot be. */
export function checkGroupMod(mod: GroupMod): void {
  if (mod.command === 'delete' || mod.command === 'remove_bucket') return;
  const ids = new Set(mod.buckets.map((bucket) => bucket.bucketId));
  if (ids.size < mod.buckets.length) throw new OfError('OFPGMFC_BAD_BUCKET', 'duplicate bucket id');
  if (mod.command === 'insert_bucket') return;
  if (mod.type === 'indirect' && mod.buckets.length !== 1) throw new OfError('OFPGMFC_INVALID_GROUP');
  for (const bucket of mod.buckets) checkBucket(mod.type, bucket);
}

function checkBucket(type: GroupType, bucket: Bucket): void {
  const watches = bucket.watchPort !== 0xffffffff || bucket.watchGroup !== OFPG.ANY;
  if (bucket.weight !== 0 && type !== 'select') throw new OfError('OFPGMFC_INVALID_GROUP');
  if (watches && (type === 'all' || type === 'indirect')) throw new OfError('OFPGMFC_WATCH_UNSUPPORTED');
  if (!watches && type === 'ff') throw new OfError('OFPGMFC_INVALID_GROUP');
}
