// In-band control's part in translation: a DHCP reply may be for the switch's own port whatever the flows do with it, or
// the switch would not get the address by which it reaches its controllers.

import { OFPP } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import { ETH_TYPE_IP, IPPROTO_UDP } from '../model/prerequisites.ts';
import type { XlateContext } from './context.ts';
import { emitOutput } from './port-output.ts';

const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;

/** At the end of what the bridge that the packet came in to does with it. */
export function outputDhcpReply(ctx: XlateContext): void {
  if (!ctx.bridge.hasInBand || ctx.error !== undefined || ctx.freezing || !isDhcpReply(ctx.packet)) return;
  if (outputsToLocal(ctx)) return;
  for (const key of [F.KEY_ETH_TYPE, F.KEY_TP_SRC, F.KEY_TP_DST]) ctx.wc.setU16(key, 0xffff);
  ctx.wc.setU8(F.KEY_NW_PROTO, 0xff);
  ctx.report.add('detail', () => 'outputting DHCP packet to local port for in-band control');
  emitOutput(ctx, OFPP.LOCAL);
}

const isDhcpReply = (flow: F.Flow): boolean =>
  flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_IP &&
  flow.u8(F.KEY_NW_PROTO) === IPPROTO_UDP &&
  flow.u16(F.KEY_TP_SRC) === DHCP_SERVER_PORT &&
  flow.u16(F.KEY_TP_DST) === DHCP_CLIENT_PORT;

function outputsToLocal({ actions, bridge }: XlateContext): boolean {
  const local = bridge.port(OFPP.LOCAL)?.odpPort;
  return actions.some((action) => action.type === 'output' && action.port === local);
}
