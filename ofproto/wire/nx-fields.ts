// Fields and bit ranges as Nicira's actions name them: a header without a value (4 bytes, 8 in the experimenter class) and
// a first bit with a width.

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { Subfield } from '../model/actions.ts';
import { type Field, fieldByHeader } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { mappedTunMetadata, tunMetadataNumber } from '../model/tun-metadata.ts';
import { headerSize, NXM, readFieldHeader, writeFieldHeader } from './oxm.ts';

const HAS_MASK = 0x100;

/** Reads a header that must name a field without a mask. Throws OfError OFPBMC_BAD_MASK, OFPBMC_BAD_FIELD. */
export function readHeader(r: Reader): Field {
  const { field, hasMask, length, raw } = readFieldHeader(r);
  if (!field) refuseUnmapped(raw);
  if (!field || (field.tlvSlot < 0 && length !== field.size * (hasMask ? 2 : 1))) throw new OfError('OFPBMC_BAD_FIELD');
  if (hasMask) throw new OfError('OFPBMC_BAD_MASK');
  return field;
}

/** Reads a header that is 32 bits wide in any case. Throws OfError OFPBAC_BAD_SET_TYPE. */
export function readShortHeader(r: Reader): Field {
  const raw = r.u32();
  const field = fieldByHeader(raw) ?? mappedTunMetadata(raw);
  if (!field) refuseUnmapped(raw);
  if (!field || raw & HAS_MASK || (field.tlvSlot < 0 && (raw & 0xff) !== field.size))
    throw new OfError('OFPBAC_BAD_SET_TYPE');
  return field;
}

/** Tunnel metadata is no field unless the TLV table maps it; then its length says nothing. */
function refuseUnmapped(raw: number): void {
  if (tunMetadataNumber(raw) >= 0) throw new OfError('NXFMFC_INVALID_TLV_FIELD');
}

export function writeHeader(w: Writer, f: Field): Writer {
  writeFieldHeader(w, f, false, NXM);
  return w;
}

/** Whether a header takes 8 bytes, which some actions have a form of their own for. */
export const isWide = (f: Field): boolean => headerSize(f) === 8;

/** Throws OfError OFPBAC_BAD_SET_LEN when the field has no such bits. */
export function checkSubfield(field: Field, ofs: number, bits: number): Subfield {
  if (bits === 0 || ofs + bits > field.bits) throw new OfError('OFPBAC_BAD_SET_LEN');
  return { field, ofs, bits };
}

/** The same for bits that are written. Throws OfError OFPBAC_BAD_SET_ARGUMENT too. */
export function checkWritable(field: Field, ofs: number, bits: number): Subfield {
  const sub = checkSubfield(field, ofs, bits);
  if (!field.writable) throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  return sub;
}

/** `(ofs << 6) | (bits - 1)`: how Nicira packs a bit range. */
export const ofsNbits = ({ ofs, bits }: Subfield): number => (ofs << 6) | (bits - 1);
export const rangeOf = (packed: number) => ({ ofs: packed >> 6, bits: (packed & 0x3f) + 1 });

export function mustBeZero(bytes: Uint8Array, code = 'NXBRC_MUST_BE_ZERO'): void {
  if (bytes.some((byte) => byte !== 0)) throw new OfError(code);
}
