// Property lists: `type u16 | length u16 | value`, the length counting the header but not the padding to 8 bytes
// (OpenFlow 1.3, 7.3.5.5.2, and Nicira's newer messages).

import { Reader, type Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';

/** OFPXXPT_EXPERIMENTER of every property list: experimenter u32 | exp_type u32 follow. */
export const PROP_EXPERIMENTER = 0xffff;

export interface Property {
  readonly type: number;
  readonly value: Reader;
}

/** Every property to the end of `r`. Throws OfError `code` when one does not fit. */
export function* decodeProperties(r: Reader, code = 'OFPBAC_BAD_LEN'): Generator<Property> {
  while (r.remaining > 0) {
    if (r.remaining < 4) throw new OfError(code);
    const type = r.u16();
    const length = r.u16();
    const padded = (length + 7) & ~7;
    if (length < 4 || padded - 4 > r.remaining) throw new OfError(code);
    const value = new Reader(r.take(length - 4), code);
    r.skip(padded - length);
    yield { type, value };
  }
}

/** Writes one property and its padding. */
export function encodeProperty(w: Writer, type: number, body: (w: Writer) => void): void {
  const start = w.size;
  w.u16(type).u16(0);
  body(w);
  w.patch16(start + 2, w.size - start);
  w.pad(8, start);
}

/** Throws the OfError for a property that means nothing here. */
export function refuseProperty(type: number, value: Reader): never {
  if (type !== PROP_EXPERIMENTER) throw new OfError('OFPBPC_BAD_TYPE');
  throw new OfError(value.remaining < 8 ? 'OFPBPC_BAD_LEN' : 'OFPBPC_BAD_EXPERIMENTER');
}
