// mdb/*: what a bridge's multicast snooping learned.

import { UserError } from '../../../lib/errors.ts';
import type { McastRow } from '../../../ofproto/ofproto-api.ts';
import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, findBridge, ofPortText } from './context.ts';
import { chosenBridges } from './fdb-commands.ts';

export function mdbCommands(context: CommandContext): Command[] {
  return [
    { name: 'mdb/flush', usage: '[bridge]', minArgs: 0, maxArgs: 1, handler: ([name]) => flush(context, name) },
    { name: 'mdb/show', usage: 'bridge', minArgs: 1, maxArgs: 1, handler: ([name]) => show(context, name!) },
  ];
}

function show(context: CommandContext, name: string): string {
  const rows = findBridge(context, name).ofproto.l2.mcastRows();
  if (!rows) throw new UserError('multicast snooping is disabled');
  return [' port  VLAN  GROUP                Age', ...rows.map(line)].join('\n');
}

function line({ ofPort, vlan, group, ageS }: McastRow): string {
  const what = group === undefined ? 'querier             ' : `${group}         `;
  return `${ofPortText(ofPort).padStart(5)}  ${String(vlan).padStart(4)}  ${what}${String(ageS).padStart(3)}`;
}

function flush(context: CommandContext, name: string | undefined): string {
  const flushed = chosenBridges(context, name).map((bridge) => bridge.ofproto.l2.flushMcast());
  if (name !== undefined && !flushed[0]) throw new UserError('multicast snooping is disabled');
  return 'table successfully flushed';
}
