// The last step of every output: header changes are made, then the packet goes to one datapath port.

import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';

export function emitOutput(ctx: XlateContext, ofPort: number): void {
  const port = ctx.bridge.port(ofPort);
  if (!port || port.odpPort === undefined) {
    ctx.report.add('warn', () => 'Nonexistent output port');
    return;
  }
  if (port.config.noFwd) {
    ctx.report.add('detail', () => 'OFPPC_NO_FWD set, skipping output');
    return;
  }
  commitActions(ctx);
  ctx.emit({ type: 'output', port: port.odpPort });
}
