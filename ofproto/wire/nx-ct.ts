// NXAST_CT and NXAST_NAT: connection tracking as it goes over the wire (ovs-actions(7), "ct").
//
//   ct    flags u16 | zone source u32 | zone or bit range u16 | recirc table u8 | pad 3 | alg u16 | actions
//   nat   pad 2 | flags u16 | range present u16 | addresses and ports that are present

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { CtSpec, NatSpec, OfAction, Subfield } from '../model/actions.ts';
import { OfError } from '../model/flow-mod.ts';
import * as N from '../model/nicira.ts';
import type { ActionEncoder } from './action-encoder.ts';
import type { NxContext } from './nx-actions.ts';
import { checkSubfield, mustBeZero, ofsNbits, rangeOf, readShortHeader, writeHeader } from './nx-fields.ts';
import { NXAST_CT, NXAST_NAT } from './nx-numbers.ts';

const NX_CT_F_COMMIT = 1;
const NX_CT_F_FORCE = 2;
const IPPORT_FTP = 21;
const IPPORT_TFTP = 69;
const ZONE_BITS = 16;

const NX_NAT_RANGE_IPV4_MIN = 1;
const NX_NAT_RANGE_IPV4_MAX = 2;
const NX_NAT_RANGE_IPV6_MIN = 4;
const NX_NAT_RANGE_IPV6_MAX = 8;
const NX_NAT_RANGE_PROTO_MIN = 16;
const NX_NAT_RANGE_PROTO_MAX = 32;

/** Decodes the action's body. Throws OfError OFPBAC_*. */
export function decodeCt(r: Reader, context: NxContext): CtSpec {
  const flags = r.u16();
  const zone = decodeZone(r);
  const recircTable = r.u8();
  mustBeZero(r.take(3));
  const alg = r.u16();
  const actions = context.decodeNested(r);
  const spec = {
    commit: (flags & NX_CT_F_COMMIT) !== 0,
    force: (flags & NX_CT_F_FORCE) !== 0,
    zone,
    recircTable,
    alg,
    actions,
  };
  checkCt(spec);
  return spec;
}

function decodeZone(r: Reader): number | Subfield {
  const source = r.sub(4);
  const range = r.u16();
  if (source.peek16(0) === 0 && source.peek16(2) === 0) return range;
  const { ofs, bits } = rangeOf(range);
  const sub = checkSubfield(readShortHeader(source), ofs, bits);
  if (sub.bits !== ZONE_BITS) throw new OfError('OFPBAC_BAD_SET_LEN');
  return sub;
}

/** What commit may do: translate addresses, and write the connection's mark and label. */
function checkCt({ commit, force, alg, actions }: CtSpec): void {
  if (force && !commit) throw new OfError('OFPBAC_BAD_ARGUMENT', 'ct: force takes commit');
  if (alg !== 0 && alg !== IPPORT_FTP && alg !== IPPORT_TFTP) throw new OfError('OFPBAC_BAD_ARGUMENT', 'ct: alg');
  for (const action of actions) {
    if (!isCtAction(action)) throw new OfError('OFPBAC_BAD_ARGUMENT', `ct: ${action.type} is not for connections`);
  }
  const plainNat = actions.every((action) => action.type === 'nat' && action.spec.flags === 0);
  if (!commit && !plainNat) throw new OfError('OFPBAC_BAD_ARGUMENT', 'ct: these actions take commit');
}

function isCtAction(action: OfAction): boolean {
  if (action.type === 'nat') return true;
  const field = action.type === 'set_field' ? action.field : action.type === 'reg_move' ? action.dst.field : undefined;
  return field?.name === 'ct_mark' || field?.name === 'ct_label';
}

export function encodeCt(e: ActionEncoder, spec: CtSpec, context: NxContext): void {
  e.nicira(NXAST_CT, (w) => {
    w.u16((spec.commit ? NX_CT_F_COMMIT : 0) | (spec.force ? NX_CT_F_FORCE : 0));
    if (typeof spec.zone === 'number') w.u32(0).u16(spec.zone);
    else writeHeader(w, spec.zone.field).u16(ofsNbits(spec.zone));
    w.u8(spec.recircTable).zeros(3).u16(spec.alg);
    context.encodeNested(w, spec.actions);
  });
}

