// What a bridge tells of changed flows: to translation, all that concerns it; to its subscribers, every visible change for
// flow monitors, and deletions that the flow's owner asked to hear of (OFPFF_SEND_FLOW_REM).

import type { FlowChange, OfprotoEvents } from './ofproto-api.ts';
import type { FlowTablesListener } from './tables/flow-tables.ts';
import type { Backer } from './upcall/backer.ts';

/** Who translates, and counts what translations' packets do. */
type Translator = Pick<Backer, 'changed' | 'ruleAdded' | 'ruleTouched' | 'pushStats'>;

export function flowNews(
  subscribers: ReadonlySet<OfprotoEvents>,
  translator: Translator,
  now: () => number,
): FlowTablesListener {
  const tell = (change: FlowChange) => {
    if (!change.rule.hidden) for (const events of subscribers) events.flowChanged?.(change);
  };
  return {
    changed: () => translator.changed(),
    added: (table, rule) => translator.ruleAdded(table, rule),
    touched: (rule) => translator.ruleTouched(rule),
    refresh: (rule) => translator.pushStats(rule),
    flowAdded: (rule, oldActions, origin) => tell({ event: 'added', rule, origin, oldActions }),
    flowModified: (rule, oldActions, origin) => tell({ event: 'modified', rule, origin, oldActions }),
    flowRemoved: (rule, reason, origin) => {
      tell({ event: 'deleted', rule, reason, origin });
      if (!rule.flags.sendFlowRem || rule.hidden) return;
      translator.pushStats(rule);
      const removed = { ...rule.stats(now()), reason };
      for (const events of subscribers) events.flowRemoved(removed);
    },
  };
}
