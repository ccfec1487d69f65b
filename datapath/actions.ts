// Datapath actions as the slow path states them. datapath/action-codec.ts turns a list into the words that the hot
// path runs. Text form (dpctl/dump-flows) is ofproto's business.

/** Which header a `set` action writes; the value and mask layouts are given in bytes. */
export const SET_LAYOUT = {
  /** dst 6, src 6 */
  eth: 12,
  /** src 4, dst 4, proto 1 (never written), tos 1, ttl 1, frag 1 (never written) */
  ipv4: 12,
  /** src 16, dst 16, label 4, proto 1 (never written), tclass 1, hlimit 1, frag 1 (never written) */
  ipv6: 40,
  /** src port 2, dst port 2 */
  tcp: 4,
  udp: 4,
  sctp: 4,
  /** type 1, code 1 */
  icmp: 2,
  icmpv6: 2,
  /** spa 4, tpa 4, op 2, sha 6, tha 6 */
  arp: 22,
  /** target 16, sll 6, tll 6 */
  nd: 28,
  /** reserved 4, type of the first option 1: what the mask touches is written whole */
  nd_ext: 5,
  /** label 20 bits, tc 3, bos 1, ttl 8: the outermost entry */
  mpls: 4,
  /** flags 1, ttl 1, mdtype 1 and np 1 (never written), spi 3, si 1, context 16 */
  nsh: 24,
  skb_priority: 4,
  pkt_mark: 4,
} as const;

export type SetHeader = keyof typeof SET_LAYOUT;

/** OVS_HASH_ALG_*: `sym_l4` gives both directions of a connection one hash. */
export type HashAlgorithm = 'l4' | 'sym_l4';

export type DpAction =
  | { readonly type: 'output'; readonly port: number }
  /** Hand the packet, as it is at this point, to the upcall sink with `cookie` (a number the sink chose). */
  | { readonly type: 'userspace'; readonly cookie: number; readonly maxLen: number }
  /** `tci` carries the CFI bit set, as in Open vSwitch. */
  | { readonly type: 'push_vlan'; readonly tpid: number; readonly tci: number }
  | { readonly type: 'pop_vlan' }
  /** Header bytes := (bytes & ~mask) | (value & mask); value and mask have SET_LAYOUT[header] bytes. */
  | { readonly type: 'set'; readonly header: SetHeader; readonly value: Uint8Array; readonly mask: Uint8Array }
  /** Truncates the packet for the next output only. */
  | { readonly type: 'trunc'; readonly maxLen: number }
  /** Runs `actions` on a copy; later actions see the packet as it was before. */
  | { readonly type: 'clone'; readonly actions: readonly DpAction[] }
  /** The same for some packets, chosen by chance: of 2^32 - 1 so many; every packet when absent. */
  | { readonly type: 'sample'; readonly probability?: number; readonly actions: readonly DpAction[] }
  /** Goes on only with packets within the meter's rates. `id` is the datapath's own (Dpif.meterAdd). */
  | { readonly type: 'meter'; readonly id: number }
  /** dp_hash := hash of the packet's addresses and ports, never 0. */
  | { readonly type: 'hash'; readonly algorithm: HashAlgorithm; readonly basis: number }
  /** Parses the packet, as it is at this point, and looks it up again with recirc_id `id`. */
  | { readonly type: 'recirc'; readonly id: number }
  /** Puts a label stack entry behind the Ethernet header. */
  | { readonly type: 'push_mpls'; readonly lse: number; readonly ethertype: number }
  | { readonly type: 'pop_mpls'; readonly ethertype: number }
  /** Puts a label stack entry before the whole packet, which then has no Ethernet header. */
  | { readonly type: 'add_mpls'; readonly lse: number; readonly ethertype: number }
  /** `header`: flags, ttl, mdtype, np, spi 3, si; `metadata`: 16 bytes of context, or TLVs of type 2. */
  | { readonly type: 'push_nsh'; readonly header: Uint8Array; readonly metadata: Uint8Array }
  | { readonly type: 'pop_nsh' }
  /** Ethernet addresses; the type is what the packet is. */
  | { readonly type: 'push_eth'; readonly src: Uint8Array; readonly dst: Uint8Array }
  | { readonly type: 'pop_eth' }
  /** Runs one of two lists on the packet, whose actions go on behind. */
  | {
      readonly type: 'check_pkt_len';
      readonly size: number;
      readonly greater: readonly DpAction[];
      readonly lessEqual: readonly DpAction[];
    };
// An empty list drops the packet.

const NO_LISTS: readonly (readonly DpAction[])[] = [];

/** The lists of actions within an action: none, that of a copy, or both of check_pkt_len. */
export function nestedLists(action: DpAction): readonly (readonly DpAction[])[] {
  if ('actions' in action) return [action.actions];
  return action.type === 'check_pkt_len' ? [action.greater, action.lessEqual] : NO_LISTS;
}

/** `actions` with `change` made to each, the nested ones too. */
export function mapDpActions(actions: readonly DpAction[], change: (action: DpAction) => DpAction): DpAction[] {
  return actions.map((action) => {
    if (action.type === 'clone' || action.type === 'sample') {
      return { ...action, actions: mapDpActions(action.actions, change) };
    }
    if (action.type !== 'check_pkt_len') return change(action);
    const { greater, lessEqual } = action;
    return { ...action, greater: mapDpActions(greater, change), lessEqual: mapDpActions(lessEqual, change) };
  });
}
