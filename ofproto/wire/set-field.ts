// The value of OFPAT_SET_FIELD and its likes: one TLV whose field must be one that can be set.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { bigintOf, exactMask, type Field } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { readFieldHeader, readFieldValue } from './oxm.ts';

/** Reads the TLV and its padding; `masked`: OpenFlow 1.5's form, which may set some bits only. Throws OfError OFPBAC_*. */
export function decodeSetField(r: Reader, masked: boolean): OfAction {
  const header = readFieldHeader(r);
  const f = header.field;
  // The codes are Open vSwitch's: a TLV that cannot be is of a bad type, one that names no field of a bad length.
  const odd = header.hasMask && header.length % 2 !== 0;
  if (odd) throw new OfError('OFPBAC_BAD_SET_TYPE');
  if (!f || header.length > r.remaining || header.length !== f.size * (header.hasMask ? 2 : 1))
    throw new OfError('OFPBAC_BAD_SET_LEN');
  if (header.hasMask && !masked) throw new OfError('OFPBAC_BAD_SET_MASK');
  const { value, mask } = readFieldValue(r, { ...header, field: f }, true);
  if (r.remaining >= 8) throw new OfError('OFPBAC_BAD_SET_LEN');
  if (r.rest().some((byte) => byte !== 0)) throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  return setFieldAction(f, value, mask, false);
}

/** Checks a value that an action writes. Throws OfError OFPBAC_BAD_SET_ARGUMENT. */
export function setFieldAction(f: Field, value: Uint8Array, mask: Uint8Array, asLoad: boolean): OfAction {
  const exact = exactMask(f);
  const invalid = value.some((byte, i) => (byte & ~exact[i]!) !== 0);
  // A VLAN id to set says that there is a tag.
  const noTag = f.name === 'vlan_vid' && bigintOf(mask) === f.valid && (value[0]! & 0x10) === 0;
  if (!f.writable || invalid || noTag || f.name === 'in_port_oxm') throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  return { type: 'set_field', field: f, value, mask, asLoad };
}
