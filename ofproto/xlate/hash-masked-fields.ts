// The hash by which a select group with `hash(fields)` chooses its bucket (ovs-ofctl(8), "Group Syntax"), equal to Open
// vSwitch's.

import type { Field } from '../model/field.ts';
import { getField } from '../model/fields.ts';
import type { Flow } from '../model/flow.ts';
import { add, finish } from './hash-primitives.ts';

/** The fields' values under their masks, seeded with `basis`. */
export function hashMaskedFields(
  flow: Flow,
  fields: readonly { readonly field: Field; readonly mask: Uint8Array }[],
  basis: bigint,
): number {
  return fields.reduce((hash, { field, mask }) => {
    const value = getField(flow, field);
    return hashBytes(
      value.map((byte, i) => byte & mask[i]!),
      hash,
    );
  }, hashUint64(basis));
}

function hashBytes(bytes: Uint8Array, basis: number): number {
  return finish(wordsOf(bytes).reduce(add, basis), bytes.length);
}

function hashUint64(value: bigint): number {
  return finish(add(add(0, Number(value & 0xffffffffn)), Number(value >> 32n)), 8);
}

/** Little-endian words of the bytes; the last one is filled up with zeroes. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}
