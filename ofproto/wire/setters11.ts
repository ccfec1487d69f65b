// OpenFlow 1.1's setters (OpenFlow 1.1, 4.9), which later versions have as set_field and go on understanding.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';

export const OFPAT_SET_VLAN_VID = 1;
export const OFPAT_SET_VLAN_PCP = 2;
export const OFPAT_SET_DL_SRC = 3;
export const OFPAT_SET_DL_DST = 4;
export const OFPAT_SET_NW_SRC = 5;
export const OFPAT_SET_NW_DST = 6;
export const OFPAT_SET_NW_TOS = 7;
export const OFPAT_SET_NW_ECN = 8;
export const OFPAT_SET_TP_SRC = 9;
export const OFPAT_SET_TP_DST = 10;
export const OFPAT_SET_MPLS_LABEL = 13;
export const OFPAT_SET_MPLS_TC = 14;

/** Decodes one action whose type is read already; undefined when it is none of these. Throws OfError OFPBAC_*. */
export function decodeSetter(type: number, r: Reader): OfAction | undefined {
  const known = (type >= OFPAT_SET_VLAN_VID && type <= OFPAT_SET_TP_DST) || type === OFPAT_SET_MPLS_LABEL;
  if (!known && type !== OFPAT_SET_MPLS_TC) return undefined;
  const isEther = type === OFPAT_SET_DL_SRC || type === OFPAT_SET_DL_DST;
  if (r.length !== (isEther ? 16 : 8)) throw new OfError('OFPBAC_BAD_LEN');
  return readSetter(type, r, false);
}

/**
 * The body of the setter that 1.1 numbers `type`; `pushIfNeeded`: the VLAN ones push a tag, as in 1.0. Throws OfError
 * OFPBAC_BAD_ARGUMENT.
 */
export function readSetter(type: number, r: Reader, pushIfNeeded: boolean): OfAction {
  switch (type) {
    case OFPAT_SET_VLAN_VID:
      return { type: 'set_vlan_vid', vid: atMost(0xfff, r.u16()), pushIfNeeded };
    case OFPAT_SET_VLAN_PCP:
      return { type: 'set_vlan_pcp', pcp: atMost(7, r.u8()), pushIfNeeded };
    case OFPAT_SET_DL_SRC:
      return { type: 'set_eth_src', mac: r.copy(6) };
    case OFPAT_SET_DL_DST:
      return { type: 'set_eth_dst', mac: r.copy(6) };
    case OFPAT_SET_NW_SRC:
      return { type: 'set_ip_src', ip: r.u32() };
    case OFPAT_SET_NW_DST:
      return { type: 'set_ip_dst', ip: r.u32() };
    case OFPAT_SET_NW_TOS: {
      const dscp = r.u8();
      if (dscp & 3) throw new OfError('OFPBAC_BAD_ARGUMENT');
      return { type: 'set_ip_dscp', dscp };
    }
    case OFPAT_SET_NW_ECN:
      return { type: 'set_ip_ecn', ecn: atMost(3, r.u8()) };
    case OFPAT_SET_TP_SRC:
      return { type: 'set_l4_src_port', port: r.u16() };
    case OFPAT_SET_TP_DST:
      return { type: 'set_l4_dst_port', port: r.u16() };
    case OFPAT_SET_MPLS_LABEL:
      return { type: 'set_mpls_label', label: r.u32() };
    default:
      return { type: 'set_mpls_tc', tc: r.u8() };
  }
}

function atMost(max: number, value: number): number {
  if (value > max) throw new OfError('OFPBAC_BAD_ARGUMENT');
  return value;
}
