// What a list of actions sends, and where to: what of it a flow's own counters tell.

import { type DpAction, nestedLists } from '../../actions.ts';

/** An output of a flow, and how much longer the frame is there than it was received. */
export interface Sent {
  readonly port: number;
  readonly growth: number;
}

const VLAN_HEADER = 4;
const MPLS_HEADER = 4;
const ETH_HEADER = 14;
const NSH_HEADER = 8;

/** The outputs of `actions`, for a frame that is `growth` bytes longer already. */
export function sentBy(actions: readonly DpAction[], growth = 0): Sent[] {
  const sent: Sent[] = [];
  let now = growth;
  for (const action of actions) {
    if (action.type === 'output') sent.push({ port: action.port, growth: now });
    for (const list of nestedLists(action)) sent.push(...sentBy(list, now));
    now += growthOf(action);
  }
  return sent;
}

/** How much longer the action makes a frame. */
export function growthOf(action: DpAction): number {
  switch (action.type) {
    case 'push_vlan':
      return VLAN_HEADER;
    case 'pop_vlan':
      return -VLAN_HEADER;
    case 'push_mpls':
    case 'add_mpls':
      return MPLS_HEADER;
    case 'pop_mpls':
      return -MPLS_HEADER;
    case 'push_eth':
      return ETH_HEADER;
    case 'pop_eth':
      return -ETH_HEADER;
    case 'push_nsh':
      return NSH_HEADER + action.metadata.length;
    default:
      return 0;
  }
}

/** Whether each output is given every packet, whole: then the flow's counters tell what was sent. */
export function isSameForAll(actions: readonly DpAction[]): boolean {
  return actions.every((action) => {
    if (action.type === 'meter' || action.type === 'trunc' || action.type === 'check_pkt_len') return false;
    if (action.type === 'sample' && action.probability !== undefined) return false;
    return nestedLists(action).every(isSameForAll);
  });
}
