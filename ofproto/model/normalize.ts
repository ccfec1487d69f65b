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
  if (!ALL.some((range) => !kept.includes(range) && hasBits(mask, range))) return [];
  const dropped = ALL.filter((range) => !kept.includes(range) && hasBits(mask, range));
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

const NONE: readonly Range[] = [];
const KEPT_ARP: readonly Range[] = [IPV4_ADDRESSES, PROTO, ARP_ADDRESSES];
const KEPT_MPLS: readonly Range[] = [MPLS];
const IPV4: readonly Range[] = [TOS_AND_TTL, FRAG, PROTO, IPV4_ADDRESSES];
const IPV6: readonly Range[] = [TOS_AND_TTL, FRAG, PROTO, IPV6_ADDRESSES];
/** What is kept of a packet with a network layer, by what follows that. */
const withTransport = (network: readonly Range[]) => ({
  none: network,
  ports: [...network, PORTS],
  tcp: [...network, PORTS, TCP_FLAGS],
  nd: [...network, PORTS, ND_TARGET, ARP_ADDRESSES, ND_RESERVED],
});
const KEPT_IPV4 = withTransport(IPV4);
const KEPT_IPV6 = withTransport(IPV6);

function keptRanges({ flow }: Match): readonly Range[] {
  switch (P.etherTypeOf(flow)) {
    case ETH_TYPE_IP:
      return KEPT_IPV4[transportOf(flow, IPPROTO_ICMP)];
    case ETH_TYPE_IPV6:
      return KEPT_IPV6[transportOf(flow, IPPROTO_ICMPV6)];
    case ETH_TYPE_ARP:
    case ETH_TYPE_RARP:
      return KEPT_ARP;
    case P.ETH_TYPE_MPLS:
    case P.ETH_TYPE_MPLS_MCAST:
      return KEPT_MPLS;
    default:
      return NONE;
  }
}

function transportOf(flow: Flow, icmp: number): keyof typeof KEPT_IPV4 {
  const proto = flow.u8(F.KEY_NW_PROTO);
  if (proto === P.IPPROTO_TCP) return 'tcp';
  if (proto === P.IPPROTO_UDP || proto === P.IPPROTO_SCTP) return 'ports';
  if (proto !== icmp) return 'none';
  const type = flow.u16(F.KEY_TP_SRC);
  return icmp === IPPROTO_ICMPV6 && (type === 135 || type === 136) ? 'nd' : 'ports';
}
