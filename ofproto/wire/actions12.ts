// The standard actions of OpenFlow 1.2 to 1.5 (OpenFlow 1.5.1, 7.2.6), which have set_field for every field. 1.5 adds masks to
// set_field, copy_field and meter.

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { bytesOf, exactMask, type Field, field } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { isAllOnes } from '../model/full-mask.ts';
import { OFP13_VERSION, OFP15_VERSION } from '../model/messages.ts';
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../model/prerequisites.ts';
import { type ActionEncoder, ONFACT_ET_COPY_FIELD } from './action-encoder.ts';
import { checkOutputPort } from './actions10.ts';
import { decodeMove, mplsType } from './nx-actions.ts';
import { writeFieldHeader } from './oxm.ts';
import { writeField } from './oxm-encode.ts';
import { decodeSetField } from './set-field.ts';
import { decodeSetter, OFPAT_SET_TP_DST, OFPAT_SET_TP_SRC } from './setters11.ts';

const OFPAT_OUTPUT = 0;
const OFPAT_SET_MPLS_TTL = 15;
const OFPAT_DEC_MPLS_TTL = 16;
const OFPAT_PUSH_VLAN = 17;
const OFPAT_POP_VLAN = 18;
const OFPAT_PUSH_MPLS = 19;
const OFPAT_POP_MPLS = 20;
const OFPAT_SET_QUEUE = 21;
const OFPAT_GROUP = 22;
const OFPAT_SET_NW_TTL = 23;
const OFPAT_DEC_NW_TTL = 24;
export const OFPAT_SET_FIELD = 25;
export const OFPAT_COPY_FIELD = 28;
export const OFPAT_METER = 29;

/** Every standard action that weft takes but set_field, which 1.1 lacks; all are 8 bytes long but for output's 16. */
export const OFPAT11_COMMON: readonly number[] = [
  OFPAT_OUTPUT,
  OFPAT_SET_MPLS_TTL,
  OFPAT_DEC_MPLS_TTL,
  OFPAT_PUSH_VLAN,
  OFPAT_POP_VLAN,
  OFPAT_PUSH_MPLS,
  OFPAT_POP_MPLS,
  OFPAT_SET_QUEUE,
  OFPAT_GROUP,
  OFPAT_SET_NW_TTL,
  OFPAT_DEC_NW_TTL,
];

/** OFPAT_* numbers of the standard actions of 1.3 that weft takes, for table features. */
export const OFPAT13_SUPPORTED: readonly number[] = [...OFPAT11_COMMON, OFPAT_SET_FIELD];

/** Decodes one action whose type is read already. Throws OfError OFPBAC_*. */
export function decodeAction12(type: number, r: Reader, version: number): OfAction {
  const is15 = version >= OFP15_VERSION;
  if (type === OFPAT_SET_FIELD) return decodeSetField(r, is15 ? 'set_field15' : 'set_field');
  if (type === OFPAT_COPY_FIELD && is15) return decodeCopyField(r);
  if (type === OFPAT_METER && is15) {
    if (r.length !== 8) throw new OfError('OFPBAC_BAD_LEN');
    return { type: 'meter', meterId: r.u32() };
  }
  // 1.1's setters go on being understood.
  return decodeSetter(type, r) ?? decodeCommon(type, r);
}

function decodeCopyField(r: Reader): OfAction {
  if (r.length < 16) throw new OfError('OFPBAC_BAD_LEN');
  return { ...decodeMove(r, 2), isCopyField: true };
}

