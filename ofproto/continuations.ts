// Between what translation leaves of a paused packet and the continuation that travels to a controller and back.

import type { OfAction } from './model/actions.ts';
import { FLOW_ACTSET_OUTPUT, FLOW_METADATA, type Flow, KEY_IN_PORT } from './model/flow.ts';
import { type Continuation, type ContinuedActions, OfError, type PacketIn } from './model/flow-mod.ts';
import { metadataMatch } from './model/packet-metadata.ts';
import { checkActions } from './tables/check-actions.ts';
import { actsetOutput } from './xlate/change-action-set.ts';
import type { FrozenFrame, FrozenState } from './xlate/freeze.ts';
import { isTelling } from './xlate/rule-cookie.ts';
import type { ControllerSpec, XlateBridge } from './xlate/snapshot.ts';

/** The packet-in that a `userspace` action stands for; `bridge` names the switch in its continuation. */
export function packetInOf(spec: ControllerSpec, packet: Uint8Array, bridge: Uint8Array): PacketIn {
  const { reason, miss, tableId, ruleCookie, controllerId, maxLen, userdata, continuation } = spec;
  return {
    ...{
      reason,
      tableId,
      cookie: ruleCookie,
      // Also of a packet that was cut: it is as long as what is left of it.
      totalLen: packet.length,
      packet,
      controllerId,
      maxLen,
    },
    metadata: metadataMatch(spec.metadata),
    ...(miss ? { miss } : {}),
    ...(userdata ? { userdata } : {}),
    ...(continuation ? { continuation: continuationOf(continuation, bridge) } : {}),
  };
}

function continuationOf(state: FrozenState, bridge: Uint8Array): Continuation {
  const { stack, actionSet, mirrored } = state;
  const mirrors = state.bridge.l2.mirrors.reduce(
    (bits, mirror, i) => (mirrored.includes(mirror) ? bits | (1 << i) : bits),
    0,
  );
  const odpPort = state.bridge.port(state.inPort)?.odpPort;
  return {
    bridge,
    stack: [...stack].reverse(),
    mirrors: mirrors >>> 0,
    conntracked: false,
    actions: piecesOf(state.frames),
    actionSet,
    ...(odpPort === undefined ? {} : { odpPort }),
  };
}

type Piece = ContinuedActions & { readonly actions: OfAction[] };

/** The frames' actions in one list, cut where another table and cookie have to be said than last. */
function piecesOf(frames: readonly FrozenFrame[]): ContinuedActions[] {
  const pieces: Piece[] = [];
  let last: Piece = { tableId: 0, cookie: 0n, actions: [], match: frames[0]?.match };
  let anySaid = false;
  for (const { tableId, cookie, actions, match } of frames) {
    let isSaid = false;
    for (const action of actions) {
      if (!isSaid && cookie !== undefined && isTelling(action)) {
        if (!anySaid || last.tableId !== tableId || last.cookie !== cookie)
          last = { tableId, cookie, actions: [], match };
        isSaid = anySaid = true;
      }
      if (pieces.at(-1) !== last) pieces.push(last);
      last.actions.push(action);
    }
  }
  return pieces;
}

/** What a resumed packet has still to do. Throws OfError NXR_STALE for one of a bridge that is no more. */
export function thawedState(
  { continuation }: PacketIn,
  flow: Flow,
  snapshot: XlateBridge,
  uuid: Uint8Array,
): FrozenState {
  if (!continuation || Buffer.compare(continuation.bridge, uuid) !== 0) throw new OfError('NXR_STALE');
  for (const { actions } of continuation.actions) checkActions(actions, -1);
  checkActions(continuation.actionSet, -1);
  // The continuation says it with the action set.
  flow.setU32(FLOW_ACTSET_OUTPUT, actsetOutput(continuation.actionSet));
  return {
    bridge: snapshot,
    inPort: flow.u32(KEY_IN_PORT),
    tableId: 0,
    metadata: flow.bytes.slice(FLOW_METADATA),
    stack: [...continuation.stack].reverse(),
    actionSet: continuation.actionSet,
    frames: continuation.actions,
    mirrored: snapshot.l2.mirrors.filter((_, i) => (continuation.mirrors & (1 << i)) !== 0),
    paused: true,
  };
}
