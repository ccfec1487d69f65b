// Error messages: numbers of a code in each version (error-codes.ts), and how extension errors travel.

import { must } from '../../lib/assert.ts';
import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFP12_VERSION, OFP15_VERSION } from '../model/messages.ts';
import { ERROR_CODES } from './error-codes.ts';

const VENDORS: Readonly<Record<string, number>> = { n: 0x00002320, o: 0x4f4e4600 };

interface Numbers {
  /** 0: the version's own. */
  readonly vendor: number;
  readonly type: number;
  readonly code: number;
}

/** By name, then by version less one; undefined where the version cannot say it. */
const CODES = new Map(Object.entries(ERROR_CODES).map(([name, row]) => [name, row.split(' ').map(parseNumbers)]));

function parseNumbers(cell: string): Numbers | undefined {
  if (cell === '-') return undefined;
  const [, letter, type, code] = must(/^([no]?)(\d+)(?:\.(\d+))?$/.exec(cell), `error numbers ${cell}`);
  return { vendor: VENDORS[letter!] ?? 0, type: Number(type), code: Number(code ?? 0) };
}

const keyOf = ({ vendor, type, code }: Numbers): string => `${vendor}:${type}:${code}`;

/** Names by numbers, for each version less one. */
const NAMES: readonly ReadonlyMap<string, string>[] = Array.from({ length: OFP15_VERSION }, (_, i) => {
  const names = new Map<string, string>();
  for (const [name, row] of CODES) {
    const numbers = row[Math.min(i, row.length - 1)];
    if (numbers && !names.has(keyOf(numbers))) names.set(keyOf(numbers), name);
  }
  return names;
});

/** What is sent for an error that a version cannot say. */
const UNENCODABLE = 'NXBRC_UNENCODABLE_ERROR';

/** Type and code that announce an extension error (NXET_VENDOR, NXVC_VENDOR_ERROR); 1.2+ has its own type. */
const NXET_VENDOR = 0xb0c2;
const OFPET_EXPERIMENTER = 0xffff;

/** True for names that OfError may carry. */
export function isErrorCode(name: string): boolean {
  return CODES.has(name);
}

export function encodeError(w: Writer, version: number, code: string, data: Uint8Array): void {
  const numbers = numbersOf(code, version);
  if (numbers.vendor === 0) {
    w.u16(numbers.type).u16(numbers.code);
  } else if (version >= OFP12_VERSION) {
    w.u16(OFPET_EXPERIMENTER).u16(numbers.type).u32(numbers.vendor);
  } else {
    w.u16(NXET_VENDOR).u16(0).u32(numbers.vendor).u16(numbers.type).u16(numbers.code);
  }
  w.put(data);
}

function numbersOf(code: string, version: number): Numbers {
  const known = lookUp(code, version);
  if (known) return known;
  const given = /^(\d+)\/(\d+)$/.exec(code);
  if (given) return { vendor: 0, type: Number(given[1]), code: Number(given[2]) };
  return must(lookUp(UNENCODABLE, version));
}

function lookUp(code: string, version: number): Numbers | undefined {
  const row = CODES.get(code) ?? [];
  return row[Math.min(version - 1, row.length - 1)];
}

export function decodeError(r: Reader, version: number): { code: string; data: Uint8Array } {
  const type = r.u16();
  const code = r.u16();
  let numbers: Numbers = { vendor: 0, type, code };
  if (type === OFPET_EXPERIMENTER && version >= OFP12_VERSION) numbers = { vendor: r.u32(), type: code, code: 0 };
  else if (type === NXET_VENDOR && code === 0 && version < OFP12_VERSION) {
    numbers = { vendor: r.u32(), type: r.u16(), code: r.u16() };
  }
  const name = NAMES[Math.min(version, OFP15_VERSION) - 1]?.get(keyOf(numbers));
  return { code: name ?? `${numbers.type}/${numbers.code}`, data: r.rest().slice() };
}
