// From the bits that a translation read to the mask that its megaflow is installed with.

import * as F from '../model/flow.ts';
import { ETH_TYPE_NSH, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../model/prerequisites.ts';
import { isMplsType } from './label-stack.ts';
import { isIp, isLaterFragment, vlanCount } from './protocols.ts';
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

/** Drops what a datapath flow cannot or need not match: OpenFlow's own metadata, tags that `flow` does not have. */
export function finishWildcards(flow: F.Flow, wc: F.Flow): void {
  wc.clear(F.FLOW_METADATA);
  const tags = vlanCount(flow);
  for (let i = 0; i < 2; i++) {
    const offset = F.KEY_VLAN0_TPID + 4 * i;
    if (i >= tags) wc.setU32(offset, 0);
    else if (wc.u16(offset + 2) !== 0) wc.setU16(offset + 2, wc.u16(offset + 2) | F.VLAN_CFI);
    // The TPID is printed as the Ethernet type and always matched by the datapath.
    wc.setU16(offset, 0);
  }
  // Later fragments have no ports, whatever rules ask for.
  if (isIp(flow) && isLaterFragment(flow)) wc.setU32(F.KEY_TP_SRC, 0);
  const type = flow.u16(F.KEY_ETH_TYPE);
  if (!isMplsType(type)) wc.clear(F.KEY_MPLS_LSE0, F.KEY_MPLS_LSE0 + 12);
  if (type !== ETH_TYPE_NSH) wc.clear(F.KEY_NSH_FLAGS, F.KEY_NSH_FLAGS + 24);
  const proto = flow.u8(F.KEY_NW_PROTO);
  if (isIp(flow) && (proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6)) {
    // Type and code are bytes in 16-bit fields.
    wc.setU32(F.KEY_TP_SRC, wc.u32(F.KEY_TP_SRC) & 0x00ff00ff);
  }
}

/**
 * Writes to `mask` the datapath mask for a packet `flow` whose translation read `wc`; its first KEY_SIZE bytes count. A
 * megaflow always says whether there is a VLAN tag: actions depend on where the headers are.
 */
export function datapathMask(flow: F.Flow, wc: F.Flow, mask: F.Flow): void {
  mask.copyFrom(wc);
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

/** Whether mask `installed`, as words, has every bit of `wanted`. */
export function covers(installed: Uint32Array, wanted: F.Flow): boolean {
  for (let i = 0; i < F.KEY_SIZE / 4; i++) if ((wanted.words[i]! & ~installed[i]!) !== 0) return false;
  return true;
}

const VID_AND_CFI = VLAN_VID_MASK | F.VLAN_CFI;
