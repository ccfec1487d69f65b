// A packet's flow with every field, as ofproto/trace prints it (`Flow:` and `Final flow:`): what all its headers say, and
// of the metadata what is not 0.

import { DECAP_NEXT } from '../model/actions.ts';
import * as F from '../model/flow.ts';
import { FLOW_METADATA, Flow } from '../model/flow.ts';
import * as P from '../model/prerequisites.ts';
import { formatFlags, TCP_FLAGS } from '../text/flags.ts';
import { formatMatch } from '../text/format-match.ts';

const METADATA_WORDS = [
  F.KEY_SKB_PRIORITY,
  F.KEY_PKT_MARK,
  F.KEY_CT_STATE,
  F.KEY_CT_MARK,
  F.KEY_DP_HASH,
  F.KEY_RECIRC_ID,
];

export function formatWholeFlow(flow: Flow): string {
  const text = formatMatch({ flow, mask: wholeMask(flow) });
  const tcp = isIp(flow) && flow.u8(F.KEY_NW_PROTO) === P.IPPROTO_TCP && !isLater(flow);
  const tagged = flow.u16(F.KEY_VLAN0_TCI) !== 0;
  const parts = leftovers(flow) + (tagged ? withInnerTag(text, flow) : text);
  return tcp ? `${parts},tcp_flags=${formatFlags(flow.u16(F.KEY_TCP_FLAGS), TCP_FLAGS)}` : parts;
}

/** Open vSwitch shows addresses of connection tracking where an action left an Ethernet type that is not the packet's. */
function leftovers(flow: Flow): string {
  const type = P.etherTypeOf(flow);
  if (type === flow.u16(F.KEY_ETH_TYPE)) return '';
  if (type === P.ETH_TYPE_IP) return 'ct_nw_src=0.0.0.0,ct_nw_dst=0.0.0.0,';
  return type === P.ETH_TYPE_IPV6 ? 'ct_ipv6_src=::,ct_ipv6_dst=::,' : '';
}

const isIp = (flow: Flow) => P.etherTypeOf(flow) === P.ETH_TYPE_IP || P.etherTypeOf(flow) === P.ETH_TYPE_IPV6;
const isLater = (flow: Flow) => (flow.u8(F.KEY_NW_FRAG) & F.FLOW_NW_FRAG_LATER) !== 0;

/** The second tag follows the first, also when there is none. */
function withInnerTag(text: string, flow: Flow): string {
  const tci = flow.u16(F.KEY_VLAN1_TCI);
  const inner = (tci & F.VLAN_CFI) === 0 ? 'vlan_tci1=0x0000' : `dl_vlan1=${tci & 0xfff},dl_vlan_pcp1=${tci >> 13}`;
  return text.replace(/(dl_vlan_pcp=\d|vlan_tci=0x[0-9a-f]{4})/, `$1,${inner}`);
}

function wholeMask(flow: Flow): Flow {
  const mask = new Flow();
  const all = (offset: number, size: number) => mask.bytes.fill(0xff, offset, offset + size);
  if (flow.u32(F.KEY_IN_PORT) !== 0) all(F.KEY_IN_PORT, 4);
  if (flow.u32(F.KEY_PACKET_TYPE) === 0) {
    all(F.KEY_ETH_TYPE, 2);
    all(F.KEY_VLAN0_TCI, 2);
    all(F.KEY_ETH_DST, 6);
    all(F.KEY_ETH_SRC, 6);
  } else {
    all(F.KEY_PACKET_TYPE, 4);
  }
  for (const offset of METADATA_WORDS) if (flow.u32(offset) !== 0) all(offset, 4);
  if (flow.u64(FLOW_METADATA) !== 0n) all(FLOW_METADATA, 8);
  if (flow.u64(F.FLOW_TUN_ID) !== 0n) all(F.FLOW_TUN_ID, 8);
  for (let at = F.FLOW_REG0; at < F.FLOW_CONJ_ID; at += 4) if (flow.u32(at) !== 0) all(at, 4);
  for (let at = F.FLOW_TUN_SRC; at < F.FLOW_TUN_FLAGS; at += 4) {
    if (flow.u32(at) !== 0) all(at, 4);
  }
  maskNetwork(flow, all);
  return mask;
}

type Cover = (offset: number, size: number) => unknown;

function maskNetwork(flow: Flow, all: Cover): void {
  if (flow.u32(F.KEY_PACKET_TYPE) === DECAP_NEXT) return;
  const type = P.etherTypeOf(flow);
  if (isIp(flow)) {
    if (type === P.ETH_TYPE_IP) {
      all(F.KEY_NW_SRC, 8);
    } else {
      all(F.KEY_IPV6_SRC, 32);
      all(F.KEY_IPV6_LABEL, 4);
    }
    all(F.KEY_NW_FRAG, 2);
    all(F.KEY_NW_TOS, 2);
    if (!isLater(flow)) maskTransport(flow, all);
  } else if (type === P.ETH_TYPE_ARP || type === P.ETH_TYPE_RARP) {
    all(F.KEY_NW_PROTO, 1);
    all(F.KEY_NW_SRC, 8);
    all(F.KEY_ARP_SHA, 6);
    all(F.KEY_ARP_THA, 6);
  } else if (type === P.ETH_TYPE_MPLS || type === P.ETH_TYPE_MPLS_MCAST) {
    // As far as the stack goes.
    for (let i = 0; i < 3; i++) {
      all(F.KEY_MPLS_LSE0 + 4 * i, 4);
      if (flow.u32(F.KEY_MPLS_LSE0 + 4 * i) & 0x100) break;
    }
  } else if (type === P.ETH_TYPE_NSH) {
    all(F.KEY_NSH_FLAGS, 24);
    all(F.KEY_NW_FRAG, 2);
    all(F.KEY_NW_TOS, 2);
  }
}

const WITH_PORTS: ReadonlySet<number> = new Set([
  P.IPPROTO_ICMP,
  P.IPPROTO_IGMP,
  P.IPPROTO_TCP,
  P.IPPROTO_UDP,
  P.IPPROTO_ICMPV6,
  P.IPPROTO_SCTP,
]);

function maskTransport(flow: Flow, all: Cover): void {
  const proto = flow.u8(F.KEY_NW_PROTO);
  if (WITH_PORTS.has(proto)) all(F.KEY_TP_SRC, 4);
  const type = flow.u16(F.KEY_TP_SRC);
  if (P.etherTypeOf(flow) !== P.ETH_TYPE_IPV6 || proto !== P.IPPROTO_ICMPV6 || (type !== 135 && type !== 136)) return;
  if (flow.u16(F.KEY_TP_DST) !== 0) return;
  all(F.KEY_ND_TARGET, 16);
  all(F.KEY_ARP_SHA, 6);
  all(F.KEY_ARP_THA, 6);
}
