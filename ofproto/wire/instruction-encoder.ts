// Writes one instruction (OpenFlow 1.3, 7.2.4). They belong in a flow's list of instructions; as Open vSwitch does, weft also
// writes them among the actions of a continuation, where neither takes them back.

import type { Writer } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { OFP10_VERSION, OFP15_VERSION } from '../model/messages.ts';

export const OFPIT_GOTO_TABLE = 1;
export const OFPIT_WRITE_METADATA = 2;
export const OFPIT_WRITE_ACTIONS = 3;
export const OFPIT_APPLY_ACTIONS = 4;
export const OFPIT_CLEAR_ACTIONS = 5;
export const OFPIT_METER = 6;

type PutActions = (w: Writer, actions: readonly OfAction[]) => void;

/** Returns false for an action, and for what `version` has no instruction for. */
export function encodeInstruction(w: Writer, a: OfAction, version: number, putActions: PutActions): boolean {
  if (version === OFP10_VERSION) return false;
  switch (a.type) {
    case 'meter':
      // OpenFlow 1.5 made it an action.
      if (version >= OFP15_VERSION) return false;
      w.u16(OFPIT_METER).u16(8).u32(a.meterId);
      return true;
    case 'clear_actions':
      w.u16(OFPIT_CLEAR_ACTIONS).u16(8).zeros(4);
      return true;
    case 'write_actions':
      encodeActionList(w, OFPIT_WRITE_ACTIONS, a.actions, putActions);
      return true;
    case 'write_metadata':
      w.u16(OFPIT_WRITE_METADATA).u16(24).zeros(4).u64(a.metadata).u64(a.mask);
      return true;
    case 'goto_table':
      w.u16(OFPIT_GOTO_TABLE).u16(8).u8(a.tableId).zeros(3);
      return true;
    default:
      return false;
  }
}

/** OFPIT_APPLY_ACTIONS and OFPIT_WRITE_ACTIONS. */
export function encodeActionList(w: Writer, type: number, actions: readonly OfAction[], putActions: PutActions): void {
  const start = w.size;
  w.u16(type).u16(0).zeros(4);
  putActions(w, actions);
  w.patch16(start + 2, w.size - start);
}
