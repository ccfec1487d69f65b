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
  /** dp_hash := hash of the packet's addresses and ports, never 0. */
  | { readonly type: 'hash'; readonly algorithm: HashAlgorithm; readonly basis: number }
  /** Parses the packet, as it is at this point, and looks it up again with recirc_id `id`. */
  | { readonly type: 'recirc'; readonly id: number };
// An empty list drops the packet.
