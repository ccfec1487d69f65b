// ofproto/trace: one packet's way through a bridge as text, in Open vSwitch's layout (ovs-vswitchd(8), "ofproto/trace").

import { type DpAction, mapDpActions } from '../../datapath/dpif.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { FLOW_ACTSET_OUTPUT, type Flow } from '../model/flow.ts';
import { formatDpActions } from '../odp-text/format-actions.ts';
import type { Trace } from '../ofproto-api.ts';
import { formatMatch } from '../text/format-match.ts';
import { type FrozenState, withRecircIds } from '../xlate/freeze.ts';
import type { TraceKind, TraceNode } from '../xlate/report.ts';
import type { SlowReason, XlateBridge, Xlated } from '../xlate/snapshot.ts';
import { xlate } from '../xlate/xlate.ts';
import { formatWholeFlow } from './format-flow.ts';

const FRAMES: Readonly<Record<TraceKind, (text: string) => string>> = {
  bridge: (text) => text,
  table: (text) => text,
  action: (text) => text,
  detail: (text) => ` -> ${text}`,
  warn: (text) => ` >> ${text}`,
  error: (text) => ` >>>> ${text} <<<<`,
};

/** The slow path's side of a trace. */
export interface TraceRecircs {
  /** What the flow's recirc_id stands for; undefined for 0. */
  readonly resume: FrozenState | undefined;
  /** Ids of the states that the translation left. */
  idsOf(states: readonly FrozenState[]): readonly number[];
  /** Actions of a packet-out, in place of table 0. */
  readonly packetOut?: readonly OfAction[] | undefined;
}

/** Follows `flow`, which enters `bridge`. `withEffects`, given for a real packet, takes what it changes. */
export function traceFlow(
  bridge: XlateBridge,
  flow: Flow,
  { resume, idsOf, packetOut }: TraceRecircs,
  withEffects?: (xlated: Xlated) => void,
): Trace {
  const steps: TraceNode[] = [];
  const withPacketOut = packetOut ? { packetOut } : {};
  const xlated = xlate(bridge, flow, {
    trace: steps,
    resume,
    withEffects: withEffects !== undefined,
    ...withPacketOut,
  });
  const { actions, controllers, recircs, mask, finalFlow, error } = xlated;
  withEffects?.(xlated);
  const title = `bridge("${bridge.name}")`;
  const lines = [`Flow: ${formatWholeFlow(flow)}`, '', title, '-'.repeat(title.length)];
  printSteps(lines, steps, 0);
  const start = flow.clone();
  start.setU32(FLOW_ACTSET_OUTPUT, OFPP.UNSET);
  const masked = flow.clone();
  masked.applyMask(mask);
  // Numbers of packet-ins start at 1, as those of installed flows.
  const shown = mapDpActions(withRecircIds(actions, idsOf(recircs)), (action) =>
    action.type === 'userspace' ? { ...action, cookie: action.cookie + 1 } : action,
  );
  const options = { dontSend: withEffects === undefined, controller: (cookie: number) => controllers[cookie - 1] };
  const megaflow = formatMatch({ flow: masked, mask });
  lines.push(
    '',
    `Final flow: ${finalFlow.equals(start) ? 'unchanged' : formatWholeFlow(finalFlow)}`,
    `Megaflow: ${megaflow}`,
    `Datapath actions: ${formatDpActions(shown, options)}`,
  );
  if (error !== undefined) lines.push(`Translation failed (${error}), packet is dropped.`);
  else lines.push(...slowLines(xlated.slow));
  const actionText = (action: DpAction) => formatDpActions([action], options);
  return { text: lines.join('\n'), megaflow, actions: shown, actionText, error };
}

const SLOW_TEXTS: Readonly<Record<SlowReason, string>> = {
  action: 'Uses action(s) not supported by datapath',
  stp: 'Consists of STP packets',
  lacp: 'Consists of LACP packets',
};

function slowLines(reasons: ReadonlySet<SlowReason>): string[] {
  if (reasons.size === 0) return [];
  const title = 'This flow is handled by the userspace slow path because it:';
  return [title, ...[...reasons].map((reason) => `  - ${SLOW_TEXTS[reason]}.`)];
}

/** Only what follows a table's steps in the same list indents them: a last resubmit is like a jump. */
function printSteps(lines: string[], steps: readonly TraceNode[], level: number): void {
  steps.forEach((step, i) => {
    const indented = (step.kind !== 'table' && step.kind !== 'bridge') || i < steps.length - 1 ? 1 : 0;
    const margin = ' '.repeat(4 * (level + indented));
    if (step.kind === 'bridge') lines.push('');
    lines.push(margin + FRAMES[step.kind](step.text));
    if (step.kind === 'bridge') lines.push(margin + '-'.repeat(step.text.length));
    printSteps(lines, step.subs, level + 2 * indented);
  });
}
