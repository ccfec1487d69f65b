// Nicira's extension actions (ovs-actions(7)): `0xffff | length | 0x2320 | subtype u16 | ...`, used on every version.

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { OfAction, Subfield } from '../model/actions.ts';
import { bigintOf, bytesOf, field, fieldByHeader, maskRange, portFrom16, portTo16 } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { BUNDLE_ALGORITHMS, HASH_FIELDS, MULTIPATH_ALGORITHMS } from '../model/nicira.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { checkOutputPort } from './actions10.ts';
import { setFieldAction } from './actions13.ts';
import { decodeController2, encodeController2 } from './nx-controller.ts';
import { decodeLearn, encodeLearn } from './nx-learn.ts';
import { plainHeader, readFieldHeader, readFieldValue } from './oxm.ts';

export interface NxContext {
  readonly version: number;
  readonly decodeNested: (r: Reader) => OfAction[];
  readonly encodeNested: (w: Writer, actions: readonly OfAction[]) => void;
}

const NXAST_RESUBMIT = 1;
const NXAST_SET_TUNNEL = 2;
const NXAST_SET_QUEUE = 4;
const NXAST_POP_QUEUE = 5;
const NXAST_REG_MOVE = 6;
const NXAST_REG_LOAD = 7;
const NXAST_NOTE = 8;
const NXAST_SET_TUNNEL64 = 9;
const NXAST_MULTIPATH = 10;
const NXAST_BUNDLE = 12;
const NXAST_BUNDLE_LOAD = 13;
const NXAST_RESUBMIT_TABLE = 14;
const NXAST_OUTPUT_REG = 15;
const NXAST_LEARN = 16;
const NXAST_EXIT = 17;
const NXAST_DEC_TTL = 18;
const NXAST_FIN_TIMEOUT = 19;
const NXAST_CONTROLLER = 20;
const NXAST_DEC_TTL_CNT_IDS = 21;
const NXAST_WRITE_METADATA = 22;
const NXAST_STACK_PUSH = 27;
const NXAST_STACK_POP = 28;
const NXAST_SAMPLE = 29;
const NXAST_REG_LOAD2 = 33;
const NXAST_CONJUNCTION = 34;
const NXAST_CONTROLLER2 = 37;
const NXAST_OUTPUT_TRUNC = 39;
const NXAST_GROUP = 40;
const NXAST_CLONE = 42;
const NXAST_RESUBMIT_TABLE_CT = 44;
const NXAST_LEARN2 = 45;

/** NXM_OF_IN_PORT's header: what a bundle's slave type says. */
const NXM_OF_IN_PORT = 0x00000002;

/** A subfield by header, first bit and width. Throws OfError OFPBAC_BAD_SET_TYPE, OFPBAC_BAD_SET_LEN. */
export function subfieldOf(header: number, ofs: number, bits: number): Subfield {
  const f = fieldByHeader(header);
  if (!f) throw new OfError('OFPBAC_BAD_SET_TYPE');
  if (bits === 0 || ofs + bits > f.bits) throw new OfError('OFPBAC_BAD_SET_LEN');
  return { field: f, ofs, bits };
}

/** `(ofs << 6) | (bits - 1)`: how Nicira packs a bit range. */
const ofsNbits = ({ ofs, bits }: Subfield): number => (ofs << 6) | (bits - 1);
const rangeOf = (packed: number) => ({ ofs: packed >> 6, bits: (packed & 0x3f) + 1 });

function writableSubfield(header: number, ofs: number, bits: number): Subfield {
  const sub = subfieldOf(header, ofs, bits);
  if (!sub.field.writable) throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  return sub;
}

function mustBeZero(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw new OfError('NXBAC_MUST_BE_ZERO');
}

type Decoder = (r: Reader, context: NxContext) => OfAction;

