// The MPLS label stack in a flow (RFC 3032): its three outermost entries, how many are known, and making the datapath's stack
// equal to it.

import * as F from '../model/flow.ts';
import { ETH_TYPE_IPV6, ETH_TYPE_MPLS, ETH_TYPE_MPLS_MCAST, etherTypeOf } from '../model/prerequisites.ts';
import type { XlateContext } from './context.ts';
import { isIp } from './protocols.ts';

export const LABELS_MAX = 3;
export const BOS = 0x100;
export const TC_SHIFT = 9;
export const LABEL_SHIFT = 12;
/** RFC 3032, 2.1: the label of an IPv6 packet without a label of its own. */
const IPV6_EXPLICIT_NULL = 2;
const DEFAULT_TTL = 64;

export const isMplsType = (type: number): boolean => type === ETH_TYPE_MPLS || type === ETH_TYPE_MPLS_MCAST;
/** By the Ethernet type: push_mpls writes it in packets without an Ethernet header, too. */
export const isMpls = (flow: F.Flow): boolean => isMplsType(flow.u16(F.KEY_ETH_TYPE));

export const entryAt = (index: number): number => F.KEY_MPLS_LSE0 + 4 * index;

/** Entries of the stack as far as a flow knows it; marks in `wc` the bits that say where it ends. */
export function labelCount(flow: F.Flow, wc?: F.Flow): number {
  if (!isMpls(flow)) return 0;
  let count = 0;
  for (let i = 0; i < LABELS_MAX; i++) {
    if (wc) wc.setU32(entryAt(i), (wc.u32(entryAt(i)) | BOS) >>> 0);
    const entry = flow.u32(entryAt(i));
    if (entry & BOS) return i + 1;
    if (entry !== 0) count++;
  }
  return count;
}

/** The entry that a packet without labels gets: TTL and class of its IP header. */
export function firstEntry(flow: F.Flow, wc: F.Flow): number {
  const label = etherTypeOf(flow) === ETH_TYPE_IPV6 ? IPV6_EXPLICIT_NULL : 0;
  let ttl = 0;
  let tc = 0;
  if (isIp(flow)) {
    wc.setU8(F.KEY_NW_TOS, wc.u8(F.KEY_NW_TOS) | 0xfc);
    wc.setU8(F.KEY_NW_TTL, 0xff);
    ttl = flow.u8(F.KEY_NW_TTL);
    tc = (flow.u8(F.KEY_NW_TOS) >> 2) & 7;
  }
  return ((label << LABEL_SHIFT) | (tc << TC_SHIFT) | BOS | (ttl || DEFAULT_TTL)) >>> 0;
}

/** The entry before a whole Ethernet frame, of which only the kind of its payload counts. */
export function frameEntry(flow: F.Flow): number {
  const label = flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_IPV6 ? IPV6_EXPLICIT_NULL : 0;
  return ((label << LABEL_SHIFT) | BOS | DEFAULT_TTL) >>> 0;
}

const TOO_MANY = 'Too many MPLS labels';
const LIMIT = `more MPLS LSEs than the ${LABELS_MAX} supported.`;

/** What happened is said of real packets only. */
function tooMany(ctx: XlateContext, text: string): void {
  if (!ctx.report.suppressesEffects) ctx.report.add('error', () => text);
  ctx.error ??= TOO_MANY;
}

/** Whether a packet with `count` known labels may have one more; if not it is dropped. */
export function hasRoom(ctx: XlateContext, what: string, count: number): boolean {
  if (count < LABELS_MAX) return true;
  tooMany(ctx, `dropping packet on which ${what} can't be performed as it would have ${LIMIT}`);
  return false;
}

/** Whether there are labels below those that a flow knows: then none can be taken off, and the packet is dropped. */
export function isDeeper(ctx: XlateContext, what: string): boolean {
  const { flow, wc } = ctx;
  if (labelCount(flow, wc) < LABELS_MAX || flow.u32(entryAt(LABELS_MAX - 1)) & BOS) return false;
  tooMany(ctx, `dropping packet on which ${what} can't be performed as it has ${LIMIT}`);
  return true;
}

/** Network and transport layer are not looked at behind labels. */
export function forgetPayload(flow: F.Flow): void {
  flow.bytes.fill(0, F.KEY_NW_FRAG, F.KEY_VLAN0_TPID);
  flow.bytes.fill(0, F.KEY_NW_SRC, F.KEY_MPLS_LSE0);
  flow.setU32(F.KEY_ND_RESERVED, 0);
  flow.setU32(F.KEY_DP_HASH, 0);
}

/** Pushes a copy of the outer one of `count` entries. */
export function copyOuter(flow: F.Flow, count: number): void {
  for (let i = count; i > 0; i--) flow.setU32(entryAt(i), flow.u32(entryAt(i - 1)));
  flow.setU32(entryAt(0), (flow.u32(entryAt(0)) & ~BOS) >>> 0);
}

/** Takes the outer entry off. */
export function dropEntry(flow: F.Flow): void {
  for (let i = 0; i < LABELS_MAX - 1; i++) flow.setU32(entryAt(i), flow.u32(entryAt(i + 1)));
  flow.setU32(entryAt(LABELS_MAX - 1), 0);
}

/** Pops, sets and pushes entries until the datapath's stack is the flow's. */
export function commitMpls(ctx: XlateContext): void {
  const { flow, base } = ctx;
  let have = labelCount(base);
  const want = labelCount(flow);
  let common = commonCount(flow, want, base, have);
  while (have > common) {
    if (have - 1 === common && want > common) {
      setOuter(ctx, flow.u32(entryAt(want - have)));
      common++;
    } else {
      // While labels are left below, the packet stays one with labels.
      const etherType = want === 0 && have > 1 ? ETH_TYPE_MPLS : etherTypeOf(flow);
      ctx.emit({ type: 'pop_mpls', ethertype: etherType });
      dropEntry(base);
      base.setU16(F.KEY_ETH_TYPE, etherType);
      have--;
    }
  }
  for (; have < want; have++) {
    const entry = flow.u32(entryAt(want - have - 1));
    ctx.emit({ type: 'push_mpls', lse: entry, ethertype: flow.u16(F.KEY_ETH_TYPE) });
    for (let i = LABELS_MAX - 1; i > 0; i--) base.setU32(entryAt(i), base.u32(entryAt(i - 1)));
    base.setU32(entryAt(0), entry);
    base.setU16(F.KEY_ETH_TYPE, flow.u16(F.KEY_ETH_TYPE));
  }
}

/** Entries, counted from the bottom, that both stacks have. */
function commonCount(flow: F.Flow, want: number, base: F.Flow, have: number): number {
  let common = 0;
  while (common < want && common < have) {
    const mine = entryAt(have - common - 1);
    if (flow.u32(entryAt(want - common - 1)) !== base.u32(mine)) break;
    common++;
  }
  return common;
}

function setOuter(ctx: XlateContext, entry: number): void {
  const { base, wc } = ctx;
  const value = new Uint8Array(4);
  const mask = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, entry);
  // Only what is matched may be written: the rest is another packet's.
  new DataView(mask.buffer).setUint32(0, (wc.u32(entryAt(0)) | (entry ^ base.u32(entryAt(0)))) >>> 0);
  ctx.emit({ type: 'set', header: 'mpls', value, mask });
  base.setU32(entryAt(0), entry);
}
