// What a table has for a packet, in a trace's words, and what becomes of a packet that it has nothing for.

import * as F from '../model/flow.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import type { Rule } from '../tables/rule.ts';
import { formatMatch, OFP_DEFAULT_PRIORITY } from '../text/format-match.ts';
import type { XlateContext } from './context.ts';
import { sendToController } from './controller.ts';
import type { MissKind } from './snapshot.ts';

export function describeRule(rule: Rule): string {
  const match = formatMatch(rule.match(), OFP_DEFAULT_PRIORITY);
  const cookie = rule.cookie === 0n ? '' : `, cookie 0x${rule.cookie.toString(16)}`;
  return `${match === '' ? '' : `${match}, `}priority ${rule.priority}${cookie}`;
}

/** What becomes of a packet that `table`, table 0 or that of a goto_table, has no flow for. */
export function missOf({ bridge, flow }: XlateContext, table: FlowTable | undefined): MissKind {
  const port = bridge.port(flow.u32(F.KEY_IN_PORT));
  switch (table?.miss ?? 'default') {
    case 'default':
      return bridge.missToController && !port?.config.noPacketIn ? 'controller' : 'drop';
    case 'drop':
      return 'drop';
    default:
      // Of the last table `continue` means the same.
      return port && !port.config.noPacketIn ? 'controller' : 'drop';
  }
}

/** Open vSwitch knows its own rule for misses only in the first bridge, and shows what that rule matches in others. */
export function describeMiss(ctx: XlateContext, missed: MissKind | undefined): string {
  const goesUp = missed === 'controller';
  if (ctx.bridge !== ctx.bridges[0]!.bridge) return `reg0=${goesUp ? '0x1' : '0x2'}, priority 0`;
  return goesUp ? 'No match, and a "packet-in" is called for.' : 'No match.';
}

export function miss(ctx: XlateContext, missed: MissKind | undefined): void {
  if (missed !== 'controller') {
    ctx.report.add('action', () => 'drop');
    return;
  }
  // Open vSwitch has no name for this reason.
  ctx.report.add('action', () => 'controller(reason=)');
  sendToController(ctx, { maxLen: 0xffff, controllerId: 0, reason: 'no_match', miss: 'implicit' });
}
