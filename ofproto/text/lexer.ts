// Splitting of ovs-ofctl's flow syntax: `key`, `key=value`, `key:value` and `key(value)` separated by commas or white
// space, and the numbers in them.

import { UserError } from '../../lib/errors.ts';

export interface KeyValue {
  readonly key: string;
  /** What follows `=` or `:`, or stands in parentheses; empty when there is neither. */
  readonly value: string;
  /** True for `key=value`, `key:value` and `key(value)`, even with nothing in it. */
  readonly hasValue: boolean;
  /** True for `key(value)`. */
  readonly parens: boolean;
}

const SEPARATORS = ', \t\r\n';
const KEY_ENDS = ':=(, \t\r\n';

/** Where the text that starts at `start` ends: at a separator outside parentheses, or at a closing one too many. */
function endOfValue(text: string, start: number, separators: string, closes = true): number {
  let depth = 0;
  let i = start;
  for (; i < text.length; i++) {
    const c = text[i]!;
    if (c === '(') depth++;
    else if (c === ')' && depth > 0) depth--;
    else if (c === ')' && closes) break;
    else if (depth === 0 && separators.includes(c)) break;
  }
  return i;
}

/** Every item of a comma- or space-separated list. */
export function* keyValues(text: string): Generator<KeyValue> {
  let i = 0;
  for (;;) {
    while (i < text.length && SEPARATORS.includes(text[i]!)) i++;
    if (i >= text.length) return;
    const start = i;
    while (i < text.length && !KEY_ENDS.includes(text[i]!)) i++;
    const key = text.slice(start, i);
    const mark = text[i];
    if (mark === '(') {
      const close = endOfValue(text, i + 1, '');
      // `key(value)->destination` belongs together.
      const arrow = text.startsWith('->', close + 1);
      const end = arrow ? endOfValue(text, close + 1, SEPARATORS) : close + 1;
      const destination = arrow ? text.slice(close + 1, end) : '';
      yield { key, value: text.slice(i + 1, close) + destination, hasValue: true, parens: true };
      i = end;
    } else if (mark === '=' || mark === ':') {
      const end = endOfValue(text, i + 1, SEPARATORS, false);
      yield { key, value: text.slice(i + 1, end), hasValue: true, parens: false };
      i = end;
    } else {
      yield { key, value: '', hasValue: false, parens: false };
    }
  }
}

/** A number as C writes it: decimal, 0x hexadecimal or 0 octal; undefined when it is none. */
export function parseInteger(text: string): bigint | undefined {
  const trimmed = text.trim();
  if (/^0x[0-9a-f]+$/i.test(trimmed)) return BigInt(trimmed);
  if (/^0[0-7]+$/.test(trimmed)) return BigInt(`0o${trimmed.slice(1)}`);
  return /^\d+$/.test(trimmed) ? BigInt(trimmed) : undefined;
}

/** An unsigned number of at most `bits` bits called `what`. Throws UserError. */
export function parseUint(text: string, bits: number, what: string): number {
  const value = parseInteger(text);
  if (value === undefined || value >= 1n << BigInt(bits)) throw new UserError(`invalid ${what} "${text}"`);
  return Number(value);
}

/** A 32-bit number. Throws UserError. */
export function parseU32(text: string): number {
  if (text === '') throw new UserError('missing required numeric argument');
  const value = parseInteger(text);
  if (value === undefined || value > 0xffffffffn) throw new UserError(`invalid numeric format ${text}`);
  return Number(value);
}

/** A 64-bit number. Throws UserError. */
export function parseU64(text: string): bigint {
  if (text === '') throw new UserError('missing required numeric argument');
  // As strtoull(3) has it.
  const value = text.startsWith('-') ? BigInt.asUintN(64, -(parseInteger(text.slice(1)) ?? 0n)) : parseInteger(text);
  if (value === undefined || value > 0xffffffffffffffffn) throw new UserError(`invalid numeric format ${text}`);
  return value;
}

/** As C's %#x prints it: `0`, `0x1f`. */
export function hex(value: number | bigint): string {
  return Number(value) === 0 ? '0' : `0x${value.toString(16)}`;
}

/** Bytes as two hexadecimal digits each with `separator` between. */
export function hexBytes(bytes: Uint8Array, separator: string): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(separator);
}