/** Decodes the action's body. Throws OfError OFPBAC_BAD_ARGUMENT, NXBAC_MUST_BE_ZERO. */
export function decodeNat(r: Reader): NatSpec {
  mustBeZero(r.take(2));
  const flags = r.u16();
  const present = r.u16();
  checkNat(flags, present);
  const take = (bit: number, size: number) => (present & bit ? r.copy(size) : undefined);
  const port = (bit: number) => (present & bit ? r.u16() : undefined);
  const v4 = [take(NX_NAT_RANGE_IPV4_MIN, 4), take(NX_NAT_RANGE_IPV4_MAX, 4)];
  const v6 = [take(NX_NAT_RANGE_IPV6_MIN, 16), take(NX_NAT_RANGE_IPV6_MAX, 16)];
  const [addressMin, addressMax] = [v4[0] ?? v6[0], v4[1] ?? v6[1]];
  const [portMin, portMax] = [port(NX_NAT_RANGE_PROTO_MIN), port(NX_NAT_RANGE_PROTO_MAX)];
  return {
    flags,
    ...(addressMin && { addressMin }),
    ...(addressMax && { addressMax }),
    ...(portMin !== undefined && { portMin }),
    ...(portMax !== undefined && { portMax }),
  };
}

function checkNat(flags: number, present: number): void {
  const both = (bits: number) => (flags & bits) === bits;
  const has = (bit: number) => (present & bit) !== 0;
  const bad =
    flags > 31 ||
    present > 63 ||
    both(N.NX_NAT_F_SRC | N.NX_NAT_F_DST) ||
    both(N.NX_NAT_F_PROTO_HASH | N.NX_NAT_F_PROTO_RANDOM) ||
    ((flags & (N.NX_NAT_F_SRC | N.NX_NAT_F_DST)) === 0 && (flags !== 0 || present !== 0)) ||
    (has(NX_NAT_RANGE_IPV4_MAX) && !has(NX_NAT_RANGE_IPV4_MIN)) ||
    (has(NX_NAT_RANGE_IPV6_MAX) && !has(NX_NAT_RANGE_IPV6_MIN)) ||
    (has(NX_NAT_RANGE_PROTO_MAX) && !has(NX_NAT_RANGE_PROTO_MIN)) ||
    (has(NX_NAT_RANGE_IPV4_MIN) && has(NX_NAT_RANGE_IPV6_MIN)) ||
    (has(NX_NAT_RANGE_PROTO_MIN) && !has(NX_NAT_RANGE_IPV4_MIN) && !has(NX_NAT_RANGE_IPV6_MIN));
  if (bad) throw new OfError('OFPBAC_BAD_ARGUMENT', 'nat: flags and ranges');
}

export function encodeNat(e: ActionEncoder, nat: NatSpec): void {
  const { addressMin, addressMax, portMin, portMax } = nat;
  const v6 = addressMin?.length === 16;
  const present =
    (addressMin ? (v6 ? NX_NAT_RANGE_IPV6_MIN : NX_NAT_RANGE_IPV4_MIN) : 0) |
    (addressMax ? (v6 ? NX_NAT_RANGE_IPV6_MAX : NX_NAT_RANGE_IPV4_MAX) : 0) |
    (portMin === undefined ? 0 : NX_NAT_RANGE_PROTO_MIN) |
    (portMax === undefined ? 0 : NX_NAT_RANGE_PROTO_MAX);
  e.nicira(NXAST_NAT, (w: Writer) => {
    w.zeros(2).u16(nat.flags).u16(present);
    if (addressMin) w.put(addressMin);
    if (addressMax) w.put(addressMax);
    if (portMin !== undefined) w.u16(portMin);
    if (portMax !== undefined) w.u16(portMax);
  });
}
