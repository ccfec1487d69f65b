// Sending the packet to controllers: a `userspace` action whose cookie stands for what the packet-in will say.

import * as F from '../model/flow.ts';
import type { PacketInReason, TableMiss } from '../model/flow-mod.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { type FrozenState, freezeFor } from './freeze.ts';
import { emitMetered } from './meter.ts';
import { NO_COOKIE } from './rule-cookie.ts';

const WHOLE_PACKET = 0xffff;

export interface ToController {
  readonly maxLen: number;
  readonly controllerId: number;
  readonly reason: PacketInReason;
  readonly miss?: TableMiss | undefined;
  readonly userdata?: Uint8Array;
  /** The meter that the packet passes; the controllers' own when it is 0 or absent. */
  readonly meterId?: number;
  /** Cut the packet at maxLen; else it goes up whole, because nothing is kept here that a controller could ask for. */
  readonly truncate?: boolean;
}

/** Sends the packet to the controllers, one of which has to let it go on; what follows is left to that moment. */
export function pauseForController(ctx: XlateContext, to: ToController): void {
  freezeFor(ctx, (state, outermostCookie) => {
    if (ctx.report.suppressesEffects) {
      // Nobody could give back a packet that is not there.
      commitActions(ctx);
      return;
    }
    // A packet that was let go on has no flow that it began with.
    sendToController(ctx, to, { state, cookie: ctx.resumed ? ctx.cookie() : outermostCookie });
  });
}

interface Paused {
  readonly state: FrozenState;
  readonly cookie: bigint | undefined;
}

export function sendToController(ctx: XlateContext, { truncate = false, ...to }: ToController, paused?: Paused): void {
  commitActions(ctx);
  const cookie = ctx.controllers.length;
  ctx.controllers.push({
    bridge: ctx.bridge,
    reason: to.reason,
    miss: to.miss,
    maxLen: to.maxLen,
    controllerId: to.controllerId,
    userdata: to.userdata,
    // Where a packet stopped only its continuation says.
    tableId: paused ? 0 : ctx.tableId,
    // A miss has the cookie 0 of the flow that it stands for; a packet-out has none, written as all ones.
    ruleCookie: paused?.cookie ?? ctx.rule?.cookie ?? (to.miss ? 0n : (ctx.frozenCookie ?? NO_COOKIE)),
    metadata: metadataOf(ctx.flow),
    continuation: paused?.state,
  });
  emitMetered(ctx, to.meterId, { type: 'userspace', cookie, maxLen: truncate ? to.maxLen : WHOLE_PACKET });
}

/** An action that sends the packet because a flow says so: its reason and, from a table-miss flow, what miss that is. */
export function reasonOfAction(ctx: XlateContext): Pick<ToController, 'reason' | 'miss'> {
  // A trace stands for no packet-out, though it begins like one.
  if (ctx.packetOut && !ctx.report.enabled) return { reason: 'packet_out' };
  if (ctx.inGroup) return { reason: 'group' };
  if (ctx.inActionSet) return { reason: 'action_set' };
  const isMissFlow = ctx.rule?.priority === 0 && ctx.rule.match().mask.isZero();
  return isMissFlow ? { reason: 'no_match', miss: 'explicit' } : { reason: 'action' };
}

/** What a packet-in tells of the packet's way: in_port, registers, metadata, marks and the tunnel, and of its first header. */
function metadataOf(flow: F.Flow): F.Flow {
  const metadata = new F.Flow();
  metadata.bytes.set(flow.bytes.subarray(F.FLOW_METADATA), F.FLOW_METADATA);
  for (const offset of [F.KEY_IN_PORT, F.KEY_PKT_MARK, F.KEY_PACKET_TYPE]) metadata.setU32(offset, flow.u32(offset));
  for (const offset of [F.FLOW_CONJ_ID, F.FLOW_ACTSET_OUTPUT]) metadata.setU32(offset, 0);
  return metadata;
}
