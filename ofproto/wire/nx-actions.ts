// Nicira's extension actions (ovs-actions(7)): `0xffff | length | 0x2320 | subtype u16 | ...`, used on every version.

import { Reader, type Writer } from '../../lib/cursors.ts';
import { OFPP, type OfAction, type Subfield } from '../model/actions.ts';
import type { Field } from '../model/field.ts';
import { bytesOf, portFrom16 } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP13_VERSION, OFP14_VERSION } from '../model/messages.ts';
import { BUNDLE_ALGORITHMS, HASH_FIELDS, MULTIPATH_ALGORITHMS } from '../model/nicira.ts';
import { mappedTunMetadata, tunMetadataByHeader } from '../model/tun-metadata.ts';
import { checkOutputPort } from './actions10.ts';
import { decodeController2 } from './nx-controller.ts';
import { decodeCt, decodeNat } from './nx-ct.ts';
import { decodeDecap, decodeEncap } from './nx-encap.ts';
import { checkSubfield, checkWritable, mustBeZero, rangeOf, readHeader, readShortHeader } from './nx-fields.ts';
import { decodeLearn } from './nx-learn.ts';
import { nxLength } from './nx-lengths.ts';
import * as NX from './nx-numbers.ts';
import { decodeSetField } from './set-field.ts';

export interface NxContext {
  readonly version: number;
  readonly decodeNested: (r: Reader) => OfAction[];
  readonly encodeNested: (w: Writer, actions: readonly OfAction[]) => void;
}

type Decoder = (r: Reader, context: NxContext) => OfAction;

