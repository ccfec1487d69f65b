// Freezing: a translation that needs what only the datapath can tell - a hash of the packet, what lies below a popped
// header - stops. What is left of it becomes a FrozenState that a recirc_id stands for; the packet is parsed again, comes
// back as an upcall with that id, and a second translation thaws the state and goes on.
//
// The stopped translation unwinds through its resubmits: each level leaves the actions it had not run as a frame, the
// innermost first. Whoever gives actions a packet of their own (clone, a group's bucket, another bridge) ends the freeze
// itself with finishFreezing(), because what follows there does not wait: another bridge and behind a group's bucket the
// packet goes on; behind a clone the list ends, as in Open vSwitch.

import { type DpAction, type HashAlgorithm, mapDpActions } from '../../datapath/dpif.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { bytesOf, field } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { formatActions } from '../text/format-actions.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { isTelling, NO_COOKIE } from './rule-cookie.ts';
import type { XlateBridge, XlateMirror } from './snapshot.ts';

/** Actions that one level of resubmits has still to run. */
export interface FrozenFrame {
  readonly tableId: number;
  /** Of the flow; undefined when no action asks for it: what does all the same, inside a clone, says what was known before. */
  readonly cookie: bigint | undefined;
  readonly actions: readonly OfAction[];
  /** What the flow's match tells of packets, for a controller that is to give the actions back. */
  readonly match?: F.Match | undefined;
}

export interface FrozenState {
  readonly bridge: XlateBridge;
  readonly inPort: number;
  /** Where the packet was, and where it is looked up when there are no frames. */
  readonly tableId: number;
  /** Registers, metadata and the tunnel: the bytes of a Flow from FLOW_METADATA on. */
  readonly metadata: Uint8Array;
  readonly stack: readonly Uint8Array[];
  readonly actionSet: readonly OfAction[];
  readonly frames: readonly FrozenFrame[];
  /** Mirrors that have their copy. */
  readonly mirrored: readonly XlateMirror[];
  /** The packet comes back with a hash: one that waits for it with the same rest to do is another state. */
  readonly hashed?: boolean;
  /** A controller let the packet go on: without frames it goes nowhere. */
  readonly paused?: boolean;
  /** The packet only has to leave by the member of this Port that its hash means. */
  readonly bond?: string;
}

/** A `hash` action that goes before the recirculation. */
export interface RecircHash {
  readonly algorithm: HashAlgorithm;
  readonly basis: number;
}

/** A translation on its way out. */
export interface Freezing {
  readonly hash?: RecircHash | undefined;
  /** The action that asked has to run again. */
  again: boolean;
  /** How many more actions are lost than that one: see leaveBehind(). */
  lost: number;
  readonly frames: FrozenFrame[];
  /** Takes the state in place of a recirculation. */
  readonly hand?: (state: FrozenState, cookie: bigint | undefined) => void;
  /** Of the outermost level that the translation left. */
  outermostCookie: bigint | undefined;
}

/** Stops here, and gives what is left to `hand`. */
export function freezeFor(ctx: XlateContext, hand: NonNullable<Freezing['hand']>): void {
  freeze(ctx, { again: false, hand });
}

/** Stops here. When the packet is back, the present action runs again and then those behind it. */
export function freezeBefore(ctx: XlateContext, hash?: RecircHash): void {
  freeze(ctx, { again: true, hash });
}

/** Stops here. When the packet is back, the actions behind the present one run. */
export function freezeAfter(ctx: XlateContext): void {
  freeze(ctx, { again: false });
}

function freeze(ctx: XlateContext, how: Pick<Freezing, 'again' | 'hand' | 'hash'>): void {
  const { leftBehind } = ctx;
  ctx.freezing = { ...how, frames: leftBehind, lost: 0, outermostCookie: undefined };
  if (leftBehind.length > 0) Object.assign(ctx.freezing, { again: false, lost: how.again ? 0 : 1 });
  ctx.leftBehind = [];
  ctx.exit = true;
}

/**
 * Notes what a list had not run when `actions[at]` ended all lists. Whoever goes on all the same - the next bucket, the
 * other case of check_pkt_larger - and freezes comes back to this first, in place of the action that froze and, if
 * that is done, of the next: so Open vSwitch does, whose lists of frozen actions begin with what an exit left in them.
 */
export function leaveBehind(ctx: XlateContext, actions: readonly OfAction[], at: number): void {
  if (ctx.leftBehind.length === 0) ctx.leftBehind = framesOf(ctx, actions.slice(at), true);
}

/** Leaves what a list has not run: `actions[at]` was the last that did. */
export function keepFrame(ctx: XlateContext, freezing: Freezing, actions: readonly OfAction[], at: number): void {
  const rest = actions.slice(freezing.again ? at : at + 1 + freezing.lost);
  Object.assign(freezing, { again: false, lost: 0 });
  freezing.frames.push(...framesOf(ctx, rest, freezing.hand !== undefined));
}

/**
 * Only from the first action on that asks for it is it known where they stand. What check_pkt_larger runs twice is all
 * that follows it, and stays one list.
 */
function framesOf(ctx: XlateContext, actions: readonly OfAction[], withMatch: boolean): FrozenFrame[] {
  const first = actions.findIndex(isTelling);
  const before = first < 0 ? actions : actions.slice(0, first);
  const at = first >= 0 && before.some(({ type }) => type === 'check_pkt_larger') ? 0 : before.length;
  const match = withMatch ? ctx.rule?.match() : undefined;
  const frame = (some: readonly OfAction[], cookie?: bigint): FrozenFrame[] =>
    some.length === 0 ? [] : [{ tableId: ctx.tableId, cookie, actions: some.map(kept), match }];
  return [...frame(actions.slice(0, at)), ...frame(actions.slice(at), ctx.cookie())];
}

