// The value of OFPAT_SET_FIELD and its likes: one TLV whose field must be one that can be set.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { type Field, isValidValue } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { allOnes } from '../model/full-mask.ts';
import { tunMetadataNumber } from '../model/tun-metadata.ts';
import { type FieldHeader, readFieldHeader, readFieldValue } from './oxm.ts';
import { readTunMetadata } from './tun-metadata.ts';

/** The action that the TLV is of: only OpenFlow 1.5's set_field and NXAST_REG_LOAD2 take masks. */
export type SetFieldForm = 'set_field' | 'set_field15' | 'reg_load2';

/** Reads the TLV and its padding. Throws OfError OFPBAC_*. */
export function decodeSetField(r: Reader, form: SetFieldForm): OfAction {
  const header = readFieldHeader(r);
  const f = header.field;
  if (!f && tunMetadataNumber(header.raw) >= 0) throw new OfError('NXFMFC_INVALID_TLV_FIELD');
  const isTunMetadata = f !== undefined && f.tlvSlot >= 0;
  // The codes are Open vSwitch's: a TLV of no value is of a bad type, one that names no field of a bad length.
  const valueSize = Math.floor(header.length / (header.hasMask ? 2 : 1));
  if (valueSize === 0 && !isTunMetadata) throw new OfError('OFPBAC_BAD_SET_TYPE');
  if (!f || (!isTunMetadata && header.length !== f.size * (header.hasMask ? 2 : 1)))
    throw new OfError('OFPBAC_BAD_SET_LEN');
  if (header.length > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
  if (header.hasMask && form === 'set_field') throw new OfError('OFPBAC_BAD_SET_MASK');
  const known = header as FieldHeader & { field: Field };
  const { value, mask } = isTunMetadata ? readTunMetadata(r, known) : readFieldValue(r, known, true);
  while (r.remaining > 0) if (r.u8() !== 0) throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  checkSettable(f, value, form);
  return {
    type: 'set_field',
    field: f,
    value,
    mask: header.hasMask ? mask : allOnes(f),
    form: form === 'reg_load2' ? form : 'set_field',
  };
}

/** Throws OfError OFPBAC_BAD_SET_ARGUMENT. */
function checkSettable(f: Field, value: Uint8Array, form: SetFieldForm): void {
  // A VLAN id to set says that there is a tag, even where the mask does not reach that bit. A load's value may be any.
  const odd = !isValidValue(f, value) || (f.name === 'vlan_vid' && (value[0]! & 0x10) === 0);
  if (!f.writable || f.name === 'in_port_oxm' || (odd && form !== 'reg_load2')) {
    throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  }
}
