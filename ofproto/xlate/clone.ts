// clone (ovs-actions(7), "clone"): actions on a copy of the packet. A clone's changes end with it; they are undone at the next
// output, if there is one.

import type { OfAction } from '../model/actions.ts';
import type { XlateContext } from './context.ts';
import { finishFreezing } from './freeze.ts';

export function xlateClone(ctx: XlateContext, actions: readonly OfAction[]): void {
  if (!ctx.mayBranch()) return;
  const { stack, actionSet } = ctx;
  const flow = ctx.flow.clone();
  ctx.stack = [...stack];
  ctx.actionSet = [...actionSet];
  ctx.depth++;
  ctx.recursion.run(ctx, actions);
  ctx.depth--;
  // As Open vSwitch does: the copy of the packet leaves the pipeline here.
  if (!ctx.freezing) ctx.recursion.runActionSet(ctx);
  finishFreezing(ctx);
  ctx.flow = flow;
  ctx.stack = stack;
  ctx.actionSet = actionSet;
}
