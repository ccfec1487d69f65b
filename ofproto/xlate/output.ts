// Output to ports, real and reserved (ovs-actions(7), "Output").

import { OFPP } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import type { XlateContext } from './context.ts';
import { reasonOfAction, sendToController } from './controller.ts';
import { xlateNormal } from './normal.ts';
import { emitOutput } from './port-output.ts';
import type { XlatePort } from './snapshot.ts';

/** Only a packet's first `maxLen` bytes go to the controller. */
export function xlateOutput(ctx: XlateContext, port: number, maxLen: number): void {
  const inPort = ctx.flow.u32(F.KEY_IN_PORT);
  switch (port) {
    case OFPP.IN_PORT:
      emitOutput(ctx, inPort);
      break;
    case OFPP.TABLE:
      ctx.recursion.enterTable(ctx, inPort, 0, true);
      break;
    case OFPP.NORMAL:
      xlateNormal(ctx);
      break;
    case OFPP.FLOOD:
      flood(ctx, (port) => !port.config.noFlood);
      break;
    case OFPP.ALL:
      // Not even the spanning tree has a say.
      flood(ctx, () => true, false);
      break;
    case OFPP.CONTROLLER:
      sendToController(ctx, { maxLen, controllerId: 0, ...reasonOfAction(ctx) });
      break;
    case OFPP.ANY:
      break;
    default:
      if (port === inPort) ctx.report.add('warn', () => 'skipping output to input port');
      else emitOutput(ctx, port);
  }
}

function flood(ctx: XlateContext, wanted: (port: XlatePort) => boolean, inTree = true): void {
  const inPort = ctx.flow.u32(F.KEY_IN_PORT);
  for (const port of ctx.bridge.ports) {
    if (port.ofPort !== inPort && wanted(port)) emitOutput(ctx, port.ofPort, undefined, inTree);
  }
}

/** output(port=P,max_len=N): the copy for this port alone is cut short. */
export function xlateOutputTrunc(ctx: XlateContext, port: number, maxLen: number): void {
  const inPort = ctx.flow.u32(F.KEY_IN_PORT);
  if (port === OFPP.CONTROLLER) {
    sendToController(ctx, { maxLen, controllerId: 0, truncate: true, ...reasonOfAction(ctx) });
    return;
  }
  if (port === inPort) {
    ctx.report.add('warn', () => 'skipping output to input port');
    return;
  }
  const target = port === OFPP.IN_PORT ? inPort : port;
  const real = ctx.bridge.port(target);
  if (!real) ctx.report.add('warn', () => 'Nonexistent output port');
  if (real?.odpPort === undefined) return;
  ctx.emit({ type: 'trunc', maxLen });
  emitOutput(ctx, target);
}

/** enqueue: output with the queue's priority, which holds for this output only. */
export function xlateEnqueue(ctx: XlateContext, port: number, queue: number): void {
  const { flow, wc } = ctx;
  wc.setU32(F.KEY_SKB_PRIORITY, 0xffffffff);
  const target = port === OFPP.IN_PORT ? flow.u32(F.KEY_IN_PORT) : port;
  if (port !== OFPP.IN_PORT && target === flow.u32(F.KEY_IN_PORT)) return;
  const priority = flow.u32(F.KEY_SKB_PRIORITY);
  // Even when the output comes to nothing, as in Open vSwitch.
  ctx.wc.setU32(F.KEY_SKB_PRIORITY, 0xffffffff);
  flow.setU32(F.KEY_SKB_PRIORITY, queue);
  emitOutput(ctx, target);
  flow.setU32(F.KEY_SKB_PRIORITY, priority);
}
