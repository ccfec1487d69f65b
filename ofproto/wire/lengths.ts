// The lengths that messages may have (the fixed structures of the specifications, and what may follow them). A message
// of a wrong length is refused with OFPBRC_BAD_LEN before anything else is looked at, also when its type is one that a
// switch never takes.

import * as M from '../model/messages.ts';
import type { WireId } from './codec.ts';

const V10 = M.OFP10_VERSION;
const V11 = M.OFP11_VERSION;
const V12 = M.OFP12_VERSION;
const V13 = M.OFP13_VERSION;
const V14 = M.OFP14_VERSION;
const V15 = M.OFP15_VERSION;

/** Bytes after all headers: `base`, then any number of `unit` bytes; a unit of 0 allows nothing more. */
export interface Length {
  readonly base: number;
  readonly unit: number;
}

type Row = readonly [id: WireId, first: number, last: number, base: number, unit?: number];

const MESSAGES: readonly Row[] = [
  ['m0', V10, V15, 0, 1],
  ['m1', V10, V15, 4, 1],
  ['m2', V10, V15, 0, 1],
  ['m3', V10, V15, 0, 1],
  ['m5', V10, V15, 0],
  ['m6', V10, V10, 24, 48],
  ['m6', V11, V12, 24, 64],
  ['m6', V13, V15, 24],
  ['m7', V10, V15, 0],
  ['m8', V10, V15, 4],
  ['m9', V10, V15, 4],
  ['m10', V10, V10, 10, 1],
  ['m10', V11, V11, 16, 1],
  ['m10', V12, V12, 8, 1],
  ['m10', V13, V15, 16, 1],
  ['m11', V10, V10, 80],
  ['m11', V11, V14, 40, 8],
  ['m11', V15, V15, 16, 8],
  ['m12', V10, V10, 56],
  ['m12', V11, V13, 72],
  ['m12', V14, V15, 48, 8],
  ['m13', V10, V10, 8, 1],
  ['m13', V11, V14, 16, 1],
  ['m13', V15, V15, 8, 1],
  ['m14', V10, V10, 64, 8],
  ['m14', V11, V15, 40, 8],
  ['m15', V10, V10, 24],
  ['m15', V11, V14, 8, 8],
  ['m15', V15, V15, 16, 8],
  ['m16', V11, V13, 32],
  ['m16', V14, V15, 24, 8],
  ['m17', V11, V13, 8],
  ['m17', V14, V15, 8, 8],
  ['m18', V10, V10, 0],
  ['m19', V10, V10, 0],
  ['m20', V10, V10, 4],
  ['m21', V10, V10, 8, 8],
  ['m20', V11, V15, 0],
  ['m21', V11, V15, 0],
  ['m22', V11, V13, 8],
  ['m23', V11, V13, 8, 8],
  ['m24', V12, V15, 16],
  ['m25', V12, V15, 16],
  ['m26', V13, V15, 0],
  ['m27', V13, V13, 24],
  ['m27', V14, V15, 0, 8],
  ['m28', V13, V13, 24],
  ['m28', V14, V15, 0, 8],
  ['m29', V13, V15, 8, 8],
  ['m30', V14, V15, 16, 8],
  ['m31', V14, V15, 8, 8],
  ['m32', V14, V15, 8, 8],
  ['m33', V14, V15, 8, 8],
  ['m34', V14, V15, 8, 1],
];

