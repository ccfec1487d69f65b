// Names of ports and tables in flow text: the reserved OpenFlow ports, and the switch's own names when they are known.

import { UserError } from '../../lib/errors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16 } from '../model/fields.ts';
import { parseInteger } from './lexer.ts';

/** What a switch calls its ports and tables, for reading and for printing names; absent means numbers only. */
export interface Names {
  readonly ports?: ReadonlyMap<number, string>;
  readonly tables?: ReadonlyMap<number, string>;
}

const RESERVED: readonly (readonly [name: string, port: number])[] = [
  ['IN_PORT', OFPP.IN_PORT],
  ['TABLE', OFPP.TABLE],
  ['NORMAL', OFPP.NORMAL],
  ['FLOOD', OFPP.FLOOD],
  ['ALL', OFPP.ALL],
  ['CONTROLLER', OFPP.CONTROLLER],
  ['LOCAL', OFPP.LOCAL],
  ['ANY', OFPP.ANY],
  ['NONE', OFPP.ANY],
  ['UNSET', OFPP.UNSET],
];
const reservedByName = new Map(RESERVED);
const nameOfReserved = new Map([...RESERVED].reverse().map(([name, port]) => [port, name]));

/** A port by number or name, undefined when there is no such one. Reserved numbers of OpenFlow 1.0 become 1.1+'s. */
export function portFromText(text: string, names: Names = {}): number | undefined {
  const number = parseInteger(text);
  if (number !== undefined) {
    if (number < 0xff00n || (number >= 0xffffff00n && number <= 0xffffffffn)) return Number(number);
    const known = number <= 0xffffn ? portFrom16(Number(number)) : undefined;
    // 0xffff is "none" in OpenFlow 1.0 and refused here: it is always a mistake in text.
    return known === OFPP.ANY ? undefined : known;
  }
  const reserved = reservedByName.get(text.toUpperCase());
  return reserved ?? idByName(text, names.ports);
}

/** As Open vSwitch prints it: a reserved name, the switch's name, or the number. */
export function formatPort(port: number, names: Names = {}): string {
  const reserved = nameOfReserved.get(port);
  if (reserved !== undefined) return reserved;
  const name = names.ports?.get(port);
  if (name !== undefined) return quoteName(name);
  // Reserved numbers without a word of their own are shown as OpenFlow 1.0 numbers.
  return String(port >= 0xffffff00 ? port & 0xffff : port);
}

/** A table by number (0..255) or name. Throws UserError. */
export function parseTable(text: string, names: Names = {}): number {
  const number = parseInteger(text);
  if (number !== undefined && number <= 255n) return Number(number);
  const byName = number === undefined ? idByName(text, names.tables) : undefined;
  if (byName === undefined) throw new UserError(`unknown table "${text}"`);
  return byName;
}

export function formatTable(table: number, names: Names = {}): string {
  const name = names.tables?.get(table);
  return name === undefined ? String(table) : quoteName(name);
}

/** Names that could be taken for something else are printed as JSON strings. */
function quoteName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

function idByName(text: string, names: ReadonlyMap<number, string> | undefined): number | undefined {
  if (!names) return undefined;
  const wanted = unquote(text);
  for (const [id, name] of names) if (name === wanted) return id;
  return undefined;
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text;
  }
}
