// What a bridge tells its subscribers of changed flows: every visible change for flow monitors, and deletions that the
// flow's owner asked to hear of (OFPFF_SEND_FLOW_REM).

import type { FlowChange, OfprotoEvents } from './ofproto-api.ts';
import type { FlowTablesListener } from './tables/flow-tables.ts';
import type { Rule } from './tables/rule.ts';

type News = Pick<FlowTablesListener, 'flowAdded' | 'flowModified' | 'flowRemoved'>;

/** `counters` brings a rule's up to date. */
export function flowNews(
  subscribers: ReadonlySet<OfprotoEvents>,
  counters: { pushStats(rule: Rule): void },
  now: () => number,
): News {
  const tell = (change: FlowChange) => {
    if (!change.rule.hidden) for (const events of subscribers) events.flowChanged?.(change);
  };
  return {
    flowAdded: (rule, oldActions, origin) => tell({ event: 'added', rule, origin, oldActions }),
    flowModified: (rule, oldActions, origin) => tell({ event: 'modified', rule, origin, oldActions }),
    flowRemoved: (rule, reason, origin) => {
      tell({ event: 'deleted', rule, reason, origin });
      if (!rule.flags.sendFlowRem || rule.hidden) return;
      counters.pushStats(rule);
      const removed = { ...rule.stats(now()), reason };
      for (const events of subscribers) events.flowRemoved(removed);
    },
  };
}
