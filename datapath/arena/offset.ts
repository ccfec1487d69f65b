// Offsets into the arena: raw wasm results at or above 2^31 come back negative, so the only way to make one is here.

declare const offsetBrand: unique symbol;

/** A byte offset into the arena's 4 GiB; 0 means "none". */
export type Offset = number & { readonly [offsetBrand]: true };

export function toOffset(value: number): Offset {
  return (value >>> 0) as Offset;
}

export const NONE = toOffset(0);
