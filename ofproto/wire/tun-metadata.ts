// Values of tunnel metadata on the wire, whose length is not the mapped option's: writers leave zero bytes out in front, and
// readers that were sent more than an option has take the first bytes, as Open vSwitch does.

import type { Reader } from '../../lib/cursors.ts';
import type { Field } from '../model/field.ts';
import { exactMask } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { OPTION_SIZE_MAX } from '../model/tun-metadata.ts';

/** Reads the value, and the mask when there is one, that follow a header. Throws OfError OFPBMC_*. */
export function readTunMetadata(
  r: Reader,
  { field, hasMask, length }: { readonly field: Field; readonly hasMask: boolean; readonly length: number },
): { value: Uint8Array; mask: Uint8Array } {
  const given = hasMask ? length / 2 : length;
  if (given > OPTION_SIZE_MAX || !Number.isInteger(given)) throw new OfError('OFPBMC_BAD_LEN');
  if (length > r.remaining) throw new OfError('OFPBMC_BAD_LEN');
  const value = fitted(r.take(given), field.size);
  if (!hasMask) return { value, mask: exactMask(field) };
  const mask = fitted(r.take(given), field.size);
  if (value.some((byte, i) => (byte & ~mask[i]!) !== 0)) throw new OfError('OFPBMC_BAD_WILDCARDS');
  return { value, mask };
}

/** The least significant bytes are the last. */
function fitted(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length >= size) return bytes.slice(0, size);
  const whole = new Uint8Array(size);
  whole.set(bytes, size - bytes.length);
  return whole;
}
