// Meters from ovs-ofctl's syntax (ovs-ofctl(8), "Meter Syntax"): `meter=1,kbps,burst,band=type=drop,rate=100,burst_size=9`.

import { UserError } from '../../lib/errors.ts';
import { type MeterBand, type MeterCommand, type MeterMod, OFPM, OFPMF } from '../model/groups.ts';
import { parseU32, parseUint } from './lexer.ts';

const VIRTUAL: Readonly<Record<string, number>> = {
  all: OFPM.ALL,
  controller: OFPM.CONTROLLER,
  slowpath: OFPM.SLOWPATH,
};

const FLAGS: Readonly<Record<string, number>> = {
  kbps: OFPMF.KBPS,
  pktps: OFPMF.PKTPS,
  burst: OFPMF.BURST,
  stats: OFPMF.STATS,
};

/** A meter's number or one of its special names. Throws UserError. */
export function parseMeterId(text: string): number {
  const special = VIRTUAL[text];
  if (special !== undefined) return special;
  const id = parseU32(text);
  if (id === 0 || id > OFPM.MAX) throw new UserError('invalid value for meter');
  return id;
}

/** One meter-mod. Throws UserError. */
export function parseMeterMod(text: string, command: MeterCommand): MeterMod {
  const at = /(?:^|[\s,])bands?=/.exec(text);
  const head = parseHead(at ? text.slice(0, at.index) : text, command);
  if (command !== 'delete' && !at) throw new UserError('must specify bands');
  if (at && command === 'delete') throw new UserError('bands are not needed');
  if (head.meterId === undefined) throw new UserError("must specify 'meter'");
  if (command === 'delete') return { command, meterId: head.meterId, flags: 0, bands: [] };
  if ((head.flags & (OFPMF.KBPS | OFPMF.PKTPS)) === 0) {
    throw new UserError("meter must specify either 'kbps' or 'pktps'");
  }
  const bands = parseBands(text.slice(at!.index + at![0].length), head.flags);
  return { command, meterId: head.meterId, flags: head.flags, bands };
}

const itemsOf = (text: string): string[] => text.split(/[\s,]+/).filter((item) => item !== '');

function parseHead(text: string, command: MeterCommand): { meterId: number | undefined; flags: number } {
  let meterId: number | undefined;
  let flags = 0;
  for (const item of itemsOf(text)) {
    const [name, value] = split(item);
    const flag = FLAGS[name];
    if (flag !== undefined && value === undefined && command !== 'delete') flags |= flag;
    else if (value === undefined) throw new UserError(`field ${name} missing value`);
    else if (name === 'meter') meterId = parseMeterId(value);
    else throw new UserError(`unknown keyword ${name}`);
  }
  return { meterId, flags };
}

/** `name=value` or `name:value`. */
function split(item: string): [name: string, value: string | undefined] {
  const at = item.search(/[=:]/);
  return at < 0 ? [item, undefined] : [item.slice(0, at), item.slice(at + 1)];
}

type BandDraft = { -readonly [K in keyof MeterBand]: MeterBand[K] };

/** Every `type` begins a band. */
function parseBands(text: string, flags: number): MeterBand[] {
  const bands: BandDraft[] = [];
  for (const item of itemsOf(text)) {
    const [name, value] = split(item);
    if (value === undefined) throw new UserError(`field ${name} missing value`);
    if (name === 'type') {
      if (value !== 'drop' && value !== 'dscp_remark') throw new UserError(`field type unknown value ${value}`);
      bands.push({ type: value, rate: 0, burst: 0, precLevel: 0 });
      continue;
    }
    const band = bands.at(-1);
    if (!band) throw new UserError("band must start with the 'type' keyword");
    if (name === 'rate') band.rate = parseU32(value);
    else if (name === 'burst_size') band.burst = parseU32(value);
    else if (name === 'prec_level') band.precLevel = parseUint(value, 8, 'prec_level');
    else throw new UserError(`unknown keyword ${name}`);
  }
  if (bands.length === 0) throw new UserError('must specify bands');
  for (const band of bands) checkBand(band, flags);
  return bands;
}

function checkBand({ type, rate, burst, precLevel }: MeterBand, flags: number): void {
  const bursts = (flags & OFPMF.BURST) !== 0;
  if (rate === 0) throw new UserError("band must have 'rate'");
  if (bursts && burst === 0) throw new UserError("band must have 'burst_size' when 'burst' flag is set");
  if (!bursts && burst !== 0) throw new UserError("band may have 'burst_size' only when 'burst' flag is set");
  if (precLevel !== 0 && type !== 'dscp_remark') {
    throw new UserError("'prec_level' is only valid for a 'dscp_remark' band");
  }
}