/** The actions that 1.1 to 1.5 have alike. */
export function decodeCommon(type: number, r: Reader): OfAction {
  if (!OFPAT11_COMMON.includes(type)) throw new OfError('OFPBAC_BAD_TYPE');
  if (r.length !== (type === OFPAT_OUTPUT ? 16 : 8)) throw new OfError('OFPBAC_BAD_LEN');
  switch (type) {
    case OFPAT_OUTPUT: {
      const port = checkOutputPort(r.u32());
      return { type: 'output', port, maxLen: r.u16() };
    }
    case OFPAT_SET_MPLS_TTL:
      return { type: 'set_mpls_ttl', ttl: r.u8() };
    case OFPAT_DEC_MPLS_TTL:
      return { type: 'dec_mpls_ttl' };
    case OFPAT_PUSH_VLAN: {
      const ethertype = r.u16();
      if (ethertype !== 0x8100 && ethertype !== 0x88a8) throw new OfError('OFPBAC_BAD_ARGUMENT');
      return { type: 'push_vlan', ethertype };
    }
    case OFPAT_POP_VLAN:
      return { type: 'pop_vlan' };
    case OFPAT_PUSH_MPLS:
      return { type: 'push_mpls', ethertype: mplsType(r.u16()) };
    case OFPAT_POP_MPLS:
      return { type: 'pop_mpls', ethertype: r.u16() };
    case OFPAT_SET_QUEUE:
      return { type: 'set_queue', queue: r.u32() };
    case OFPAT_GROUP:
      return { type: 'group', groupId: r.u32() };
    case OFPAT_SET_NW_TTL:
      return { type: 'set_ip_ttl', ttl: r.u8() };
    default:
      return { type: 'dec_ttl', controllerIds: [] };
  }
}

/** Writes an action in the version's own form, or returns false: then it goes as a Nicira action. */
export function encodeAction12(e: ActionEncoder, a: OfAction): boolean {
  switch (a.type) {
    case 'set_vlan_vid':
      if (a.pushIfNeeded && e.hints.vlans === 0) push(e, 0x8100);
      return set(e, 'vlan_vid', bytesOf(BigInt(a.vid | 0x1000), 2));
    case 'set_vlan_pcp':
      if (a.pushIfNeeded && e.hints.vlans === 0) push(e, 0x8100);
      return set(e, 'vlan_pcp', Uint8Array.of(a.pcp));
    case 'set_eth_src':
      return set(e, 'eth_src', a.mac);
    case 'set_eth_dst':
      return set(e, 'eth_dst', a.mac);
    case 'set_ip_src':
      return set(e, 'ip_src', bytesOf(BigInt(a.ip), 4));
    case 'set_ip_dst':
      return set(e, 'ip_dst', bytesOf(BigInt(a.ip), 4));
    case 'set_ip_dscp':
      return set(e, 'ip_dscp', Uint8Array.of(a.dscp >> 2));
    case 'set_ip_ecn':
      return set(e, 'nw_ecn', Uint8Array.of(a.ecn));
    case 'set_l4_src_port':
      return setPort(e, OFPAT_SET_TP_SRC, a.port);
    case 'set_l4_dst_port':
      return setPort(e, OFPAT_SET_TP_DST, a.port);
    case 'set_mpls_label':
      return set(e, 'mpls_label', bytesOf(BigInt(a.label), 4));
    case 'set_mpls_tc':
      return set(e, 'mpls_tc', Uint8Array.of(a.tc));
    case 'set_tunnel':
      return set(e, 'tun_id', bytesOf(a.tunId, 8));
    case 'set_field':
      return setField(e, a);
    case 'reg_move':
      return encodeMove(e, a);
    case 'meter':
      return e.version >= OFP15_VERSION && e.action(OFPAT_METER, (w) => w.u32(a.meterId));
    default:
      return encodeCommon(e, a);
  }
}

