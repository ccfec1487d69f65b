// Normal form of a match: fields whose prerequisites the match does not name are dropped, as Open vSwitch does with
// OpenFlow 1.0 requests and with what people type (ovs-ofctl(8), "Flow Syntax").

import { FIELDS, isMatched } from './fields.ts';
import type { Flow, Match } from './flow.ts';
import * as F from './flow.ts';
import * as P from './prerequisites.ts';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  ETH_TYPE_RARP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
} from './prerequisites.ts';

/** Byte ranges of a Flow by what they belong to. */
const IPV4_ADDRESSES = [F.KEY_NW_SRC, 8] as const;
const TOS_AND_TTL = [F.KEY_NW_TOS, 2] as const;
const PORTS = [F.KEY_TP_SRC, 4] as const;
const TCP_FLAGS = [F.KEY_TCP_FLAGS, 2] as const;
const IPV6_ADDRESSES = [F.KEY_IPV6_SRC, 36] as const;
const ND_TARGET = [F.KEY_ND_TARGET, 16] as const;
const ARP_ADDRESSES = [F.KEY_ARP_SHA, 16] as const;
const MPLS = [F.KEY_MPLS_LSE0, 12] as const;
const ND_RESERVED = [F.KEY_ND_RESERVED, 4] as const;
const FRAG = [F.KEY_NW_FRAG, 1] as const;
const PROTO = [F.KEY_NW_PROTO, 1] as const;

type Range = readonly [offset: number, size: number];

const ALL: readonly Range[] = [
  IPV4_ADDRESSES,
  TOS_AND_TTL,
  PORTS,
  TCP_FLAGS,
  IPV6_ADDRESSES,
  ND_TARGET,
  ARP_ADDRESSES,
  MPLS,
  ND_RESERVED,
  FRAG,
  PROTO,
];

/** Drops meaningless fields in place; returns the names of fields that were dropped. */
export function normalizeMatch(match: Match): string[] {
  const kept = keptRanges(match);
  const { flow, mask } = match;
  const dropped = ALL.filter((range) => !kept.has(range) && hasBits(mask, range));
  if (dropped.length === 0) return [];
  const before = FIELDS.filter((f) => isMatched(mask, f));
  for (const [offset, size] of dropped) {
    flow.bytes.fill(0, offset, offset + size);
    mask.bytes.fill(0, offset, offset + size);
  }
  return before.filter((f) => !isMatched(mask, f)).map((f) => f.name);
}

function hasBits({ bytes }: Flow, [offset, size]: Range): boolean {
  for (let i = offset; i < offset + size; i++) if (bytes[i] !== 0) return true;
  return false;
}

function keptRanges({ flow }: Match): ReadonlySet<Range> {
  const kept = new Set<Range>();
  const etherType = P.etherTypeOf(flow);
  const keep = (...ranges: Range[]) => {
    for (const range of ranges) kept.add(range);
  };
  if (etherType === ETH_TYPE_ARP || etherType === ETH_TYPE_RARP) keep(IPV4_ADDRESSES, PROTO, ARP_ADDRESSES);
  if (etherType === P.ETH_TYPE_MPLS || etherType === P.ETH_TYPE_MPLS_MCAST) keep(MPLS);
  if (etherType !== ETH_TYPE_IP && etherType !== ETH_TYPE_IPV6) return kept;
  keep(TOS_AND_TTL, FRAG, PROTO, etherType === ETH_TYPE_IP ? IPV4_ADDRESSES : IPV6_ADDRESSES);
  const proto = flow.u8(F.KEY_NW_PROTO);
  if (proto === P.IPPROTO_TCP) keep(PORTS, TCP_FLAGS);
  if (proto === P.IPPROTO_UDP || proto === P.IPPROTO_SCTP) keep(PORTS);
  if (etherType === ETH_TYPE_IP && proto === IPPROTO_ICMP) keep(PORTS);
  if (etherType === ETH_TYPE_IPV6 && proto === IPPROTO_ICMPV6) {
    keep(PORTS);
    const type = flow.u16(F.KEY_TP_SRC);
    if (type === 135 || type === 136) keep(ND_TARGET, ARP_ADDRESSES, ND_RESERVED);
  }
  return kept;
}
