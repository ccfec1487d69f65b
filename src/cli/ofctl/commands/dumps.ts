// Commands that ask one question and print the answer: show and the dump-* family.

import { UserError } from '../../../../lib/errors.ts';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { OFP13_VERSION, type OfBodies, type OfMessage, type OfType } from '../../../../ofproto/model/messages.ts';
import type { Names } from '../../../../ofproto/text/ports.ts';
import { canEncode } from '../../../../ofproto/wire/index.ts';
import type { OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { formatMessage } from '../print-message.ts';
import { formatTableFeatures } from '../print-tables.ts';

type Draft<T extends OfType> = { readonly type: T } & OfBodies[T];

/** Asks, and prints the answer. */
export async function printAnswer(
  ctx: CommandContext,
  client: OfClient,
  draft: Draft<OfType>,
  names: Names = {},
): Promise<void> {
  if (!canEncode({ ...draft, xid: 0 } as unknown as OfMessage, client.version)) {
    throw new UserError(`${draft.type.replaceAll('_', ' ')} needs another OpenFlow version (see -O)`);
  }
  ctx.print(joined(await client.transact(draft), client.version, names));
}

/** Parts of one long answer are printed as one. */
function joined(parts: readonly OfMessage[], version: number, names: Names): string {
  const [first] = parts;
  if (!first) return '';
  for (const key of ['ports', 'tables', 'groups', 'stats', 'meters'] as const) {
    if (!(key in first)) continue;
    const all = parts.flatMap((part) => (part as unknown as Record<string, readonly unknown[]>)[key] ?? []);
    return formatMessage({ ...first, [key]: all } as unknown as OfMessage, version, names);
  }
  return parts.map((part) => formatMessage(part, version, names)).join('');
}

/** A command that prints the answer to a fixed request. */
const asking =
  (draft: Draft<OfType>) =>
  (ctx: CommandContext, [name]: readonly string[]): Promise<void> =>
    ctx.with(name!, (client) => printAnswer(ctx, client, draft));

export const dumpDesc = asking({ type: 'desc_request' });
export const dumpTables = asking({ type: 'table_stats_request' });
export const dumpPortsDesc = asking({ type: 'port_desc_request', ofPort: OFPP.ANY });

export const dumpGroupFeatures = asking({ type: 'group_features_request' });

/** Features, ports where the version has them apart, and the configuration on a connection of its own. */
export async function show(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  await ctx.with(name!, async (client) => {
    await printAnswer(ctx, client, { type: 'features_request' });
    if (client.version >= OFP13_VERSION)
      await printAnswer(ctx, client, { type: 'port_desc_request', ofPort: OFPP.ANY });
  });
  await ctx.with(name!, (client) => printAnswer(ctx, client, { type: 'get_config_request' }));
}

export async function dumpPorts(ctx: CommandContext, [name, portText]: readonly string[]): Promise<void> {
  const ofPort = portText === undefined ? OFPP.ANY : await ctx.portNumber(name!, portText);
  await ctx.with(name!, async (client) => {
    const parts = await client.transact({ type: 'port_stats_request', ofPort });
    const names = ctx.settings.names ? { ports: await ctx.ports(name!) } : {};
    ctx.print(joined(parts, client.version, names));
  });
}

export async function dumpTableFeatures(ctx: CommandContext, [name]: readonly string[]): Promise<void> {
  await ctx.with(name!, async (client) => {
    if (client.version < 4) {
      throw new UserError("dump-table-features needs OpenFlow 1.3 or later ('-O OpenFlow13')");
    }
    const request = { type: 'table_features_request', tables: [], more: false } as const;
    const parts = await client.ask(request, 'table_features_reply');
    ctx.print(
      formatTableFeatures(
        parts.flatMap((part) => part.tables),
        client.version,
      ),
    );
  });
}
