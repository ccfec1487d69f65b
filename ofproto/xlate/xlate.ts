// Translation: follows one packet through a bridge's OpenFlow tables and says what the datapath is to do with all packets
// like it.
//
// Design. A pure function of the packet's flow and a snapshot of the bridge. Actions change the flow; wildcards gather
// every bit that was looked at, by table look-ups and by actions, so that the result holds for each packet that agrees in
// them; header changes reach the datapath's packet only when it is output (commit.ts). Side effects - rules to credit,
// addresses seen, flows learned, packet-ins - are returned as data.
//
// Limits. Resubmits nest 64 deep and number 4096 in all; then the packet is dropped, as in Open vSwitch.

import { orderActionSet } from '../model/action-set.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { getSubfield, unwildcardSubfield } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { formatActions } from '../text/format-actions.ts';
import { xlateBondHash } from './bond.ts';
import { changeActionSet } from './change-action-set.ts';
import { xlateCheckPktLarger } from './check-pkt-len.ts';
import { withoutLastClone, xlateClone } from './clone.ts';
import { type Recursion, XlateContext, type XlateScratch } from './context.ts';
import { pauseForController, reasonOfAction, sendToController } from './controller.ts';
import { finishWildcards, startWildcards } from './datapath-mask.ts';
import { runExtension } from './extensions.ts';
import {
  xlateDecTtl,
  xlateHeader,
  xlateMove,
  xlateQueue,
  xlateSetField,
  xlateStackPop,
  xlateStackPush,
} from './field-actions.ts';
import { enterFrame, type FrozenState, finishFreezing, freezeBefore, keepFrame, leaveBehind, thaw } from './freeze.ts';
import { xlateGroup } from './group.ts';
import { outputDhcpReply } from './in-band.ts';
import { xlateLearn } from './learn.ts';
import { xlateMeter } from './meter.ts';
import { mirrorReceived, mirrorSent } from './mirrors.ts';
import { needsPayload } from './mpls.ts';
import { outputInVlan } from './normal.ts';
import { xlateEnqueue, xlateOutput, xlateOutputTrunc } from './output.ts';
import { Report, type TraceNode } from './report.ts';
import type { MissKind, XlateBridge, XlateBundle, Xlated, XlatePort } from './snapshot.ts';
import { learnOnly, mayReceive, onlyLearns, received } from './spanning-tree.ts';
import { findRule } from './table-lookup.ts';
import { describeMiss, describeRule, miss } from './table-miss.ts';
import { popVlan, pushVlan, setVlanBits, VLAN_PCP_MASK, VLAN_VID_MASK } from './vlan.ts';

export interface XlateOptions {
  /** Where steps are noted. */
  readonly trace?: TraceNode[];
  /** The traced packet is a real one: its side effects are wanted. */
  readonly withEffects?: boolean;
  /** Actions of a packet-out, in place of table 0. */
  readonly packetOut?: readonly OfAction[];
  /** A packet of the switch's own leaves by this bundle, and does nothing else. */
  readonly toBundle?: { readonly bundle: XlateBundle; readonly vlan: number };
  /** The packet was recirculated: what its recirc_id stands for. */
  readonly resume?: FrozenState | undefined;
  /** Where the result's mask and final flow live, until it is used again. */
  readonly scratch?: XlateScratch;
}

const recursion: Recursion = { run, enterTable, receive, runActionSet, mirrorSent };

