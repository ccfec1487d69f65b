// What must be true of a flow before a field has meaning in it (ovs-fields(7), "Prerequisites"): tcp_dst needs TCP over
// IPv4 or IPv6. Used by the codecs, which refuse matches and actions out of order, and by translation.

import type { Field, Prerequisite } from './fields.ts';
import * as F from './flow.ts';

export const ETH_TYPE_IP = 0x0800;
export const ETH_TYPE_ARP = 0x0806;
export const ETH_TYPE_RARP = 0x8035;
export const ETH_TYPE_IPV6 = 0x86dd;
export const ETH_TYPE_MPLS = 0x8847;
export const ETH_TYPE_MPLS_MCAST = 0x8848;
export const ETH_TYPE_NSH = 0x894f;

export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;

/** The Ethernet type, also of packets without an Ethernet header, whose packet type says it. */
export function etherTypeOf(flow: F.Flow): number {
  const packetType = flow.u32(F.KEY_PACKET_TYPE);
  return packetType >>> 16 === OFPHTN_ETHERTYPE ? packetType & 0xffff : flow.u16(F.KEY_ETH_TYPE);
}

/** Namespace of packet types that are Ethernet types. */
const OFPHTN_ETHERTYPE = 1;

const isEthernet = (flow: F.Flow) => flow.u32(F.KEY_PACKET_TYPE) === 0;
const isIpv4 = (flow: F.Flow) => etherTypeOf(flow) === ETH_TYPE_IP;
const isIpv6 = (flow: F.Flow) => etherTypeOf(flow) === ETH_TYPE_IPV6;
const isIp = (flow: F.Flow) => isIpv4(flow) || isIpv6(flow);
/** A later fragment carries no transport header. */
const hasL4 = (flow: F.Flow, proto: number) =>
  flow.u8(F.KEY_NW_PROTO) === proto && (flow.u8(F.KEY_NW_FRAG) & F.FLOW_NW_FRAG_LATER) === 0;
/** For ICMP, as in Open vSwitch, fragments make no difference. */
const isIcmpv6 = (flow: F.Flow) => isIpv6(flow) && flow.u8(F.KEY_NW_PROTO) === IPPROTO_ICMPV6;
const isNd = (flow: F.Flow, type: number) =>
  isIcmpv6(flow) && flow.u16(F.KEY_TP_SRC) === type && flow.u16(F.KEY_TP_DST) === 0;

/** ct_state bits that only a packet of a known connection has; CS_VALID without matching them says "not invalid". */
const CS_ESTABLISHED_KINDS = 0x01 | 0x02 | 0x04 | 0x08 | 0x40 | 0x80;
const CS_INVALID = 0x10;
/** ct_state's bit for packets that went through the connection tracker. */
const CS_TRACKED = 0x20;

/** Whether a match (or, without mask, a packet) knows that there is a connection, whose first packet the tuple is of. */
function isTracked(flow: F.Flow, mask: F.Flow | undefined): boolean {
  const state = flow.u32(F.KEY_CT_STATE);
  if (state & CS_ESTABLISHED_KINDS) return true;
  if (!mask || !(state & CS_TRACKED)) return false;
  return (mask.u32(F.KEY_CT_STATE) & CS_INVALID) !== 0 && (state & CS_INVALID) === 0;
}

const CHECKS: Readonly<Record<Prerequisite, (flow: F.Flow, mask: F.Flow | undefined) => boolean>> = {
  none: () => true,
  ethernet: isEthernet,
  vlan: (flow) => isEthernet(flow) && (flow.u16(F.KEY_VLAN0_TCI) & F.VLAN_CFI) !== 0,
  ipv4: isIpv4,
  ipv6: isIpv6,
  ip: isIp,
  arp: (flow) => etherTypeOf(flow) === ETH_TYPE_ARP || etherTypeOf(flow) === ETH_TYPE_RARP,
  mpls: (flow) => etherTypeOf(flow) === ETH_TYPE_MPLS || etherTypeOf(flow) === ETH_TYPE_MPLS_MCAST,
  tcp: (flow) => isIp(flow) && hasL4(flow, IPPROTO_TCP),
  udp: (flow) => isIp(flow) && hasL4(flow, IPPROTO_UDP),
  sctp: (flow) => isIp(flow) && hasL4(flow, IPPROTO_SCTP),
  icmpv4: (flow) => isIpv4(flow) && flow.u8(F.KEY_NW_PROTO) === IPPROTO_ICMP,
  icmpv6: isIcmpv6,
  nd: (flow) => isNd(flow, 135) || isNd(flow, 136),
  nd_solicit: (flow) => isNd(flow, 135),
  nd_advert: (flow) => isNd(flow, 136),
  nsh: (flow) => etherTypeOf(flow) === ETH_TYPE_NSH,
  ct: isTracked,
};

/** Whether `flow` (a packet's fields, or the value part of a match with `mask`) has what `f` needs. */
export function prerequisitesMet(flow: F.Flow, f: Field, mask?: F.Flow): boolean {
  return CHECKS[f.prerequisite](flow, mask);
}

/** Un-wildcards what prerequisitesMet() looks at: a translation that asked depends on it. */
export function unwildcardPrerequisites(mask: F.Flow, f: Field): void {
  if (f.prerequisite === 'none' || f.prerequisite === 'ethernet') return;
  if (f.prerequisite === 'vlan') {
    mask.setU16(F.KEY_VLAN0_TCI, mask.u16(F.KEY_VLAN0_TCI) | F.VLAN_CFI);
    return;
  }
  if (f.prerequisite === 'ct') {
    mask.setU32(F.KEY_CT_STATE, mask.u32(F.KEY_CT_STATE) | CS_ESTABLISHED_KINDS);
    return;
  }
  mask.setU16(F.KEY_ETH_TYPE, 0xffff);
  if (!isTransport(f)) return;
  mask.setU8(F.KEY_NW_PROTO, 0xff);
  mask.setU8(F.KEY_NW_FRAG, mask.u8(F.KEY_NW_FRAG) | F.FLOW_NW_FRAG_LATER);
  if (!f.prerequisite.startsWith('nd')) return;
  mask.setU16(F.KEY_TP_SRC, 0xffff);
  mask.setU16(F.KEY_TP_DST, 0xffff);
}

/** Whether a field lies behind the IP header. */
export const isTransport = (f: Field): boolean => L4.has(f.prerequisite);

const L4: ReadonlySet<Prerequisite> = new Set([
  'tcp',
  'udp',
  'sctp',
  'icmpv4',
  'icmpv6',
  'nd',
  'nd_solicit',
  'nd_advert',
]);
