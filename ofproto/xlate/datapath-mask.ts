// From the bits that a translation read to the mask that its megaflow is installed with.

import * as F from '../model/flow.ts';
import {
  ETH_TYPE_NSH,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../model/prerequisites.ts';
import { isMplsType } from './label-stack.ts';
import { isIp, isIpv4, isIpv6, isLaterFragment, vlanCount } from './protocols.ts';
import type { Xlated } from './snapshot.ts';
import { VLAN_VID_MASK } from './vlan.ts';
import { hasHiddenTag } from './vlan-limit.ts';

/** Bits of which every translation takes note. */
export function startWildcards(flow: F.Flow, wc: F.Flow): void {
  wc.setU32(F.KEY_PACKET_TYPE, 0xffffffff);
  wc.setU32(F.KEY_IN_PORT, 0xffffffff);
  wc.setU32(F.KEY_RECIRC_ID, 0xffffffff);
  wc.setU16(F.KEY_ETH_TYPE, 0xffff);
  if (isIp(flow)) wc.setU8(F.KEY_NW_FRAG, F.FLOW_NW_FRAG_ANY | F.FLOW_NW_FRAG_LATER);
}

/**
 * Drops what a datapath flow cannot or need not match: OpenFlow's own metadata, tags that `flow` does not have. At the end
 * of the translation the packet is `finalFlow`.
 */
export function finishWildcards(flow: F.Flow, finalFlow: F.Flow, wc: F.Flow): void {
  wc.clear(F.FLOW_METADATA);
  const tags = vlanCount(flow);
  for (let i = 0; i < 2; i++) {
    const offset = F.KEY_VLAN0_TPID + 4 * i;
    if (i >= tags) wc.setU32(offset, 0);
    else if (wc.u16(offset + 2) !== 0) wc.setU16(offset + 2, wc.u16(offset + 2) | F.VLAN_CFI);
    // The TPID is printed as the Ethernet type and always matched by the datapath.
    wc.setU16(offset, 0);
  }
  const type = flow.u16(F.KEY_ETH_TYPE);
  if (!isMplsType(type)) wc.clear(F.KEY_MPLS_LSE0, F.KEY_MPLS_LSE0 + 12);
  if (type !== ETH_TYPE_NSH) wc.clear(F.KEY_NSH_FLAGS, F.KEY_NSH_FLAGS + 24);
  // Open vSwitch judges these two by what the packet is at the end.
  if (isIcmp(finalFlow)) cutIcmp(wc);
  if (isLaterFragment(finalFlow)) wc.setU32(F.KEY_TP_SRC, 0);
}

const isIcmp = (flow: F.Flow): boolean =>
  (isIpv4(flow) && flow.u8(F.KEY_NW_PROTO) === IPPROTO_ICMP) ||
  (isIpv6(flow) && flow.u8(F.KEY_NW_PROTO) === IPPROTO_ICMPV6);

const isTcp = (flow: F.Flow): boolean => isIp(flow) && flow.u8(F.KEY_NW_PROTO) === IPPROTO_TCP;

/** Type and code are bytes in fields of 16 bits. */
const cutIcmp = (mask: F.Flow): void => mask.setU32(F.KEY_TP_SRC, mask.u32(F.KEY_TP_SRC) & 0x00ff00ff);

/** A bit beside TCP's flags that is 0 in every key: whose mask has it matches no less, but has the flags read. */
const FLAGS_ARE_READ = 0x8000;

/** What of a translation decides its mask. */
type Translation = Pick<Xlated, 'mask' | 'fins'>;

/**
 * Writes to `mask` the datapath mask for a packet `flow` whose translation read `wc`; its first KEY_SIZE bytes count. A
 * megaflow always says whether there is a VLAN tag: actions depend on where the headers are. The datapath parses no
 * further than masks ask, and counts the flags of what it parsed: fin_timeout asks for them.
 */
export function datapathMask(flow: F.Flow, { mask: wc, fins }: Translation, mask: F.Flow): void {
  mask.copyFrom(wc);
  if (fins.length > 0 && isTcp(flow)) mask.setU16(F.KEY_TCP_FLAGS, mask.u16(F.KEY_TCP_FLAGS) | FLAGS_ARE_READ);
  dropUnparsed(flow, mask);
  const tags = vlanCount(flow);
  const outer = tags === 0 ? 0xffff : wc.u16(F.KEY_VLAN0_TCI) || VID_AND_CFI;
  mask.setU32(F.KEY_VLAN0_TPID, (0xffff0000 | outer) >>> 0);
  if (hasHiddenTag(flow)) {
    // That there is another tag, and of which type; it is for the datapath to say where it is.
    mask.setU32(F.KEY_VLAN1_TPID, (0xffff0000 | F.VLAN_CFI) >>> 0);
  } else if (tags > 0) {
    const inner = tags === 1 ? 0xffff : wc.u16(F.KEY_VLAN1_TCI) || F.VLAN_CFI;
    mask.setU32(F.KEY_VLAN1_TPID, (0xffff0000 | inner) >>> 0);
  }
}

/** What is 0 in every packet of the flow's kind needs no match: it would only have the datapath look for it. */
function dropUnparsed(flow: F.Flow, mask: F.Flow): void {
  mask.setU32(F.KEY_IPV6_LABEL, mask.u32(F.KEY_IPV6_LABEL) & 0xfffff);
  mask.setU8(F.KEY_ND_OPTIONS_TYPE + 1, 0);
  if (isIcmp(flow)) cutIcmp(mask);
  if (isLaterFragment(flow) || !WITH_PORTS.has(flow.u8(F.KEY_NW_PROTO))) mask.setU32(F.KEY_TP_SRC, 0);
}

const WITH_PORTS: ReadonlySet<number> = new Set([
  IPPROTO_ICMP,
  IPPROTO_IGMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
]);

/** Whether mask `installed`, as words, has every bit of `wanted`. */
export function covers(installed: Uint32Array, wanted: F.Flow): boolean {
  for (let i = 0; i < F.KEY_SIZE / 4; i++) if ((wanted.words[i]! & ~installed[i]!) !== 0) return false;
  return true;
}

const VID_AND_CFI = VLAN_VID_MASK | F.VLAN_CFI;