const DECODERS: Readonly<Record<number, Decoder>> = {
  [NX.NXAST_RESUBMIT]: (r) => resubmit(portFrom16(r.u16()), 255, false),
  [NX.NXAST_RESUBMIT_TABLE]: (r) => decodeResubmitTable(r, false),
  [NX.NXAST_RESUBMIT_TABLE_CT]: (r) => decodeResubmitTable(r, true),
  [NX.NXAST_SET_TUNNEL]: (r) => {
    r.skip(2);
    return { type: 'set_tunnel', tunId: BigInt(r.u32()), wide: false };
  },
  [NX.NXAST_SET_TUNNEL64]: (r) => {
    r.skip(6);
    return { type: 'set_tunnel', tunId: r.u64(), wide: true };
  },
  [NX.NXAST_SET_QUEUE]: (r) => {
    r.skip(2);
    return { type: 'set_queue', queue: r.u32() };
  },
  [NX.NXAST_POP_QUEUE]: () => ({ type: 'pop_queue' }),
  [NX.NXAST_REG_MOVE]: (r) => decodeMove(r, 0),
  [NX.NXAST_REG_LOAD]: decodeRegLoad,
  [NX.NXAST_REG_LOAD2]: decodeRegLoad2,
  [NX.NXAST_NOTE]: (r) => ({ type: 'note', data: r.rest().slice() }),
  [NX.NXAST_MULTIPATH]: decodeMultipath,
  [NX.NXAST_BUNDLE]: (r) => decodeBundle(r, false),
  [NX.NXAST_BUNDLE_LOAD]: (r) => decodeBundle(r, true),
  [NX.NXAST_OUTPUT_REG]: (r) => {
    const { ofs, bits } = rangeOf(r.u16());
    const src = checkSubfield(readShortHeader(r), ofs, bits);
    const maxLen = r.u16();
    mustBeZero(r.take(6), 'OFPBAC_BAD_ARGUMENT');
    return { type: 'output_reg', src, maxLen };
  },
  [NX.NXAST_OUTPUT_REG2]: (r) => {
    const { ofs, bits } = rangeOf(r.u16());
    const maxLen = r.u16();
    const src = checkSubfield(readHeader(r), ofs, bits);
    mustBeZero(r.rest());
    return { type: 'output_reg', src, maxLen };
  },
  [NX.NXAST_LEARN]: (r) => ({ type: 'learn', spec: decodeLearn(r, false) }),
  [NX.NXAST_LEARN2]: (r) => ({ type: 'learn', spec: decodeLearn(r, true) }),
  [NX.NXAST_EXIT]: () => ({ type: 'exit' }),
  [NX.NXAST_DEC_TTL]: () => ({ type: 'dec_ttl', controllerIds: [] }),
  [NX.NXAST_DEC_TTL_CNT_IDS]: (r) => {
    const count = r.u16();
    mustBeZero(r.take(4));
    if (count === 0) r.rest();
    return { type: 'dec_ttl', controllerIds: Array.from({ length: count }, () => r.u16()) };
  },
  [NX.NXAST_FIN_TIMEOUT]: (r) => ({ type: 'fin_timeout', idleTimeout: r.u16(), hardTimeout: r.u16() }),
  [NX.NXAST_CONTROLLER]: (r) => ({ type: 'controller', maxLen: r.u16(), controllerId: r.u16(), reason: r.u8() }),
  [NX.NXAST_CONTROLLER2]: decodeController2,
  [NX.NXAST_WRITE_METADATA]: (r) => {
    mustBeZero(r.take(6));
    return { type: 'write_metadata', metadata: r.u64(), mask: r.u64() };
  },
  [NX.NXAST_STACK_PUSH]: (r) => ({ type: 'stack_push', subfield: decodeStack(r, false) }),
  [NX.NXAST_STACK_POP]: (r) => ({ type: 'stack_pop', subfield: decodeStack(r, true) }),
  [NX.NXAST_SAMPLE]: (r) => decodeSample(r),
  [NX.NXAST_SAMPLE2]: decodeSample2,
  [NX.NXAST_SAMPLE3]: decodeSample2,
  [NX.NXAST_CONJUNCTION]: (r) => {
    const [clause, nClauses] = [r.u8(), r.u8()];
    if (clause >= nClauses || nClauses < 2 || nClauses > 64) throw new OfError('NXBAC_BAD_CONJUNCTION');
    return { type: 'conjunction', id: r.u32(), clause, nClauses };
  },
  [NX.NXAST_OUTPUT_TRUNC]: (r) => {
    const port = checkOutputPort(portFrom16(r.u16()));
    const maxLen = r.u32();
    // Less than an Ethernet header is left of no packet.
    if (maxLen < 14) throw new OfError('OFPBAC_BAD_ARGUMENT');
    return { type: 'output_trunc', port, maxLen };
  },
  [NX.NXAST_GROUP]: (r) => {
    r.skip(2);
    return { type: 'group', groupId: r.u32() };
  },
  [NX.NXAST_CLONE]: (r, context) => {
    r.skip(6);
    return { type: 'clone', actions: context.decodeNested(r) };
  },
  [NX.NXAST_PUSH_MPLS]: (r) => ({ type: 'push_mpls', ethertype: mplsType(r.u16()) }),
  [NX.NXAST_POP_MPLS]: (r) => ({ type: 'pop_mpls', ethertype: r.u16() }),
  [NX.NXAST_SET_MPLS_TTL]: (r) => ({ type: 'set_mpls_ttl', ttl: r.u8() }),
  [NX.NXAST_DEC_MPLS_TTL]: () => ({ type: 'dec_mpls_ttl' }),
  [NX.NXAST_SET_MPLS_LABEL]: (r) => {
    r.skip(2);
    return { type: 'set_mpls_label', label: r.u32() };
  },
  [NX.NXAST_SET_MPLS_TC]: (r) => ({ type: 'set_mpls_tc', tc: r.u8() }),
  [NX.NXAST_DEC_NSH_TTL]: () => ({ type: 'dec_nsh_ttl' }),
  [NX.NXAST_CT]: (r, context) => ({ type: 'ct', spec: decodeCt(r, context) }),
  [NX.NXAST_NAT]: (r) => ({ type: 'nat', spec: decodeNat(r) }),
  [NX.NXAST_CT_CLEAR]: () => ({ type: 'ct_clear' }),
  [NX.NXAST_ENCAP]: decodeEncap,
  [NX.NXAST_DECAP]: decodeDecap,
  [NX.NXAST_CHECK_PKT_LARGER]: (r) => {
    const [maxLen, ofs] = [r.u16(), r.u16()];
    const dst = checkWritable(readHeader(r), ofs, 1);
    mustBeZero(r.rest());
    return { type: 'check_pkt_larger', maxLen, dst };
  },
  [NX.NXAST_DELETE_FIELD]: (r) => {
    const field = readDeletable(r);
    mustBeZero(r.rest());
    return { type: 'delete_field', field };
  },
  [NX.NXAST_DEBUG_SLOW]: () => ({ type: 'debug_slow' }),
  [NX.NXAST_DEBUG_RECIRC]: () => ({ type: 'debug_recirc' }),
};

