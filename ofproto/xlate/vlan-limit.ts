// Open_vSwitch.other_config:vlan-limit: how many VLAN tags OpenFlow sees of a packet. What is behind them has the next
// tag's type as its Ethernet type, and no headers; the datapath, which parses two tags, is none the wiser.

import * as F from '../model/flow.ts';
import { vlanCount } from './protocols.ts';

export const VLAN_TAGS_MAX = 2;
export const VLAN_LIMIT_DEFAULT = 1;

/** other_config:vlan-limit: 0 is without limit. */
export function vlanLimit(text: string | undefined): number {
  const limit = text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : VLAN_LIMIT_DEFAULT;
  return limit === 0 ? VLAN_TAGS_MAX : Math.min(limit, VLAN_TAGS_MAX);
}

/** Hides from the flow of a whole packet what is behind `limit` tags. */
export function limitVlans(flow: F.Flow, limit: number): void {
  if (vlanCount(flow) <= limit) return;
  flow.setU16(F.KEY_ETH_TYPE, flow.u16(F.KEY_VLAN1_TPID));
  flow.setU32(F.KEY_VLAN1_TPID, 0);
  flow.setU16(F.KEY_NW_FRAG, 0);
  flow.bytes.fill(0, F.KEY_NW_SRC, F.KEY_DP_HASH);
}

/** A tag that the flow knows only by its type. */
export function hasHiddenTag(flow: F.Flow): boolean {
  const type = flow.u16(F.KEY_ETH_TYPE);
  return vlanCount(flow) === 1 && (type === 0x8100 || type === 0x88a8);
}
