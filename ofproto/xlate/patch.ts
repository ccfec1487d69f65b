// Output to a patch port: the packet goes on in the peer's bridge, through its tables, as if it had been received there.
// The peer sees a packet without metadata, registers, conntrack state or tunnel, an empty stack and an empty action set;
// its header changes, its errors and its exit end with it.

import { OFPP } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import type { XlateContext } from './context.ts';
import { finishFreezing } from './freeze.ts';
import type { PatchEnd, XlatePort } from './snapshot.ts';

export function outputToPeer(ctx: XlateContext, port: XlatePort, peer: PatchEnd): void {
  const { flow, bridge, mirrored, stack, actionSet, inActionSet, error, overLimit } = ctx;
  if (port.counters && peer.port.counters) ctx.hops.push({ from: port.counters, to: peer.port.counters });
  ctx.flow = flow.clone();
  forgetMetadata(ctx.flow);
  ctx.flow.setU32(F.KEY_IN_PORT, peer.port.ofPort);
  if (peer.bridge !== bridge) ctx.mirrored = new Set();
  ctx.stack = [];
  ctx.actionSet = [];
  ctx.inActionSet = false;
  ctx.enterBridge(peer.bridge);
  ctx.report.nest(
    'bridge',
    () => `bridge("${peer.bridge.name}")`,
    () => ctx.recursion.receive(ctx, peer.port),
  );
  finishFreezing(ctx);
  ctx.enterBridge(bridge);
  ctx.flow = flow;
  ctx.mirrored = mirrored;
  ctx.stack = stack;
  ctx.actionSet = actionSet;
  ctx.inActionSet = inActionSet;
  ctx.exit = false;
  ctx.error = error;
  ctx.overLimit = overLimit;
}

/** Clears what only the bridge that the packet leaves knows of it. */
function forgetMetadata(flow: F.Flow): void {
  flow.bytes.fill(0, F.FLOW_METADATA);
  flow.setU32(F.FLOW_ACTSET_OUTPUT, OFPP.UNSET);
  flow.bytes.fill(0, F.KEY_CT_STATE, F.KEY_CT_TP_DST + 2);
}