const EXTENSIONS: readonly Row[] = [
  ['n10', V10, V15, 4],
  ['n11', V10, V15, 4],
  ['n12', V10, V10, 4],
  ['n13', V10, V15, 32, 8],
  ['n14', V10, V15, 40, 8],
  ['n15', V10, V15, 8],
  ['n16', V10, V15, 4],
  ['n17', V10, V15, 24, 1],
  ['n18', V10, V15, 0],
  ['n19', V10, V15, 24],
  ['n20', V10, V15, 8],
  ['n21', V10, V12, 4],
  ['n22', V10, V12, 0],
  ['n23', V10, V12, 0],
  ['n24', V10, V15, 8, 8],
  ['n25', V10, V15, 0],
  ['n26', V10, V15, 16, 8],
  ['n27', V10, V13, 0, 8],
  ['n28', V10, V15, 0, 8],
  ['n29', V10, V15, 8],
  ['n30', V10, V15, 0, 8],
  ['n31', V10, V10, 16, 8],
  ['n32', V10, V15, 8, 8],
  ['o1870', V13, V13, 4],
  ['o1871', V13, V13, 0],
  ['o1872', V13, V13, 0],
  ['o1911', V13, V13, 16, 8],
  ['o2300', V13, V13, 8, 8],
  ['o2301', V13, V13, 8, 1],
];

const STATISTICS: readonly Row[] = [
  ['q0', V10, V15, 0],
  ['r0', V10, V15, 1056],
  ['q1', V10, V10, 44],
  ['q1', V11, V15, 32, 8],
  ['r1', V10, V15, 0, 1],
  ['q2', V10, V10, 44],
  ['q2', V11, V15, 32, 8],
  ['r2', V10, V14, 24],
  ['r2', V15, V15, 0, 8],
  ['q3', V10, V15, 0],
  ['r3', V10, V15, 0, 8],
  ['q4', V10, V15, 8],
  ['r4', V10, V15, 0, 8],
  ['q5', V10, V15, 8],
  ['r5', V10, V15, 0, 8],
  ['q6', V11, V15, 8],
  ['r6', V11, V15, 0, 8],
  ['q7', V11, V14, 0],
  ['q7', V15, V15, 8],
  ['r7', V11, V15, 0, 8],
  ['q8', V12, V15, 0],
  ['r8', V12, V15, 40],
  ['q9', V13, V15, 8],
  ['r9', V13, V15, 0, 8],
  ['q10', V13, V15, 8],
  ['r10', V13, V15, 0, 8],
  ['q11', V13, V15, 0],
  ['r11', V13, V15, 16],
  ['q12', V13, V15, 0, 8],
  ['r12', V13, V15, 0, 8],
  ['q13', V10, V14, 0],
  ['q13', V15, V15, 8],
  ['r13', V10, V15, 0, 8],
  ['q14', V14, V15, 0],
  ['r14', V14, V15, 0, 8],
  ['q15', V14, V15, 8],
  ['r15', V14, V15, 0, 8],
  ['q16', V14, V15, 0, 8],
  ['r16', V14, V15, 0, 8],
  ['qn0', V10, V10, 8, 8],
  ['rn0', V10, V10, 0, 8],
  ['qn1', V10, V10, 8, 8],
  ['rn1', V10, V10, 24],
  ['qn2', V10, V12, 0, 8],
  ['rn2', V10, V12, 0, 8],
  ['qn3', V10, V15, 0],
  ['qn4', V10, V15, 0],
  ['qn7', V10, V10, 8],
  ['rn7', V10, V10, 0, 8],
  ['qn8', V10, V10, 8],
  ['rn8', V10, V10, 0, 8],
  ['qn9', V10, V11, 0],
  ['rn9', V10, V11, 40],
  ['qo1870', V13, V13, 0, 8],
  ['ro1870', V13, V13, 0, 8],
];

const LENGTHS = new Map<string, Length>();
for (const [id, first, last, base, unit = 0] of [...MESSAGES, ...EXTENSIONS, ...STATISTICS]) {
  for (let version = first; version <= last; version++) LENGTHS.set(`${version}:${id}`, { base, unit });
}

/** How long the body of a message is; undefined when the version has no such message. */
export function lengthOf(id: WireId, version: number): Length | undefined {
  return LENGTHS.get(`${version}:${id}`);
}

/** Whether `size` bytes can be such a body. */
export function fitsLength({ base, unit }: Length, size: number): boolean {
  const rest = size - base;
  return unit === 0 ? rest === 0 : rest >= 0 && rest % unit === 0;
}
