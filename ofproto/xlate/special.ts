// Frames that are for the switch itself and go no further: the slow path hands them to their protocol.

import * as F from '../model/flow.ts';
import type { XlateContext } from './context.ts';

/** Slow protocols (IEEE 802.3, annex 57A): LACP is one. */
const ETH_TYPE_SLOW = 0x8809;

/** True when the packet, as it came in, is such a frame. */
export function xlateSpecial(ctx: XlateContext): boolean {
  const { flow, bridge } = ctx;
  const inPort = flow.u32(F.KEY_IN_PORT);
  if (flow.u16(F.KEY_ETH_TYPE) !== ETH_TYPE_SLOW || !bridge.port(inPort)?.bundle?.runsLacp) return false;
  ctx.slow.add('lacp');
  ctx.here.lacpPort = inPort;
  return true;
}
