// ofproto/* and bridge/*: one bridge's OpenFlow switch.

import { OFPP } from '../../../ofproto/model/actions.ts';
import { emptyMatch } from '../../../ofproto/model/flow.ts';
import type { FlowStatsEntry } from '../../../ofproto/model/flow-mod.ts';
import { formatActions } from '../../../ofproto/text/format-actions.ts';
import { formatMatch } from '../../../ofproto/text/format-match.ts';
import type { Command } from '../../unixctl/command.ts';
import { type CommandContext, findBridge, splitOptions } from './context.ts';

export function bridgeCommands(context: CommandContext): Command[] {
  const bridges = () => context.reconciler.bridges();
  return [
    {
      name: 'ofproto/list',
      usage: '',
      minArgs: 0,
      maxArgs: 0,
      handler: () =>
        bridges()
          .map((bridge) => bridge.name)
          .join('\n'),
    },
    {
      name: 'bridge/dump-flows',
      usage: '[--offload-stats] bridge',
      minArgs: 1,
      maxArgs: 2,
      handler: (args) => dumpFlows(context, args),
    },
    {
      name: 'bridge/reconnect',
      usage: '[bridge]',
      minArgs: 0,
      maxArgs: 1,
      handler: ([name]) => {
        const chosen = name === undefined ? bridges() : [findBridge(context, name, 'Unknown bridge')];
        for (const bridge of chosen) bridge.connmgr.reconnect();
        return '';
      },
    },
  ];
}

const OFPTT_ALL = 255;

function dumpFlows(context: CommandContext, args: readonly string[]): string {
  const { options, rest } = splitOptions(args, ['--offload-stats']);
  const bridge = findBridge(context, rest[0] ?? '', 'Unknown bridge');
  const every = { match: emptyMatch(), cookie: 0n, cookieMask: 0n, outPort: OFPP.ANY, outGroup: OFPP.ANY };
  const visible = bridge.ofproto.flowStats({ tableId: OFPTT_ALL, ...every });
  // Hidden flows of the first table stand above all that controllers can say.
  const hidden = bridge.ofproto.hiddenFlows();
  const flows = [
    ...hidden.filter(({ tableId }) => tableId === 0),
    ...visible,
    ...hidden.filter(({ tableId }) => tableId !== 0),
  ];
  return flows.map((flow) => flowLine(flow, options.size > 0)).join('\n');
}

function flowLine(flow: FlowStatsEntry, withOffload: boolean): string {
  const table = flow.tableId === 0 ? '' : `table_id=${flow.tableId}, `;
  const counts = `n_packets=${flow.packets}, n_bytes=${flow.bytes}`;
  // Nothing is offloaded to a network card.
  const offload = withOffload ? ', n_offload_packets=0, n_offload_bytes=0' : '';
  const rule = `${formatMatch(flow.match, flow.priority)},actions=${formatActions(flow.actions)}`;
  return `${table}duration=${Math.floor(flow.durationMs / 1000)}s, ${counts}${offload}, ${rule}`;
}