const ETH_TYPE_MPLS = 0x8847;
const ETH_TYPE_MPLS_MCAST = 0x8848;

/** Checks what push_mpls is given. Throws OfError OFPBAC_BAD_ARGUMENT. */
export function mplsType(ethertype: number): number {
  if (ethertype === ETH_TYPE_MPLS || ethertype === ETH_TYPE_MPLS_MCAST) return ethertype;
  throw new OfError('OFPBAC_BAD_ARGUMENT');
}

type Sample = Extract<OfAction, { type: 'sample' }>;

function decodeSample(r: Reader): Sample {
  const probability = r.u16();
  if (probability === 0) throw new OfError('OFPBAC_BAD_ARGUMENT');
  return { type: 'sample', probability, collectorSetId: r.u32(), obsDomainId: r.u32(), obsPointId: r.u32() };
}

const DIRECTIONS = [undefined, 'ingress', 'egress'] as const;

/** NXAST_SAMPLE2 and 3: with the port that was sampled and on which side of it. */
function decodeSample2(r: Reader): Sample {
  const sample = decodeSample(r);
  const samplingPort = portFrom16(r.u16());
  const side = r.u8();
  mustBeZero(r.rest());
  if (side >= DIRECTIONS.length) throw new OfError('OFPBAC_BAD_ARGUMENT');
  const direction = DIRECTIONS[side];
  return {
    ...sample,
    ...(samplingPort !== OFPP.ANY && { samplingPort }),
    ...(direction && { direction }),
  };
}

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

/** Actions that newer versions have in a form of their own are none of Nicira's there. */
const LAST_VERSION: Readonly<Record<number, number>> = {
  ...Object.fromEntries(
    [
      NX.NXAST_SET_QUEUE,
      NX.NXAST_DEC_TTL,
      NX.NXAST_PUSH_MPLS,
      NX.NXAST_POP_MPLS,
      NX.NXAST_SET_MPLS_TTL,
      NX.NXAST_DEC_MPLS_TTL,
      NX.NXAST_SET_MPLS_LABEL,
      NX.NXAST_SET_MPLS_TC,
      NX.NXAST_GROUP,
    ].map((subtype) => [subtype, OFP10_VERSION]),
  ),
  [NX.NXAST_REG_MOVE]: OFP14_VERSION,
  [NX.NXAST_REG_LOAD]: OFP14_VERSION,
  [NX.NXAST_REG_LOAD2]: OFP14_VERSION,
};

/** Packet types came with OpenFlow 1.3's pipeline. */
const SINCE_13: ReadonlySet<number> = new Set([NX.NXAST_ENCAP, NX.NXAST_DECAP, NX.NXAST_DEC_NSH_TTL]);

/** Whether there is such an action, whatever is in it. */
export const hasNxAction = (subtype: number, version: number): boolean =>
  DECODERS[subtype] !== undefined &&
  !(version < OFP13_VERSION && SINCE_13.has(subtype)) &&
  !(version > (LAST_VERSION[subtype] ?? version));

