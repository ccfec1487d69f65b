// Ethernet, IPv4 and IPv6 addresses as text: parsing with optional masks and printing as inet_ntop(3) does.

import { UserError } from '../../lib/errors.ts';
import { hexBytes } from './lexer.ts';

const ETHER = /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i;

/** The six bytes of `xx:xx:xx:xx:xx:xx`, undefined when it is no Ethernet address. */
export function parseEther(text: string): Uint8Array | undefined {
  if (!ETHER.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (digits) => Number.parseInt(digits, 16));
}

export function formatEther(bytes: Uint8Array): string {
  return hexBytes(bytes, ':');
}

export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

export function formatIpv4(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** The 16 bytes of an IPv6 address in any of the forms of RFC 4291, 2.2. */
export function parseIpv6(text: string): Uint8Array | undefined {
  let source = text;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const v4 = parseIpv4(dotted[2]!);
    if (!v4) return undefined;
    source = `${dotted[1]}${hexBytes(v4.subarray(0, 2), '')}:${hexBytes(v4.subarray(2), '')}`;
  }
  const halves = source.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head!.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const words = [...head!, ...Array<string>(missing).fill('0'), ...(tail ?? [])];
  if (words.some((word) => !/^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  return Uint8Array.from(words.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff]));
}

/** The longest run of two or more zero words, the first of equals. */
function zeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let i = 0; i < words.length; i++) {
    let length = 0;
    while (words[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
    i += length;
  }
  return best;
}

export function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const run = zeroRun(words);
  if (run.start === 0 && (run.length === 6 || (run.length === 5 && words[5] === 0xffff))) {
    return `::${run.length === 5 ? 'ffff:' : ''}${formatIpv4(bytes.subarray(12))}`;
  }
  const text = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  if (run.start < 0) return text(0, 8);
  return `${text(0, run.start)}::${text(run.start + run.length, 8)}`;
}

/** Number of leading ones when the mask has no one after a zero, else undefined. */
function prefixLength(mask: Uint8Array): number | undefined {
  let bits = 0;
  while (bits < mask.length * 8 && (mask[bits >> 3]! & (0x80 >> (bits & 7))) !== 0) bits++;
  const again = prefixMask(bits, mask.length);
  return mask.every((byte, i) => byte === again[i]) ? bits : undefined;
}

/** `size` bytes that begin with `bits` ones. */
export function prefixMask(bits: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, bits - 8 * i))) & 0xff);
}

/** `/n`, `/mask`, or nothing for an exact match. */
export function formatIpMask(mask: Uint8Array): string {
  const bits = prefixLength(mask);
  if (bits === mask.length * 8) return '';
  return `/${bits ?? (mask.length === 4 ? formatIpv4(mask) : formatIpv6(mask))}`;
}

export interface Masked {
  readonly value: Uint8Array;
  readonly mask: Uint8Array;
}

/** `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK` of IPv4 (size 4) or IPv6 (16). Throws UserError. */
export function parseMaskedIp(text: string, size: 4 | 16): Masked {
  const parse = size === 4 ? parseIpv4 : parseIpv6;
  const name = size === 4 ? 'IP' : 'IPv6';
  const slash = text.indexOf('/');
  const value = parse(slash < 0 ? text : text.slice(0, slash));
  if (!value) throw new UserError(`${text}: invalid ${name} address`);
  if (slash < 0) return { value, mask: prefixMask(size * 8, size) };
  const rest = text.slice(slash + 1);
  if (/^\d+$/.test(rest)) {
    if (Number(rest) > size * 8) {
      const version = size === 4 ? 'IPv4' : 'IPv6';
      throw new UserError(`${text}: ${version} network prefix bits not between 0 and ${size * 8}, inclusive`);
    }
    return { value, mask: prefixMask(Number(rest), size) };
  }
  const mask = parse(rest);
  if (!mask) throw new UserError(`${text}: invalid ${name} address`);
  return { value, mask };
}

/** `ETHERNET` or `ETHERNET/MASK`. Throws UserError. */
export function parseMaskedEther(text: string): Masked {
  const [address, maskText, ...rest] = text.split('/');
  const value = parseEther(address!);
  const mask = maskText === undefined ? new Uint8Array(6).fill(0xff) : parseEther(maskText);
  if (!value || !mask || rest.length > 0) throw new UserError(`${text}: invalid Ethernet address`);
  return { value, mask };
}
