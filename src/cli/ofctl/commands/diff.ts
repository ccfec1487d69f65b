// diff-flows and replace-flows: two sets of flows, by table, priority and match, and what turns one into the other.

import { existsSync } from 'node:fs';
import { OFPP } from '../../../../ofproto/model/actions.ts';
import { emptyMatch, type Flow } from '../../../../ofproto/model/flow.ts';
import type { FlowMod, FlowStatsEntry } from '../../../../ofproto/model/flow-mod.ts';
import { OFP_NO_BUFFER } from '../../../../ofproto/model/messages.ts';
import { formatActions } from '../../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../../ofproto/text/format-match.ts';
import type { Names } from '../../../../ofproto/text/ports.ts';
import type { CommandContext } from '../context.ts';
import { readFlowFile } from '../flow-input.ts';
import { fetchFlows } from './dump-flows.ts';
import { sendFlows } from './flows.ts';

/** What two flows are compared by, besides their key. */
type FlowEntry = Pick<
  FlowStatsEntry,
  'tableId' | 'priority' | 'match' | 'cookie' | 'idleTimeout' | 'hardTimeout' | 'importance' | 'flags' | 'actions'
>;

interface FlowPair {
  left?: FlowEntry;
  right?: FlowEntry;
}

const hex = (flow: Flow) => Buffer.from(flow.bytes).toString('hex');
const keyOf = ({ tableId, priority, match }: FlowEntry) =>
  `${tableId}|${priority}|${hex(match.flow)}|${hex(match.mask)}`;

/** Flows of both sources by key, in the order of tables, then falling priority. */
function pair(left: readonly FlowEntry[], right: readonly FlowEntry[]): FlowPair[] {
  const pairs = new Map<string, FlowPair>();
  const put = (flow: FlowEntry, side: 'left' | 'right') => {
    const known = pairs.get(keyOf(flow)) ?? {};
    known[side] = flow;
    pairs.set(keyOf(flow), known);
  };
  for (const flow of left) put(flow, 'left');
  for (const flow of right) put(flow, 'right');
  const of = ({ left: l, right: r }: FlowPair) => (l ?? r)!;
  return [...pairs.values()].sort((a, b) => of(a).tableId - of(b).tableId || of(b).priority - of(a).priority || 0);
}

function same(a: FlowEntry, b: FlowEntry): boolean {
  const times = a.idleTimeout === b.idleTimeout && a.hardTimeout === b.hardTimeout;
  return a.cookie === b.cookie && times && formatActions(a.actions) === formatActions(b.actions);
}

/** Flows of a file as a switch would hold them; only adds make sense. */
function flowsOfFile(path: string, names: Names): FlowEntry[] {
  const mods = readFlowFile(path, 'add', names);
  return mods.map((mod) => ({ ...mod, tableId: mod.tableId === 255 ? 0 : mod.tableId }));
}

async function flowsOfSwitch(ctx: CommandContext, name: string): Promise<FlowStatsEntry[]> {
  const request = {
    tableId: 255,
    match: emptyMatch(),
    cookie: 0n,
    cookieMask: 0n,
    outPort: OFPP.ANY,
    outGroup: OFPP.ANY,
  };
  const parts = await ctx.with(name, (client) => fetchFlows(ctx, client, request));
  return parts.flatMap((part) => part.flows);
}

/** A path or an existing file is a file, anything else a switch. */
function isFile(source: string): boolean {
  if (/^[/.]/.test(source)) return true;
  return !source.includes(':') && existsSync(source);
}

async function readSource(ctx: CommandContext, source: string, names: Names): Promise<FlowEntry[]> {
  return isFile(source) ? flowsOfFile(source, names) : flowsOfSwitch(ctx, source);
}

/** `-priority=5,ip actions=output:1`. */
function formatEntry(sign: string, flow: FlowEntry, names: Names): string {
  let out = sign + (flow.tableId === 0 ? '' : `table=${flow.tableId} `) + formatMatch(flow.match, flow.priority, names);
  if (flow.cookie !== 0n) out += ` cookie=0x${flow.cookie.toString(16)}`;
  if (flow.idleTimeout) out += ` idle_timeout=${flow.idleTimeout}`;
  if (flow.hardTimeout) out += ` hard_timeout=${flow.hardTimeout}`;
  return `${out} actions=${formatActions(flow.actions, names)}\n`;
}

/** Prints the differences; the exit status is 2 when there are any. */
export async function diffFlows(ctx: CommandContext, [first, second]: readonly string[]): Promise<number> {
  const switches = [first!, second!].filter((source) => !isFile(source));
  const names = switches[0] === undefined ? {} : await ctx.namesToAccept(switches[0]);
  const shown = switches[0] === undefined ? {} : await ctx.namesToShow(switches[0]);
  const left = await readSource(ctx, first!, names);
  const right = await readSource(ctx, second!, names);
  let differences = 0;
  for (const { left: a, right: b } of pair(left, right)) {
    if (a && b && same(a, b)) continue;
    differences++;
    if (a) ctx.print(formatEntry('-', a, shown));
    if (b) ctx.print(formatEntry('+', b, shown));
  }
  return differences > 0 ? 2 : 0;
}

function modOf(flow: FlowEntry, command: 'add' | 'delete_strict'): FlowMod {
  const deletes = command === 'delete_strict';
  return {
    ...flow,
    command,
    cookieMask: 0n,
    cookie: deletes ? 0n : flow.cookie,
    ...(!deletes && { newCookie: flow.cookie }),
    bufferId: OFP_NO_BUFFER,
    outPort: OFPP.ANY,
    outGroup: OFPP.ANY,
    actions: deletes ? [] : flow.actions,
  };
}

/** Makes the switch's flows those of the file: deletes what it does not have, adds what is new or changed. */
export async function replaceFlows(ctx: CommandContext, [name, path]: readonly string[]): Promise<void> {
  const wanted = flowsOfFile(path!, await ctx.namesToAccept(name!));
  const present = await flowsOfSwitch(ctx, name!);
  const pairs = pair(present, wanted);
  const deletes = pairs.filter(({ right }) => !right).map(({ left }) => modOf(left!, 'delete_strict'));
  const adds = pairs
    .filter(({ left, right }) => right && (ctx.settings.readd || !left || !same(left, right)))
    .map(({ right }) => modOf(right!, 'add'));
  await ctx.with(name!, (client) => sendFlows(ctx, client, [...deletes, ...adds]));
}
