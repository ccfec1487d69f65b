// write_actions and clear_actions: what the end of the pipeline will run, and actset_output, which tells matches of it.

import { orderActionSet } from '../model/action-set.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { FLOW_ACTSET_OUTPUT } from '../model/flow.ts';
import { formatActions } from '../text/format-actions.ts';
import type { XlateContext } from './context.ts';

/** What actset_output is with this action set. */
export function actsetOutput(actionSet: readonly OfAction[]): number {
  const output = actionSet.findLast((written) => written.type === 'output');
  // A group takes the output's place.
  const isOutput = output && !actionSet.some((written) => written.type === 'group');
  return isOutput ? output.port : OFPP.UNSET;
}

export function changeActionSet(
  ctx: XlateContext,
  action: Extract<OfAction, { type: 'write_actions' | 'clear_actions' }>,
): void {
  if (action.type === 'clear_actions') {
    const was = ctx.actionSet;
    ctx.report.add('detail', () => `action set was${setText(was)}`);
    ctx.actionSet = [];
    ctx.flow.setU32(FLOW_ACTSET_OUTPUT, OFPP.UNSET);
    return;
  }
  ctx.actionSet.push(...action.actions);
  ctx.flow.setU32(FLOW_ACTSET_OUTPUT, actsetOutput(ctx.actionSet));
  ctx.report.add('detail', () => `action set is${setText(ctx.actionSet)}`);
}

/** Of what would run: without an output or a group, nothing does. */
function setText(actionSet: readonly OfAction[]): string {
  const ordered = orderActionSet(actionSet);
  return ordered.length === 0 ? ' empty' : `: ${formatActions(ordered)}`;
}
