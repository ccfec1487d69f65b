// Commands about queues: queue-stats, queue-get-config.

import { OFPP } from '../../../../ofproto/model/actions.ts';
import { OFP10_VERSION, OFP14_VERSION } from '../../../../ofproto/model/messages.ts';
import { parseU32 } from '../../../../ofproto/text/lexer.ts';
import { OFPQ_ALL } from '../../../../ofproto/wire/index.ts';
import { ErrorReply, type OfClient } from '../client.ts';
import { type CommandContext, portDescs } from '../context.ts';
import { formatMessage } from '../print-message.ts';

/** PORT and QUEUE of the command line; both may be left out or ALL. */
async function wanted(ctx: CommandContext, name: string, port = 'ANY', queue = 'ALL') {
  const ofPort = /^(any|all)$/i.test(port) ? OFPP.ANY : await ctx.portNumber(name, port);
  return { ofPort, queueId: /^all$/i.test(queue) ? OFPQ_ALL : parseU32(queue) };
}

/** A refusal is the answer here: it is printed like one, and no failure of the command. */
export async function printing(ctx: CommandContext, client: OfClient, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
    ctx.print(formatMessage(error.reply, client.version));
  }
}

export async function queueStats(ctx: CommandContext, [name, port, queue]: readonly string[]): Promise<void> {
  const request = await wanted(ctx, name!, port, queue);
  await ctx.with(name!, (client) =>
    printing(ctx, client, async () => {
      const parts = await client.ask({ type: 'queue_stats_request', ...request }, 'queue_stats_reply');
      const queues = parts.flatMap((part) => part.queues);
      ctx.print(formatMessage({ ...parts[0]!, queues }, client.version));
    }),
  );
}

export async function queueGetConfig(ctx: CommandContext, [name, port, queue]: readonly string[]): Promise<void> {
  const { ofPort, queueId } = await wanted(ctx, name!, port, queue);
  await ctx.with(name!, async (client) => {
    for (const one of await portsToAsk(client, ofPort)) {
      await printing(ctx, client, () => printConfig(ctx, client, one, queueId));
    }
  });
}

/** 1.0 has no word for every port. */
async function portsToAsk(client: OfClient, ofPort: number): Promise<number[]> {
  if (client.version !== OFP10_VERSION || ofPort !== OFPP.ANY) return [ofPort];
  const ports = (await portDescs(client)).map((desc) => desc.ofPort);
  return ports.filter((port) => port < OFPP.MAX).sort((a, b) => a - b);
}

async function printConfig(ctx: CommandContext, client: OfClient, ofPort: number, queueId: number): Promise<void> {
  const parts = await client.ask({ type: 'queue_config_request', ofPort, queueId }, 'queue_config_reply');
  const queues = parts.flatMap((part) => part.queues);
  // Up to 1.3 every queue of the port comes, whichever was asked for.
  const shown =
    client.version < OFP14_VERSION ? queues.filter((q) => queueId === OFPQ_ALL || q.queueId === queueId) : queues;
  ctx.print(formatMessage({ ...parts[0]!, queues: shown }, client.version));
}