/** Decodes one action whose vendor is read already. Throws OfError OFPBAC_*. */
export function decodeNxAction(r: Reader, context: NxContext): OfAction {
  const subtype = r.u16();
  const decoder = DECODERS[subtype];
  if (!decoder || !hasNxAction(subtype, context.version)) throw new OfError('OFPBAC_BAD_VENDOR_TYPE');
  const [least, most] = nxLength(subtype);
  if (r.length < least || r.length > most) throw new OfError('OFPBAC_BAD_LEN');
  return decoder(r, context);
}

/** Also OpenFlow 1.5's copy_field, which has two bytes of padding before the fields. */
export function decodeMove(r: Reader, padding: number): Extract<OfAction, { type: 'reg_move' }> {
  const [bits, srcOfs, dstOfs] = [r.u16(), r.u16(), r.u16()];
  r.skip(padding);
  // Where there is no header, the header's own error goes first.
  if (r.remaining < 4) throw new OfError('OFPBMC_BAD_LEN');
  const [src, dst] = [readHeader(r), readHeader(r)];
  mustBeZero(r.rest());
  return { type: 'reg_move', src: checkSubfield(src, srcOfs, bits), dst: checkWritable(dst, dstOfs, bits) };
}

function decodeRegLoad(r: Reader): OfAction {
  const { ofs, bits } = rangeOf(r.u16());
  const dst = checkWritable(readShortHeader(r), ofs, bits);
  const value = r.u64();
  if (value >= 1n << BigInt(bits)) throw new OfError('OFPBAC_BAD_ARGUMENT');
  const mask = ((1n << BigInt(bits)) - 1n) << BigInt(ofs);
  const { size } = dst.field;
  return {
    type: 'set_field',
    field: dst.field,
    value: bytesOf(value << BigInt(ofs), size),
    mask: bytesOf(mask, size),
    form: 'reg_load',
  };
}

function decodeRegLoad2(r: Reader): OfAction {
  return decodeSetField(r, 'reg_load2');
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
  const dst = checkWritable(readShortHeader(r), ofs, bits);
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
  const header = r.sub(4);
  const reserved = r.take(4);
  const { ofs, bits } = rangeOf(range);
  const dst = load ? checkWritable(readShortHeader(header), ofs, bits) : undefined;
  if (r.remaining < 2 * count) throw new OfError('OFPBAC_BAD_LEN');
  // What else is wrong with it bundle_load does not mind, as in Open vSwitch.
  const isOdd =
    slaveType !== NX.NXM_OF_IN_PORT || range !== 0 || [...header.rest(), ...reserved].some((byte) => byte !== 0);
  if (!algorithm || !fields || (dst ? bits < 16 : isOdd)) throw new OfError('OFPBAC_BAD_ARGUMENT');
  const slaves = Array.from({ length: count }, () => checkSlave(portFrom16(r.u16())));
  return { type: 'bundle', fields, basis, algorithm, slaves, ...(dst && { dst }) };
}

/** No port is one that is never there; controllers would need to know how much of a packet they get. */
function checkSlave(port: number): number {
  if (port === OFPP.CONTROLLER) throw new OfError('OFPBAC_BAD_OUT_PORT');
  return port === OFPP.ANY ? port : checkOutputPort(port);
}

function decodeStack(r: Reader, write: boolean): Subfield {
  const ofs = r.u16();
  const field = readHeader(r);
  const bits = r.u16();
  mustBeZero(r.rest());
  return write ? checkWritable(field, ofs, bits) : checkSubfield(field, ofs, bits);
}

/** NXM_NX_TUN_METADATA0 to 63, whose length says nothing, are fields where the switch maps them: who has its table asks. */
function readDeletable(r: Reader): Field {
  const bytes = r.copy(4);
  const raw = new Reader(bytes, 'OFPBRC_BAD_LEN').u32();
  return mappedTunMetadata(raw) ?? tunMetadataByHeader(raw) ?? readHeader(new Reader(bytes, 'OFPBRC_BAD_LEN'));
}
