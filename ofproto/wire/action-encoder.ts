// What the action encoders share: framing of one action, and what the flow's match tells of the packets at that point.

import type { Writer } from '../../lib/cursors.ts';
import { KEY_NW_PROTO, KEY_VLAN0_TCI, type Match, VLAN_CFI } from '../model/flow.ts';

/** What decides how OpenFlow 1.0's actions are said in later versions. */
export interface ActionHints {
  /** The match knows that there is a VLAN tag: mod_vlan_vid need not push one. */
  readonly hasVlan: boolean;
  /** The IP protocol matched: which field mod_tp_src sets. */
  readonly ipProto: number;
}

export const NO_HINTS: ActionHints = { hasVlan: false, ipProto: 0 };

export function hintsOf({ flow }: Match): ActionHints {
  return { hasVlan: (flow.u16(KEY_VLAN0_TCI) & VLAN_CFI) !== 0, ipProto: flow.u8(KEY_NW_PROTO) };
}

export interface ActionEncoder {
  readonly w: Writer;
  readonly version: number;
  readonly ipProto: number;
  /** Whether the packet is known to have a VLAN tag here. */
  hasVlan: boolean;
  /** Writes `type | length | body`, padded to 8. */
  action(type: number, body: (w: Writer) => void): true;
  /** Writes a Nicira action: `0xffff | length | 0x2320 | subtype | body`, padded to 8. */
  nicira(subtype: number, body: (w: Writer) => void): true;
}

const OFPAT_VENDOR = 0xffff;
const NX_VENDOR_ID = 0x00002320;

export function newEncoder(w: Writer, version: number, { hasVlan, ipProto }: ActionHints): ActionEncoder {
  const action = (type: number, body: (w: Writer) => void): true => {
    const start = w.size;
    w.u16(type).u16(0);
    body(w);
    w.pad(8, start);
    w.patch16(start + 2, w.size - start);
    return true;
  };
  const nicira = (subtype: number, body: (w: Writer) => void): true =>
    action(OFPAT_VENDOR, () => {
      w.u32(NX_VENDOR_ID).u16(subtype);
      body(w);
    });
  return { w, version, hasVlan, ipProto, action, nicira };
}
