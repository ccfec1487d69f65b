// NXT_CT_FLUSH_ZONE and NXT_CT_FLUSH: forget tracked connections, of a zone or those that tuples describe.

import { Reader } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import type { CtFlush } from '../model/messages.ts';
import { always, type Codec, codec } from './codec.ts';
import { decodeProperties, encodeProperty, PROP_EXPERIMENTER, refuseProperty } from './properties.ts';

const NXT_CT_ORIG_TUPLE = 0;
const NXT_CT_REPLY_TUPLE = 1;
const NXT_CT_ZONE_ID = 2;

/** Bytes that each NXT_CT_TUPLE_* has at least: two addresses, two ports, and ICMP's id, type and code. */
const TUPLE_SIZES: readonly number[] = [16, 16, 2, 2, 2, 1, 1];

function mustBeZero(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw new OfError('NXBRC_MUST_BE_ZERO');
}

/** Pad 4, then properties; which may be longer than what is read of them. */
function decodeTuple(value: Reader): Uint8Array {
  const bytes = value.rest().slice();
  if (bytes.length < 4) throw new OfError('OFPBPC_BAD_LEN');
  for (const { type, value: item } of decodeProperties(new Reader(bytes.subarray(4)), 'OFPBPC_BAD_LEN')) {
    if (type === PROP_EXPERIMENTER) refuseProperty(type, item);
    if (item.remaining < (TUPLE_SIZES[type] ?? 0)) throw new OfError('OFPBPC_BAD_LEN');
  }
  return bytes;
}

/** ip_proto u8 | zero 7 | properties; tuples are kept as their properties' bytes. */
function decodeFlush(r: Reader): CtFlush {
  const ipProto = r.u8();
  mustBeZero(r.take(7));
  const flush: { -readonly [K in keyof CtFlush]: CtFlush[K] } = { ipProto };
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type === PROP_EXPERIMENTER) refuseProperty(type, value);
    if (type === NXT_CT_ORIG_TUPLE) flush.origTuple = decodeTuple(value);
    else if (type === NXT_CT_REPLY_TUPLE) flush.replyTuple = decodeTuple(value);
    else if (type === NXT_CT_ZONE_ID) flush.zone = value.u16();
  }
  return flush;
}

export const CT_FLUSH_CODECS: readonly Codec[] = [
  codec(
    'ct_flush_zone',
    always('n29'),
    (r) => {
      mustBeZero(r.take(6));
      return { zone: r.u16() };
    },
    (w, { zone }) => w.zeros(6).u16(zone),
  ),
  codec('ct_flush', always('n32'), decodeFlush, (w, { ipProto, origTuple, replyTuple, zone }) => {
    w.u8(ipProto).zeros(7);
    if (origTuple) encodeProperty(w, NXT_CT_ORIG_TUPLE, (p) => p.put(origTuple));
    if (replyTuple) encodeProperty(w, NXT_CT_REPLY_TUPLE, (p) => p.put(replyTuple));
    if (zone !== undefined) encodeProperty(w, NXT_CT_ZONE_ID, (p) => p.u16(zone).zeros(2));
  }),
];
