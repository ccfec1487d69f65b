// Groups from ovs-ofctl's syntax (ovs-ofctl(8), "Group Syntax"): `group_id=1,type=all,bucket=output:1,bucket=output:2`.

import { UserError } from '../../lib/errors.ts';
import { INSTRUCTIONS, OFPP, type OfAction } from '../model/actions.ts';
import { exactMask, FIELDS, fieldByName } from '../model/fields.ts';
import {
  type Bucket,
  type GroupCommand,
  type GroupMod,
  type GroupType,
  NO_SELECTION,
  OFPG,
  OFPG_BUCKET,
  type Selection,
} from '../model/groups.ts';
import { parseFieldValue } from './field-values.ts';
import { type KeyValue, keyValues, parseU32, parseU64, parseUint } from './lexer.ts';
import { parseActions } from './parse-actions.ts';
import { type Names, portFromText } from './ports.ts';

const TYPES: Readonly<Record<string, GroupType>> = {
  all: 'all',
  select: 'select',
  indirect: 'indirect',
  ff: 'ff',
  fast_failover: 'ff',
};

const FILE_COMMANDS: Readonly<Record<string, GroupCommand>> = {
  add: 'add',
  modify: 'modify',
  add_or_mod: 'add_or_mod',
  delete: 'delete',
  insert_bucket: 'insert_bucket',
  insert_buckets: 'insert_bucket',
  remove_bucket: 'remove_bucket',
  remove_buckets: 'remove_bucket',
};

/** What a command wants to be told, besides the group's number. */
const WANTS: Readonly<Record<GroupCommand, { type: boolean; buckets: boolean; place: boolean }>> = {
  add: { type: true, buckets: true, place: false },
  modify: { type: true, buckets: true, place: false },
  add_or_mod: { type: true, buckets: true, place: false },
  delete: { type: false, buckets: false, place: false },
  insert_bucket: { type: false, buckets: true, place: true },
  remove_bucket: { type: false, buckets: false, place: true },
};

interface Draft {
  groupId: number | undefined;
  type: GroupType | undefined;
  commandBucketId: number | undefined;
  selection: Selection;
}

/** One group-mod. Without a `command` the text begins with one, or means `add`. Throws UserError. */
export function parseGroupMod(text: string, command: GroupCommand | undefined, names: Names = {}): GroupMod {
  if (command === undefined) return parseFileLine(text, names);
  const at = text.indexOf('bucket=');
  const wants = WANTS[command];
  const draft = parseHead(at < 0 ? text : text.slice(0, at), command);
  const { groupId, type } = draft;
  if (groupId === undefined) {
    if (command !== 'delete') throw new UserError('must specify a group_id');
    return deleteAll();
  }
  if (wants.type && !type) throw new UserError('must specify a type');
  if (wants.place && draft.commandBucketId === undefined) throw new UserError('must specify a command bucket id');
  if (at >= 0 && !wants.buckets) throw new UserError('bucket is not needed');
  const buckets = at < 0 ? [] : parseBuckets(text.slice(at), type, names);
  if (type === 'indirect' && buckets.length > 1) throw new UserError('Indirect groups can have at most one bucket.');
  const { selection, commandBucketId = OFPG_BUCKET.ALL } = draft;
  if (selection.fields.length > 0 && selection.method !== 'hash') {
    throw new UserError('fields may only be specified with "selection_method=hash"');
  }
  return { command, groupId, type: type ?? 'all', commandBucketId, buckets, selection };
}

/** A line of a file of groups. */
function parseFileLine(text: string, names: Names): GroupMod {
  const word = /^\s*([a-z_]+)\s+(?=\S)/.exec(text);
  if (!word) return parseGroupMod(text, 'add', names);
  const named = FILE_COMMANDS[word[1]!];
  if (!named) throw new UserError(`invalid command '${word[1]}'`);
  return parseGroupMod(text.slice(word[0].length), named, names);
}

export function deleteAll(): GroupMod {
  const all = { groupId: OFPG.ALL, commandBucketId: OFPG_BUCKET.ALL };
  return { command: 'delete', type: 'all', buckets: [], selection: NO_SELECTION, ...all };
}

/** What stands before the buckets. */
function parseHead(text: string, command: GroupCommand): Draft {
  const wants = WANTS[command];
  const draft: Draft = { groupId: undefined, type: undefined, commandBucketId: undefined, selection: NO_SELECTION };
  for (const { key, value } of keyValues(text)) {
    if (key === 'group_id') draft.groupId = parseGroupId(value);
    else if (key === 'type') {
      if (!wants.type) throw new UserError('type is not needed');
      draft.type = TYPES[value];
      if (!draft.type) throw new UserError(`invalid group type ${value}`);
    } else if (key === 'command_bucket_id') {
      if (!wants.place) throw new UserError('command bucket id is not needed');
      draft.commandBucketId = parsePlace(value, command);
    } else if (key === 'selection_method') {
      refuseSelection(wants.type, 'selection method');
      draft.selection = { ...draft.selection, method: value as Selection['method'] };
    } else if (key === 'selection_method_param') {
      refuseSelection(wants.type, 'selection method param');
      draft.selection = { ...draft.selection, param: parseU64(value) };
    } else if (key === 'fields') {
      refuseSelection(wants.type, 'fields');
      draft.selection = { ...draft.selection, fields: parseFields(value) };
    } else throw new UserError(`unknown keyword ${key}`);
  }
  return draft;
}