/** What is kept are actions: a goto_table goes on as the resubmit that it amounts to, whose misses no controller sees. */
function kept(action: OfAction): OfAction {
  if (action.type === 'goto_table') {
    return { type: 'resubmit', inPort: OFPP.IN_PORT, tableId: action.tableId, withCtOrig: false };
  }
  if (action.type !== 'write_metadata') return action;
  const { metadata, mask } = action;
  return { type: 'set_field', field: METADATA, value: bytesOf(metadata, 8), mask: bytesOf(mask, 8), form: 'set_field' };
}

const METADATA = field('metadata');

/** Sends the packet round, if the translation is freezing, to go on in `tableId`; its actions end here. */
export function finishFreezing(ctx: XlateContext, tableId = ctx.tableId): void {
  const { freezing } = ctx;
  if (!freezing) return;
  ctx.freezing = undefined;
  // Within a list whose flow is known, of a clone or bucket, that flow is what the translation comes back to.
  const cookie = ctx.rule?.cookie ?? freezing.outermostCookie;
  if (freezing.hand) freezing.hand(stateOf(ctx, freezing.frames, tableId), cookie);
  else recirculate(ctx, freezing.frames, freezing.hash, tableId);
}

/** Lets a copy of the packet come back and run `frames`, or be looked up in `tableId` when there are none. */
export function recirculate(
  ctx: XlateContext,
  frames: readonly FrozenFrame[],
  hash?: RecircHash,
  tableId = ctx.tableId,
): void {
  commitActions(ctx);
  if (hash) ctx.emit({ type: 'hash', ...hash });
  const id = ctx.recircs.length;
  ctx.recircs.push({ ...stateOf(ctx, frames, tableId), hashed: hash !== undefined });
  ctx.emit({ type: 'recirc', id });
}

function stateOf(ctx: XlateContext, frames: readonly FrozenFrame[], tableId: number): FrozenState {
  return {
    bridge: ctx.bridge,
    inPort: ctx.flow.u32(F.KEY_IN_PORT),
    tableId,
    metadata: ctx.flow.bytes.slice(F.FLOW_METADATA),
    stack: [...ctx.stack],
    actionSet: [...ctx.actionSet],
    frames,
    mirrored: [...ctx.mirrored],
  };
}

/** Makes the translation what it was when `state` was frozen. The frames are the caller's to run. */
export function thaw(ctx: XlateContext, state: FrozenState): void {
  ctx.flow.bytes.set(state.metadata, F.FLOW_METADATA);
  ctx.flow.setU32(F.KEY_IN_PORT, state.inPort);
  ctx.stack = [...state.stack];
  ctx.actionSet = [...state.actionSet];
  ctx.tableId = state.tableId;
  // By name: equal states share an id, and the mirrors of the first may have been configured anew since.
  ctx.mirrored = new Set(ctx.bridge.l2.mirrors.filter(({ name }) => state.mirrored.some((one) => one.name === name)));
  ctx.report.nest(
    'action',
    () => 'thaw',
    () => {
      ctx.report.add('table', () => `Resuming from table ${state.tableId}`);
      if (state.frames.length > 0) ctx.report.add('table', () => `Restoring actions: ${framesText(state.frames)}`);
    },
  );
}

const unrollText = ({ tableId, cookie }: FrozenFrame): string => `unroll_xlate(table=${tableId}, cookie=${cookie})`;

function framesText(frames: readonly FrozenFrame[]): string {
  const texts = frames.map((frame) => {
    const actions = formatActions(frame.actions);
    return frame.cookie === undefined ? actions : `${unrollText(frame)},${actions}`;
  });
  return texts.join(',');
}

/** Puts the translation where the frame's actions were. */
export function enterFrame(ctx: XlateContext, frame: FrozenFrame): void {
  const { tableId, cookie } = frame;
  if (cookie !== undefined) {
    ctx.report.add('action', () => unrollText(frame));
    ctx.report.add(
      'action',
      () => `restored state: table=${tableId}, cookie=${cookie ? `0x${cookie.toString(16)}` : 0}`,
    );
    ctx.tableId = tableId;
  }
  ctx.frozenCookie = cookie ?? ctx.frozenCookie ?? NO_COOKIE;
}

/** Equal text, equal states: they may share an id. */
export function stateText(state: FrozenState): string {
  const { bridge, inPort, tableId, metadata, stack, actionSet, frames, mirrored, bond, hashed } = state;
  const mirrors = mirrored.map(({ name }) => name).join();
  const bytes = Buffer.from(metadata).toString('base64');
  return [
    bridge.name,
    inPort,
    tableId,
    bytes,
    stack.map((entry) => Buffer.from(entry).toString('hex')).join(),
    formatActions(actionSet),
    framesText(frames),
    mirrors,
    bond,
    hashed === true,
  ].join('|');
}

/** Replaces the indexes in `recirc` actions by ids. */
export function withRecircIds(actions: readonly DpAction[], ids: readonly number[]): DpAction[] {
  return mapDpActions(actions, (action) =>
    action.type === 'recirc' ? { type: 'recirc', id: ids[action.id]! } : action,
  );
}
