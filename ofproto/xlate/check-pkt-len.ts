// check_pkt_larger: the rest of the list is translated twice, once for longer and once for shorter packets; the datapath
// chooses by the packet's length.

import type { OfAction } from '../model/actions.ts';
import { setSubfield } from '../model/fields.ts';
import { Flow } from '../model/flow.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { finishFreezing } from './freeze.ts';

type CheckPktLarger = Extract<OfAction, { type: 'check_pkt_larger' }>;

/** Translates `rest`, what follows the action in its list, in both cases. */
export function xlateCheckPktLarger(
  ctx: XlateContext,
  { maxLen, dst }: CheckPktLarger,
  rest: readonly OfAction[],
  runActionSet: (ctx: XlateContext) => void,
): void {
  commitActions(ctx);
  const branch = (larger: boolean) => {
    // Every check in a list doubles the work: it counts as a resubmit does.
    if (!ctx.mayEnter()) return [];
    const before = snapshotOf(ctx);
    setSubfield(ctx.flow, dst, larger ? 1n : 0n);
    const actions = ctx.capture(() => {
      ctx.depth++;
      ctx.recursion.run(ctx, rest);
      ctx.depth--;
      // As Open vSwitch has it, the action set belongs to the first case, and is run again when all is done.
      if (larger && !ctx.freezing) runActionSet(ctx);
      finishFreezing(ctx);
    });
    before();
    return actions;
  };
  const greater = branch(true);
  ctx.exit = false;
  const lessEqual = branch(false);
  ctx.emit({ type: 'check_pkt_len', size: maxLen, greater, lessEqual });
}

/** Returns what puts the packet back as it is now. */
function snapshotOf(ctx: XlateContext): () => void {
  const { stack, actionSet, wasMpls, pendingEncap, inActionSet } = ctx;
  const flow = ctx.flow.clone();
  const base = ctx.base.clone();
  ctx.stack = [...stack];
  ctx.actionSet = [...actionSet];
  return () => {
    ctx.flow = new Flow(flow.bytes);
    ctx.base.copyFrom(base);
    Object.assign(ctx, { stack, actionSet, wasMpls, pendingEncap, inActionSet });
  };
}