/** Translates the packet `flow` (in_port is an OpenFlow number), which entered `bridge`. */
export function xlate(bridge: XlateBridge, flow: F.Flow, options: XlateOptions = {}): Xlated {
  const report = new Report(options.trace, options.withEffects);
  const { packetOut, resume } = options;
  const kind = { packetOut: packetOut !== undefined, resumed: resume !== undefined };
  const ctx = new XlateContext(bridge, flow, recursion, report, kind, options.scratch);
  startWildcards(flow, ctx.wc);
  if (resume) {
    runFrozen(ctx, resume);
  } else if (packetOut) {
    if (options.toBundle) outputInVlan(ctx, options.toBundle.bundle, options.toBundle.vlan);
    else {
      received(ctx, bridge.port(flow.u32(F.KEY_IN_PORT)), () => {
        if (mirrorReceived(ctx)) run(ctx, packetOut);
      });
    }
    if (ctx.error === undefined) runActionSet(ctx);
  } else {
    receive(ctx, bridge.port(flow.u32(F.KEY_IN_PORT)));
  }
  finishFreezing(ctx);
  // A translation that failed drops all packets that are like this one in any way that it looked at.
  if (ctx.error === undefined) finishWildcards(flow, ctx.flow, ctx.wc);
  return {
    actions: ctx.error === undefined ? withoutLastClone(ctx.actions) : [],
    controllers: ctx.controllers,
    slow: ctx.slow,
    recircs: ctx.recircs,
    groupVisits: ctx.groupVisits,
    mask: ctx.wc,
    visits: ctx.visits,
    hops: ctx.hops,
    buckets: ctx.buckets,
    bridges: ctx.bridges,
    macsRead: ctx.macsRead,
    fins: ctx.fins,
    debugSlow: ctx.debugSlow,
    error: ctx.error,
    finalFlow: ctx.flow,
  };
}

/** Goes on with what another translation had to leave. */
function runFrozen(ctx: XlateContext, state: FrozenState): void {
  thaw(ctx, state);
  if (state.bond) {
    xlateBondHash(ctx, state.bond);
    return;
  }
  // Mirrors that have no copy yet see the packet as it comes back.
  if (!mirrorReceived(ctx)) return;
  if (state.frames.length === 0 && !state.paused) enterTable(ctx, state.inPort, state.tableId, true);
  for (const [i, frame] of state.frames.entries()) {
    ctx.isLast = i === state.frames.length - 1;
    if (ctx.freezing) {
      ctx.freezing.frames.push(frame);
    } else if (ctx.exit) {
      break;
    } else {
      enterFrame(ctx, frame);
      run(ctx, frame.actions);
    }
  }
  if (ctx.error === undefined) runActionSet(ctx);
}

/** Runs the packet, which came in by `inPort` (undefined: by none that the bridge has), through the bridge's tables. */
function receive(ctx: XlateContext, inPort: XlatePort | undefined): void {
  const outer = ctx.entryDepth;
  ctx.entryDepth = ctx.depth + 1;
  // In the first bridge a packet that the port does not take is looked up all the same, and goes nowhere (runTable).
  if (ctx.depth === 0 || mayReceive(ctx, inPort)) enterTable(ctx, ctx.flow.u32(F.KEY_IN_PORT), 0, true);
  ctx.entryDepth = outer;
}

/** Looks the packet up as if it had come in on `lookupInPort`, and runs what it finds. */
function enterTable(ctx: XlateContext, lookupInPort: number, tableId: number, missToController: boolean): void {
  const { flow } = ctx;
  if (!ctx.mayEnter()) return;
  const inPort = flow.u32(F.KEY_IN_PORT);
  flow.setU32(F.KEY_IN_PORT, lookupInPort);
  const { foundId, rule, missed } = findRule(ctx, tableId, missToController);
  flow.setU32(F.KEY_IN_PORT, inPort);

  const [outerTable, outerRule] = [ctx.tableId, ctx.rule];
  // A later table ends some time: only what goes back counts as deeper (ovs-actions(7), resubmit).
  const deeper = !ctx.isOutermost && tableId <= outerTable ? 1 : 0;
  ctx.tableId = foundId;
  ctx.rule = rule;
  ctx.depth++;
  ctx.deepened += deeper;
  if (!ctx.report.enabled) runTable(ctx, missed);
  else {
    // Open vSwitch shows where the search ended only of the first.
    const shownId = ctx.depth === 1 ? foundId : tableId;
    const title = `${String(shownId).padStart(2)}. ${rule ? describeRule(rule) : describeMiss(ctx, missed)}`;
    ctx.report.nest(
      'table',
      () => title,
      () => runTable(ctx, missed),
    );
  }
  ctx.deepened -= deeper;
  ctx.depth--;
  if (ctx.freezing) ctx.freezing.outermostCookie = rule?.cookie;
  ctx.tableId = outerTable;
  ctx.rule = outerRule;
}