const DECODERS: Readonly<Record<number, Decoder>> = {
  [NXAST_RESUBMIT]: (r) => resubmit(portFrom16(r.u16()), 255, false),
  [NXAST_RESUBMIT_TABLE]: (r) => decodeResubmitTable(r, false),
  [NXAST_RESUBMIT_TABLE_CT]: (r) => decodeResubmitTable(r, true),
  [NXAST_SET_TUNNEL]: (r) => {
    r.skip(2);
    return { type: 'set_tunnel', tunId: BigInt(r.u32()), wide: false };
  },
  [NXAST_SET_TUNNEL64]: (r) => {
    r.skip(6);
    return { type: 'set_tunnel', tunId: r.u64(), wide: true };
  },
  [NXAST_SET_QUEUE]: (r) => {
    r.skip(2);
    return { type: 'set_queue', queue: r.u32() };
  },
  [NXAST_POP_QUEUE]: () => ({ type: 'pop_queue' }),
  [NXAST_REG_MOVE]: decodeRegMove,
  [NXAST_REG_LOAD]: decodeRegLoad,
  [NXAST_REG_LOAD2]: decodeRegLoad2,
  [NXAST_NOTE]: (r) => ({ type: 'note', data: r.rest().slice() }),
  [NXAST_MULTIPATH]: decodeMultipath,
  [NXAST_BUNDLE]: (r) => decodeBundle(r, false),
  [NXAST_BUNDLE_LOAD]: (r) => decodeBundle(r, true),
  [NXAST_OUTPUT_REG]: (r) => {
    const { ofs, bits } = rangeOf(r.u16());
    const src = subfieldOf(r.u32(), ofs, bits);
    const maxLen = r.u16();
    mustBeZero(r.take(6));
    return { type: 'output_reg', src, maxLen };
  },
  [NXAST_LEARN]: (r) => ({ type: 'learn', spec: decodeLearn(r, false) }),
  [NXAST_LEARN2]: (r) => ({ type: 'learn', spec: decodeLearn(r, true) }),
  [NXAST_EXIT]: () => ({ type: 'exit' }),
  [NXAST_DEC_TTL]: () => ({ type: 'dec_ttl', controllerIds: [] }),
  [NXAST_DEC_TTL_CNT_IDS]: (r) => {
    const count = r.u16();
    mustBeZero(r.take(4));
    return { type: 'dec_ttl', controllerIds: Array.from({ length: count }, () => r.u16()) };
  },
  [NXAST_FIN_TIMEOUT]: (r) => ({ type: 'fin_timeout', idleTimeout: r.u16(), hardTimeout: r.u16() }),
  [NXAST_CONTROLLER]: (r) => ({ type: 'controller', maxLen: r.u16(), controllerId: r.u16(), reason: r.u8() }),
  [NXAST_CONTROLLER2]: decodeController2,
  [NXAST_WRITE_METADATA]: (r) => {
    mustBeZero(r.take(6));
    return { type: 'write_metadata', metadata: r.u64(), mask: r.u64() };
  },
  [NXAST_STACK_PUSH]: (r) => ({ type: 'stack_push', subfield: decodeStack(r, false) }),
  [NXAST_STACK_POP]: (r) => ({ type: 'stack_pop', subfield: decodeStack(r, true) }),
  [NXAST_SAMPLE]: (r) => {
    const probability = r.u16();
    if (probability === 0) throw new OfError('OFPBAC_BAD_ARGUMENT');
    return { type: 'sample', probability, collectorSetId: r.u32(), obsDomainId: r.u32(), obsPointId: r.u32() };
  },
  [NXAST_CONJUNCTION]: (r) => {
    const [clause, nClauses] = [r.u8(), r.u8()];
    if (clause >= nClauses || nClauses < 2 || nClauses > 64) throw new OfError('NXBAC_BAD_CONJUNCTION');
    return { type: 'conjunction', id: r.u32(), clause, nClauses };
  },
  [NXAST_OUTPUT_TRUNC]: (r) => ({ type: 'output_trunc', port: checkOutputPort(portFrom16(r.u16())), maxLen: r.u32() }),
  [NXAST_GROUP]: (r) => {
    r.skip(2);
    return { type: 'group', groupId: r.u32() };
  },
  [NXAST_CLONE]: (r, context) => {
    r.skip(6);
    return { type: 'clone', actions: context.decodeNested(r) };
  },
};

