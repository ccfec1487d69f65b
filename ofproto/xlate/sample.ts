// The sample action: some of the packets, chosen by chance, are shown to the collectors of a set (Flow_Sample_Collector_Set),
// as they are at this point.

import type { DpAction } from '../../datapath/dpif.ts';
import type { OfAction } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import type { SampleSpec } from './snapshot.ts';

const WHOLE_PACKET = 0xffff;
/** Probability 1 of the action. */
const ALWAYS = 0xffff;
const ODPP_NONE = 0xffffffff;

export function xlateSample(ctx: XlateContext, action: Extract<OfAction, { type: 'sample' }>): void {
  if (!ctx.bridge.samples) return;
  const outputPort = sampledPort(ctx, action.samplingPort);
  if (outputPort === undefined) {
    const { samplingPort } = action;
    ctx.report.add('error', () => `can't use unknown port ${samplingPort} in flow sample action`);
    return;
  }
  commitActions(ctx);
  const { probability, collectorSetId, obsDomainId, obsPointId, direction } = action;
  const sample: SampleSpec = {
    bridge: ctx.bridge,
    flowSample: { probability, collectorSetId, obsDomainId, obsPointId, outputPort, direction },
  };
  const up: DpAction = { type: 'userspace', cookie: ctx.controllers.length, maxLen: WHOLE_PACKET };
  ctx.controllers.push(sample);
  if (probability === ALWAYS) ctx.emit(up);
  else ctx.emit({ type: 'sample', probability: probability * 0x1_0000 + probability, actions: [up] });
}

/** The datapath's number of the port that the packets leave by; none of one that they came in by, or that is not said. */
function sampledPort({ bridge, flow }: XlateContext, samplingPort: number | undefined): number | undefined {
  if (samplingPort === undefined || samplingPort === flow.u32(F.KEY_IN_PORT)) return ODPP_NONE;
  return bridge.port(samplingPort)?.odpPort;
}
