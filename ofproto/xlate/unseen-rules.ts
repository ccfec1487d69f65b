// Flows that a translation has learned: the packet that teaches them does not take them, but later look-ups of it pass by
// where they are, and match what tells the packet apart from their other packets, as in Open vSwitch.

import { Classifier } from '../tables/classifier.ts';
import type { FlowTable } from '../tables/flow-table.ts';
import { Rule } from '../tables/rule.ts';
import type { XlateContext } from './context.ts';

/** Marks what a look-up that found `found` reads of what has been learned for `table`. */
export function passUnseenRules(ctx: XlateContext, table: FlowTable, found: Rule | undefined): void {
  if (ctx.learned.length === 0 || ctx.report.suppressesEffects) return;
  const unseen = ctx.learned.filter(
    ({ tableId, priority }) => tableId === table.id && priority > (found?.priority ?? -1),
  );
  if (unseen.length === 0) return;
  const classifier = new Classifier();
  classifier.prefixes = table.classifier.prefixes;
  for (const mod of unseen) classifier.insert(new Rule(table.id, mod, 0));
  classifier.lookup(ctx.flow, ctx.wc);
}