function decodeResubmitTable(r: Reader, withCtOrig: boolean): OfAction {
  const action = resubmit(portFrom16(r.u16()), r.u8(), withCtOrig);
  if (r.copy(3).some((byte) => byte !== 0)) throw new OfError('OFPBAC_BAD_ARGUMENT');
  return action;
}

const resubmit = (inPort: number, tableId: number, withCtOrig: boolean): OfAction => ({
  type: 'resubmit',
  inPort,
  tableId,
  withCtOrig,
});

/** Decodes one action whose vendor is read already. Throws OfError OFPBAC_*. */
export function decodeNxAction(r: Reader, context: NxContext): OfAction {
  const decoder = DECODERS[r.u16()];
  if (!decoder) throw new OfError('OFPBAC_BAD_VENDOR_TYPE');
  return decoder(r, context);
}

function decodeRegMove(r: Reader): OfAction {
  const [bits, srcOfs, dstOfs] = [r.u16(), r.u16(), r.u16()];
  const src = subfieldOf(r.u32(), srcOfs, bits);
  return { type: 'reg_move', src, dst: writableSubfield(r.u32(), dstOfs, bits) };
}

function decodeRegLoad(r: Reader): OfAction {
  const { ofs, bits } = rangeOf(r.u16());
  const dst = writableSubfield(r.u32(), ofs, bits);
  const value = r.u64();
  if (value >= 1n << BigInt(bits)) throw new OfError('OFPBAC_BAD_ARGUMENT');
  const mask = ((1n << BigInt(bits)) - 1n) << BigInt(ofs);
  const { size } = dst.field;
  return {
    type: 'set_field',
    field: dst.field,
    value: bytesOf(value << BigInt(ofs), size),
    mask: bytesOf(mask, size),
    asLoad: true,
  };
}

function decodeRegLoad2(r: Reader): OfAction {
  mustBeZero(r.take(6));
  const header = readFieldHeader(r);
  if (!header.field) throw new OfError('OFPBAC_BAD_SET_TYPE');
  const { value, mask } = readFieldValue(r, { ...header, field: header.field });
  return setFieldAction(header.field, value, mask, false);
}

function decodeMultipath(r: Reader): OfAction {
  const fields = HASH_FIELDS[r.u16()];
  const basis = r.u16();
  r.skip(2);
  const algorithm = MULTIPATH_ALGORITHMS[r.u16()];
  const maxLink = r.u16();
  const arg = r.u32();
  r.skip(2);
  const { ofs, bits } = rangeOf(r.u16());
  const dst = writableSubfield(r.u32(), ofs, bits);
  if (!fields || !algorithm || (bits < 16 && maxLink >= 1 << bits)) throw new OfError('OFPBAC_BAD_ARGUMENT');
  return { type: 'multipath', fields, basis, algorithm, maxLink, arg, dst };
}

function decodeBundle(r: Reader, load: boolean): OfAction {
  const algorithm = BUNDLE_ALGORITHMS[r.u16()];
  const fields = HASH_FIELDS[r.u16()];
  const basis = r.u16();
  const slaveType = r.u32();
  const count = r.u16();
  const range = r.u16();
  const header = r.u32();
  mustBeZero(r.take(4));
  if (!algorithm || !fields || slaveType !== NXM_OF_IN_PORT) throw new OfError('OFPBAC_BAD_ARGUMENT');
  if (r.remaining < 2 * count) throw new OfError('OFPBAC_BAD_LEN');
  const slaves = Array.from({ length: count }, () => portFrom16(r.u16()));
  if (!load) return { type: 'bundle', fields, basis, algorithm, slaves };
  const { ofs, bits } = rangeOf(range);
  return { type: 'bundle', fields, basis, algorithm, slaves, dst: writableSubfield(header, ofs, bits) };
}

