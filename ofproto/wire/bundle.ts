// Bundles: changes that a controller collects and has made at once (OpenFlow 1.4, 7.3.9; on 1.3 as ONF's extension 230).
//
//   control   bundle_id u32 | type u16 | flags u16 | properties
//   add       bundle_id u32 | pad 2 | flags u16 | a whole message | properties

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type BundleControl,
  type BundleControlType,
  OFP13_VERSION,
  OFP14_VERSION,
  OFP15_VERSION,
  type OfBodies,
} from '../model/messages.ts';
import { type Codec, codec, type DecodeContext } from './codec.ts';

const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;
const V15 = OFP15_VERSION;

/** In the order of their OFPBCT_* numbers. */
const CONTROL_TYPES: readonly BundleControlType[] = [
  'open_request',
  'open_reply',
  'close_request',
  'close_reply',
  'commit_request',
  'commit_reply',
  'discard_request',
  'discard_reply',
];

const HEADER_SIZE = 8;

/** OFPT_* numbers of what a bundle may hold: packet-out, flow-mod, group-mod, port-mod. The same from 1.1 on. */
const BUNDLED_TYPES: ReadonlySet<number> = new Set([13, 14, 15, 16]);
const OFPT_EXPERIMENTER = 4;

function decodeControl(r: Reader): BundleControl {
  const bundleId = r.u32();
  const control = CONTROL_TYPES[r.u16()];
  if (!control) throw new OfError('OFPBFC_BAD_TYPE');
  const flags = r.u16();
  r.rest();
  return { bundleId, control, flags };
}

function encodeControl(w: Writer, { bundleId, control, flags }: BundleControl): void {
  w.u32(bundleId).u16(CONTROL_TYPES.indexOf(control)).u16(flags);
}

/** The inner message has to be one that could have been sent in place of the outer one. */
function decodeAdd(r: Reader, { version, xid }: DecodeContext): OfBodies['bundle_add'] {
  const bundleId = r.u32();
  r.skip(2);
  const flags = r.u16();
  if (r.remaining < HEADER_SIZE) throw new OfError('OFPBFC_MSG_BAD_LEN');
  if (r.peek16(0) >> 8 !== version) throw new OfError('OFPBFC_BAD_VERSION');
  const length = r.peek16(2);
  if (length < HEADER_SIZE || length > r.remaining) throw new OfError('OFPBFC_MSG_BAD_LEN');
  if (r.peek16(4) * 0x10000 + r.peek16(6) !== xid) throw new OfError('OFPBFC_MSG_BAD_XID');
  const type = r.peek8(1);
  const bytes = r.take(length);
  if (!BUNDLED_TYPES.has(type) && type !== OFPT_EXPERIMENTER) throw new OfError('OFPBFC_MSG_UNSUP');
  // Properties that may follow are experimenters' alone.
  r.skip(r.remaining);
  return { bundleId, flags, bytes };
}

export const BUNDLE_CODECS: readonly Codec[] = [
  codec('bundle_control', { [V13]: 'o2300', [V14]: 'm33', [V15]: 'm33' }, decodeControl, encodeControl),
  codec('bundle_add', { [V13]: 'o2301', [V14]: 'm34', [V15]: 'm34' }, decodeAdd, (w, body) => {
    w.u32(body.bundleId).zeros(2).u16(body.flags).put(body.bytes);
  }),
];
