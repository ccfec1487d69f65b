// ModifyFlows and DumpFlows.

import { UserError } from '../../../lib/errors.ts';
import { inSlices } from '../../../lib/slices.ts';
import { OFP_NO_BUFFER, OfError } from '../../../ofproto/model/flow-mod.ts';
import type { OfprotoApi } from '../../../ofproto/ofproto-api.ts';
import type { Names } from '../../../ofproto/text/ports.ts';
import { type Call, findBridge } from '../call.ts';
import { portNames } from '../context.ts';
import { flowFilterOf, flowModOf, flowStatsMessage } from '../convert/flows.ts';
import { CallError, flowError } from '../errors.ts';
import type {
  DumpFlowsRequest,
  FlowErrorMessage,
  FlowModMessage,
  ModifyFlowsReply,
  ModifyFlowsRequest,
} from '../messages.ts';

/** A dump holds what it has still to send, however slowly it is read. */
const DUMPS_MAX = 2;
/** A reader that takes nothing of a dump for so long is taken for dead. */
const DUMP_STALL_MS = 60_000;
const FLOWS_PER_REPLY = 64;

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
    const mod = flowModOf(message, names);
    if (mod.bufferId !== OFP_NO_BUFFER) throw new OfError('OFPBRC_BUFFER_UNKNOWN');
    bridge.flowMod(mod);
    return {};
  } catch (error) {
    return { error: flowError(error) };
  }
}

export async function dumpFlows(request: DumpFlowsRequest, call: Call): Promise<void> {
  const { client } = call;
  const bridge = findBridge(client, request.bridge);
  if (typeof request.form !== 'string') throw new UserError(`${request.form} is not a known form`);
  if (client.dumps >= DUMPS_MAX) {
    throw new CallError('RESOURCE_EXHAUSTED', `${DUMPS_MAX} dumps are under way on this connection`);
  }
  client.dumps++;
  try {
    await sendFlows(bridge, request, call);
  } finally {
    client.dumps--;
  }
}

async function sendFlows(bridge: OfprotoApi, request: DumpFlowsRequest, call: Call): Promise<void> {
  const flows = bridge.flowStats(flowFilterOf(request, portNames(bridge)));
  for (let at = 0; at < flows.length && !call.ended; at += FLOWS_PER_REPLY) {
    const slice = flows.slice(at, at + FLOWS_PER_REPLY);
    const isTaken = call.send({ flows: slice.map((flow) => flowStatsMessage(flow, request.form)) });
    if (isTaken) await new Promise((resolve) => setImmediate(resolve));
    else await drainedInTime(call);
  }
}

async function drainedInTime(call: Call): Promise<void> {
  let cancel = () => {};
  const stalled = new Promise<boolean>((resolve) => {
    cancel = call.client.switch.clock.after(DUMP_STALL_MS, () => resolve(true));
  });
  const isStalled = await Promise.race([stalled, call.drained()]);
  cancel();
  if (isStalled === true) throw new CallError('DEADLINE_EXCEEDED', 'the flows were not read');
}