function runTable(ctx: XlateContext, missed: MissKind | undefined): void {
  if (ctx.depth !== ctx.entryDepth) {
    runFound(ctx, missed);
    return;
  }
  const inPort = ctx.bridge.port(ctx.flow.u32(F.KEY_IN_PORT));
  if (!mayReceive(ctx, inPort)) return;
  if (onlyLearns(inPort)) learnOnly(ctx, () => runFirst(ctx, missed));
  else runFirst(ctx, missed);
  // What failed behind a patch port is over there only; so its action set is run, as in Open vSwitch.
  if (ctx.depth > 1 || ctx.error === undefined) runActionSet(ctx);
  if (ctx.depth === 1) outputDhcpReply(ctx);
}

/** What comes from a patch port was received, and copied, elsewhere. */
function runFirst(ctx: XlateContext, missed: MissKind | undefined): void {
  if (ctx.depth > 1 || mirrorReceived(ctx)) runFound(ctx, missed);
}

function runFound(ctx: XlateContext, missed: MissKind | undefined): void {
  if (ctx.rule) run(ctx, ctx.rule.actions);
  else miss(ctx, missed);
}

function run(ctx: XlateContext, actions: readonly OfAction[]): void {
  if (actions.length === 0) ctx.report.add('action', () => 'drop');
  const { isLast } = ctx;
  runList(ctx, actions, isLast);
  ctx.isLast = isLast;
}

function runList(ctx: XlateContext, actions: readonly OfAction[], isLast: boolean): void {
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i]!;
    ctx.isLast = isLast && i === actions.length - 1 && ctx.actionSet.length === 0;
    if (ctx.error !== undefined || ctx.exit) return;
    if (needsPayload(ctx, action)) {
      freezeBefore(ctx);
      keepFrame(ctx, ctx.freezing!, actions, i);
      return;
    }
    if (ctx.report.enabled) ctx.report.add('action', () => formatActions([action]));
    if (action.type === 'check_pkt_larger') {
      xlateCheckPktLarger(ctx, action, actions.slice(i + 1));
      return;
    }
    const goesOn = runAction(ctx, action);
    if (ctx.freezing) keepFrame(ctx, ctx.freezing, actions, i);
    else if (ctx.exit) leaveBehind(ctx, actions, i);
    if (!goesOn || ctx.freezing) return;
  }
}

/** False when the rest of the list is to be skipped. */
function runAction(ctx: XlateContext, action: OfAction): boolean {
  switch (action.type) {
    case 'output':
      xlateOutput(ctx, action.port, action.maxLen);
      break;
    case 'output_reg':
      unwildcardSubfield(ctx.wc, action.src);
      outputRegister(ctx, Number(getSubfield(ctx.flow, action.src)), action.maxLen);
      break;
    case 'output_trunc':
      xlateOutputTrunc(ctx, action.port, action.maxLen);
      break;
    case 'enqueue':
      xlateEnqueue(ctx, action.port, action.queue);
      break;
    case 'controller':
      // Where a packet stops is no reason of its own: neither a group, nor an action set, nor a table-miss flow.
      if (action.pause) pauseForController(ctx, { ...action, reason: REASONS[action.reason] ?? 'action' });
      else sendToController(ctx, { ...action, ...reasonOf(ctx, action.reason) });
      break;
    case 'resubmit':
      resubmit(ctx, action.inPort, action.tableId);
      break;
    case 'goto_table':
      enterTable(ctx, ctx.flow.u32(F.KEY_IN_PORT), action.tableId, true);
      break;
    case 'meter':
      xlateMeter(ctx, action.meterId);
      break;
    case 'group':
      return xlateGroup(ctx, action.groupId);
    case 'dec_ttl':
      return xlateDecTtl(ctx, action.controllerIds);
    case 'exit':
      ctx.exit = true;
      break;
    default:
      return runFieldAction(ctx, action);
  }
  return true;
}

