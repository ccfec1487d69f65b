// Groups as ovs-ofctl prints them: `group_id=1,type=select,bucket=bucket_id:0,weight:100,actions=output:2`.

import { OFPP } from '../model/actions.ts';
import { bigintOf, exactMask } from '../model/fields.ts';
import {
  type Bucket,
  type GroupMod,
  type GroupSpec,
  type GroupStats,
  type GroupType,
  OFPG,
  OFPG_BUCKET,
  type Selection,
} from '../model/groups.ts';
import { formatFieldValue } from './field-values.ts';
import { formatActions } from './format-actions.ts';
import { formatPort, type Names } from './ports.ts';

export interface GroupTextOptions {
  /** 1.5, and the extension of 1.0, tell bucket ids and how a group selects. */
  readonly withIds: boolean;
  readonly names?: Names;
}

export function formatGroup(group: GroupSpec, options: GroupTextOptions): string {
  return `group_id=${group.groupId},type=${group.type}${formatMembers(group, options)}`;
}

function formatMembers({ type, buckets, selection }: GroupSpec, options: GroupTextOptions): string {
  const parts = buckets.map((bucket) => `bucket=${formatBucket(bucket, type, options)}`);
  return [options.withIds ? formatSelection(selection) : '', ...parts.map((part) => `,${part}`)].join('');
}

function formatBucket(bucket: Bucket, type: GroupType, { withIds, names = {} }: GroupTextOptions): string {
  const { bucketId, weight, watchPort, watchGroup, actions } = bucket;
  const parts: string[] = [];
  if (withIds && bucketId <= OFPG_BUCKET.MAX) parts.push(`bucket_id:${bucketId}`);
  if (weight !== (type === 'select' ? 1 : 0)) parts.push(`weight:${weight}`);
  if (watchPort !== OFPP.ANY) parts.push(`watch_port:${formatPort(watchPort, names)}`);
  if (watchGroup !== OFPG.ANY) parts.push(`watch_group:${watchGroup}`);
  parts.push(`actions=${actions.length === 0 ? 'drop' : formatActions(actions, names)}`);
  return parts.join(',');
}

function formatSelection({ method, param, fields }: Selection): string {
  if (method === '') return '';
  const named = fields.map(({ field, mask }) => {
    const exact = bigintOf(mask) === field.valid;
    return exact ? field.name : `${field.name}=${formatFieldValue(field, mask, exactMask(field))}`;
  });
  const list = named.length > 1 ? `,fields(${named.join(',')})` : named.length === 1 ? `,fields=${named[0]}` : '';
  return `,selection_method=${method}${param === 0n ? '' : `,selection_method_param=${param}`}${list}`;
}

const COMMANDS: Readonly<Record<GroupMod['command'], string>> = {
  add: 'ADD',
  modify: 'MOD',
  add_or_mod: 'ADD_OR_MOD',
  delete: 'DEL',
  insert_bucket: 'INSERT_BUCKET',
  remove_bucket: 'REMOVE_BUCKET',
};

const PLACES: Readonly<Record<number, string>> = {
  [OFPG_BUCKET.FIRST]: 'first',
  [OFPG_BUCKET.LAST]: 'last',
  [OFPG_BUCKET.ALL]: 'all',
};

/** A group-mod without what stands before the colon. */
export function formatGroupMod(mod: GroupMod, options: GroupTextOptions): string {
  if (mod.command !== 'insert_bucket' && mod.command !== 'remove_bucket') {
    return ` ${COMMANDS[mod.command]} ${formatGroup(mod, options)}`;
  }
  const place = PLACES[mod.commandBucketId] ?? mod.commandBucketId;
  const head = `${COMMANDS[mod.command]} command_bucket_id:${place},group_id=${mod.groupId}`;
  return ` ${head}${formatMembers(mod, options)}`;
}

export function formatGroupStats(stats: GroupStats): string {
  const parts = [`group_id=${stats.groupId}`];
  if (stats.durationMs >= 0) parts.push(`duration=${formatSeconds(stats.durationMs)}`);
  parts.push(`ref_count=${stats.refCount}`, `packet_count=${stats.packets}`, `byte_count=${stats.bytes}`);
  stats.buckets.forEach(({ packets, bytes }, i) => {
    parts.push(`bucket${i}:packet_count=${packets},byte_count=${bytes}`);
  });
  return parts.join(',');
}

/** `1.5s`, to the millisecond where there is one. */
export function formatSeconds(ms: number): string {
  return `${(Math.floor(ms) / 1000).toFixed(3)}s`;
}
