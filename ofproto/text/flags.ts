// Bit fields written as flag names: tcp_flags, ct_state, tun_flags, in the forms `+syn-ack` (masked), `syn|ack` (exact)
// and numbers.

import { UserError } from '../../lib/errors.ts';
import { hex, parseInteger } from './lexer.ts';

export interface FlagSet {
  /** Names by bit, lowest first. */
  readonly names: readonly string[];
  /** What the error message calls it. */
  readonly what: string;
}

export const TCP_FLAGS: FlagSet = {
  names: ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns', '[200]', '[400]', '[800]'],
  what: 'TCP',
};
export const CT_STATES: FlagSet = {
  names: ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'],
  what: 'ct_state',
};
export const TUNNEL_FLAGS: FlagSet = { names: ['oam'], what: 'tunnel' };

/** Parses one of the three forms; `exact` is the mask of a value without one. Throws UserError. */
export function parseFlags(text: string, set: FlagSet, exact: number): { value: number; mask: number } {
  const [first, second] = text.split('/');
  const number = parseInteger(first!);
  if (number !== undefined) {
    const mask = second === undefined ? BigInt(exact) : parseInteger(second);
    if (mask !== undefined && number <= BigInt(exact)) return { value: Number(number), mask: Number(mask) & exact };
  }
  return /^[+-]/.test(text) ? parseSigned(text, set) : parseList(text, set, exact);
}

function parseSigned(text: string, set: FlagSet): { value: number; mask: number } {
  let value = 0;
  let mask = 0;
  for (const [, sign, name] of text.matchAll(/([+-])([^+-]*)/g)) {
    const bit = bitOf(name!, set);
    if (mask & bit) throw new UserError(`${name}: Each ${set.what} flag can be specified only once`);
    mask |= bit;
    if (sign === '+') value |= bit;
  }
  return { value, mask };
}

function parseList(text: string, set: FlagSet, exact: number): { value: number; mask: number } {
  let value = 0;
  // As Open vSwitch reads it: no name at all leaves all flags open, and the last may end with `|`.
  if (text.trim() === '') return { value: 0, mask: 0 };
  for (const name of text.replace(/\|$/, '').split('|')) value |= bitOf(name, set);
  return { value, mask: exact };
}

function bitOf(name: string, set: FlagSet): number {
  const index = set.names.indexOf(name);
  if (index < 0) throw new UserError(`${name}: unknown ${set.what} flag(s)`);
  return 1 << index;
}

/** `syn|ack`; `0` when there is none. */
export function formatFlags(value: number, set: FlagSet): string {
  const names = set.names.filter((_, bit) => value & (1 << bit));
  const rest = value & ~((1 << set.names.length) - 1);
  if (rest !== 0) names.push(hex(rest >>> 0));
  return names.length === 0 ? '0' : names.join('|');
}

/** `+syn-ack`. */
export function formatFlagsMasked(value: number, mask: number, set: FlagSet): string {
  const known = set.names.map((name, bit) => (mask & (1 << bit) ? `${value & (1 << bit) ? '+' : '-'}${name}` : ''));
  const rest = mask & ~((1 << set.names.length) - 1);
  return known.join('') + (rest === 0 ? '' : `${value & rest ? '+' : '-'}${hex(rest >>> 0)}`);
}
