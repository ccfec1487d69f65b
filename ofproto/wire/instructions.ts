// Instructions of OpenFlow 1.1+ (OpenFlow 1.3, 7.2.4). Like Open vSwitch, weft keeps them in the action list: apply-actions
// become plain actions, the others actions of their own, in the order in which the specification runs them.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { allowedInActionSet } from '../model/action-set.ts';
import { INSTRUCTIONS, type OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP15_VERSION } from '../model/messages.ts';
import type { ActionHints } from './action-encoder.ts';
import { decodeActions, encodeActions } from './actions.ts';
import {
  encodeActionList,
  encodeInstruction,
  OFPIT_APPLY_ACTIONS,
  OFPIT_CLEAR_ACTIONS,
  OFPIT_GOTO_TABLE,
  OFPIT_METER,
  OFPIT_WRITE_ACTIONS,
  OFPIT_WRITE_METADATA,
} from './instruction-encoder.ts';

const OFPIT_EXPERIMENTER = 0xffff;

/** OFPIT_* numbers that weft takes, for table features. */
export const OFPIT_SUPPORTED: readonly number[] = [
  OFPIT_GOTO_TABLE,
  OFPIT_WRITE_METADATA,
  OFPIT_WRITE_ACTIONS,
  OFPIT_APPLY_ACTIONS,
  OFPIT_CLEAR_ACTIONS,
  OFPIT_METER,
];

/** Order of execution: meter, apply, clear, write, metadata, goto (OpenFlow 1.3, 5.9). */
const RUN_ORDER = [
  OFPIT_METER,
  OFPIT_APPLY_ACTIONS,
  OFPIT_CLEAR_ACTIONS,
  OFPIT_WRITE_ACTIONS,
  OFPIT_WRITE_METADATA,
  OFPIT_GOTO_TABLE,
];

/** Reads instructions to the end of `r`. Throws OfError OFPBIC_*, OFPBAC_*. */
export function decodeInstructions(r: Reader, version: number): OfAction[] {
  if (isApplyAlone(r)) {
    r.skip(8);
    return decodeActions(r, version);
  }
  // All of them have to be sound as instructions before any is read.
  const bodies = new Map<number, Reader>();
  while (r.remaining > 0) {
    if (r.remaining < 8) throw new OfError('OFPBIC_BAD_LEN');
    const length = r.peek16(2);
    if (length < 8 || length % 8 !== 0 || length > r.remaining) throw new OfError('OFPBIC_BAD_LEN');
    const body = r.sub(length);
    const type = checkInstruction(body.u16(), length, version);
    body.skip(2);
    if (bodies.has(type)) throw new OfError('OFPBIC_DUP_INST');
    bodies.set(type, body);
  }
  const decoded = new Map([...bodies].map(([type, body]) => [type, decodeInstruction(type, body, version)]));
  return RUN_ORDER.flatMap((type) => decoded.get(type) ?? []);
}

/** Most flows have this one instruction and no other. */
function isApplyAlone(r: Reader): boolean {
  if (r.remaining < 8 || r.remaining % 8 !== 0) return false;
  return r.peek16(0) === OFPIT_APPLY_ACTIONS && r.peek16(2) === r.remaining;
}

/** Lengths of instructions; lists of actions are as long as they are. */
const FIXED_LENGTHS: Readonly<Record<number, number>> = {
  [OFPIT_GOTO_TABLE]: 8,
  [OFPIT_WRITE_METADATA]: 24,
  [OFPIT_CLEAR_ACTIONS]: 8,
  [OFPIT_METER]: 8,
};

function checkInstruction(type: number, length: number, version: number): number {
  if (type === OFPIT_EXPERIMENTER) throw new OfError('OFPBIC_BAD_EXPERIMENTER');
  // In 1.5 a meter is an action.
  const known = OFPIT_SUPPORTED.includes(type) && !(type === OFPIT_METER && version >= OFP15_VERSION);
  if (!known) throw new OfError('OFPBIC_UNKNOWN_INST');
  const wanted = FIXED_LENGTHS[type];
  if (wanted !== undefined && length !== wanted) throw new OfError('OFPBIC_BAD_LEN');
  return type;
}

function decodeInstruction(type: number, r: Reader, version: number): OfAction[] {
  switch (type) {
    case OFPIT_GOTO_TABLE:
      return [{ type: 'goto_table', tableId: r.u8() }];
    case OFPIT_WRITE_METADATA:
      r.skip(4);
      return [{ type: 'write_metadata', metadata: r.u64(), mask: r.u64() }];
    case OFPIT_WRITE_ACTIONS:
      r.skip(4);
      return [{ type: 'write_actions', actions: checkSet(decodeActions(r, version)) }];
    case OFPIT_APPLY_ACTIONS:
      r.skip(4);
      return decodeActions(r, version);
    case OFPIT_CLEAR_ACTIONS:
      return [{ type: 'clear_actions' }];
    default:
      return [{ type: 'meter', meterId: r.u32() }];
  }
}

/** Throws OfError OFPBAC_BAD_TYPE for what an action set cannot hold. */
function checkSet(actions: OfAction[]): OfAction[] {
  const other = actions.find(({ type }) => !allowedInActionSet(type));
  if (other) throw new OfError('OFPBAC_BAD_TYPE', `${other.type} cannot be in an action set`);
  return actions;
}

/** Writes a list of actions and instructions as instructions. */
export function encodeInstructions(w: Writer, actions: readonly OfAction[], version: number, hints: ActionHints): void {
  const put = (to: Writer, list: readonly OfAction[]) => encodeActions(to, list, version, hints);
  const encode = (type: OfAction['type']): boolean => {
    const found = actions.find((a) => a.type === type && !(a.type === 'write_actions' && a.actions.length === 0));
    return found !== undefined && encodeInstruction(w, found, version, put);
  };
  const hasMeter = encode('meter');
  const applied = actions.filter((a) => !INSTRUCTIONS.has(a.type) || (a.type === 'meter' && !hasMeter));
  if (applied.length > 0) encodeActionList(w, OFPIT_APPLY_ACTIONS, applied, put);
  encode('clear_actions');
  encode('write_actions');
  encode('write_metadata');
  encode('goto_table');
}
