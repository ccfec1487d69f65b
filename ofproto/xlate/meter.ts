// The meter instruction, and the meters of packets that go to a controller.

import type { DpAction } from '../../datapath/dpif.ts';
import { OFPM } from '../model/groups.ts';
import type { XlateContext } from './context.ts';

export function xlateMeter(ctx: XlateContext, meterId: number): void {
  const id = ctx.bridge.meter(meterId);
  if (id !== undefined) ctx.emit({ type: 'meter', id });
}

/** A packet for the controller passes the meter that its action names, or else the one of all such packets. */
export function emitMetered(ctx: XlateContext, meterId: number | undefined, action: DpAction): void {
  const id = ctx.bridge.meter(meterId || OFPM.CONTROLLER);
  ctx.emit(id === undefined ? action : { type: 'sample', actions: [{ type: 'meter', id }, action] });
}
