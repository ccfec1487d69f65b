// OpenFlow 1.3's standard actions (OpenFlow 1.3, 7.2.5).

import type { Reader } from '../../lib/cursors.ts';
import type { OfAction } from '../model/actions.ts';
import { bigintOf, bytesOf, exactMask, type Field, field } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import type { ActionEncoder } from './action-encoder.ts';
import { checkOutputPort } from './actions10.ts';
import { readFieldHeader, readFieldValue, writeField } from './oxm.ts';

const OFPAT_OUTPUT = 0;
const OFPAT_PUSH_VLAN = 17;
const OFPAT_POP_VLAN = 18;
const OFPAT_SET_QUEUE = 21;
const OFPAT_GROUP = 22;
const OFPAT_SET_NW_TTL = 23;
const OFPAT_DEC_NW_TTL = 24;
const OFPAT_SET_FIELD = 25;

/** Length of each fixed-size action with its header. */
const LENGTHS: Readonly<Record<number, number>> = {
  [OFPAT_OUTPUT]: 16,
  [OFPAT_PUSH_VLAN]: 8,
  [OFPAT_POP_VLAN]: 8,
  [OFPAT_SET_QUEUE]: 8,
  [OFPAT_GROUP]: 8,
  [OFPAT_SET_NW_TTL]: 8,
  [OFPAT_DEC_NW_TTL]: 8,
};

/** OFPAT_* numbers of the standard actions that weft takes, for table features. */
export const OFPAT13_SUPPORTED: readonly number[] = [
  OFPAT_OUTPUT,
  OFPAT_PUSH_VLAN,
  OFPAT_POP_VLAN,
  OFPAT_SET_QUEUE,
  OFPAT_SET_NW_TTL,
  OFPAT_DEC_NW_TTL,
  OFPAT_SET_FIELD,
];

/** Decodes one action whose type is read already. Throws OfError OFPBAC_*. */
export function decodeAction13(type: number, r: Reader): OfAction {
  if (type === OFPAT_SET_FIELD) return decodeSetField(r);
  const length = LENGTHS[type];
  if (length === undefined) throw new OfError('OFPBAC_BAD_TYPE');
  if (r.bytes.length !== length) throw new OfError('OFPBAC_BAD_LEN');
  switch (type) {
    case OFPAT_OUTPUT: {
      const port = checkOutputPort(r.u32());
      return { type: 'output', port, maxLen: r.u16() };
    }
    case OFPAT_PUSH_VLAN: {
      const ethertype = r.u16();
      if (ethertype !== 0x8100 && ethertype !== 0x88a8) throw new OfError('OFPBAC_BAD_ARGUMENT');
      return { type: 'push_vlan', ethertype };
    }
    case OFPAT_POP_VLAN:
      return { type: 'pop_vlan' };
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

/** Set-field carries one TLV without a mask (1.3), padded with zeros. */
function decodeSetField(r: Reader): OfAction {
  const header = readFieldHeader(r);
  const f = header.field;
  if (!f) throw new OfError('OFPBAC_BAD_SET_TYPE');
  if (header.hasMask) throw new OfError('OFPBAC_BAD_SET_TYPE');
  if (header.length !== f.size) throw new OfError('OFPBAC_BAD_SET_LEN');
  const { value, mask } = readFieldValue(r, { ...header, field: f });
  if (r.remaining >= 8) throw new OfError('OFPBAC_BAD_SET_LEN');
  return setFieldAction(f, value, mask, false);
}

/** Checks a value that an action writes. Throws OfError OFPBAC_BAD_SET_ARGUMENT. */
export function setFieldAction(f: Field, value: Uint8Array, mask: Uint8Array, asLoad: boolean): OfAction {
  const exact = exactMask(f);
  const invalid = value.some((byte, i) => (byte & ~exact[i]!) !== 0);
  if (!f.writable || invalid) throw new OfError('OFPBAC_BAD_SET_ARGUMENT');
  return { type: 'set_field', field: f, value, mask, asLoad };
}

/** Writes an action in 1.3's own form, or returns false: then it goes as a Nicira action. */
export function encodeAction13(e: ActionEncoder, a: OfAction): boolean {
  switch (a.type) {
    case 'output':
      return e.action(OFPAT_OUTPUT, (w) => w.u32(a.port).u16(a.maxLen).zeros(6));
    case 'push_vlan':
      return push(e, a.ethertype);
    case 'pop_vlan':
      e.hasVlan = false;
      return e.action(OFPAT_POP_VLAN, (w) => w.zeros(4));
    case 'set_vlan_vid':
      if (a.pushIfNeeded && !e.hasVlan) push(e, 0x8100);
      return set(e, 'vlan_vid', bytesOf(BigInt(a.vid | 0x1000), 2));
    case 'set_vlan_pcp':
      if (a.pushIfNeeded && !e.hasVlan) push(e, 0x8100);
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
    case 'set_ip_ttl':
      return e.action(OFPAT_SET_NW_TTL, (w) => w.u8(a.ttl).zeros(3));
    case 'set_l4_src_port':
      return set(e, 'tcp_src', bytesOf(BigInt(a.port), 2));
    case 'set_l4_dst_port':
      return set(e, 'tcp_dst', bytesOf(BigInt(a.port), 2));
    case 'set_tunnel':
      return set(e, 'tun_id', bytesOf(a.tunId, 8));
    case 'dec_ttl':
      return a.controllerIds.length === 0 && e.action(OFPAT_DEC_NW_TTL, (w) => w.zeros(4));
    case 'set_queue':
      return e.action(OFPAT_SET_QUEUE, (w) => w.u32(a.queue));
    case 'enqueue':
      e.action(OFPAT_SET_QUEUE, (w) => w.u32(a.queue));
      encodeAction13(e, { type: 'output', port: a.port, maxLen: 0xffff });
      return false;
    case 'group':
      return e.action(OFPAT_GROUP, (w) => w.u32(a.groupId));
    case 'set_field':
      return !a.asLoad && bigintOf(a.mask) === a.field.valid && setWhole(e, a.field, a.value);
    default:
      return false;
  }
}

function push(e: ActionEncoder, ethertype: number): true {
  e.hasVlan = true;
  return e.action(OFPAT_PUSH_VLAN, (w) => w.u16(ethertype).zeros(2));
}

const set = (e: ActionEncoder, name: string, value: Uint8Array): true => setWhole(e, field(name), value);

function setWhole(e: ActionEncoder, f: Field, value: Uint8Array): true {
  return e.action(OFPAT_SET_FIELD, (w) => writeField(w, f, value, exactMask(f), e.version));
}
