// Which asynchronous messages a connection wants, in all forms: fixed masks (1.3, NXT_SET_ASYNC_CONFIG), properties (1.4,
// NXT_SET_ASYNC_CONFIG2); and the message about a changed role (OpenFlow 1.4, 7.4.4, on 1.3 an extension of ONF's).

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type AsyncConfig,
  type AsyncMask,
  OFP13_VERSION,
  OFP14_VERSION,
  type Role,
  type RoleStatus,
} from '../model/messages.ts';
import { always, type Codec, codec, emptyCodec, since } from './codec.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;

/** Kinds in the order of their properties, two each: for slaves, then for masters; with the reasons there are. */
const KINDS: readonly (readonly [kind: keyof AsyncConfig, reasons: number])[] = [
  ['packetIn', 0x3f],
  ['portStatus', 0x07],
  ['flowRemoved', 0x3f],
  ['roleStatus', 0x07],
  ['tableStatus', 0x18],
  ['requestForward', 0x03],
];
/** And OFPACPT_EXPERIMENTER_MASTER after it. */
const OFPACPT_EXPERIMENTER_SLAVE = 0xfffe;
const FIXED_KINDS = ['packetIn', 'portStatus', 'flowRemoved'] as const;

function decodeFixed(r: Reader): AsyncMask[] {
  return FIXED_KINDS.flatMap((kind) => [
    { kind, slave: false, mask: r.u32() },
    { kind, slave: true, mask: r.u32() },
  ]);
}

function encodeFixed(w: Writer, masks: readonly AsyncMask[]): void {
  const mask = (kind: keyof AsyncConfig, slave: boolean) =>
    masks.findLast((one) => one.kind === kind && one.slave === slave)?.mask ?? 0;
  for (const kind of FIXED_KINDS) w.u32(mask(kind, false)).u32(mask(kind, true));
}

function decodeMasks(r: Reader): AsyncMask[] {
  return [...decodeProperties(r, 'OFPBPC_BAD_LEN')].map(({ type, value }) => {
    if (type >= OFPACPT_EXPERIMENTER_SLAVE) {
      throw new OfError(value.remaining < 8 ? 'OFPBPC_BAD_LEN' : 'OFPBPC_BAD_EXP_TYPE');
    }
    const row = KINDS[type >> 1];
    if (!row) throw new OfError('OFPACFC_UNSUPPORTED');
    if (value.remaining !== 4) throw new OfError('OFPBPC_BAD_LEN');
    const mask = value.u32();
    if (mask & ~row[1]) throw new OfError('OFPACFC_INVALID');
    return { kind: row[0], slave: type % 2 === 0, mask };
  });
}

function encodeMasks(w: Writer, masks: readonly AsyncMask[]): void {
  for (const { kind, slave, mask } of masks) {
    const index = KINDS.findIndex(([name]) => name === kind);
    encodeProperty(w, 2 * index + (slave ? 0 : 1), (p) => p.u32(mask));
  }
}

/** A whole configuration, slaves' masks first. */
export function asyncMasks(config: AsyncConfig): AsyncMask[] {
  return KINDS.flatMap(([kind]) => [
    { kind, slave: true, mask: config[kind][1] },
    { kind, slave: false, mask: config[kind][0] },
  ]);
}

const ROLES: readonly Role[] = ['nochange', 'equal', 'master', 'slave'];
const REASONS: readonly RoleStatus['reason'][] = ['master_request', 'config', 'experimenter'];

function decodeRoleStatus(r: Reader): RoleStatus {
  const role = ROLES[r.u32()] ?? 'nochange';
  const reason = REASONS[r.u8()];
  if (!reason) throw new OfError('OFPRRFC_BAD_ROLE');
  r.skip(3);
  const generationId = r.u64();
  r.rest();
  return { role, reason, generationId };
}

function encodeRoleStatus(w: Writer, { role, reason, generationId }: RoleStatus): void {
  w.u32(ROLES.indexOf(role)).u8(REASONS.indexOf(reason)).zeros(3).u64(generationId);
}

/** OFPT_REQUESTFORWARD: the whole request, header included. */
const HEADER_SIZE = 8;

type Set = { readonly form: 'standard' | 'nicira' | 'nicira2'; readonly masks: readonly AsyncMask[] };
const setter = (form: Set['form'], decode: (r: Reader) => AsyncMask[]) => (r: Reader) => ({ form, masks: decode(r) });
const isForm = (form: Set['form']) => (body: Set) => body.form === form;

export const ASYNC_CODECS: readonly Codec[] = [
  emptyCodec('get_async_request', since(V13, 'm26')),
  codec(
    'get_async_reply',
    { [V13]: 'm27' },
    (r) => ({ masks: decodeFixed(r) }),
    (w, { masks }) => encodeFixed(w, masks),
  ),
  codec(
    'get_async_reply',
    since(V14, 'm27'),
    (r) => ({ masks: decodeMasks(r) }),
    (w, { masks }) => encodeMasks(w, masks),
  ),
  codec(
    'set_async_config',
    { [V13]: 'm28' },
    setter('standard', decodeFixed),
    (w, { masks }) => encodeFixed(w, masks),
    isForm('standard'),
  ),
  codec(
    'set_async_config',
    since(V14, 'm28'),
    setter('standard', decodeMasks),
    (w, { masks }) => encodeMasks(w, masks),
    isForm('standard'),
  ),
  codec(
    'set_async_config',
    always('n19'),
    setter('nicira', decodeFixed),
    (w, { masks }) => encodeFixed(w, masks),
    isForm('nicira'),
  ),
  codec(
    'set_async_config',
    { 1: 'n27', 2: 'n27', 3: 'n27', 4: 'n27' },
    setter('nicira2', decodeMasks),
    (w, { masks }) => encodeMasks(w, masks),
    isForm('nicira2'),
  ),
  codec(
    'request_forward',
    since(V14, 'm32'),
    (r) => {
      if (r.remaining < HEADER_SIZE || r.peek16(2) > r.remaining) throw new OfError('OFPBFC_MSG_BAD_LEN');
      return { bytes: r.rest().slice() };
    },
    (w, { bytes }) => w.put(bytes),
  ),
  codec('role_status', { [V13]: 'o1911', ...since(V14, 'm30') }, decodeRoleStatus, encodeRoleStatus),
];
