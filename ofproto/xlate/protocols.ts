// What kind of packet a flow is, as actions ask it.

import * as F from '../model/flow.ts';
import { ETH_TYPE_ARP, ETH_TYPE_IP, ETH_TYPE_IPV6, ETH_TYPE_NSH } from '../model/prerequisites.ts';

export const isIpv4 = (flow: F.Flow): boolean => flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_IP;
export const isIpv6 = (flow: F.Flow): boolean => flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_IPV6;
export const isIp = (flow: F.Flow): boolean => isIpv4(flow) || isIpv6(flow);
export const isNsh = (flow: F.Flow): boolean => flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_NSH;
export const isArp = (flow: F.Flow): boolean => flow.u16(F.KEY_ETH_TYPE) === ETH_TYPE_ARP;
export const isLaterFragment = (flow: F.Flow): boolean => (flow.u8(F.KEY_NW_FRAG) & F.FLOW_NW_FRAG_LATER) !== 0;
export const hasVlan = (flow: F.Flow): boolean => (flow.u16(F.KEY_VLAN0_TCI) & F.VLAN_CFI) !== 0;

/** VLAN tags that a flow has, 0..2. */
export function vlanCount(flow: F.Flow): number {
  if (!hasVlan(flow)) return 0;
  return flow.u16(F.KEY_VLAN1_TCI) & F.VLAN_CFI ? 2 : 1;
}
