// dump-flows and dump-aggregate.

import { UserError } from '../../../../lib/errors.ts';
import { bigintOf, type Field, fieldByName, fieldMask, getField } from '../../../../ofproto/model/fields.ts';
import type { FlowStatsEntry, FlowStatsRequest } from '../../../../ofproto/model/flow-mod.ts';
import { formatFlow } from '../../../../ofproto/text/format-flow.ts';
import { parseFlowStatsRequest } from '../../../../ofproto/text/parse-flow.ts';
import type { Names } from '../../../../ofproto/text/ports.ts';
import type { OfClient } from '../client.ts';
import type { CommandContext } from '../context.ts';
import { statsFormat } from '../flow-protocol.ts';
import { formatMessage } from '../print-message.ts';
import type { SortCriterion } from '../settings.ts';

/** Flows that a request selects, with the connection put into the right format first. */
export async function fetchFlows(ctx: CommandContext, client: OfClient, request: FlowStatsRequest) {
  const format = statsFormat(client.version, ctx.settings);
  if (format === 'nxm') await client.commit({ type: 'set_flow_format', format });
  return client.ask({ type: 'flow_stats_request', format, request }, 'flow_stats_reply');
}

async function readRequest(ctx: CommandContext, name: string, text: string | undefined): Promise<FlowStatsRequest> {
  const names: Names = text !== undefined ? await ctx.namesToAccept(name) : {};
  return parseFlowStatsRequest(text ?? '', names);
}

/**
 * Without options, the replies as they are; with names, sorting or without statistics, flows alone, for which
 * ovs-ofctl does not decode the ages.
 */
export async function dumpFlows(ctx: CommandContext, [name, text]: readonly string[]): Promise<void> {
  const { settings } = ctx;
  const criteria = settings.sort.map(comparison);
  const request = await readRequest(ctx, name!, text);
  const names = await ctx.namesToShow(name!);
  const { version, parts } = await ctx.with(name!, async (client) => ({
    version: client.version,
    parts: await fetchFlows(ctx, client, request),
  }));
  if (settings.stats && !settings.names && criteria.length === 0) {
    for (const part of parts) ctx.print(formatMessage(part, version));
    return;
  }
  const flows = parts.flatMap((part) => part.flows);
  for (const flow of criteria.length > 0 ? sorted(flows, criteria) : flows) {
    ctx.print(`${formatFlow(flow, { stats: settings.stats, names })}\n`);
  }
}

type Compare = (a: FlowStatsEntry, b: FlowStatsEntry) => number;

/** Throws UserError for a field that does not exist. */
function comparison({ field: name, descending }: SortCriterion): Compare {
  if (name === 'priority') return (a, b) => (descending ? b.priority - a.priority : a.priority - b.priority);
  const f = fieldByName(name);
  if (!f) throw new UserError(`${name}: unknown field name`);
  return (a, b) => compareField(a, b, f, descending);
}

/** Flows that say nothing about the field come last in either direction. */
function compareField(a: FlowStatsEntry, b: FlowStatsEntry, f: Field, descending: boolean): number {
  const [inA, inB] = [a, b].map(({ match }) => fieldMask(match.mask, f).some((byte) => byte !== 0));
  if (!inA || !inB) return Number(inB) - Number(inA);
  const [x, y] = [bigintOf(getField(a.match.flow, f)), bigintOf(getField(b.match.flow, f))];
  if (x === y) return 0;
  return x < y === descending ? 1 : -1;
}

/** Equals in every criterion go by falling priority. */
function sorted(flows: readonly FlowStatsEntry[], criteria: readonly Compare[]): FlowStatsEntry[] {
  return [...flows].sort((a, b) => {
    for (const compare of criteria) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return b.priority - a.priority;
  });
}

export async function dumpAggregate(ctx: CommandContext, [name, text]: readonly string[]): Promise<void> {
  const request = await readRequest(ctx, name!, text);
  await ctx.with(name!, async (client) => {
    const format = statsFormat(client.version, ctx.settings);
    if (format === 'nxm') await client.commit({ type: 'set_flow_format', format });
    const parts = await client.ask({ type: 'aggregate_request', format, request }, 'aggregate_reply');
    for (const part of parts) ctx.print(formatMessage(part, client.version));
  });
}
