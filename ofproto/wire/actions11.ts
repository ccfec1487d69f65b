// OpenFlow 1.1's standard actions (OpenFlow 1.1, 4.9): 1.0's setters under other numbers, and those that 1.2 kept.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { asSetters } from './actions10.ts';
import { decodeCommon, encodeCommon, push } from './actions12.ts';
import {
  decodeSetter,
  OFPAT_SET_DL_DST,
  OFPAT_SET_DL_SRC,
  OFPAT_SET_MPLS_LABEL,
  OFPAT_SET_MPLS_TC,
  OFPAT_SET_NW_DST,
  OFPAT_SET_NW_ECN,
  OFPAT_SET_NW_SRC,
  OFPAT_SET_NW_TOS,
  OFPAT_SET_TP_DST,
  OFPAT_SET_TP_SRC,
  OFPAT_SET_VLAN_PCP,
  OFPAT_SET_VLAN_VID,
} from './setters11.ts';

/** Decodes one action whose type is read already. Throws OfError OFPBAC_*. */
export function decodeAction11(type: number, r: Reader): OfAction {
  return decodeSetter(type, r) ?? decodeCommon(type, r);
}

/** Writes an action in 1.1's own form, or returns false: then it goes as a Nicira action. */
export function encodeAction11(e: ActionEncoder, action: OfAction): boolean {
  if (action.type !== 'set_field') return encodeSetter(e, action);
  const setters = asSetters(action, false);
  return setters.length > 0 && setters.every((setter) => encodeSetter(e, setter));
}

function encodeSetter(e: ActionEncoder, a: OfAction): boolean {
  switch (a.type) {
    case 'set_vlan_vid':
      if (a.pushIfNeeded && e.hints.vlans === 0) push(e, 0x8100);
      return e.action(OFPAT_SET_VLAN_VID, (w) => w.u16(a.vid).zeros(2));
    case 'set_vlan_pcp':
      if (a.pushIfNeeded && e.hints.vlans === 0) push(e, 0x8100);
      return e.action(OFPAT_SET_VLAN_PCP, (w) => w.u8(a.pcp).zeros(3));
    case 'set_eth_src':
      return e.action(OFPAT_SET_DL_SRC, (w) => w.put(a.mac).zeros(6));
    case 'set_eth_dst':
      return e.action(OFPAT_SET_DL_DST, (w) => w.put(a.mac).zeros(6));
    case 'set_ip_src':
      return e.action(OFPAT_SET_NW_SRC, (w) => w.u32(a.ip));
    case 'set_ip_dst':
      return e.action(OFPAT_SET_NW_DST, (w) => w.u32(a.ip));
    case 'set_ip_dscp':
      return e.action(OFPAT_SET_NW_TOS, (w) => w.u8(a.dscp).zeros(3));
    case 'set_ip_ecn':
      return e.action(OFPAT_SET_NW_ECN, (w) => w.u8(a.ecn).zeros(3));
    case 'set_l4_src_port':
      return e.action(OFPAT_SET_TP_SRC, (w) => w.u16(a.port).zeros(2));
    case 'set_l4_dst_port':
      return e.action(OFPAT_SET_TP_DST, (w) => w.u16(a.port).zeros(2));
    case 'set_mpls_label':
      return e.action(OFPAT_SET_MPLS_LABEL, (w) => w.u32(a.label));
    case 'set_mpls_tc':
      return e.action(OFPAT_SET_MPLS_TC, (w) => w.u8(a.tc).zeros(3));
    default:
      return encodeCommon(e, a);
  }
}
