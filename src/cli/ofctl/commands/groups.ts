// Commands about groups: add-group, mod-group, del-groups, insert-buckets, remove-buckets, and the dumps.

import { readFileSync } from 'node:fs';
import { UserError } from '../../../../lib/errors.ts';
import { systemErrorText } from '../../../../lib/system-error.ts';
import { type GroupCommand, type GroupMod, OFPG } from '../../../../ofproto/model/groups.ts';
import { keyValues, parseU32 } from '../../../../ofproto/text/lexer.ts';
import { deleteAll, parseGroupId, parseGroupMod } from '../../../../ofproto/text/parse-group.ts';
import type { Names } from '../../../../ofproto/text/ports.ts';
import type { OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { printAnswer } from './dumps.ts';
import { sendChanges } from './flows.ts';

const OFP15_VERSION = 6;

/** Bucket commands are 1.5's. */
function checkVersion(mods: readonly GroupMod[], client: OfClient): void {
  const buckets = mods.find(({ command }) => command === 'insert_bucket' || command === 'remove_bucket');
  if (!buckets || client.version >= OFP15_VERSION || client.version === 1) return;
  const name = buckets.command.replace('_', '-');
  throw new UserError(`${name} needs OpenFlow 1.5 or later ('-O OpenFlow15')`);
}

async function sendGroups(ctx: CommandContext, name: string, mods: readonly GroupMod[]): Promise<void> {
  await ctx.with(name, async (client) => {
    checkVersion(mods, client);
    const drafts = mods.map((mod) => ({ type: 'group_mod', mod }) as const);
    if (client.atomically) return sendChanges(client, drafts);
    // As ovs-ofctl has it, what comes after one that is refused is not tried.
    for (const draft of drafts) await client.commit(draft);
  });
}

/** A group on the command line, or a file of them for `-`. */
const changing =
  (command: (ctx: CommandContext) => GroupCommand) =>
  async (ctx: CommandContext, [name, text]: readonly string[]): Promise<void> => {
    const names = await ctx.namesToAccept(name!);
    const own = command(ctx);
    const mods = text === '-' ? readGroups('-', own, names) : [parseGroupMod(text!, own, names)];
    await sendGroups(ctx, name!, mods);
  };

export const addGroup = changing(() => 'add');
export const modGroup = changing((ctx) => (ctx.settings.mayCreate ? 'add_or_mod' : 'modify'));
export const insertBuckets = changing(() => 'insert_bucket');
export const removeBuckets = changing(() => 'remove_bucket');

export async function addGroups(ctx: CommandContext, [name, path]: readonly string[]): Promise<void> {
  const names = await ctx.namesToAccept(name!);
  await sendGroups(ctx, name!, readGroups(path!, undefined, names));
}

export async function delGroups(ctx: CommandContext, args: readonly string[]): Promise<void> {
  if (args.length > 1) await changing(() => 'delete')(ctx, args);
  else await sendGroups(ctx, args[0]!, [deleteAll()]);
}

/** The groups of a file (`-`: standard input); `#` begins a comment. Throws UserError with file and line. */
function readGroups(path: string, command: GroupCommand | undefined, names: Names): GroupMod[] {
  const mods: GroupMod[] = [];
  for (const [index, line] of readText(path).split('\n').entries()) {
    const text = line.replace(/#.*$/, '').trim();
    if (text === '') continue;
    try {
      mods.push(parseGroupMod(text, command, names));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${path}:${index + 1}: ${error.message}`);
    }
  }
  return mods;
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new UserError(`${path}: open failed (${systemErrorText(error)})`);
  }
}

export async function dumpGroups(ctx: CommandContext, [name, group]: readonly string[]): Promise<void> {
  const groupId = group === undefined || group === 'all' ? OFPG.ALL : parseU32(group);
  const names = await ctx.namesToShow(name!);
  await ctx.with(name!, (client) => printAnswer(ctx, client, { type: 'group_desc_request', groupId }, names));
}

export async function dumpGroupStats(ctx: CommandContext, [name, group]: readonly string[]): Promise<void> {
  let groupId: number = OFPG.ALL;
  for (const { key, value } of keyValues(group ?? '')) {
    if (key !== 'group_id') throw new UserError(`unknown keyword ${key}`);
    groupId = parseGroupId(value);
  }
  await ctx.tables(name!);
  await ctx.ports(name!);
  await ctx.with(name!, (client) => printAnswer(ctx, client, { type: 'group_stats_request', groupId }));
}
