// clone (ovs-actions(7), "clone"): actions on a copy of the packet. A clone's changes end with it. They are undone at the next
// output, if there is one; what cannot be undone is done to a copy that the datapath makes.

import type { DpAction } from '../../datapath/dpif.ts';
import type { OfAction } from '../model/actions.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { finishFreezing } from './freeze.ts';

/** Open vSwitch's choice: it looks at the clone's own list only, not at what that resubmits to. */
const IRREVERSIBLE: ReadonlySet<OfAction['type']> = new Set<OfAction['type']>([
  'encap',
  'decap',
  'dec_nsh_ttl',
  'output_trunc',
]);

export function xlateClone(ctx: XlateContext, actions: readonly OfAction[]): void {
  if (!ctx.mayBranch()) return;
  const { stack, actionSet } = ctx;
  const flow = ctx.flow.clone();
  ctx.stack = [...stack];
  ctx.actionSet = [...actionSet];
  if (!ctx.isLast && actions.some(({ type }) => IRREVERSIBLE.has(type))) onCopy(ctx, () => runOnce(ctx, actions));
  else runOnce(ctx, actions);
  ctx.flow = flow;
  ctx.stack = stack;
  ctx.actionSet = actionSet;
}

function runOnce(ctx: XlateContext, actions: readonly OfAction[]): void {
  ctx.depth++;
  ctx.recursion.run(ctx, actions);
  ctx.depth--;
  // As Open vSwitch does: the copy of the packet leaves the pipeline here.
  if (!ctx.freezing) ctx.recursion.runActionSet(ctx);
  finishFreezing(ctx, 0);
}

/** What `body` does to the datapath's packet it does to a copy. */
function onCopy(ctx: XlateContext, body: () => void): void {
  commitActions(ctx);
  const base = ctx.base.clone();
  const { wasMpls, pendingEncap } = ctx;
  ctx.isLast = true;
  const actions = withoutLastClone(ctx.capture(body));
  ctx.base.copyFrom(base);
  Object.assign(ctx, { wasMpls, pendingEncap });
  if (actions.length > 0) ctx.emit({ type: 'clone', actions });
}

/** A packet that nothing more happens to needs no copy. */
export function withoutLastClone(actions: DpAction[]): DpAction[] {
  const last = actions.at(-1);
  return last?.type === 'clone' ? [...actions.slice(0, -1), ...last.actions] : actions;
}
