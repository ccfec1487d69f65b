// What the action encoders share: framing of one action, and what the flow's match and the actions so far tell of the
// packets at that point, which decides how OpenFlow 1.0's actions are said in later versions.

import type { Writer } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { KEY_NW_PROTO, KEY_VLAN0_TCI, type Match, VLAN_CFI } from '../model/flow.ts';
import { glanceAt } from '../model/minimask.ts';
import { PT_ETHERNET } from '../model/nicira.ts';

export interface ActionHints {
  /** VLAN tags that there are for certain: with one, mod_vlan_vid need not push it. */
  readonly vlans: number;
  /** The IP protocol, 0 when it is not known: which field mod_tp_src sets. */
  readonly ipProto: number;
}

export const NO_HINTS: ActionHints = { vlans: 0, ipProto: 0 };

export function hintsOf(match: Match): ActionHints {
  const { flow } = glanceAt(match);
  return { vlans: flow.u16(KEY_VLAN0_TCI) & VLAN_CFI ? 1 : 0, ipProto: flow.u8(KEY_NW_PROTO) };
}

const VLANS_MAX = 2;

/** What is known behind an action; what lies below a label stack or another header is not. */
export function hintsAfter(action: OfAction, hints: ActionHints): ActionHints {
  const { vlans, ipProto } = hints;
  switch (action.type) {
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
      return { vlans: Math.max(vlans, 1), ipProto };
    case 'push_vlan':
      return { vlans: Math.min(vlans + 1, VLANS_MAX), ipProto };
    case 'pop_vlan':
      return { vlans: Math.max(vlans - 1, 0), ipProto };
    case 'push_mpls':
    case 'pop_mpls':
      return { vlans, ipProto: 0 };
    case 'encap':
      return action.packetType === PT_ETHERNET ? hints : { vlans, ipProto: 0 };
    case 'set_field':
      if (action.field.name !== 'vlan_tci') return hints;
      return { vlans: action.value[0]! & (VLAN_CFI >> 8) ? Math.max(vlans, 1) : 0, ipProto };
    default:
      return hints;
  }
}

export interface ActionEncoder {
  readonly w: Writer;
  readonly version: number;
  /** What is known of the packet here. */
  hints: ActionHints;
  /** Writes `type | length | body`, padded to 8. */
  action(type: number, body: (w: Writer) => void): true;
  /** Writes a Nicira action: `0xffff | length | 0x2320 | subtype | body`, padded to 8. */
  nicira(subtype: number, body: (w: Writer) => void): true;
  /** The same with the ONF's number: `0xffff | length | 0x4f4e4600 | subtype | body`. */
  onf(subtype: number, body: (w: Writer) => void): true;
}

const OFPAT_VENDOR = 0xffff;
const NX_VENDOR_ID = 0x00002320;
export const ONF_VENDOR_ID = 0x4f4e4600;
/** copy_field of 1.3's extensions. */
export const ONFACT_ET_COPY_FIELD = 3200;

export function newEncoder(w: Writer, version: number, hints: ActionHints): ActionEncoder {
  const action = (type: number, body: (w: Writer) => void): true => {
    const start = w.size;
    w.u16(type).u16(0);
    body(w);
    w.pad(8, start);
    w.patch16(start + 2, w.size - start);
    return true;
  };
  const vendor = (id: number) => (subtype: number, body: (w: Writer) => void) =>
    action(OFPAT_VENDOR, () => {
      w.u32(id).u16(subtype);
      body(w);
    });
  return { w, version, hints, action, nicira: vendor(NX_VENDOR_ID), onf: vendor(ONF_VENDOR_ID) };
}
