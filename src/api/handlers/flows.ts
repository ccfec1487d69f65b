// ModifyFlows and DumpFlows.

import { UserError } from '../../../lib/errors.ts';
import { inSlices } from '../../../lib/slices.ts';
import { type FlowMod, OFP_NO_BUFFER, OfError } from '../../../ofproto/model/flow-mod.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { type Call, findBridge } from '../call.ts';
import { portNames } from '../context.ts';
import { flowFilterOf, flowModOf, flowStatsMessage } from '../convert/flows.ts';
import { dump, dumped } from '../dump.ts';
import { flowError } from '../errors.ts';
import type {
  DumpFlowsRequest,
  FlowErrorMessage,
  FlowModMessage,
  ModifyFlowsReply,
  ModifyFlowsRequest,
} from '../messages.ts';

/** One after the other: a request is only read when the one before it was answered and the client took that. */
export async function modifyFlows(requests: AsyncIterable<ModifyFlowsRequest>, call: Call): Promise<void> {
  for await (const request of requests) await call.sendSlowly(await carryOut(request, call));
}

async function carryOut({ bridge: name, mods }: ModifyFlowsRequest, call: Call): Promise<ModifyFlowsReply> {
  const bridge = findBridge(call.client, name);
  const names = portNames(bridge);
  const results: { error?: FlowErrorMessage }[] = [];
  // A long request must not keep the control thread from others.
  await inSlices(mods, (mod) => results.push(modify(bridge, mod, names)));
  return { results };
}

function modify(bridge: OfprotoApi, message: FlowModMessage, names: Names): { error?: FlowErrorMessage } {
  try {
    bridge.flowMod(checkedFlowMod(message, names));
    return {};
  } catch (error) {
    return { error: flowError(error) };
  }
}

/** Throws UserError, OfError. */
export function checkedFlowMod(message: FlowModMessage, names: Names): FlowMod {
  const mod = flowModOf(message, names);
  if (mod.bufferId !== OFP_NO_BUFFER) throw new OfError('OFPBRC_BUFFER_UNKNOWN');
  return mod;
}

export async function dumpFlows(request: DumpFlowsRequest, call: Call): Promise<void> {
  const bridge = findBridge(call.client, request.bridge);
  if (typeof request.form !== 'string') throw new UserError(`${request.form} is not a known form`);
  await dump(call, 'flows', () =>
    dumped(bridge.flowStats(flowFilterOf(request, portNames(bridge))), (flow) => flowStatsMessage(flow, request.form)),
  );
}