type Later = Exclude<
  OfAction,
  { type: 'output' | 'enqueue' | 'controller' | 'resubmit' | 'goto_table' | 'dec_ttl' | 'group' | 'meter' }
>;

function runFieldAction(ctx: XlateContext, action: Later): boolean {
  switch (action.type) {
    case 'set_field':
      xlateSetField(ctx, action.field, action.value, action.mask);
      break;
    case 'reg_move':
      xlateMove(ctx, action.src, action.dst);
      break;
    case 'stack_push':
      xlateStackPush(ctx, action.subfield);
      break;
    case 'stack_pop':
      xlateStackPop(ctx, action.subfield);
      break;
    case 'set_queue':
      xlateQueue(ctx, action.queue);
      break;
    case 'pop_queue':
      if (ctx.flow.u32(F.KEY_SKB_PRIORITY) !== ctx.originalPriority) {
        ctx.report.add('detail', () => `queue = ${ctx.originalPriority}`);
      }
      xlateQueue(ctx, ctx.originalPriority);
      break;
    case 'push_vlan':
      pushVlan(ctx, action.ethertype);
      break;
    case 'pop_vlan':
      popVlan(ctx);
      break;
    case 'set_vlan_vid':
      setVlanBits(ctx, VLAN_VID_MASK, action.vid, action.pushIfNeeded);
      break;
    case 'set_vlan_pcp':
      setVlanBits(ctx, VLAN_PCP_MASK, action.pcp << 13, action.pushIfNeeded);
      break;
    case 'write_actions':
    case 'clear_actions':
      changeActionSet(ctx, action);
      break;
    case 'learn':
      xlateLearn(ctx, action.spec);
      if (ctx.report.suppressesEffects)
        ctx.report.add('warn', () => 'suppressing side effects, so learn action ignored');
      break;
    case 'clone':
      xlateClone(ctx, action.actions);
      break;
    default:
      return runHeaderAction(ctx, action);
  }
  return true;
}

function runHeaderAction(ctx: XlateContext, action: Exclude<Later, { type: 'set_field' }>): boolean {
  switch (action.type) {
    case 'set_eth_src':
    case 'set_eth_dst':
    case 'set_ip_src':
    case 'set_ip_dst':
    case 'set_ip_dscp':
    case 'set_ip_ecn':
    case 'set_ip_ttl':
    case 'set_l4_src_port':
    case 'set_l4_dst_port':
    case 'set_tunnel':
    case 'write_metadata':
      xlateHeader(ctx, action);
      return true;
    default:
      return runExtension(ctx, action);
  }
}

const REASONS = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'] as const;

function reasonOf(ctx: XlateContext, reason: number): ReturnType<typeof reasonOfAction> {
  const name = REASONS[reason] ?? 'action';
  return name === 'action' ? reasonOfAction(ctx) : { reason: name };
}

function outputRegister(ctx: XlateContext, port: number, maxLen: number): void {
  ctx.report.add('detail', () => `output port is ${port}`);
  const is16 = port >= 0xff00 && port <= 0xffff;
  xlateOutput(ctx, is16 ? (port | 0xffff0000) >>> 0 : port, maxLen);
}

function resubmit(ctx: XlateContext, port: number, table: number): void {
  const inPort = port === OFPP.IN_PORT ? ctx.flow.u32(F.KEY_IN_PORT) : port;
  enterTable(ctx, inPort, table === CURRENT_TABLE ? ctx.tableId : table, false);
}

const CURRENT_TABLE = 255;

/** Runs the action set, which is empty from then on. */
function runActionSet(ctx: XlateContext): void {
  if (ctx.actionSet.length === 0 || ctx.freezing) return;
  const actions = orderActionSet(ctx.actionSet);
  ctx.actionSet = [];
  if (actions.length === 0) return;
  ctx.inActionSet = true;
  ctx.isLast = true;
  ctx.report.nest(
    'table',
    () => '--. Executing action set:',
    () => run(ctx, actions),
  );
  ctx.inActionSet = false;
}
