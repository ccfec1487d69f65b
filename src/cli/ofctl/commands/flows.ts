// Commands that change flow tables: add-flow, add-flows, mod-flows, del-flows.

import { type FlowMod, type FlowModCommand, newFlowMod } from '../../../../ofproto/model/flow-mod.ts';
import { type ChangeDraft, ErrorReply, type OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { readFlow, readFlowFile } from '../flow-input.ts';
import { chooseProtocol, switchProtocol } from '../flow-protocol.ts';
import { formatMessage } from '../print-message.ts';
import { sendBundle } from './bundle.ts';

/** Sends flow-mods in the protocol they need. Throws ErrorReply when the switch refused one; all were tried. */
export async function sendFlows(ctx: CommandContext, client: OfClient, mods: readonly FlowMod[]): Promise<void> {
  const protocol = chooseProtocol(mods, client.version, ctx.settings);
  await switchProtocol(client, protocol);
  await sendMods(client, mods, protocol);
}

/** Sends flow-mods on a connection that is in `protocol` already. */
export async function sendMods(
  client: OfClient,
  mods: readonly FlowMod[],
  protocol: { readonly format: 'standard' | 'nxm'; readonly tableId: boolean },
): Promise<void> {
  const drafts = mods.map(
    (mod) => ({ type: 'flow_mod', format: protocol.format, mod, tableInCommand: protocol.tableId }) as const,
  );
  await sendChanges(client, drafts);
}

/** Sends messages that change the switch. Throws ErrorReply when it refused one; all were tried. */
export async function sendChanges(client: OfClient, drafts: Iterable<ChangeDraft>): Promise<void> {
  if (client.atomically) return sendBundle(client, drafts);
  const errors = await client.change(drafts);
  for (const error of errors.slice(0, -1)) process.stderr.write(formatMessage(error, client.version));
  const last = errors.at(-1);
  if (last) throw new ErrorReply(last, client.version);
}

async function changeFlows(
  ctx: CommandContext,
  [name, text]: readonly string[],
  command: FlowModCommand | undefined,
  fromFile: boolean,
): Promise<void> {
  const names = await acceptNames(ctx, name!);
  const mods = fromFile || text === '-' ? readFlowFile(text!, command, names) : [readFlow(text!, command, names)];
  await ctx.with(name!, (client) => sendFlows(ctx, client, mods));
}

/** Tables first: the order in which ovs-ofctl asks. */
async function acceptNames(ctx: CommandContext, name: string) {
  if (!ctx.settings.acceptNames) return {};
  const tables = await ctx.tables(name);
  return { tables, ports: await ctx.ports(name) };
}

const strictly = (ctx: CommandContext, command: 'modify' | 'delete'): FlowModCommand =>
  ctx.settings.strict ? `${command}_strict` : command;

export const addFlow = (ctx: CommandContext, args: readonly string[]) =>
  changeFlows(ctx, args, args[1] === '-' ? undefined : 'add', false);

export const addFlows = (ctx: CommandContext, args: readonly string[]) => changeFlows(ctx, args, undefined, true);

export const modFlows = (ctx: CommandContext, args: readonly string[]) =>
  changeFlows(ctx, args, strictly(ctx, 'modify'), false);

export const delFlows = async (ctx: CommandContext, args: readonly string[]): Promise<void> => {
  if (args.length > 1) return changeFlows(ctx, args, strictly(ctx, 'delete'), false);
  await ctx.with(args[0]!, (client) => sendFlows(ctx, client, [newFlowMod('delete')]));
};
