// Values with masks as datapath flows print them: `80`, `80/0xff`, nothing for a field that is not looked at.

import { formatEther, formatIpv4, formatIpv6 } from '../text/addresses.ts';

/** Prints fields of one header; those with an all-zero mask are left out unless `verbose`. */
export class HeaderText {
  readonly #parts: string[] = [];
  readonly #verbose: boolean;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
  }

  #push(name: string, value: string, isExact: boolean, isZero: boolean, mask: string): void {
    if (isZero && !this.#verbose) return;
    this.#parts.push(`${name}=${value}${isExact ? '' : `/${mask}`}`);
  }

  /** An unsigned number of `bits` bits. */
  number(name: string, value: number, mask: number, bits: number, radix: 10 | 16 = 10): this {
    const ones = bits === 32 ? 0xffffffff : (1 << bits) - 1;
    this.#push(name, radix === 16 ? hex(value) : String(value), mask === ones, mask === 0, hex(mask));
    return this;
  }

  bytes(name: string, value: Uint8Array, mask: Uint8Array): this {
    const [valueText, maskText] =
      value.length === 6
        ? [formatEther(value), formatEther(mask)]
        : value.length === 4
          ? [formatIpv4(value), formatIpv4(mask)]
          : [formatIpv6(value), formatIpv6(mask)];
    this.#push(name, valueText, isAll(mask, 0xff), isAll(mask, 0), maskText);
    return this;
  }

  word(name: string, text: string, mask: number): this {
    if (mask !== 0 || this.#verbose) this.#parts.push(`${name}=${text}`);
    return this;
  }

  get parts(): readonly string[] {
    return this.#parts;
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** `name(a=1,b=2)`, or nothing when no field is looked at. */
  wrap(name: string): string[] {
    return this.empty ? [] : [`${name}(${this.#parts.join(',')})`];
  }
}

export const isAll = (bytes: Uint8Array, value: number): boolean => bytes.every((byte) => byte === value);

/** C's %#x: no prefix on 0. */
export const hex = (value: number): string => (value === 0 ? '0' : `0x${(value >>> 0).toString(16)}`);

/** `0x1`, `0x1/0xff`. */
export function hexMasked(value: number, mask: number): string {
  return mask === 0xffffffff ? hex(value) : `${hex(value)}/${hex(mask)}`;
}
