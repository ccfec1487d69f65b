// Group mods and group statistics of the typed API, to and from ofproto's model.

import { Reader, Writer } from '../../../lib/cursors.ts';
import { UserError } from '../../../lib/errors.ts';
import { OFPP } from '../../../ofproto/model/actions.ts';
import { bigintOf, bytesOf, fieldByName } from '../../../ofproto/model/fields.ts';
import { OfError } from '../../../ofproto/model/flow-mod.ts';
import {
  type Bucket,
  type Counts,
  type GroupCommand,
  type GroupMod,
  type GroupSpec,
  type GroupStats,
  type GroupType,
  NO_SELECTION,
  OFPG,
  OFPG_BUCKET,
  type Selection,
} from '../../../ofproto/model/groups.ts';
import { OFP15_VERSION } from '../../../ofproto/model/messages.ts';
import { formatGroup } from '../../../ofproto/text/format-group.ts';
import { bucketActions, parseGroupMod } from '../../../ofproto/text/parse-group.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { decodeGroupMod, encodeGroupMod } from '../../../ofproto/wire/groups.ts';
import type { BucketMessage, CounterMessage, GroupMessage, GroupModMessage, GroupStatsMessage } from '../messages.ts';
import { actionMessages, actionsOf } from './actions.ts';
import { shortText, uint } from './values.ts';

const COMMANDS: Readonly<Record<string, GroupCommand | undefined>> = {
  GROUP_COMMAND_ADD: 'add',
  GROUP_COMMAND_MODIFY: 'modify',
  GROUP_COMMAND_ADD_OR_MODIFY: 'add_or_mod',
  GROUP_COMMAND_DELETE: 'delete',
  GROUP_COMMAND_INSERT_BUCKETS: 'insert_bucket',
  GROUP_COMMAND_REMOVE_BUCKETS: 'remove_bucket',
};
const UNSPECIFIED = 'GROUP_COMMAND_UNSPECIFIED';

const TYPES: readonly (readonly [name: string, type: GroupType])[] = [
  ['OFPGT_ALL', 'all'],
  ['OFPGT_SELECT', 'select'],
  ['OFPGT_INDIRECT', 'indirect'],
  ['OFPGT_FF', 'ff'],
];

/** What an OpenFlow message has room for behind its header. */
const BODY_MAX = 0xffff - 8;

/** Throws UserError for what cannot be understood, OfError for what OpenFlow refuses. */
export function groupModOf(message: GroupModMessage, names: Names): GroupMod {
  const { command: name, groupText, group } = message;
  const command = COMMANDS[name];
  if (!command && name !== UNSPECIFIED) throw new UserError(`${name} is not a known command`);
  if (group) return asOnWire(typedGroupMod(command ?? 'add', group, message.commandBucketId, names));
  if (groupText === undefined) throw new UserError('a group mod has no group');
  return asOnWire(parseGroupMod(shortText(groupText), command, names));
}

/** OpenFlow 1.5's codec says what is wrong with a message as it would of one that came by a connection. */
function asOnWire(mod: GroupMod): GroupMod {
  const w = new Writer();
  encodeGroupMod(w, mod, OFP15_VERSION);
  if (w.size > BODY_MAX) throw new OfError('OFPGMFC_OUT_OF_BUCKETS', 'larger than an OpenFlow message');
  return decodeGroupMod(new Reader(w.finish(), 'OFPBRC_BAD_LEN'), OFP15_VERSION);
}

function typedGroupMod(command: GroupCommand, group: GroupMessage, place: number | undefined, names: Names): GroupMod {
  const type = TYPES.find(([name]) => name === group.type)?.[1];
  if (!type) throw new UserError(`${group.type} is not a known type`);
  const hasBuckets = command !== 'delete' && command !== 'remove_bucket';
  return {
    command,
    groupId: group.groupId,
    type,
    commandBucketId: place ?? (command === 'insert_bucket' ? OFPG_BUCKET.LAST : OFPG_BUCKET.ALL),
    buckets: hasBuckets ? bucketsOf(group.buckets, type, names) : [],
    selection: selectionOf(group),
  };
}

function bucketsOf(messages: readonly BucketMessage[], type: GroupType, names: Names): Bucket[] {
  const taken = new Set(messages.map(({ bucketId }) => bucketId));
  let next = 0;
  const free = () => {
    while (taken.has(next)) next++;
    return next++;
  };
  return messages.map((message) => ({
    bucketId: message.bucketId ?? free(),
    weight: uint(message.weight ?? (type === 'select' ? 1 : 0), 16, 'weight'),
    watchPort: message.watchPort ?? OFPP.ANY,
    watchGroup: message.watchGroup ?? OFPG.ANY,
    actions: bucketActions(actionsOf(message.actions, names)),
  }));
}

function selectionOf({ selection }: GroupMessage): Selection {
  if (!selection) return NO_SELECTION;
  const { method, param, fields } = selection;
  if (method !== 'hash' && method !== 'dp_hash') throw new OfError('OFPBPC_BAD_VALUE', `no method "${method}"`);
  return { method, param: BigInt(param), fields: fields.map(hashField) };
}

function hashField({ name, mask }: { readonly name: string; readonly mask: Uint8Array }): Selection['fields'][number] {
  const field = fieldByName(name);
  if (!field || (field.nxm === 0 && field.oxm === 0)) throw new OfError('OFPBMC_BAD_FIELD', `no field "${name}"`);
  if (mask.length === 0) return { field, mask: bytesOf(field.valid, field.size) };
  if (mask.length !== field.size) throw new UserError(`${name} has ${field.size} bytes, not ${mask.length}`);
  return { field, mask };
}

export function groupStatsMessage(group: GroupSpec, stats: GroupStats): GroupStatsMessage {
  return {
    group: groupMessage(group),
    text: formatGroup(group, { withIds: true }),
    refCount: stats.refCount,
    ...counterMessage(stats),
    durationMs: Math.max(0, Math.floor(stats.durationMs)),
    buckets: stats.buckets.map(counterMessage),
  };
}

function groupMessage({ groupId, type, buckets, selection }: GroupSpec): GroupMessage {
  return {
    groupId,
    type: TYPES.find(([, known]) => known === type)![0],
    buckets: buckets.map((bucket) => bucketMessage(bucket, type)),
    selection: selection.method === '' ? null : selectionMessage(selection),
  };
}

function bucketMessage({ bucketId, weight, watchPort, watchGroup, actions }: Bucket, type: GroupType): BucketMessage {
  return {
    bucketId,
    ...(type === 'select' ? { weight } : {}),
    ...(watchPort === OFPP.ANY ? {} : { watchPort }),
    ...(watchGroup === OFPG.ANY ? {} : { watchGroup }),
    actions: actionMessages(actions),
  };
}

function selectionMessage({ method, param, fields }: Selection): NonNullable<GroupMessage['selection']> {
  const named = fields.map(({ field, mask }) => ({
    name: field.name,
    mask: bigintOf(mask) === field.valid ? new Uint8Array() : mask,
  }));
  return { method, param: String(param), fields: named };
}

export function counterMessage({ packets, bytes }: Counts): CounterMessage {
  return { packetCount: String(packets), byteCount: String(bytes) };
}
