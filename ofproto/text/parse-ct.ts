// ct and nat from ovs-ofctl's syntax: `ct(commit,zone=5,nat(src=10.0.0.1-10.0.0.9:1024-2047,random),exec(set_field:1->ct_mark))`.

import { UserError } from '../../lib/errors.ts';
import type { CtSpec, NatSpec, OfAction } from '../model/actions.ts';
import * as N from '../model/nicira.ts';
import { parseIpv4, parseIpv6 } from './addresses.ts';
import { type KeyValue, keyValues, parseInteger } from './lexer.ts';
import { type Names, parseTable } from './ports.ts';
import { parseSubfield } from './subfields.ts';

type Draft<T> = { -readonly [K in keyof T]: T[K] };
type ParseList = (text: string, names: Names) => readonly OfAction[];

const ALGS: Readonly<Record<string, number>> = { ftp: 21, tftp: 69 };
const NO_TABLE = 255;

/** Parses the text between ct's parentheses; `parseList` reads what exec holds. Throws UserError. */
export function parseCt(text: string, names: Names, parseList: ParseList): OfAction {
  const spec: Draft<CtSpec> = { commit: false, force: false, zone: 0, recircTable: NO_TABLE, alg: 0, actions: [] };
  let nat: readonly OfAction[] = [];
  let exec: readonly OfAction[] = [];
  for (const item of keyValues(text)) {
    if (item.key === 'nat') nat = [{ type: 'nat', spec: parseNat(item.value) }];
    else if (item.key === 'exec') exec = parseExec(item.value, names, parseList);
    else setOption(spec, item, names);
  }
  if (spec.force && !spec.commit) throw new UserError('"force" flag requires "commit" flag.');
  spec.actions = [...nat, ...exec];
  return { type: 'ct', spec };
}

function setOption(spec: Draft<CtSpec>, { key, value }: KeyValue, names: Names): void {
  switch (key) {
    case 'commit':
      spec.commit = true;
      break;
    case 'force':
      spec.force = true;
      break;
    case 'table':
      spec.recircTable = parseRecircTable(value, names);
      break;
    case 'zone': {
      const number = parseInteger(value);
      spec.zone = number !== undefined && number <= 0xffffn ? Number(number) : parseSubfield(value);
      break;
    }
    case 'alg':
      if (!Object.hasOwn(ALGS, value)) throw new UserError(`invalid conntrack helper "${value}"`);
      spec.alg = ALGS[value]!;
      break;
    default:
      throw new UserError(`invalid argument to "ct" action: \`${key}'`);
  }
}

function parseRecircTable(text: string, names: Names): number {
  let table: number;
  try {
    table = parseTable(text, names);
  } catch {
    throw new UserError(`unknown table ${text}`);
  }
  if (table === NO_TABLE) throw new UserError('invalid table 0xff');
  return table;
}

const IN_EXEC: ReadonlySet<string> = new Set(['set_field', 'reg_move']);

function parseExec(text: string, names: Names, parseList: ParseList): readonly OfAction[] {
  const actions = parseList(text, names);
  for (const action of actions) {
    if (!IN_EXEC.has(action.type)) throw new UserError(`ct action doesn't support nested action ${action.type}`);
  }
  return actions;
}

const NAT_FLAGS: Readonly<Record<string, number>> = {
  persistent: N.NX_NAT_F_PERSISTENT,
  hash: N.NX_NAT_F_PROTO_HASH,
  random: N.NX_NAT_F_PROTO_RANDOM,
};

/** Parses the text between nat's parentheses. Throws UserError. */
export function parseNat(text: string): NatSpec {
  let flags = 0;
  let range: Omit<NatSpec, 'flags'> = {};
  for (const { key, value } of keyValues(text)) {
    if (key === 'src' || key === 'dst') {
      flags |= key === 'src' ? N.NX_NAT_F_SRC : N.NX_NAT_F_DST;
      if (value !== '') range = parseRange(value);
    } else if (Object.hasOwn(NAT_FLAGS, key)) flags |= NAT_FLAGS[key]!;
    else throw new UserError(`invalid key "${key}" in "nat" argument`);
  }
  checkNatFlags(flags);
  return { flags, ...range };
}

function checkNatFlags(flags: number): void {
  const direction = flags & (N.NX_NAT_F_SRC | N.NX_NAT_F_DST);
  if (direction === (N.NX_NAT_F_SRC | N.NX_NAT_F_DST)) throw new UserError('May only specify one of "src" or "dst".');
  if (direction !== 0) {
    const both = N.NX_NAT_F_PROTO_HASH | N.NX_NAT_F_PROTO_RANDOM;
    if ((flags & both) === both) throw new UserError('Both "hash" and "random" are not allowed.');
  } else if (flags !== 0) {
    throw new UserError('Flags allowed only with "src" or "dst".');
  }
}

/** `ADDRESS[-ADDRESS][:PORT[-PORT]]`; an IPv6 address that a port follows stands in brackets. */
function parseRange(text: string): Omit<NatSpec, 'flags'> {
  const parts =
    /^(\d+\.\d+\.\d+\.\d+)(?:-(\d+\.\d+\.\d+\.\d+))?(?::(\d+)(?:-(\d+))?)?$/.exec(text) ??
    /^\[([^\]]+)\](?:-\[([^\]]+)\])?(?::(\d+)(?:-(\d+))?)?$/.exec(text) ??
    /^([0-9a-f:.]*:[0-9a-f:.]*)(?:-([0-9a-f:.]+))?$/i.exec(text);
  if (!parts) throw new UserError(`invalid nat range "${text}"`);
  const address = (part: string | undefined) => {
    if (part === undefined) return undefined;
    const bytes = part.includes(':') ? parseIpv6(part) : parseIpv4(part);
    if (!bytes) throw new UserError(`invalid nat range "${text}"`);
    return bytes;
  };
  const [addressMin, addressMax] = [address(parts[1]), address(parts[2])];
  const [portMin, portMax] = [parts[3], parts[4]].map((port) => (port ? Number(port) & 0xffff : undefined));
  const falls = addressMin && addressMax && Buffer.compare(addressMin, addressMax) > 0;
  if (falls || (portMin !== undefined && portMax !== undefined && portMin > portMax)) {
    throw new UserError(`invalid nat range "${text}"`);
  }
  return {
    ...(addressMin && { addressMin }),
    ...(addressMax && { addressMax }),
    ...(portMin !== undefined && { portMin }),
    ...(portMax !== undefined && { portMax }),
  };
}
