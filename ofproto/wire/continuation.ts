// Continuations: what a paused packet needs to go on, as a property list inside NXT_PACKET_IN2 and NXT_RESUME. A controller
// returns it unread; the form is Open vSwitch's, so that its tools can print it.
//
//   pad 4 | bridge 16 | stack... | mirrors u32 | conntracked | (table_id u8, cookie u64, actions)... | action set | odp port
//
// Table and cookie hold for the actions behind them until others are said; at first both are 0.

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { type Continuation, type ContinuedActions, OfError } from '../model/flow-mod.ts';
import { type ActionHints, hintsOf } from './action-encoder.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

const NXCPT_BRIDGE = 0x8000;
const NXCPT_STACK = 0x8001;
const NXCPT_MIRRORS = 0x8002;
const NXCPT_CONNTRACKED = 0x8003;
const NXCPT_TABLE_ID = 0x8004;
const NXCPT_COOKIE = 0x8005;
const NXCPT_ACTIONS = 0x8006;
const NXCPT_ACTION_SET = 0x8007;
const NXCPT_ODP_PORT = 0x8008;

const BRIDGE_SIZE = 16;

export function encodeContinuation(w: Writer, continuation: Continuation, version: number): void {
  w.zeros(4);
  encodeProperty(w, NXCPT_BRIDGE, (p) => p.put(continuation.bridge));
  for (const value of continuation.stack) encodeProperty(w, NXCPT_STACK, (p) => p.put(value));
  if (continuation.mirrors !== 0) encodeProperty(w, NXCPT_MIRRORS, (p) => p.u32(continuation.mirrors));
  if (continuation.conntracked) encodeProperty(w, NXCPT_CONNTRACKED, () => {});
  encodeContinuedActions(w, continuation.actions, version);
  if (continuation.actionSet.length > 0) encodeList(w, NXCPT_ACTION_SET, continuation.actionSet, version);
  const { odpPort } = continuation;
  if (odpPort !== undefined) encodeProperty(w, NXCPT_ODP_PORT, (p) => p.u32(odpPort));
}

function encodeContinuedActions(w: Writer, pieces: readonly ContinuedActions[], version: number): void {
  let [table, known] = [0, 0n];
  for (const { tableId, cookie, actions, match } of pieces) {
    if (tableId !== table) encodeProperty(w, NXCPT_TABLE_ID, (p) => p.u8(tableId));
    if (cookie !== known) encodeProperty(w, NXCPT_COOKIE, (p) => p.zeros(4).u64(cookie));
    [table, known] = [tableId, cookie];
    encodeList(w, NXCPT_ACTIONS, actions, version, match && hintsOf(match));
  }
}

function encodeList(w: Writer, type: number, actions: readonly OfAction[], version: number, hints?: ActionHints): void {
  encodeProperty(w, type, (p) => {
    p.zeros(4);
    encodeActions(p, actions, version, hints);
  });
}

function decodeList(value: Reader, version: number): OfAction[] {
  value.skip(4);
  return decodeActions(value, version);
}

function alignedU64(value: Reader): bigint {
  value.skip(4);
  return value.u64();
}

/** Throws OfError: what comes back is a peer's, whoever made it. */
export function decodeContinuation(r: Reader, version: number): Continuation {
  r.skip(4);
  let bridge: Uint8Array | undefined;
  const stack: Uint8Array[] = [];
  const actions: ContinuedActions[] = [];
  let actionSet: readonly OfAction[] = [];
  let [mirrors, conntracked, tableId, cookie] = [0, false, 0, 0n];
  let odpPort: number | undefined;
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type === NXCPT_BRIDGE) bridge = value.copy(BRIDGE_SIZE);
    else if (type === NXCPT_STACK) stack.push(value.rest().slice());
    else if (type === NXCPT_MIRRORS) mirrors = value.u32();
    else if (type === NXCPT_CONNTRACKED) conntracked = true;
    else if (type === NXCPT_TABLE_ID) tableId = value.u8();
    else if (type === NXCPT_COOKIE) cookie = alignedU64(value);
    else if (type === NXCPT_ACTIONS) actions.push({ tableId, cookie, actions: decodeList(value, version) });
    else if (type === NXCPT_ACTION_SET) actionSet = decodeList(value, version);
    else if (type === NXCPT_ODP_PORT) odpPort = value.u32();
    else throw new OfError('OFPBPC_BAD_TYPE');
  }
  if (!bridge) throw new OfError('OFPBPC_BAD_LEN');
  const continuation = { bridge, stack, mirrors, conntracked, actions, actionSet };
  return odpPort === undefined ? continuation : { ...continuation, odpPort };
}
