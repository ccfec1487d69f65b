// MPLS label stacks (RFC 3032). A flow knows the three outermost entries; what lies below a popped last entry is only known
// after the datapath has parsed the packet again, so actions that need it wait for that (freeze.ts).

import type { OfAction } from '../model/actions.ts';
import type { Prerequisite } from '../model/fields.ts';
import * as F from '../model/flow.ts';
import { isTransport } from '../model/prerequisites.ts';
import { commitActions } from './commit.ts';
import type { XlateContext } from './context.ts';
import { sendToController } from './controller.ts';
import {
  copyOuter,
  dropEntry,
  entryAt,
  firstEntry,
  forgetPayload,
  hasRoom,
  isDeeper,
  isMpls,
  isMplsType,
  LABEL_SHIFT,
  labelCount,
  TC_SHIFT,
} from './label-stack.ts';

const TTL = 0xff;
const TC = 7 << TC_SHIFT;
const LABEL = (0xfffff << LABEL_SHIFT) >>> 0;

/** push_mpls. False when the stack is full: the packet is dropped. As in Open vSwitch the packet type does not change. */
export function pushMpls(ctx: XlateContext, etherType: number): boolean {
  const { flow, wc } = ctx;
  const count = labelCount(flow, wc);
  if (count === 0) commitActions(ctx);
  if (!hasRoom(ctx, 'an MPLS push action', count)) return false;
  if (count === 0) flow.setU32(entryAt(0), firstEntry(flow, wc));
  else {
    wc.bytes.fill(0xff, entryAt(0), entryAt(count));
    copyOuter(flow, count);
  }
  if (count === 0) forgetPayload(flow);
  flow.setU16(F.KEY_ETH_TYPE, etherType);
  return true;
}

/** pop_mpls. False when there are labels below those that a flow knows: the packet is dropped. */
export function popMpls(ctx: XlateContext, etherType: number): boolean {
  const { flow, wc } = ctx;
  const count = labelCount(flow, wc);
  if (count === 0) return true;
  if (isDeeper(ctx, 'an MPLS pop action')) return false;
  wc.bytes.fill(0xff, entryAt(1), entryAt(count));
  dropEntry(flow);
  flow.setU16(F.KEY_ETH_TYPE, etherType);
  if (!isMplsType(etherType)) ctx.wasMpls = true;
  return true;
}

function setBits({ flow, wc }: XlateContext, bits: number, value: number): void {
  if (!isMpls(flow)) return;
  wc.setU32(F.KEY_MPLS_LSE0, (wc.u32(F.KEY_MPLS_LSE0) | bits) >>> 0);
  flow.setU32(F.KEY_MPLS_LSE0, ((flow.u32(F.KEY_MPLS_LSE0) & ~bits) | value) >>> 0);
}

export const setMplsLabel = (ctx: XlateContext, label: number): void => setBits(ctx, LABEL, label << LABEL_SHIFT);
export const setMplsTc = (ctx: XlateContext, tc: number): void => setBits(ctx, TC, tc << TC_SHIFT);
export const setMplsTtl = (ctx: XlateContext, ttl: number): void => setBits(ctx, TTL, ttl);

/**
 * False when the TTL ran out: the packet went to the controllers and the rest of the actions is skipped, as it is for a packet
 * without a label.
 */
export function decMplsTtl(ctx: XlateContext): boolean {
  if (!isMpls(ctx.flow)) {
    ctx.report.add('warn', () => 'MPLS decrement TTL exception');
    return false;
  }
  const ttl = ctx.flow.u32(F.KEY_MPLS_LSE0) & TTL;
  setBits(ctx, TTL, ttl > 1 ? ttl - 1 : ttl);
  if (ttl > 1) return true;
  ctx.report.add('warn', () => 'MPLS decrement TTL exception');
  sendToController(ctx, { maxLen: 0xffff, controllerId: 0, reason: 'invalid_ttl' });
  return false;
}

/** After the last label was popped these actions know all that they need; the others wait until the packet is parsed. */
const WITHOUT_PAYLOAD: ReadonlySet<OfAction['type']> = new Set<OfAction['type']>([
  'output',
  'output_reg',
  'output_trunc',
  'group',
  'enqueue',
  'set_queue',
  'set_eth_src',
  'set_eth_dst',
  'set_tunnel',
]);

/** Whether `action` must wait for the packet to be parsed behind its labels. */
export function needsPayload({ wasMpls }: XlateContext, action: OfAction): boolean {
  if (!wasMpls || WITHOUT_PAYLOAD.has(action.type)) return false;
  if (action.type !== 'set_field') return true;
  return isTransport(action.field) || LAYER_3.has(action.field.prerequisite);
}

const LAYER_3: ReadonlySet<Prerequisite> = new Set<Prerequisite>(['ipv4', 'ipv6', 'ip', 'arp', 'nsh']);
