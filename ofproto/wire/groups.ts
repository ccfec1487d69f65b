// Groups on the wire (OpenFlow 1.1, A.3.4.2; 1.5.1, 7.3.4.2 and 7.3.5.9). 1.5 has bucket ids and properties; 1.0 says groups
// with Nicira's extension, in the form of 1.5.
//
//   group-mod   command u16 | type u8 | pad u8 | group u32 | 1.5: (buckets' length u16 | pad 2 | command bucket u32) |
//               buckets | 1.5: properties
//   bucket 1.1  length u16 | weight u16 | watch port u32 | watch group u32 | pad 4 | actions
//   bucket 1.5  length u16 | actions' length u16 | bucket id u32 | actions | properties
//   desc        length u16 | type u8 | pad u8 | group u32 | 1.5: (buckets' length u16 | pad 6) | buckets | 1.5: properties

import { Reader, Writer } from '../../lib/cursors.ts';
import { ProtocolError } from '../../lib/errors.ts';
import { OFPP } from '../model/actions.ts';
import { bigintOf } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type Bucket,
  type Counts,
  checkGroupMod,
  GROUP_TYPES,
  type GroupCommand,
  type GroupMod,
  type GroupSpec,
  type GroupStats,
  type GroupType,
  NO_SELECTION,
  OFPG,
  OFPG_BUCKET,
  type Selection,
} from '../model/groups.ts';
import { OFP10_VERSION, OFP13_VERSION, OFP15_VERSION } from '../model/messages.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { entry, MESSAGE_MAX } from './codec.ts';
import { decodeDuration, encodeDuration } from './durations.ts';
import { readFieldHeader, writeFieldHeader } from './oxm.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

/** OFPGC_* and Open vSwitch's add-or-mod. */
const COMMANDS: readonly (readonly [command: GroupCommand, number: number])[] = [
  ['add', 0],
  ['modify', 1],
  ['delete', 2],
  ['insert_bucket', 3],
  ['remove_bucket', 5],
  ['add_or_mod', 0x8000],
];

const OFPGBPT_WEIGHT = 0;
const OFPGBPT_WATCH_PORT = 1;
const OFPGBPT_WATCH_GROUP = 2;
const OFPGPT_EXPERIMENTER = 0xffff;
const NTR_VENDOR_ID = 0x0000154d;
const NTRT_SELECTION_METHOD = 1;
const METHOD_SIZE = 16;

/** Whether this version has 1.5's form. */
const isNew = (version: number) => version >= OFP15_VERSION || version === OFP10_VERSION;

function typeOf(number: number): GroupType {
  const type = GROUP_TYPES[number];
  if (!type) throw new OfError('OFPGMFC_BAD_TYPE');
  return type;
}

export function decodeGroupMod(r: Reader, version: number): GroupMod {
  const number = r.u16();
  const command = COMMANDS.find(([, known]) => known === number)?.[0];
  const isBucketCommand = command === 'insert_bucket' || command === 'remove_bucket';
  if (!command || (isBucketCommand && !isNew(version))) throw new OfError('OFPGMFC_BAD_COMMAND');
  const type = typeOf(r.u8());
  r.skip(1);
  const groupId = r.u32();
  const head = { command, type, groupId };
  const mod = isNew(version)
    ? decodeNewMod(r, version, head)
    : {
        ...head,
        commandBucketId: OFPG_BUCKET.ALL,
        buckets: decodeOldBuckets(r, version),
        selection: NO_SELECTION,
      };
  checkGroupMod(mod);
  return mod;
}

function decodeNewMod(r: Reader, version: number, head: Pick<GroupMod, 'command' | 'type' | 'groupId'>): GroupMod {
  const size = r.u16();
  r.skip(2);
  const commandBucketId = r.u32();
  const removes = head.command === 'remove_bucket';
  if (removes && size > 0) throw new OfError('OFPGMFC_BAD_BUCKET');
  if (size > r.remaining) throw new OfError('OFPGMFC_BAD_BUCKET');
  if (head.command === 'insert_bucket' || removes) checkCommandBucket(commandBucketId, removes);
  else if (commandBucketId !== OFPG_BUCKET.ALL) throw new OfError('OFPGMFC_BAD_BUCKET');
  const buckets = decodeNewBuckets(r.sub(size), version, head.type);
  return { ...head, commandBucketId, buckets, selection: decodeSelection(r, head.type) };
}

/** INSERT names a place, REMOVE a bucket or all of them. */
function checkCommandBucket(id: number, removes: boolean): void {
  const known = id < OFPG_BUCKET.MAX || id === OFPG_BUCKET.FIRST || id === OFPG_BUCKET.LAST;
  if (!known && !(removes && id === OFPG_BUCKET.ALL)) throw new OfError('OFPGMFC_BAD_BUCKET');
}

function decodeOldBuckets(r: Reader, version: number): Bucket[] {
  const buckets: Bucket[] = [];
  while (r.remaining > 0) {
    const body = bucketEntry(r);
    const weight = body.u16();
    const [watchPort, watchGroup] = [body.u32(), body.u32()];
    body.skip(4);
    buckets.push({ bucketId: buckets.length, weight, watchPort, watchGroup, actions: decodeActions(body, version) });
  }
  return buckets;
}

