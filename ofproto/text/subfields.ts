// Parts of fields as text: `reg0[0..15]`, `NXM_OF_ETH_SRC[]`, `reg0[3]`, and a bare field for all of it.

import { UserError } from '../../lib/errors.ts';
import type { Subfield } from '../model/actions.ts';
import { type Field, fieldByName } from '../model/fields.ts';

/** The name that Open vSwitch prints in subfields: NXM where there is one, else OXM. */
export function headerName(f: Field): string {
  if (f.nxmName === '' && f.onfExtension !== 0) return f.oxmName.replace('OXM_OF_', 'ONFOXM_ET_');
  return f.nxmName || f.oxmName || f.name;
}

export function formatSubfield({ field: f, ofs, bits }: Subfield): string {
  if (ofs === 0 && bits === f.bits) return `${headerName(f)}[]`;
  return bits === 1 ? `${headerName(f)}[${ofs}]` : `${headerName(f)}[${ofs}..${ofs + bits - 1}]`;
}

/** Parses one subfield that takes the whole text. Throws UserError. */
export function parseSubfield(text: string): Subfield {
  const bracket = text.indexOf('[');
  const name = bracket < 0 ? text : text.slice(0, bracket);
  const f = fieldByName(name);
  if (!f) throw new UserError(`${text}: unknown field \`${name}'`);
  if (bracket < 0) return { field: f, ofs: 0, bits: f.bits };
  const range = /^\[(?:(\d+)(?:\.\.(\d+))?)?\]$/.exec(text.slice(bracket));
  if (!range) throw new UserError(`${text}: syntax error expecting [] or [<bit>] or [<start>..<end>]`);
  if (range[1] === undefined) return { field: f, ofs: 0, bits: f.bits };
  const start = Number(range[1]);
  const end = Number(range[2] ?? start);
  if (start > end) throw new UserError(`${text}: starting bit ${start} is after ending bit ${end}`);
  const tooWide = (what: string, bit: number) =>
    new UserError(`${text}: ${what} bit ${bit} is not valid because field is only ${f.bits} bits wide`);
  if (start >= f.bits) throw tooWide('starting', start);
  if (end >= f.bits) throw tooWide('ending', end);
  return { field: f, ofs: start, bits: end - start + 1 };
}

/** Splits `SOURCE->DESTINATION`. */
export function splitArrow(text: string): readonly [source: string, destination: string] | undefined {
  const arrow = text.indexOf('->');
  return arrow < 0 ? undefined : [text.slice(0, arrow), text.slice(arrow + 2)];
}