/** The actions that 1.1 to 1.5 have alike. */
export function encodeCommon(e: ActionEncoder, a: OfAction): boolean {
  switch (a.type) {
    case 'output':
      return e.action(OFPAT_OUTPUT, (w) => w.u32(a.port).u16(a.maxLen).zeros(6));
    case 'push_vlan':
      return push(e, a.ethertype);
    case 'pop_vlan':
      return e.action(OFPAT_POP_VLAN, (w) => w.zeros(4));
    case 'push_mpls':
      return e.action(OFPAT_PUSH_MPLS, (w) => w.u16(a.ethertype).zeros(2));
    case 'pop_mpls':
      return e.action(OFPAT_POP_MPLS, (w) => w.u16(a.ethertype).zeros(2));
    case 'set_mpls_ttl':
      return e.action(OFPAT_SET_MPLS_TTL, (w) => w.u8(a.ttl).zeros(3));
    case 'dec_mpls_ttl':
      return e.action(OFPAT_DEC_MPLS_TTL, (w) => w.zeros(4));
    case 'set_ip_ttl':
      return e.action(OFPAT_SET_NW_TTL, (w) => w.u8(a.ttl).zeros(3));
    case 'dec_ttl':
      return a.controllerIds.length === 0 && e.action(OFPAT_DEC_NW_TTL, (w) => w.zeros(4));
    case 'set_queue':
      return e.action(OFPAT_SET_QUEUE, (w) => w.u32(a.queue));
    case 'enqueue':
      e.action(OFPAT_SET_QUEUE, (w) => w.u32(a.queue));
      e.action(OFPAT_OUTPUT, (w) => w.u32(a.port).u16(0xffff).zeros(6));
      // pop_queue, a Nicira action, ends it.
      return false;
    case 'group':
      return e.action(OFPAT_GROUP, (w) => w.u32(a.groupId));
    default:
      return false;
  }
}

export function push(e: ActionEncoder, ethertype: number): true {
  return e.action(OFPAT_PUSH_VLAN, (w) => w.u16(ethertype).zeros(2));
}

/** mod_tp_src and mod_tp_dst: a field of the protocol where that is known, else as 1.1 has them. */
function setPort(e: ActionEncoder, type: number, port: number): true {
  const protocol = PORT_PROTOCOLS[e.hints.ipProto];
  if (protocol === undefined) return e.action(type, (w) => w.u16(port).zeros(2));
  return set(e, `${protocol}_${type === OFPAT_SET_TP_SRC ? 'src' : 'dst'}`, bytesOf(BigInt(port), 2));
}

const PORT_PROTOCOLS: Readonly<Record<number, string>> = {
  [IPPROTO_TCP]: 'tcp',
  [IPPROTO_UDP]: 'udp',
  [IPPROTO_SCTP]: 'sctp',
};

/** Before 1.5 set_field has no masks, and what was a load stays one. */
function setField(e: ActionEncoder, a: Extract<OfAction, { type: 'set_field' }>): boolean {
  const masked = !isAllOnes(a.mask);
  if (e.version < OFP15_VERSION && (a.form !== 'set_field' || masked)) return false;
  return e.action(OFPAT_SET_FIELD, (w) => writeField(w, a.field, a.value, a.mask, e.version, true));
}

const set = (e: ActionEncoder, name: string, value: Uint8Array): true => setWhole(e, field(name), value);

function setWhole(e: ActionEncoder, f: Field, value: Uint8Array): true {
  return e.action(OFPAT_SET_FIELD, (w) => writeField(w, f, value, exactMask(f), e.version));
}

/** 1.5 has copy_field, 1.3 has it from the ONF's extensions; false: it goes as Nicira's move. */
function encodeMove(e: ActionEncoder, a: Extract<OfAction, { type: 'reg_move' }>): boolean {
  if (e.version >= OFP15_VERSION) return copyField(e, a);
  return a.isCopyField === true && e.version === OFP13_VERSION && copyFieldOnf(e, a);
}

function copyFieldOnf(e: ActionEncoder, { src, dst }: Extract<OfAction, { type: 'reg_move' }>): true {
  return e.onf(ONFACT_ET_COPY_FIELD, (w) => {
    w.zeros(2).u16(src.bits).u16(src.ofs).u16(dst.ofs).zeros(2);
    writeFieldHeader(w, src.field, false, e.version);
    writeFieldHeader(w, dst.field, false, e.version);
  });
}

function copyField(e: ActionEncoder, { src, dst }: Extract<OfAction, { type: 'reg_move' }>): true {
  return e.action(OFPAT_COPY_FIELD, (w) => {
    w.u16(src.bits).u16(src.ofs).u16(dst.ofs).zeros(2);
    writeFieldHeader(w, src.field, false, e.version);
    writeFieldHeader(w, dst.field, false, e.version);
  });
}
