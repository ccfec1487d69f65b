// NXT_PACKET_IN2 and NXT_RESUME: a packet with everything known of it, as properties; the same in both directions, so that a
// controller can return what it got.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { emptyMatch } from '../model/flow.ts';
import { type Continuation, OfError, type PacketIn, type PacketInReason } from '../model/flow-mod.ts';
import { OFP_NO_BUFFER, OFP13_VERSION } from '../model/messages.ts';
import { PACKET_IN_REASONS } from '../model/nicira.ts';
import { always, type Codec, codec } from './codec.ts';
import { decodeContinuation, encodeContinuation } from './continuation.ts';
import { decodeOxm } from './oxm.ts';
import { encodeOxm } from './oxm-encode.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

const NXPINT_PACKET = 0;
const NXPINT_FULL_LEN = 1;
const NXPINT_BUFFER_ID = 2;
const NXPINT_TABLE_ID = 3;
const NXPINT_COOKIE = 4;
const NO_COOKIE = 0xffff_ffff_ffff_ffffn;
const NXPINT_REASON = 5;
const NXPINT_METADATA = 6;
const NXPINT_USERDATA = 7;
const NXPINT_CONTINUATION = 8;

interface Body {
  readonly bufferId: number;
  readonly packetIn: PacketIn;
}

function reasonOf(number: number): PacketInReason {
  const reason = PACKET_IN_REASONS[number];
  if (!reason) throw new OfError('NXBRC_BAD_REASON');
  return reason;
}

function decodeIn2(r: Reader, version: number): Body {
  let [bufferId, tableId, totalLen, cookie] = [OFP_NO_BUFFER, 0, -1, NO_COOKIE];
  let packet = new Uint8Array(0);
  let reason: PacketInReason = 'no_match';
  let metadata = emptyMatch();
  let userdata: Uint8Array | undefined;
  let continuation: Continuation | undefined;
  for (const { type, value } of decodeProperties(r, 'OFPBRC_BAD_LEN')) {
    if (type === NXPINT_PACKET) packet = value.rest().slice();
    else if (type === NXPINT_FULL_LEN) totalLen = value.u32();
    else if (type === NXPINT_BUFFER_ID) bufferId = value.u32();
    else if (type === NXPINT_TABLE_ID) tableId = value.u8();
    else if (type === NXPINT_COOKIE) cookie = alignedU64(value);
    else if (type === NXPINT_REASON) reason = reasonOf(value.u8());
    else if (type === NXPINT_METADATA)
      metadata = decodeOxm(value.sub(value.remaining, 'OFPBMC_BAD_LEN'), { lenient: true }).match;
    else if (type === NXPINT_USERDATA) userdata = value.rest().slice();
    else if (type === NXPINT_CONTINUATION) continuation = decodeContinuation(value, version);
  }
  const length = totalLen < 0 ? packet.length : totalLen;
  const said = { reason, tableId, cookie, totalLen: length, packet, metadata, controllerId: 0, maxLen: 0 };
  const packetIn = { ...said, ...(userdata && { userdata }), ...(continuation && { continuation }) };
  return { bufferId, packetIn };
}

/** 64-bit values are aligned by four bytes of padding after the property's header. */
function alignedU64(value: Reader): bigint {
  value.skip(4);
  return value.u64();
}

/** Its metadata is OXM on every version, of the older ones 1.3's. */
function encodeIn2(w: Writer, { bufferId, packetIn }: Body, version: number): void {
  const { packet, totalLen, tableId, cookie, reason, metadata, userdata, continuation } = packetIn;
  encodeProperty(w, NXPINT_PACKET, (p) => p.put(packet));
  if (totalLen !== packet.length) encodeProperty(w, NXPINT_FULL_LEN, (p) => p.u32(totalLen));
  if (bufferId !== OFP_NO_BUFFER) encodeProperty(w, NXPINT_BUFFER_ID, (p) => p.u32(bufferId));
  encodeProperty(w, NXPINT_TABLE_ID, (p) => p.u8(tableId));
  // All ones stand for no flow.
  if (cookie !== NO_COOKIE) encodeProperty(w, NXPINT_COOKIE, (p) => p.zeros(4).u64(cookie));
  encodeProperty(w, NXPINT_REASON, (p) => p.u8(PACKET_IN_REASONS.indexOf(reason)));
  encodeProperty(w, NXPINT_METADATA, (p) => encodeOxm(p, metadata, Math.max(version, OFP13_VERSION)));
  if (continuation) encodeProperty(w, NXPINT_CONTINUATION, (p) => encodeContinuation(p, continuation, version));
  if (userdata?.length) encodeProperty(w, NXPINT_USERDATA, (p) => p.put(userdata));
}

export const PACKET_IN2_CODECS: readonly Codec[] = [
  codec(
    'packet_in',
    always('n30'),
    (r, { version }) => ({ format: 'nxt_packet_in2', ...decodeIn2(r, version) }),
    encodeIn2,
    (body) => body.format === 'nxt_packet_in2',
  ),
  codec(
    'resume',
    always('n28'),
    (r, { version }) => ({ packetIn: decodeIn2(r, version).packetIn }),
    (w, { packetIn }, version) => encodeIn2(w, { bufferId: OFP_NO_BUFFER, packetIn }, version),
  ),
];
