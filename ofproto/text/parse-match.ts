// Matches from ovs-ofctl's flow syntax: `ip,nw_src=10.0.0.0/8,tp_dst=80`.

import { UserError } from '../../lib/errors.ts';
import { field, fieldByName, matchField, matchFieldNumber } from '../model/fields.ts';
import { emptyMatch, type Match } from '../model/flow.ts';
import * as P from '../model/prerequisites.ts';
import { parseFieldValue } from './field-values.ts';
import { type KeyValue, keyValues } from './lexer.ts';
import type { Names } from './ports.ts';

/** Short names of protocols (ovs-fields(7), "Ethernet Type", "IP Protocol"). */
const PROTOCOLS: Readonly<Record<string, readonly [ethType: number, ipProto?: number]>> = {
  ip: [P.ETH_TYPE_IP],
  ipv4: [P.ETH_TYPE_IP],
  ip4: [P.ETH_TYPE_IP],
  arp: [P.ETH_TYPE_ARP],
  icmp: [P.ETH_TYPE_IP, P.IPPROTO_ICMP],
  tcp: [P.ETH_TYPE_IP, P.IPPROTO_TCP],
  udp: [P.ETH_TYPE_IP, P.IPPROTO_UDP],
  sctp: [P.ETH_TYPE_IP, P.IPPROTO_SCTP],
  ipv6: [P.ETH_TYPE_IPV6],
  ip6: [P.ETH_TYPE_IPV6],
  tcp6: [P.ETH_TYPE_IPV6, P.IPPROTO_TCP],
  udp6: [P.ETH_TYPE_IPV6, P.IPPROTO_UDP],
  sctp6: [P.ETH_TYPE_IPV6, P.IPPROTO_SCTP],
  icmp6: [P.ETH_TYPE_IPV6, P.IPPROTO_ICMPV6],
  rarp: [P.ETH_TYPE_RARP],
  mpls: [P.ETH_TYPE_MPLS],
  mplsm: [P.ETH_TYPE_MPLS_MCAST],
};

/** Applies one item to a match. False when it is neither a protocol nor a field. Throws UserError. */
export function parseMatchItem(match: Match, { key, value, hasValue }: KeyValue, names: Names): boolean {
  const protocol = Object.hasOwn(PROTOCOLS, key) ? PROTOCOLS[key] : undefined;
  if (protocol) {
    matchFieldNumber(match, field('eth_type'), protocol[0]);
    if (protocol[1] !== undefined) matchFieldNumber(match, field('nw_proto'), protocol[1]);
    return true;
  }
  if (key === 'eth') {
    matchFieldNumber(match, field('packet_type'), 0);
    return true;
  }
  const f = fieldByName(key);
  if (!f) return false;
  if (!hasValue) throw new UserError(`field ${key} missing value`);
  // "*" leaves the field out, as in old flow dumps.
  if (value === '*') return true;
  const masked = parseFieldValue(f, value, names);
  matchField(match, f, masked.value, masked.mask);
  return true;
}

/** Parses a match alone. Throws UserError. */
export function parseMatchText(text: string, names: Names = {}): Match {
  const match = emptyMatch();
  for (const item of keyValues(text)) {
    if (!parseMatchItem(match, item, names)) {
      throw new UserError(item.hasValue ? `unknown keyword ${item.key}` : `field ${item.key} missing value`);
    }
  }
  return match;
}
