// Values of match fields as text (ovs-fields(7), "Format"): parsing with optional mask, and printing.

import { UserError } from '../../lib/errors.ts';
import { bigintOf, bytesOf, exactMask, type Field, portFrom16, portTo16 } from '../model/fields.ts';
import {
  formatEther,
  formatIpMask,
  formatIpv4,
  formatIpv6,
  type Masked,
  parseMaskedEther,
  parseMaskedIp,
} from './addresses.ts';
import {
  CT_STATES,
  type FlagSet,
  formatFlags,
  formatFlagsMasked,
  parseFlags,
  TCP_FLAGS,
  TUNNEL_FLAGS,
} from './flags.ts';
import { hex, parseInteger } from './lexer.ts';
import { formatPort, type Names, portFromText } from './ports.ts';

const FRAGMENTS: Readonly<Record<string, readonly [value: number, mask: number]>> = {
  no: [0, 3],
  yes: [1, 1],
  first: [1, 3],
  later: [3, 3],
  not_later: [0, 2],
};

/** Parses `VALUE` or `VALUE/MASK` for a field. Throws UserError. */
export function parseFieldValue(f: Field, text: string, names: Names = {}): Masked {
  const parsed = parseByFormat(f, text, names);
  const exact = parsed.mask.every((byte) => byte === 0xff) || isExact(f, parsed.mask);
  if (f.mask === 'none' && !exact) throw new UserError(`${text}: invalid mask for field ${f.name}`);
  return parsed;
}

/** Whether a mask covers all of a field. */
export function isExact(f: Field, mask: Uint8Array): boolean {
  return exactMask(f).every((byte, i) => byte === (mask[i]! & byte));
}

function parseByFormat(f: Field, text: string, names: Names): Masked {
  switch (f.format) {
    case 'decimal':
    case 'hexadecimal':
      return parseNumber(f, text);
    case 'ethernet':
      return parseMaskedEther(text);
    case 'ipv4':
      return parseMaskedIp(text, 4);
    case 'ipv6':
      return parseMaskedIp(text, 16);
    case 'port':
      return parsePort(f, text, names);
    case 'frag':
      return parseFragment(f, text);
    case 'tcp_flags':
      return parseFlagField(f, text, TCP_FLAGS, 0xfff);
    case 'tnl_flags':
      return parseFlagField(f, text, TUNNEL_FLAGS, 1);
    case 'ct_state':
      return parseFlagField(f, text, CT_STATES, 0xff);
    case 'packet_type':
      return parsePacketType(text);
  }
}

function parseNumber(f: Field, text: string): Masked {
  const slash = text.indexOf('/');
  const part = (source: string, what: string): Uint8Array => {
    const value = parseInteger(source);
    if (value === undefined) throw new UserError(`${text}: bad syntax for ${f.name} ${what}`);
    if (value >= 1n << BigInt(8 * f.size)) {
      throw new UserError(`${source}: value too large for ${f.size}-byte field ${f.name}`);
    }
    return bytesOf(value, f.size);
  };
  const value = part(slash < 0 ? text : text.slice(0, slash), 'value');
  const mask = slash < 0 ? new Uint8Array(f.size).fill(0xff) : part(text.slice(slash + 1), 'mask');
  return { value, mask };
}

function parsePort(f: Field, text: string, names: Names): Masked {
  const port = portFromText(text, names);
  if (port === undefined) throw new UserError(`${text}: invalid or unknown port for ${f.name}`);
  const value = bytesOf(BigInt(f.size === 2 ? portTo16(port) : port), f.size);
  return { value, mask: new Uint8Array(f.size).fill(0xff) };
}

function parseFragment(f: Field, text: string): Masked {
  const named = FRAGMENTS[text];
  if (named) return { value: Uint8Array.of(named[0]), mask: Uint8Array.of(named[1]) };
  if (/^[\d/x]/.test(text)) return parseNumber(f, text);
  const valid = Object.keys(FRAGMENTS)
    .map((name) => `"${name}"`)
    .join(', ');
  throw new UserError(`${text}: unknown fragment type (valid types are ${valid}`);
}

function parseFlagField(f: Field, text: string, set: FlagSet, exact: number): Masked {
  const { value, mask } = parseFlags(text, set, exact);
  const full = mask === exact ? exactMask(f) : bytesOf(BigInt(mask), f.size);
  return { value: bytesOf(BigInt(value), f.size), mask: full };
}

function parsePacketType(text: string): Masked {
  const parts = /^\(([^,]+),([^)]+)\)$/.exec(text);
  if (!parts) {
    throw new UserError(`${text}: bad syntax for packet type${text.startsWith('(') ? '' : " missing '('"}`);
  }
  const [ns, type] = [parseInteger(parts[1]!), parseInteger(parts[2]!)];
  if (ns === undefined || type === undefined || ns > 0xffffn || type > 0xffffn) {
    throw new UserError(`${text}: bad syntax for packet type`);
  }
  return { value: bytesOf((ns << 16n) | type, 4), mask: new Uint8Array(4).fill(0xff) };
}

/** Prints a field's value, with `/mask` unless the mask covers the field. */
export function formatFieldValue(f: Field, value: Uint8Array, mask: Uint8Array, names: Names = {}): string {
  const exact = isExact(f, mask);
  switch (f.format) {
    case 'ethernet':
      return formatEther(value) + (exact ? '' : `/${formatEther(mask)}`);
    case 'ipv4':
      return formatIpv4(value) + formatIpMask(mask);
    case 'ipv6':
      return formatIpv6(value) + formatIpMask(mask);
    case 'port':
      // Part of a port's number names no port.
      if (!exact) return `${bigintOf(value)}/0x${bigintOf(mask).toString(16)}`;
      return formatPort(f.size === 2 ? portFrom16(Number(bigintOf(value))) : Number(bigintOf(value)), names);
    case 'frag':
      return formatFragment(value[0]!, mask[0]! & 3);
    case 'tcp_flags':
      return flagsText(TCP_FLAGS, value, mask, exact);
    case 'tnl_flags':
      return flagsText(TUNNEL_FLAGS, value, mask, exact);
    case 'ct_state':
      return flagsText(CT_STATES, value, mask, exact);
    case 'packet_type':
      return `(${bigintOf(value.subarray(0, 2))},${hex(bigintOf(value.subarray(2)))})`;
    case 'decimal':
      return `${bigintOf(value)}${exact ? '' : `/0x${bigintOf(mask).toString(16)}`}`;
    case 'hexadecimal':
      return hex(bigintOf(value)) + (exact ? '' : `/${hex(bigintOf(mask))}`);
  }
}

function flagsText(set: FlagSet, value: Uint8Array, mask: Uint8Array, exact: boolean): string {
  const number = Number(bigintOf(value));
  return exact ? formatFlags(number, set) : formatFlagsMasked(number, Number(bigintOf(mask)), set);
}

function formatFragment(value: number, mask: number): string {
  for (const [name, [wanted, bits]] of Object.entries(FRAGMENTS)) if (bits === mask && wanted === value) return name;
  if (mask === 1) return 'no';
  return mask === 2 ? 'later' : '<error>';
}
