// The last step of every output: header changes are made, then the packet goes to one datapath port.

import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { outputToPeer } from './patch.ts';

export function emitOutput(ctx: XlateContext, ofPort: number): void {
  const port = ctx.bridge.port(ofPort);
  if (!port) {
    ctx.report.add('warn', () => 'Nonexistent output port');
    return;
  }
  if (port.config.noFwd) {
    ctx.report.add('detail', () => 'OFPPC_NO_FWD set, skipping output');
    return;
  }
  if (port.peer) {
    outputToPeer(ctx, port, port.peer);
    return;
  }
  if (port.odpPort === undefined) return;
  commitActions(ctx);
  ctx.emit({ type: 'output', port: port.odpPort });
}
