// check_pkt_larger: the rest of the list is translated twice, once for longer and once for shorter packets; the datapath
// chooses by the packet's length.

import type { OfAction } from '../model/actions.ts';
import { setSubfield } from '../model/fields.ts';
import { Flow } from '../model/flow.ts';
import { withoutLastClone } from './clone.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { finishFreezing } from './freeze.ts';

type CheckPktLarger = Extract<OfAction, { type: 'check_pkt_larger' }>;

/**
 * Translates `rest`, what follows the action in its list, in both cases. As Open vSwitch has it: the case of longer packets
 * comes first and leaves its stack to the other; an action set that was there before is run in the first case, and again
 * when all is done; the lists around go on unless the first case ends them.
 */
export function xlateCheckPktLarger(
  ctx: XlateContext,
  { maxLen, dst }: CheckPktLarger,
  rest: readonly OfAction[],
): void {
  commitActions(ctx);
  const { stack, actionSet } = ctx;
  ctx.stack = [...stack];
  ctx.actionSet = [...actionSet];
  const branch = (larger: boolean) => {
    if (!ctx.mayBranch()) return [];
    const putBack = snapshotOf(ctx);
    setSubfield(ctx.flow, dst, larger ? 1n : 0n);
    const actions = ctx.capture(() => {
      ctx.isLast = true;
      ctx.depth++;
      ctx.recursion.run(ctx, rest);
      ctx.depth--;
      if (!ctx.freezing) ctx.recursion.runActionSet(ctx);
      finishFreezing(ctx);
    });
    putBack();
    return withoutLastClone(actions);
  };
  const greater = branch(true);
  const { exit } = ctx;
  ctx.exit = false;
  const lessEqual = branch(false);
  Object.assign(ctx, { stack, actionSet, exit });
  ctx.emit({ type: 'check_pkt_len', size: maxLen, greater, lessEqual });
}

/** Returns what makes the packet again what it is now. */
function snapshotOf(ctx: XlateContext): () => void {
  const { wasMpls, pendingEncap } = ctx;
  const flow = ctx.flow.clone();
  const base = ctx.base.clone();
  return () => {
    ctx.flow = new Flow(flow.bytes);
    ctx.base.copyFrom(base);
    Object.assign(ctx, { wasMpls, pendingEncap });
  };
}