function decodeStack(r: Reader, write: boolean): Subfield {
  const ofs = r.u16();
  const header = r.u32();
  const bits = r.u16();
  mustBeZero(r.take(6));
  return write ? writableSubfield(header, ofs, bits) : subfieldOf(header, ofs, bits);
}

/** Writes an action that the version has no form of its own for. */
export function encodeNxAction(e: ActionEncoder, a: OfAction, context: NxContext): void {
  switch (a.type) {
    case 'resubmit':
      encodeResubmit(e, a);
      break;
    case 'goto_table':
      e.nicira(NXAST_RESUBMIT_TABLE, (w) => w.u16(0xfff8).u8(a.tableId).zeros(3));
      break;
    case 'set_tunnel':
      if (a.wide) e.nicira(NXAST_SET_TUNNEL64, (w) => w.zeros(6).u64(a.tunId));
      else e.nicira(NXAST_SET_TUNNEL, (w) => w.zeros(2).u32(Number(a.tunId)));
      break;
    case 'set_queue':
      e.nicira(NXAST_SET_QUEUE, (w) => w.zeros(2).u32(a.queue));
      break;
    case 'enqueue':
    case 'pop_queue':
      e.nicira(NXAST_POP_QUEUE, (w) => w.zeros(6));
      break;
    case 'reg_move':
      e.nicira(NXAST_REG_MOVE, (w) => {
        w.u16(a.src.bits).u16(a.src.ofs).u16(a.dst.ofs).u32(plainHeader(a.src.field)).u32(plainHeader(a.dst.field));
      });
      break;
    case 'set_field':
      encodeLoads(e, a);
      break;
    case 'set_ip_ecn':
      encodeLoads(e, { field: field('nw_ecn'), value: Uint8Array.of(a.ecn), mask: Uint8Array.of(3) });
      break;
    case 'set_ip_ttl':
      encodeLoads(e, { field: field('nw_ttl'), value: Uint8Array.of(a.ttl), mask: Uint8Array.of(255) });
      break;
    case 'note':
      e.nicira(NXAST_NOTE, (w) => w.put(a.data).zeros(a.data.length < 6 ? 6 - a.data.length : 0));
      break;
    case 'output_reg':
      e.nicira(NXAST_OUTPUT_REG, (w) => w.u16(ofsNbits(a.src)).u32(plainHeader(a.src.field)).u16(a.maxLen).zeros(6));
      break;
    case 'learn':
      encodeLearn(e, a.spec);
      break;
    case 'controller':
      encodeController(e, a);
      break;
    case 'clone':
      e.nicira(NXAST_CLONE, (w) => {
        w.zeros(6);
        context.encodeNested(w, a.actions);
      });
      break;
    default:
      encodeNxRest(e, a);
  }
}

