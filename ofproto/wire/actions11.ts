// OpenFlow 1.1's standard actions (OpenFlow 1.1, 4.9): 1.0's setters under other numbers, and those that 1.2 kept.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { asSetters } from './actions10.ts';
import { decodeCommon, encodeCommon, push } from './actions12.ts';

const OFPAT_SET_VLAN_VID = 1;
const OFPAT_SET_VLAN_PCP = 2;
const OFPAT_SET_DL_SRC = 3;
const OFPAT_SET_DL_DST = 4;
const OFPAT_SET_NW_SRC = 5;
const OFPAT_SET_NW_DST = 6;
const OFPAT_SET_NW_TOS = 7;
const OFPAT_SET_NW_ECN = 8;
const OFPAT_SET_TP_SRC = 9;
const OFPAT_SET_TP_DST = 10;
const OFPAT_SET_MPLS_LABEL = 13;
const OFPAT_SET_MPLS_TC = 14;

/** Decodes one action whose type is read already. Throws OfError OFPBAC_*. */
export function decodeAction11(type: number, r: Reader): OfAction {
  const known = (type >= OFPAT_SET_VLAN_VID && type <= OFPAT_SET_TP_DST) || type === OFPAT_SET_MPLS_LABEL;
  if (!known && type !== OFPAT_SET_MPLS_TC) return decodeCommon(type, r);
  const isEther = type === OFPAT_SET_DL_SRC || type === OFPAT_SET_DL_DST;
  if (r.bytes.length !== (isEther ? 16 : 8)) throw new OfError('OFPBAC_BAD_LEN');
  switch (type) {
    case OFPAT_SET_VLAN_VID:
      return { type: 'set_vlan_vid', vid: atMost(0xfff, r.u16()), pushIfNeeded: false };
    case OFPAT_SET_VLAN_PCP:
      return { type: 'set_vlan_pcp', pcp: atMost(7, r.u8()), pushIfNeeded: false };
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

/** Writes an action in 1.1's own form, or returns false: then it goes as a Nicira action. */
export function encodeAction11(e: ActionEncoder, action: OfAction): boolean {
  if (action.type !== 'set_field') return encodeSetter(e, action);
  const setters = asSetters(action, false);
  return setters.length > 0 && setters.every((setter) => encodeSetter(e, setter));
}

function encodeSetter(e: ActionEncoder, a: OfAction): boolean {
  switch (a.type) {
    case 'set_vlan_vid':
      if (a.pushIfNeeded && !e.hasVlan) push(e, 0x8100);
      return e.action(OFPAT_SET_VLAN_VID, (w) => w.u16(a.vid).zeros(2));
    case 'set_vlan_pcp':
      if (a.pushIfNeeded && !e.hasVlan) push(e, 0x8100);
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
