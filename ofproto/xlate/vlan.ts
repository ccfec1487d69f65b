// VLAN tags in a flow: pushing, popping and setting them, outermost first.

import * as F from '../model/flow.ts';
import type { XlateContext } from './context.ts';
import { hasVlan, vlanCount } from './protocols.ts';

export const ETH_TYPE_VLAN = 0x8100;
export const VLAN_VID_MASK = 0x0fff;
export const VLAN_PCP_MASK = 0xe000;

function unwildcardTags(wc: F.Flow, from: number, to: number): void {
  for (let i = from; i < to; i++) wc.setU32(F.KEY_VLAN0_TPID + 4 * i, 0xffffffff);
}

/** Adds an outer tag with VID and priority 0. A third tag pushes the innermost out of what a flow can tell. */
export function pushVlan({ flow, wc }: XlateContext, tpid: number): void {
  unwildcardTags(wc, 0, vlanCount(flow));
  flow.setU32(F.KEY_VLAN1_TPID, flow.u32(F.KEY_VLAN0_TPID));
  flow.setU16(F.KEY_VLAN0_TPID, tpid);
  flow.setU16(F.KEY_VLAN0_TCI, F.VLAN_CFI);
}

/** Takes the outer tag off, if there is one. What it held is only matched once the packet goes out without it. */
export function popVlan({ flow, wc }: XlateContext): void {
  const count = vlanCount(flow);
  if (count === 0) return;
  unwildcardTags(wc, 1, count);
  flow.setU32(F.KEY_VLAN0_TPID, flow.u32(F.KEY_VLAN1_TPID));
  flow.setU32(F.KEY_VLAN1_TPID, 0);
}

/** OpenFlow 1.0's set_vlan_vid and set_vlan_pcp: `bits` of the TCI become `value`; a missing tag is pushed if asked. */
export function setVlanBits({ flow, wc }: XlateContext, bits: number, value: number, pushIfNeeded: boolean): void {
  wc.setU16(F.KEY_VLAN0_TCI, wc.u16(F.KEY_VLAN0_TCI) | bits | F.VLAN_CFI);
  if (!hasVlan(flow) && !pushIfNeeded) return;
  flow.setU16(F.KEY_VLAN0_TCI, (flow.u16(F.KEY_VLAN0_TCI) & ~bits) | value | F.VLAN_CFI);
  normalizeTpid(flow);
}

/** After a write to the TCI itself: a tag that came into being is 802.1Q. */
export function normalizeTpid(flow: F.Flow): void {
  if (hasVlan(flow) && flow.u16(F.KEY_VLAN0_TPID) === 0) flow.setU16(F.KEY_VLAN0_TPID, ETH_TYPE_VLAN);
}