function encodeNxRest(e: ActionEncoder, a: OfAction): void {
  switch (a.type) {
    case 'multipath':
      e.nicira(NXAST_MULTIPATH, (w) => {
        w.u16(indexIn(HASH_FIELDS, a.fields)).u16(a.basis).zeros(2).u16(indexIn(MULTIPATH_ALGORITHMS, a.algorithm));
        w.u16(a.maxLink).u32(a.arg).zeros(2).u16(ofsNbits(a.dst)).u32(plainHeader(a.dst.field));
      });
      break;
    case 'bundle':
      e.nicira(a.dst ? NXAST_BUNDLE_LOAD : NXAST_BUNDLE, (w) => {
        w.u16(indexIn(BUNDLE_ALGORITHMS, a.algorithm)).u16(indexIn(HASH_FIELDS, a.fields)).u16(a.basis);
        w.u32(NXM_OF_IN_PORT).u16(a.slaves.length);
        w.u16(a.dst ? ofsNbits(a.dst) : 0)
          .u32(a.dst ? plainHeader(a.dst.field) : 0)
          .zeros(4);
        for (const port of a.slaves) w.u16(portTo16(port));
      });
      break;
    case 'exit':
      e.nicira(NXAST_EXIT, (w) => w.zeros(6));
      break;
    case 'dec_ttl':
      if (a.controllerIds.length === 0) e.nicira(NXAST_DEC_TTL, (w) => w.zeros(6));
      else
        e.nicira(NXAST_DEC_TTL_CNT_IDS, (w) => {
          w.u16(a.controllerIds.length).zeros(4);
          for (const id of a.controllerIds) w.u16(id);
        });
      break;
    case 'fin_timeout':
      e.nicira(NXAST_FIN_TIMEOUT, (w) => w.u16(a.idleTimeout).u16(a.hardTimeout).zeros(2));
      break;
    case 'write_metadata':
      e.nicira(NXAST_WRITE_METADATA, (w) => w.zeros(6).u64(a.metadata).u64(a.mask));
      break;
    case 'stack_push':
    case 'stack_pop':
      e.nicira(a.type === 'stack_push' ? NXAST_STACK_PUSH : NXAST_STACK_POP, (w) => {
        w.u16(a.subfield.ofs).u32(plainHeader(a.subfield.field)).u16(a.subfield.bits).zeros(6);
      });
      break;
    case 'sample':
      e.nicira(NXAST_SAMPLE, (w) => w.u16(a.probability).u32(a.collectorSetId).u32(a.obsDomainId).u32(a.obsPointId));
      break;
    case 'conjunction':
      e.nicira(NXAST_CONJUNCTION, (w) => w.u8(a.clause).u8(a.nClauses).u32(a.id));
      break;
    case 'output_trunc':
      e.nicira(NXAST_OUTPUT_TRUNC, (w) => w.u16(portTo16(a.port)).u32(a.maxLen));
      break;
    case 'group':
      e.nicira(NXAST_GROUP, (w) => w.zeros(2).u32(a.groupId));
      break;
    default:
      // Standard actions and instructions never come here.
      break;
  }
}

function indexIn(list: readonly string[], name: string): number {
  return Math.max(0, list.indexOf(name));
}

function encodeResubmit(e: ActionEncoder, a: Extract<OfAction, { type: 'resubmit' }>): void {
  const subtype = a.withCtOrig ? NXAST_RESUBMIT_TABLE_CT : NXAST_RESUBMIT_TABLE;
  e.nicira(subtype, (w) => w.u16(portTo16(a.inPort)).u8(a.tableId).zeros(3));
}

function encodeController(e: ActionEncoder, a: Extract<OfAction, { type: 'controller' }>): void {
  if (a.userdata?.length || a.pause || a.meterId) encodeController2(e, a);
  else e.nicira(NXAST_CONTROLLER, (w) => w.u16(a.maxLen).u16(a.controllerId).u8(a.reason).zeros(1));
}

/** One REG_LOAD for each run of ones in the mask, at most 64 bits each, lowest first. */
function encodeLoads(e: ActionEncoder, a: { field: Subfield['field']; value: Uint8Array; mask: Uint8Array }): void {
  let mask = bigintOf(a.mask);
  const value = bigintOf(a.value);
  while (mask !== 0n) {
    const { ofs, bits: run } = maskRange(mask);
    const bits = Math.min(run, 64);
    const ones = (1n << BigInt(bits)) - 1n;
    e.nicira(NXAST_REG_LOAD, (w) =>
      w
        .u16((ofs << 6) | (bits - 1))
        .u32(plainHeader(a.field))
        .u64((value >> BigInt(ofs)) & ones),
    );
    mask &= ~(ones << BigInt(ofs));
  }
}
