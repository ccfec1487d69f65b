// The last step of every output: header changes are made, then the packet goes to one datapath port.

import { KEY_IN_PORT, KEY_PACKET_TYPE } from '../model/flow.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { outputToPeer } from './patch.ts';
import type { XlatePort } from './snapshot.ts';
import { mayLeave } from './spanning-tree.ts';

/** `send` takes the place of the output to the port; `inTree`: the spanning tree has a say. */
export function emitOutput(ctx: XlateContext, ofPort: number, send?: () => void, inTree = true): void {
  const port = ctx.bridge.port(ofPort);
  if (!port) {
    ctx.report.add('warn', () => 'Nonexistent output port');
    return;
  }
  if (port.config.noFwd) {
    ctx.report.add('detail', () => 'OFPPC_NO_FWD set, skipping output');
    return;
  }
  if (isProtected(ctx, port)) {
    ctx.report.add('warn', () => 'Flow is between protected ports, skipping output.');
    return;
  }
  if (ctx.snaplen !== undefined && port.odpPort === undefined) {
    ctx.report.add('warn', () => 'Mirror truncate to ODPP_NONE, skipping output');
    return;
  }
  if (inTree && !mayLeave(ctx, port)) return;
  if (ctx.flow.u32(KEY_PACKET_TYPE) !== 0) {
    ctx.report.add('warn', () => 'Trying to send non-Ethernet packet through legacy L2 port. Dropping packet.');
    return;
  }
  if (port.peer) {
    outputToPeer(ctx, port, port.peer);
    return;
  }
  if (port.odpPort === undefined) return;
  commitActions(ctx);
  if (ctx.snaplen !== undefined) ctx.emit({ type: 'trunc', maxLen: ctx.snaplen });
  if (send) send();
  else ctx.emit({ type: 'output', port: port.odpPort });
  if (ctx.bridge.l2.mirrors.length > 0) ctx.recursion.mirrorSent(ctx, port);
}

/** Port.protected: such ports do not talk to one another. */
function isProtected({ flow, bridge }: XlateContext, port: XlatePort): boolean {
  return (port.bundle?.protected && bridge.port(flow.u32(KEY_IN_PORT))?.bundle?.protected) ?? false;
}