function refuseSelection(wanted: boolean, what: string): void {
  if (!wanted) throw new UserError(`${what} is not needed`);
}

/** `all` or a number that a group can have. Throws UserError. */
export function parseGroupId(text: string): number {
  if (text === 'all') return OFPG.ALL;
  const id = parseU32(text);
  if (id > OFPG.MAX && id !== OFPG.ALL) throw new UserError(`invalid group id ${id}`);
  return id;
}

function parsePlace(text: string, command: GroupCommand): number {
  if (text === 'all' && command === 'remove_bucket') return OFPG_BUCKET.ALL;
  if (text === 'first') return OFPG_BUCKET.FIRST;
  if (text === 'last') return OFPG_BUCKET.LAST;
  const id = parseU32(text);
  if (id > OFPG_BUCKET.MAX) throw new UserError(`invalid command bucket id ${id}`);
  return id;
}

/** Fields to hash, each with the bits that count, in the order of all fields. */
function parseFields(text: string): Selection['fields'] {
  const fields = [...keyValues(text)].map(({ key, value, hasValue }) => {
    const f = fieldByName(key);
    if (!f) throw new UserError(`unknown field ${key}`);
    return { field: f, mask: hasValue ? parseFieldMask(f, value) : exactMask(f) };
  });
  return sortFields(fields);
}

function parseFieldMask(f: Parameters<typeof exactMask>[0], text: string): Uint8Array {
  const { value, mask } = parseFieldValue(f, text);
  if (mask.some((byte, i) => byte !== exactMask(f)[i])) throw new UserError(`${text}: wildcards not allowed here`);
  return value;
}

function sortFields(fields: Selection['fields']): Selection['fields'] {
  return fields.toSorted((a, b) => FIELDS.indexOf(a.field) - FIELDS.indexOf(b.field));
}

/** `bucket=...,bucket=...`; buckets without an id get the lowest that is free. */
function parseBuckets(text: string, type: GroupType | undefined, names: Names): Bucket[] {
  const drafts = text
    .split('bucket=')
    .slice(1)
    .map((part) => parseBucket(part, type, names));
  const taken = new Set(drafts.map((draft) => draft.bucketId));
  let next = 0;
  return drafts.map((draft) => {
    if (draft.bucketId !== undefined) return { ...draft, bucketId: draft.bucketId };
    while (taken.has(next)) next++;
    return { ...draft, bucketId: next++ };
  });
}

type BucketDraft = Omit<Bucket, 'bucketId'> & { readonly bucketId: number | undefined };

function parseBucket(text: string, type: GroupType | undefined, names: Names): BucketDraft {
  let bucketId: number | undefined;
  let weight = type === 'select' ? 1 : 0;
  let watchPort: number = OFPP.ANY;
  let watchGroup: number = OFPG.ANY;
  const actionTexts: string[] = [];
  for (const item of keyValues(text)) {
    const { key, value } = item;
    if (key === 'weight') weight = parseUint(value, 16, 'weight');
    else if (key === 'bucket_id') bucketId = parseBucketId(value);
    else if (key === 'watch_port') watchPort = parseWatchPort(value, names);
    else if (key === 'watch_group') watchGroup = parseU32(value);
    else actionTexts.push(actionText(item));
  }
  if (actionTexts.length === 0) throw new UserError('bucket must specify actions');
  if (weight !== 0 && type !== undefined && type !== 'select') {
    throw new UserError('Only select groups can have bucket weights.');
  }
  if (type === 'ff' && watchPort === OFPP.ANY && watchGroup === OFPG.ANY) {
    throw new UserError('fast failover bucket requires watch_port or watch_group');
  }
  return {
    bucketId,
    weight,
    watchPort,
    watchGroup,
    actions: bucketActions(parseActions(actionTexts.join(','), names)),
  };
}

function parseBucketId(text: string): number {
  const id = parseU32(text);
  if (id > OFPG_BUCKET.MAX) throw new UserError(`invalid bucket_id id ${id}`);
  return id;
}

function parseWatchPort(text: string, names: Names): number {
  const port = portFromText(text, names);
  if (port === undefined || port >= OFPP.MAX) throw new UserError(`${text}: invalid watch_port`);
  return port;
}

/** One action as it was written; `actions=` only introduces them. */
function actionText({ key, value, hasValue }: KeyValue): string {
  if (key === 'action' || key === 'actions') return value;
  return hasValue ? `${key}(${value})` : key;
}

/** `actions`, which a bucket is to hold. Throws UserError for an instruction among them. */
export function bucketActions(actions: OfAction[]): OfAction[] {
  const instruction = actions.find(({ type }) => INSTRUCTIONS.has(type));
  if (instruction) throw new UserError(`${instruction.type} instruction not allowed here`);
  return actions;
}