/** The next bucket behind its length; 16 bytes at least. */
function bucketEntry(r: Reader): Reader {
  const length = r.remaining >= 2 ? r.peek16(0) : 0;
  if (length < 16 || length > r.remaining || length % 8 !== 0) throw new OfError('OFPGMFC_BAD_BUCKET');
  const body = new Reader(r.take(length), 'OFPGMFC_BAD_BUCKET');
  body.skip(2);
  return body;
}

function decodeNewBuckets(r: Reader, version: number, type: GroupType): Bucket[] {
  const buckets: Bucket[] = [];
  while (r.remaining > 0) {
    const length = r.remaining >= 2 ? r.peek16(0) : 0;
    if (length < 8 || length > r.remaining || length % 8 !== 0) throw new OfError('OFPGMFC_BAD_BUCKET');
    buckets.push(decodeNewBucket(new Reader(r.take(length), 'OFPGMFC_BAD_BUCKET'), version, type));
  }
  return buckets;
}

function decodeNewBucket(r: Reader, version: number, type: GroupType): Bucket {
  r.skip(2);
  const size = r.u16();
  const bucketId = r.u32();
  if (bucketId > OFPG_BUCKET.MAX || size > r.remaining) throw new OfError('OFPGMFC_BAD_BUCKET');
  const actions = decodeActions(new Reader(r.take(size), 'OFPBAC_BAD_LEN'), version);
  let weight = type === 'select' ? 1 : 0;
  let watchPort: number = OFPP.ANY;
  let watchGroup: number = OFPG.ANY;
  for (const { type: property, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (property === OFPGBPT_WEIGHT) weight = value.u16();
    else if (property === OFPGBPT_WATCH_PORT) watchPort = value.u32();
    else if (property === OFPGBPT_WATCH_GROUP) watchGroup = value.u32();
    else throw new OfError('OFPBPC_BAD_TYPE');
  }
  return { bucketId, weight, watchPort, watchGroup, actions };
}

function decodeSelection(r: Reader, type: GroupType): Selection {
  let selection = NO_SELECTION;
  for (const { type: property, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (property !== OFPGPT_EXPERIMENTER) throw new OfError('OFPBPC_BAD_TYPE');
    if (value.u32() !== NTR_VENDOR_ID) throw new OfError('OFPBPC_BAD_EXPERIMENTER');
    if (value.u32() !== NTRT_SELECTION_METHOD) throw new OfError('OFPBPC_BAD_EXP_TYPE');
    selection = decodeNtrSelection(value, type);
  }
  return selection;
}

function decodeNtrSelection(r: Reader, type: GroupType): Selection {
  if (type !== 'select') throw new OfError('OFPBPC_BAD_VALUE');
  r.skip(4);
  const method = r.text(METHOD_SIZE);
  if (method !== 'hash' && method !== 'dp_hash') throw new OfError('OFPBPC_BAD_VALUE');
  const param = r.u64();
  const fields = decodeSelectionFields(r);
  if (method !== 'hash' && fields.length > 0) throw new OfError('OFPBPC_BAD_VALUE');
  return { method, param, fields };
}

/** Fields without masks of their own: the value says which bits count. */
function decodeSelectionFields(r: Reader): Selection['fields'] {
  const fields: { field: Selection['fields'][number]['field']; mask: Uint8Array }[] = [];
  while (r.remaining > 0) {
    const header = readFieldHeader(r);
    const { field: f } = header;
    if (!f) throw new OfError('OFPBMC_BAD_FIELD');
    if (header.hasMask || header.length !== f.size) throw new OfError('OFPBMC_BAD_MASK');
    if (fields.some((known) => known.field === f)) throw new OfError('OFPBMC_DUP_FIELD');
    const mask = r.copy(f.size);
    if (mask.every((byte) => byte === 0)) throw new OfError('OFPBMC_BAD_VALUE');
    if (bigintOf(mask) !== f.valid && f.mask === 'none') throw new OfError('OFPBMC_BAD_MASK');
    fields.push({ field: f, mask });
  }
  return fields;
}

export function encodeGroupMod(w: Writer, mod: GroupMod, version: number): void {
  w.u16(COMMANDS.find(([command]) => command === mod.command)![1]);
  w.u8(GROUP_TYPES.indexOf(mod.type)).zeros(1).u32(mod.groupId);
  if (!isNew(version)) {
    for (const bucket of mod.buckets) encodeOldBucket(w, bucket, version);
    return;
  }
  const buckets = newBuckets(mod, version);
  w.u16(buckets.length).zeros(2).u32(mod.commandBucketId).put(buckets);
  encodeSelection(w, mod.selection, version);
}

function encodeOldBucket(w: Writer, bucket: Bucket, version: number): void {
  const start = w.size;
  w.u16(0).u16(bucket.weight).u32(bucket.watchPort).u32(bucket.watchGroup).zeros(4);
  encodeActions(w, bucket.actions, version);
  w.patch16(start, w.size - start);
}

function newBuckets({ buckets, type }: GroupSpec, version: number): Uint8Array {
  const w = new Writer();
  for (const bucket of buckets) encodeNewBucket(w, bucket, type, version);
  return w.finish();
}

function encodeNewBucket(w: Writer, bucket: Bucket, type: GroupType, version: number): void {
  const start = w.size;
  w.u16(0).u16(0).u32(bucket.bucketId);
  const actionsAt = w.size;
  encodeActions(w, bucket.actions, version);
  w.patch16(start + 2, w.size - actionsAt);
  if (type === 'select' || bucket.weight !== 0) {
    encodeProperty(w, OFPGBPT_WEIGHT, (body) => body.u16(bucket.weight).zeros(2));
  }
  if (bucket.watchPort !== OFPP.ANY) encodeProperty(w, OFPGBPT_WATCH_PORT, (body) => body.u32(bucket.watchPort));
  if (bucket.watchGroup !== OFPG.ANY) encodeProperty(w, OFPGBPT_WATCH_GROUP, (body) => body.u32(bucket.watchGroup));
  w.patch16(start, w.size - start);
}

function encodeSelection(w: Writer, { method, param, fields }: Selection, version: number): void {
  if (method === '') return;
  encodeProperty(w, OFPGPT_EXPERIMENTER, (body) => {
    body.u32(NTR_VENDOR_ID).u32(NTRT_SELECTION_METHOD).zeros(4);
    body.text(method, METHOD_SIZE).u64(param);
    for (const { field: f, mask } of fields) {
      writeFieldHeader(body, f, false, version);
      body.put(mask);
    }
  });
}

export function decodeGroupDesc(r: Reader, version: number): GroupSpec {
  const body = entry(r);
  body.skip(2);
  const type = typeOf(body.u8());
  body.skip(1);
  const groupId = body.u32();
  if (!isNew(version)) {
    return { groupId, type, buckets: decodeOldBuckets(body, version), selection: NO_SELECTION };
  }
  const size = body.u16();
  body.skip(6);
  if (size > body.remaining) throw new ProtocolError('OFPBRC_BAD_LEN', 'group description');
  const buckets = decodeNewBuckets(body.sub(size), version, type);
  return { groupId, type, buckets, selection: decodeSelection(body, type) };
}

/**
 * What there is no room for in one message is left out, from the last bucket on: a group that grew bucket by bucket may be
 * longer than any message.
 */
export function encodeGroupDesc(w: Writer, group: GroupSpec, version: number): void {
  const start = w.size;
  w.u16(0).u8(GROUP_TYPES.indexOf(group.type)).zeros(1).u32(group.groupId);
  const end = start + MESSAGE_MAX - (version === OFP10_VERSION ? NX_STATS_SIZE : STATS_SIZE);
  if (isNew(version)) {
    const selection = new Writer();
    encodeSelection(selection, group.selection, version);
    const sizeAt = w.size;
    w.u16(0).zeros(6);
    encodeFitting(w, group.buckets, end - selection.size, (one) => encodeNewBucket(w, one, group.type, version));
    w.patch16(sizeAt, w.size - sizeAt - 8);
    w.put(selection.finish());
  } else {
    encodeFitting(w, group.buckets, end, (one) => encodeOldBucket(w, one, version));
  }
  w.patch16(start, w.size - start);
}

/** Headers of statistics of 1.1 and later, and of Nicira's in 1.0. */
const STATS_SIZE = 16;
const NX_STATS_SIZE = 24;

/** The first of `items` that end at `end` or before. */
function encodeFitting<T>(w: Writer, items: readonly T[], end: number, encode: (item: T) => void): void {
  for (const item of items) {
    const before = w.size;
    encode(item);
    if (w.size <= end) continue;
    w.truncate(before);
    return;
  }
}

const counts = (r: Reader): Counts => ({ packets: r.u64(), bytes: r.u64() });

/** 1.3 added the duration. */
const hasDuration = (version: number) => version >= OFP13_VERSION || version === OFP10_VERSION;

export function decodeGroupStats(r: Reader, version: number): GroupStats {
  const body = entry(r);
  body.skip(4);
  const head = { groupId: body.u32(), refCount: body.u32() };
  body.skip(4);
  const totals = counts(body);
  const durationMs = hasDuration(version) ? decodeDuration(body) : -1;
  const buckets: Counts[] = [];
  while (body.remaining > 0) buckets.push(counts(body));
  return { ...head, ...totals, durationMs, buckets };
}

export function encodeGroupStats(w: Writer, stats: GroupStats, version: number): void {
  const start = w.size;
  const end = start + MESSAGE_MAX - (version === OFP10_VERSION ? NX_STATS_SIZE : STATS_SIZE);
  w.u16(0).zeros(2).u32(stats.groupId).u32(stats.refCount).zeros(4).u64(stats.packets).u64(stats.bytes);
  if (hasDuration(version)) encodeDuration(w, stats.durationMs);
  encodeFitting(w, stats.buckets, end, ({ packets, bytes }) => w.u64(packets).u64(bytes));
  w.patch16(start, w.size - start);
}
