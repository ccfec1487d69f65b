// Datapath actions to the words that the hot path runs (datapath/layout/flow.ts, ACTIONS).

import { type DpAction, SET_LAYOUT, type SetHeader } from './actions.ts';
import {
  ACT_ADD_MPLS,
  ACT_CHECK_PKT_LEN,
  ACT_CLONE,
  ACT_HASH,
  ACT_METER,
  ACT_OUTPUT,
  ACT_POP_ETH,
  ACT_POP_MPLS,
  ACT_POP_NSH,
  ACT_POP_VLAN,
  ACT_PUSH_ETH,
  ACT_PUSH_MPLS,
  ACT_PUSH_NSH,
  ACT_PUSH_VLAN,
  ACT_RECIRC,
  ACT_SAMPLE,
  ACT_SET_ARP,
  ACT_SET_ETH,
  ACT_SET_ICMP,
  ACT_SET_IPV4,
  ACT_SET_IPV6,
  ACT_SET_MARK,
  ACT_SET_MPLS,
  ACT_SET_ND,
  ACT_SET_ND_EXT,
  ACT_SET_NSH,
  ACT_SET_PORTS,
  ACT_SET_PRIORITY,
  ACT_TRUNC,
  ACT_USERSPACE,
  HASH_L4,
  HASH_SYM_L4,
  NO_PORT,
} from './layout/flow.ts';

const SET_OPS: Record<SetHeader, number> = {
  eth: ACT_SET_ETH,
  ipv4: ACT_SET_IPV4,
  ipv6: ACT_SET_IPV6,
  tcp: ACT_SET_PORTS,
  udp: ACT_SET_PORTS,
  sctp: ACT_SET_PORTS,
  icmp: ACT_SET_ICMP,
  icmpv6: ACT_SET_ICMP,
  arp: ACT_SET_ARP,
  nd: ACT_SET_ND,
  nd_ext: ACT_SET_ND_EXT,
  mpls: ACT_SET_MPLS,
  nsh: ACT_SET_NSH,
  skb_priority: ACT_SET_PRIORITY,
  pkt_mark: ACT_SET_MARK,
};

function header(op: number, words: number): number {
  return op | ((words + 1) << 16);
}

/** Bytes as little-endian words, padded with zeroes. */
function pack(bytes: Uint8Array, size: number): number[] {
  const padded = new Uint8Array(Math.ceil(size / 4) * 4);
  padded.set(bytes.subarray(0, size));
  const view = new DataView(padded.buffer);
  return Array.from({ length: padded.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

function encodeOne(action: DpAction): number[] {
  switch (action.type) {
    case 'output':
      return [header(ACT_OUTPUT, 1), action.port];
    case 'userspace':
      return [header(ACT_USERSPACE, 2), action.cookie, action.maxLen];
    case 'push_vlan':
      return [header(ACT_PUSH_VLAN, 1), (action.tpid | (action.tci << 16)) >>> 0];
    case 'pop_vlan':
      return [header(ACT_POP_VLAN, 0)];
    case 'set': {
      const size = SET_LAYOUT[action.header];
      const words = [...pack(action.value, size), ...pack(action.mask, size)];
      return [header(SET_OPS[action.header], words.length), ...words];
    }
    case 'trunc':
      return [header(ACT_TRUNC, 1), action.maxLen];
    case 'meter':
      return [header(ACT_METER, 1), action.id];
    case 'sample':
    case 'clone': {
      const words = encodeList(action.actions);
      if (action.type === 'sample' && action.probability !== undefined) {
        return [header(ACT_SAMPLE, words.length + 1), action.probability, ...words];
      }
      return [header(ACT_CLONE, words.length), ...words];
    }
    case 'push_mpls':
      return [header(ACT_PUSH_MPLS, 2), action.lse, action.ethertype];
    case 'add_mpls':
      return [header(ACT_ADD_MPLS, 2), action.lse, action.ethertype];
    case 'pop_mpls':
      return [header(ACT_POP_MPLS, 1), action.ethertype];
    case 'push_nsh': {
      const words = [...pack(action.header, 8), ...pack(action.metadata, action.metadata.length)];
      return [header(ACT_PUSH_NSH, words.length + 1), action.metadata.length, ...words];
    }
    case 'pop_nsh':
      return [header(ACT_POP_NSH, 0)];
    case 'push_eth':
      return [header(ACT_PUSH_ETH, 3), ...pack(Uint8Array.of(...action.dst, ...action.src), 12)];
    case 'pop_eth':
      return [header(ACT_POP_ETH, 0)];
    case 'check_pkt_len': {
      const [greater, lessEqual] = [action.greater, action.lessEqual].map(encodeList);
      const words = [action.size, greater!.length, ...greater!, ...lessEqual!];
      return [header(ACT_CHECK_PKT_LEN, words.length), ...words];
    }
    case 'hash':
      return [header(ACT_HASH, 2), action.algorithm === 'l4' ? HASH_L4 : HASH_SYM_L4, action.basis];
    case 'recirc':
      return [header(ACT_RECIRC, 1), action.id];
  }
}

/** The action list's words, without the leading count. */
export function encodeActions(actions: readonly DpAction[]): number[] {
  return encodeList(actions);
}

/** A hash l4 goes first: it is of the packet as it came, before the list's other actions changed it. Of several none does. */
function encodeList(actions: readonly DpAction[]): number[] {
  const hashes = actions.filter((action) => action.type === 'hash');
  const [first] = hashes;
  if (hashes.length !== 1 || first!.algorithm !== 'l4') return actions.flatMap(encodeOne);
  return [first!, ...actions.filter((action) => action !== first)].flatMap(encodeOne);
}

/** The port of a list that is a single output, which the hot path takes without running words; else NO_PORT. */
export function fastOutput(actions: readonly DpAction[]): number {
  const only = actions.length === 1 ? actions[0] : undefined;
  return only?.type === 'output' ? only.port : NO_PORT;
}
