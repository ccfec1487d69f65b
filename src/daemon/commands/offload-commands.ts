// offload/* and dpctl/offload-stats-show: which flows are in a card, and why the others are not.

import type { FlowPut, OffloadCard, OffloadLook } from '../../../datapath/dpif.ts';
import { KEY_IN_PORT } from '../../../datapath/layout/flow-key.ts';
import { UserError } from '../../../lib/errors.ts';
import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, checkDatapath } from './context.ts';
import { findFlow, flowOfUfid, NO_DATAPATH, parseActions, parseKey } from './flow-commands.ts';

export function offloadCommands(context: CommandContext): Command[] {
  return [
    {
      name: 'dpctl/offload-stats-show',
      usage: '[dp]',
      minArgs: 0,
      maxArgs: 1,
      handler: (args) => showStatsAsOvs(context, args),
    },
    { name: 'offload/show', usage: '', minArgs: 0, maxArgs: 0, handler: () => show(context) },
    { name: 'offload/stats', usage: '', minArgs: 0, maxArgs: 0, handler: () => showStats(context) },
    {
      name: 'offload/explain',
      usage: 'flow [actions]',
      minArgs: 1,
      maxArgs: 2,
      handler: (args) => explain(context, args),
    },
  ];
}

/** Width of Open vSwitch's labels and numbers. */
const LABEL = 34;
const NUMBER = 7;

/** Open vSwitch has a thread or more that write to cards; here the control thread does. */
function showStatsAsOvs(context: CommandContext, args: readonly string[]): string {
  for (const name of args) checkDatapath(context, name, NO_DATAPATH);
  const cards = context.dpif.offload.cards();
  const sum = (value: (card: OffloadCard) => number) => cards.reduce((total, card) => total + value(card), 0);
  const count = Math.max(
    1,
    sum(({ totals }) => totals.inserted),
  );
  const average = (name: keyof OffloadCard['latency']) =>
    Math.round(sum(({ latency, totals }) => latency[name] * totals.inserted) / count);
  const rows: [label: string, value: number][] = [
    ['Enqueued offloads', sum(({ queued }) => queued)],
    ['Inserted offloads', sum(({ used }) => used)],
    ['Cumulative Average latency (us)', average('mean')],
    ['Cumulative Latency stddev (us)', average('deviation')],
    ['Exponential Average latency (us)', average('recentMean')],
    ['Exponential Latency stddev (us)', average('recentDeviation')],
  ];
  const table = (who: string) =>
    rows.map(([label, value]) => `     ${who}${label.padStart(LABEL)}:${String(value).padStart(NUMBER)}`);
  return ['HW Offload stats:', ...table('Total'), ...table('[  0]')].join('\n');
}

function show({ dpif }: CommandContext): string {
  const { offload } = dpif;
  const cards = offload.cards();
  const elsewhere = dpif.flowCount() - cards.reduce((sum, { megaflows }) => sum + megaflows, 0);
  return [
    `hw-offload: ${offload.isOn ? 'on' : 'off'}`,
    ...cards.flatMap(cardLines),
    `megaflows of ports on no card: ${Math.max(0, elsewhere)}`,
  ].join('\n');
}

function cardLines({ name, problem, used, tableSize, queued, megaflows, reasons }: OffloadCard): string[] {
  const byCount = [...reasons].sort(([, a], [, b]) => b - a);
  return [
    `card ${name}: ${problem ?? 'in order'}`,
    `  table: ${used} of ${tableSize} flows, ${queued} queued`,
    `  megaflows: ${megaflows}, ${megaflows - used} of them in software`,
    ...byCount.map(([reason, count]) => `    ${String(count).padStart(7)}  ${reason}`),
  ];
}

function showStats({ dpif }: CommandContext): string {
  return dpif.offload.cards().flatMap(statisticsLines).join('\n');
}

function statisticsLines({ name, totals, latency }: OffloadCard): string[] {
  const us = (value: number) => `${Math.round(value)} us`;
  return [
    `card ${name}:`,
    `  inserted: ${totals.inserted}`,
    `  removed: ${totals.removed}`,
    `  gave way to busier flows: ${totals.gaveWay}`,
    `  refused by the card: ${totals.refused}`,
    `  refused because it was full: ${totals.full}`,
    `  resets: ${totals.resets}`,
    `  out of order: ${totals.deaths} times`,
    `  insertion latency: average ${us(latency.mean)}, deviation ${us(latency.deviation)}`,
    `  of the last ones: average ${us(latency.recentMean)}, deviation ${us(latency.recentDeviation)}`,
  ];
}

function explain(context: CommandContext, [text, actions]: readonly string[]): string {
  const { dpif } = context;
  const put = flowPut(context, text!, actions);
  const inPort = new DataView(put.key.buffer, put.key.byteOffset).getUint32(KEY_IN_PORT);
  const looks = dpif.offload.explain(inPort, put);
  const flow = findFlow(context, put.key, put.mask);
  const state = flow && dpif.offload.stateOf(flow);
  const where = state?.offloaded === 'yes' ? `it is in card ${state.card}` : `it is in software: ${state?.reason}`;
  return [...looks.map(lookLine), `so: ${conclusion(looks)}`, ...(state ? [`now: ${where}`] : [])].join('\n');
}

const lookLine = ({ title, detail, problem }: OffloadLook): string => `${title}: ${problem ?? detail ?? 'ok'}`;

function conclusion(looks: readonly OffloadLook[]): string {
  const problems = looks.filter(({ problem }) => problem !== undefined);
  if (problems.length === 0) return 'the card can forward it';
  return `software forwards it (${problems.map(({ title }) => title).join(', ')})`;
}

/** A megaflow by its ufid, or a flow as dpctl/dump-flows prints it, with its actions in the line or behind it. */
function flowPut(context: CommandContext, text: string, actionsText: string | undefined): FlowPut {
  if (/^ufid:[^,\s]*$/.test(text)) return flowOfUfid(context, text, 'explaining');
  const [head, inLine] = text.split(/,?\s*\bactions:/);
  const { key, mask } = parseKey(context, head!.replace(/,\s*packets:.*$/, ''));
  const masked = key.map((byte, i) => byte & mask[i]!);
  const given = actionsText ?? inLine?.replace(/,\s*dp-extra-info:.*$/, '');
  if (given !== undefined) return { key: masked, mask, actions: parseActions(context, given) };
  const flow = findFlow(context, masked, mask);
  if (!flow) throw new UserError('there is no such megaflow: say what its actions are');
  return flow;
}
