// The Nicira actions with positional arguments: conjunction, multipath, bundle and bundle_load.

import { UserError } from '../../lib/errors.ts';
import type { OfAction } from '../model/actions.ts';
import { BUNDLE_ALGORITHMS, HASH_FIELDS, MULTIPATH_ALGORITHMS } from '../model/nicira.ts';
import { parseInteger } from './lexer.ts';
import { type Names, portFromText } from './ports.ts';
import { parseSubfield } from './subfields.ts';

/** `conjunction(ID,CLAUSE/COUNT)`, clauses counted from 1 in text and from 0 in the action. */
export function parseConjunction(text: string): OfAction {
  const parts = /^\s*(0x[0-9a-f]+|\d+)\s*,\s*(\d+)\s*\/\s*(\d+)\s*$/i.exec(text);
  if (!parts) throw new UserError('"conjunction" syntax is "conjunction(id,i/n)"');
  const [id, clause, nClauses] = [Number(parseInteger(parts[1]!)), Number(parts[2]), Number(parts[3])];
  if (nClauses < 2) throw new UserError('conjunction must have at least 2 clauses');
  if (nClauses > 64) throw new UserError('conjunction must have at most 64 clauses');
  if (clause < 1) throw new UserError('clause index must be positive');
  if (clause > nClauses) throw new UserError('clause index must be less than or equal to number of clauses');
  return { type: 'conjunction', id, clause: clause - 1, nClauses };
}

function known<T extends string>(list: readonly T[], name: string, text: string, what: string): T {
  const found = list.find((item) => item === name);
  if (!found) throw new UserError(`${text}: unknown ${what} \`${name}'`);
  return found;
}

const number16 = (text: string): number => Number(parseInteger(text) ?? 0n) & 0xffff;

/** `multipath(FIELDS,BASIS,ALGORITHM,N_LINKS,ARG,DST)`. */
export function parseMultipath(text: string): OfAction {
  const parts = text.split(/\s*,\s*/);
  if (parts.length < 6) throw new UserError(`${text}: not enough arguments to multipath action`);
  const fields = known(HASH_FIELDS, parts[0]!, text, 'fields');
  const algorithm = known(MULTIPATH_ALGORITHMS, parts[2]!, text, 'algorithm');
  const links = Number(parseInteger(parts[3]!) ?? 0n);
  if (links < 1 || links > 65536) throw new UserError(`${text}: n_links ${links} is not in valid range 1 to 65536`);
  const dst = parseSubfield(parts.slice(5).join(','));
  if (dst.bits < 16 && links > 1 << dst.bits) {
    throw new UserError(
      `${text}: ${dst.bits}-bit destination field has ${1 << dst.bits} possible values, less than specified n_links ${links}`,
    );
  }
  const basis = number16(parts[1]!);
  return { type: 'multipath', fields, basis, algorithm, maxLink: links - 1, arg: number16(parts[4]!), dst };
}

/** `bundle(FIELDS,BASIS,ALGORITHM,ofport,members:P1,P2)`; bundle_load has a destination before the members. */
export function parseBundle(text: string, names: Names, load: boolean): OfAction {
  const what = load ? 'bundle_load' : 'bundle';
  const split = /^(.*?)\s*,\s*(?:slaves|members)\s*:(.*)$/s.exec(text);
  const head = split?.[1]?.split(/\s*,\s*/) ?? [];
  const bare = text.split(/\s*,\s*/);
  if (!split && bare.length > (load ? 5 : 4)) {
    throw new UserError(`${text}: missing member delimiter, expected \`members', got \`${bare[load ? 5 : 4]}'`);
  }
  if (!split || head.length < (load ? 5 : 4)) throw new UserError(`${text}: not enough arguments to ${what} action`);
  const fields = known(HASH_FIELDS, head[0]!, text, 'fields');
  const algorithm = known(BUNDLE_ALGORITHMS, head[2]!, text, 'algorithm');
  if (head[3] !== 'ofport') throw new UserError(`${text}: unknown member_type \`${head[3]}'`);
  const slaves = split[2]!
    .split(/[\s,]+/)
    .filter((port) => port !== '')
    .map((port) => bundlePort(port, names));
  const basis = number16(head[1]!);
  return { type: 'bundle', fields, basis, algorithm, slaves, ...(load && { dst: parseSubfield(head[4]!) }) };
}

function bundlePort(name: string, names: Names): number {
  const port = portFromText(name, names);
  if (port === undefined) throw new UserError(`${name}: bad port number`);
  return port;
}
