// The fields of a flow key by name, for what a card can match of it and how that is said.

import * as K from '../../layout/flow-key.ts';

/** Where each field begins; it ends where the next one does. */
const FIELDS: readonly (readonly [at: number, name: string])[] = [
  [K.KEY_IN_PORT, 'in_port'],
  [K.KEY_RECIRC_ID, 'recirc_id'],
  [K.KEY_PACKET_TYPE, 'packet_type'],
  [K.KEY_ETH_TYPE, 'eth_type'],
  [K.KEY_NW_FRAG, 'nw_frag'],
  [K.KEY_NW_PROTO, 'nw_proto'],
  [K.KEY_VLAN0_TPID, 'vlan_tpid'],
  [K.KEY_VLAN0_TCI, 'vlan_tci'],
  [K.KEY_VLAN1_TPID, 'second vlan_tpid'],
  [K.KEY_VLAN1_TCI, 'second vlan_tci'],
  [K.KEY_ETH_DST, 'eth_dst'],
  [K.KEY_ETH_SRC, 'eth_src'],
  [K.KEY_NW_SRC, 'nw_src'],
  [K.KEY_NW_DST, 'nw_dst'],
  [K.KEY_TP_SRC, 'tp_src'],
  [K.KEY_TP_DST, 'tp_dst'],
  [K.KEY_TCP_FLAGS, 'tcp_flags'],
  [K.KEY_NW_TOS, 'nw_tos'],
  [K.KEY_NW_TTL, 'nw_ttl'],
  [K.KEY_IPV6_SRC, 'ipv6_src'],
  [K.KEY_IPV6_DST, 'ipv6_dst'],
  [K.KEY_IPV6_LABEL, 'ipv6_label'],
  [K.KEY_IGMP_GROUP, 'igmp_group'],
  [K.KEY_ND_TARGET, 'nd_target'],
  [K.KEY_ARP_SHA, 'arp_sha'],
  [K.KEY_ND_OPTIONS_TYPE, 'nd_options_type'],
  [K.KEY_ARP_THA, 'arp_tha'],
  [K.KEY_MPLS_LSE0, 'mpls label'],
  [K.KEY_MPLS_LSE1, 'second mpls label'],
  [K.KEY_MPLS_LSE2, 'third mpls label'],
  [K.KEY_ND_RESERVED, 'nd_reserved'],
  [K.KEY_DP_HASH, 'dp_hash'],
  [K.KEY_SKB_PRIORITY, 'skb_priority'],
  [K.KEY_PKT_MARK, 'pkt_mark'],
  [K.KEY_CT_STATE, 'ct_state'],
  [K.KEY_NSH_FLAGS, 'nsh'],
  [K.KEY_CT_IPV6_SRC, 'ct_ipv6'],
];

/**
 * What the datapath notes beside a packet: zero when it was just received. A flow that wants it zero says so of every
 * packet that a card can see.
 */
const NOTES: readonly (readonly [from: number, to: number])[] = [
  [K.KEY_RECIRC_ID, K.KEY_ETH_TYPE],
  [K.KEY_DP_HASH, K.KEY_NSH_FLAGS],
  [K.KEY_CT_IPV6_SRC, K.KEY_SIZE],
];

/** The mask without the notes that a card need not match. Undefined when the flow is for packets that carry some. */
export function maskOfReceived(key: Uint8Array, mask: Uint8Array): Uint8Array | undefined {
  const received = mask.slice();
  for (const [from, to] of NOTES) {
    for (let at = from; at < to; at++) {
      if ((key[at]! & mask[at]!) !== 0) return undefined;
      received[at] = 0;
    }
  }
  return received;
}

/** Names of the fields of which `mask` has bits that `matches` has not. */
export function fieldsBeyond(mask: Uint8Array, matches: Uint8Array): string[] {
  if (!isBeyond(mask, matches)) return [];
  return FIELDS.flatMap(([at, name], i) => {
    const end = FIELDS[i + 1]?.[0] ?? K.KEY_SIZE;
    for (let byte = at; byte < end; byte++) if ((mask[byte]! & ~matches[byte]!) !== 0) return [name];
    return [];
  });
}

/** Whether `mask` has bits that `matches` has not: asked of each flow. */
export function isBeyond(mask: Uint8Array, matches: Uint8Array): boolean {
  for (let byte = 0; byte < mask.length; byte++) if ((mask[byte]! & ~matches[byte]!) !== 0) return true;
  return false;
}
