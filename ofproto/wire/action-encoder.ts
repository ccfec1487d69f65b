// What the action encoders share: framing of one action, and whether a VLAN tag is known to be present at that point.

import type { Writer } from '../../lib/cursors.ts';

export interface ActionEncoder {
  readonly w: Writer;
  readonly version: number;
  /** Whether the packet is known to have a VLAN tag here: decides if mod_vlan_vid must push one first. */
  hasVlan: boolean;
  /** Writes `type | length | body`, padded to 8. */
  action(type: number, body: (w: Writer) => void): true;
  /** Writes a Nicira action: `0xffff | length | 0x2320 | subtype | body`, padded to 8. */
  nicira(subtype: number, body: (w: Writer) => void): true;
}

const OFPAT_VENDOR = 0xffff;
const NX_VENDOR_ID = 0x00002320;

export function newEncoder(w: Writer, version: number, hasVlan: boolean): ActionEncoder {
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
  return { w, version, hasVlan, action, nicira };
}
