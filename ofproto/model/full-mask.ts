// The masks of actions that write fields. Open vSwitch tells the one that writes a whole field from one of all bits that the
// field has.

import { FIELDS, type Field } from './fields.ts';

const fullMasks = FIELDS.map((f) => new Uint8Array(f.size).fill(0xff));

/** Shared, not to be written to: flows come by the hundred thousand. */
export const allOnes = (f: Field): Uint8Array => fullMasks[f.index] ?? new Uint8Array(f.size).fill(0xff);

export const isAllOnes = (mask: Uint8Array): boolean => mask.every((byte) => byte === 0xff);

/** The lowest run of ones in a mask; `bits` is 0 when there is none. */
export function maskRange(mask: bigint): { ofs: number; bits: number } {
  let ofs = 0;
  while (mask !== 0n && ((mask >> BigInt(ofs)) & 1n) === 0n) ofs++;
  let bits = 0;
  while (((mask >> BigInt(ofs + bits)) & 1n) === 1n) bits++;
  return { ofs, bits };
}
