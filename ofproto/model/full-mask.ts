// The mask of an action that writes a whole field: Open vSwitch tells it from one of all bits that the field has.

import { FIELDS, type Field } from './fields.ts';

const fullMasks = FIELDS.map((f) => new Uint8Array(f.size).fill(0xff));

/** Shared, not to be written to: flows come by the hundred thousand. */
export const allOnes = (f: Field): Uint8Array => fullMasks[f.index]!;

export const isAllOnes = (mask: Uint8Array): boolean => mask.every((byte) => byte === 0xff);
