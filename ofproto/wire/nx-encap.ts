// NXAST_ENCAP and NXAST_DECAP: headers that are not VLAN or MPLS are put on and taken off by packet type.
//
//   encap   header size u16, a hint | packet type u32 | properties: class u16 | type u8 | length u8 | value, padded to 8
//   decap   pad 2 | packet type u32

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { EncapProperty, OfAction } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import * as N from '../model/nicira.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { NXAST_ENCAP } from './nx-numbers.ts';

type EncapAction = Extract<OfAction, { type: 'encap' }>;

const PACKET_TYPES: ReadonlySet<number> = new Set([N.PT_ETHERNET, N.PT_NSH, N.PT_MPLS, N.PT_MPLS_MC]);
const PROPERTY_HEADER = 4;
/** Class u16, type u8 and length u8 come before the value of an NSH TLV. */
const NSH_TLV_HEADER = 4;

/** Decodes the action's body. Throws OfError OFPBAC_BAD_ARGUMENT, NXBAC_*. */
export function decodeEncap(r: Reader): OfAction {
  r.skip(2);
  const packetType = r.u32();
  if (!PACKET_TYPES.has(packetType)) throw new OfError('NXBAC_BAD_HEADER_TYPE');
  const props: EncapProperty[] = [];
  while (r.remaining > 0) props.push(decodeProperty(r));
  return { type: 'encap', packetType, props };
}

function decodeProperty(r: Reader): EncapProperty {
  if (r.remaining < PROPERTY_HEADER) throw new OfError('OFPBAC_BAD_LEN');
  const propertyClass = r.u16();
  const type = r.u8();
  const length = r.u8();
  const padded = (length + 7) & ~7;
  if (length < PROPERTY_HEADER || padded - PROPERTY_HEADER > r.remaining) throw new OfError('OFPBAC_BAD_LEN');
  const value = r.copy(length - PROPERTY_HEADER);
  r.skip(padded - length);
  if (propertyClass !== N.OFPPPC_NSH) throw new OfError('NXBAC_UNKNOWN_ED_PROP');
  checkNsh(type, value);
  return { class: propertyClass, type, value: type === N.OFPPPT_PROP_NSH_MDTYPE ? value.slice(0, 1) : value };
}

function checkNsh(type: number, value: Uint8Array): void {
  if (type === N.OFPPPT_PROP_NSH_MDTYPE) {
    const mdType = value[0];
    if (mdType !== N.NSH_MD1_TYPE && mdType !== N.NSH_MD2_TYPE) throw new OfError('NXBAC_BAD_ED_PROP');
  } else if (type === N.OFPPPT_PROP_NSH_TLV) {
    if (value.length < NSH_TLV_HEADER || value[3]! > value.length - NSH_TLV_HEADER) {
      throw new OfError('NXBAC_BAD_ED_PROP');
    }
  } else {
    throw new OfError('NXBAC_UNKNOWN_ED_PROP');
  }
}

export function encodeEncap(e: ActionEncoder, { packetType, props }: EncapAction): void {
  e.nicira(NXAST_ENCAP, (w) => {
    w.u16(0).u32(packetType);
    for (const prop of props) encodeProperty(w, prop);
  });
}

function encodeProperty(w: Writer, { class: propertyClass, type, value }: EncapProperty): void {
  const start = w.size;
  w.u16(propertyClass)
    .u8(type)
    .u8(PROPERTY_HEADER + value.length);
  w.put(value).pad(8, start);
}

export function decodeDecap(r: Reader): OfAction {
  r.skip(2);
  const newPacketType = r.u32();
  // There is no property that it could have.
  if (r.remaining > 0) throw new OfError('NXBAC_UNKNOWN_ED_PROP');
  return { type: 'decap', newPacketType };
}
