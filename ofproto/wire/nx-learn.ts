// NXAST_LEARN and NXAST_LEARN2: a header, then flow_mod_specs until a zero one.
//
//   spec header u16: 2 bits zero | src 1 (0 field, 1 immediate) | dst 2 (0 match, 1 load, 2 output) | n_bits 11
//   field source: header u32, ofs u16; immediate: ceil(n_bits / 16) * 2 bytes; destination: header u32, ofs u16

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { LearnFlowModSpec, LearnSpec, Subfield } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import { NX_LEARN_F_DELETE_LEARNED, NX_LEARN_F_SEND_FLOW_REM, NX_LEARN_F_WRITE_RESULT } from '../model/nicira.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { checkSubfield, checkWritable, readHeader, readShortHeader, writeHeader } from './nx-fields.ts';

const NXAST_LEARN = 16;
const NXAST_LEARN2 = 45;
const SRC_IMMEDIATE = 1 << 13;
const DST_SHIFT = 11;
const KINDS = ['match', 'load', 'output'] as const;

/** Decodes the action's body. Throws OfError OFPBAC_*. */
export function decodeLearn(r: Reader, extended: boolean): LearnSpec {
  const base = {
    idleTimeout: r.u16(),
    hardTimeout: r.u16(),
    priority: r.u16(),
    cookie: r.u64(),
    flags: r.u16(),
    tableId: r.u8(),
  };
  if (r.u8() !== 0) throw new OfError('OFPBAC_BAD_ARGUMENT');
  const timeouts = { finIdleTimeout: r.u16(), finHardTimeout: r.u16() };
  if (base.tableId === 255) throw new OfError('OFPBAC_BAD_ARGUMENT');
  const known = extended ? 7 : NX_LEARN_F_SEND_FLOW_REM | NX_LEARN_F_DELETE_LEARNED;
  if (base.flags & ~known) throw new OfError('OFPBAC_BAD_ARGUMENT');
  if (!extended) return { ...base, ...timeouts, limit: 0, specs: decodeSpecs(r) };
  const limit = r.u32();
  const resultOfs = r.u16();
  r.skip(2);
  const writesResult = (base.flags & NX_LEARN_F_WRITE_RESULT) !== 0;
  const result = writesResult ? { resultDst: checkWritable(readHeader(r), resultOfs, 1) } : {};
  return { ...base, ...timeouts, limit, ...result, specs: decodeSpecs(r) };
}

function decodeSpecs(r: Reader): LearnFlowModSpec[] {
  const specs: LearnFlowModSpec[] = [];
  while (r.remaining >= 2) {
    const header = r.u16();
    if (header === 0) break;
    specs.push(decodeSpec(header, r));
  }
  if (r.rest().some((byte) => byte !== 0)) throw new OfError('OFPBAC_BAD_ARGUMENT');
  return specs;
}

function decodeSpec(header: number, r: Reader): LearnFlowModSpec {
  const bits = header & 0x7ff;
  const kind = KINDS[(header >> DST_SHIFT) & 3];
  const immediate = (header & SRC_IMMEDIATE) !== 0;
  if (header & 0xc000 || !kind || (immediate && kind === 'output')) {
    throw new OfError('OFPBAC_BAD_ARGUMENT');
  }
  const src = immediate ? decodeImmediate(r, bits) : decodeSubfield(r, bits);
  return kind === 'output' ? { kind, bits, src } : { kind, bits, src, dst: decodeSubfield(r, bits) };
}

/** Immediates are right-aligned in whole 16-bit words. */
function decodeImmediate(r: Reader, bits: number): Uint8Array {
  const words = r.take(2 * Math.ceil(bits / 16));
  return words.slice(words.length - Math.ceil(bits / 8));
}

function decodeSubfield(r: Reader, bits: number): Subfield {
  const field = readShortHeader(r);
  return checkSubfield(field, r.u16(), bits);
}

export function encodeLearn(e: ActionEncoder, spec: LearnSpec): void {
  const extended = spec.limit !== 0 || spec.resultDst !== undefined;
  e.nicira(extended ? NXAST_LEARN2 : NXAST_LEARN, (w) => {
    w.u16(spec.idleTimeout).u16(spec.hardTimeout).u16(spec.priority).u64(spec.cookie);
    w.u16(spec.flags).u8(spec.tableId).zeros(1).u16(spec.finIdleTimeout).u16(spec.finHardTimeout);
    if (extended)
      w.u32(spec.limit)
        .u16(spec.resultDst?.ofs ?? 0)
        .zeros(2);
    if (spec.resultDst) writeHeader(w, spec.resultDst.field);
    for (const item of spec.specs) encodeSpec(w, item);
  });
}

function encodeSpec(w: Writer, { kind, bits, src, dst }: LearnFlowModSpec): void {
  const immediate = src instanceof Uint8Array;
  w.u16((immediate ? SRC_IMMEDIATE : 0) | (KINDS.indexOf(kind) << DST_SHIFT) | bits);
  if (immediate) w.zeros(2 * Math.ceil(bits / 16) - src.length).put(src);
  else encodeSubfield(w, src);
  if (kind !== 'output' && dst) encodeSubfield(w, dst);
}

function encodeSubfield(w: Writer, sub: Subfield): void {
  writeHeader(w, sub.field).u16(sub.ofs);
}
