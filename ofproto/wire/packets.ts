// Packet-in in the forms of the versions and NXT_PACKET_IN, and packet-out. NXT_PACKET_IN2 is in packet-in2.ts.

import { Reader, type Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { field, getFieldNumber, isMatched, matchFieldNumber, portFrom16, portTo16 } from '../model/fields.ts';
import { emptyMatch, KEY_DP_HASH, KEY_ETH_TYPE, type Match } from '../model/flow.ts';
import { OfError, type PacketIn, type PacketInReason, type PacketOut } from '../model/flow-mod.ts';
import {
  OFP10_VERSION,
  OFP11_VERSION,
  OFP12_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  OFP15_VERSION,
} from '../model/messages.ts';
import { PACKET_IN_REASONS } from '../model/nicira.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { always, type Codec, codec, since } from './codec.ts';
import { decodeMatch, decodeOxm } from './oxm.ts';
import { encodeMatch, encodeOxm } from './oxm-encode.ts';
import { checkPort, decodePortNumber, encodePortNumber } from './port-numbers.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V12 = OFP12_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;
const V15 = OFP15_VERSION;

interface Body {
  readonly bufferId: number;
  readonly packetIn: PacketIn;
}

/** Versions up to 1.3 number the first three reasons; the others are said as "action". */
function reasonNumber(reason: PacketInReason, extended: boolean): number {
  const number = PACKET_IN_REASONS.indexOf(reason);
  return extended || number <= 2 ? number : 1;
}

function reasonOf(number: number): PacketInReason {
  const reason = PACKET_IN_REASONS[number];
  if (!reason) throw new OfError('NXBRC_BAD_REASON');
  return reason;
}

/** What every form but NXT_PACKET_IN2 leaves unsaid. */
const UNSAID = { controllerId: 0, maxLen: 0 } as const;
const NO_COOKIE = 0xffffffffffffffffn;

function inPortOf(metadata: Match): number {
  return getFieldNumber(metadata.flow, field('in_port_oxm'));
}

function decodeIn10(r: Reader): Body {
  const bufferId = r.u32();
  const totalLen = r.u16();
  const metadata = emptyMatch();
  matchFieldNumber(metadata, field('in_port_oxm'), portFrom16(r.u16()));
  const reason = reasonOf(r.u8());
  r.skip(1);
  const packet = r.rest().slice();
  const unknown = { tableId: 255, cookie: NO_COOKIE };
  return { bufferId, packetIn: { reason, ...unknown, totalLen, packet, metadata, ...UNSAID } };
}

function encodeIn10(w: Writer, { bufferId, packetIn }: Body): void {
  w.u32(bufferId)
    .u16(packetIn.totalLen)
    .u16(portTo16(inPortOf(packetIn.metadata)));
  w.u8(reasonNumber(packetIn.reason, false)).zeros(1).put(packetIn.packet);
}

/** 1.1: buffer u32 | in_port u32 | in_phy_port u32 | total_len u16 | reason u8 | table u8 | data. */
function decodeIn11(r: Reader): Body {
  const bufferId = r.u32();
  const metadata = emptyMatch();
  matchFieldNumber(metadata, field('in_port_oxm'), r.u32());
  r.skip(4);
  const totalLen = r.u16();
  const reason = reasonOf(r.u8());
  const tableId = r.u8();
  const packet = r.rest().slice();
  return { bufferId, packetIn: { reason, tableId, cookie: NO_COOKIE, totalLen, packet, metadata, ...UNSAID } };
}

function encodeIn11(w: Writer, { bufferId, packetIn }: Body): void {
  const inPort = inPortOf(packetIn.metadata);
  w.u32(bufferId).u32(inPort).u32(inPort).u16(packetIn.totalLen);
  w.u8(reasonNumber(packetIn.reason, false)).u8(packetIn.tableId).put(packetIn.packet);
}

/** NXT_PACKET_IN and 1.3's differ in how the match is framed; 1.2's lacks the cookie. */
function decodeInWithMatch(r: Reader, version: number, nicira: boolean): Body {
  const bufferId = r.u32();
  const totalLen = r.u16();
  const reason = reasonOf(r.u8());
  const tableId = r.u8();
  const cookie = nicira || version >= V13 ? r.u64() : NO_COOKIE;
  const metadata = nicira ? decodeNxMetadata(r) : decodeMatch(r, { lenient: true });
  r.skip(2);
  return { bufferId, packetIn: { reason, tableId, cookie, totalLen, packet: r.rest().slice(), metadata, ...UNSAID } };
}

function decodeNxMetadata(r: Reader): Match {
  const length = r.u16();
  r.skip(6);
  const body = r.sub(length, 'OFPBMC_BAD_LEN');
  r.skip(-length & 7);
  return decodeOxm(body, { lenient: true }).match;
}

function encodeInWithMatch(w: Writer, { bufferId, packetIn }: Body, version: number, nicira: boolean): void {
  const { reason, tableId, cookie, metadata, packet } = packetIn;
  w.u32(bufferId).u16(packetIn.totalLen);
  w.u8(reasonNumber(reason, nicira || version >= V14)).u8(tableId);
  if (nicira || version >= V13) w.u64(cookie);
  if (nicira) {
    const lengthAt = w.size;
    w.u16(0).zeros(6);
    const start = w.size;
    encodeOxm(w, metadata, V10);
    w.patch16(lengthAt, w.size - start);
    w.pad(8, start);
  } else {
    encodeMatch(w, metadata, version);
  }
  w.zeros(2).put(packet);
}

/** 1.5 says where the packet comes from, and more, in a match. */
function decodeOut(r: Reader, version: number): { bufferId: number; out: PacketOut } {
  const bufferId = r.u32();
  if (version >= V15) return { bufferId, out: decodeOut15(r, version) };
  const inPort = decodePortNumber(r, version);
  if (version !== V10) checkPort(inPort, 'OFPBAC_BAD_OUT_PORT');
  const length = r.u16();
  if (version !== V10) r.skip(6);
  const actions = decodeOutActions(r, length, version);
  checkInPort(inPort);
  return { bufferId, out: { inPort, actions, packet: r.rest().slice() } };
}

function decodeOut15(r: Reader, version: number): PacketOut {
  const length = r.u16();
  r.skip(2);
  const metadata = decodeMatch(r, { lenient: true });
  if (!isPipelineOnly(metadata)) throw new OfError('OFPBRC_PIPELINE_FIELDS_ONLY');
  if (!isMatched(metadata.mask, field('in_port_oxm'))) throw new OfError('OFPBRC_BAD_PORT');
  const inPort = getFieldNumber(metadata.flow, field('in_port_oxm'));
  const actions = decodeOutActions(r, length, version);
  checkInPort(inPort);
  return { inPort, metadata, actions, packet: r.rest().slice() };
}

/** Whether a match names nothing of the packet itself. */
function isPipelineOnly({ mask }: Match): boolean {
  return mask.bytes.subarray(KEY_ETH_TYPE, KEY_DP_HASH).every((byte) => byte === 0);
}

function decodeOutActions(r: Reader, length: number, version: number) {
  if (length > r.remaining) throw new OfError('OFPBRC_BAD_LEN');
  return decodeActions(new Reader(r.take(length), 'OFPBAC_BAD_LEN'), version);
}

/** Packets come from real ports, or from what some words mean. */
function checkInPort(port: number): void {
  const words: readonly number[] = [OFPP.LOCAL, OFPP.ANY, OFPP.CONTROLLER];
  if (port >= OFPP.MAX && !words.includes(port)) throw new OfError('OFPBRC_BAD_PORT');
}

function encodeOut(w: Writer, body: { readonly bufferId: number; readonly out: PacketOut }, version: number): void {
  const { inPort, actions, packet } = body.out;
  w.u32(body.bufferId);
  if (version < V15) encodePortNumber(w, inPort, version);
  const lengthAt = w.size;
  w.u16(0);
  if (version >= V15) encodeMatch(w.zeros(2), metadataOf(body.out), version);
  else if (version !== V10) w.zeros(6);
  const start = w.size;
  encodeActions(w, actions, version);
  w.patch16(lengthAt, w.size - start);
  w.put(packet);
}

function metadataOf({ inPort, metadata }: PacketOut): Match {
  if (metadata) return metadata;
  const match = emptyMatch();
  matchFieldNumber(match, field('in_port_oxm'), inPort);
  return match;
}

export const PACKET_CODECS: readonly Codec[] = [
  codec(
    'packet_in',
    { [V10]: 'm10' },
    (r) => ({ format: 'standard', ...decodeIn10(r) }),
    encodeIn10,
    (body) => body.format === 'standard',
  ),
  codec(
    'packet_in',
    { [V11]: 'm10' },
    (r) => ({ format: 'standard', ...decodeIn11(r) }),
    encodeIn11,
    (body) => body.format === 'standard',
  ),
  codec(
    'packet_in',
    since(V12, 'm10'),
    (r, { version }) => ({ format: 'standard', ...decodeInWithMatch(r, version, false) }),
    (w, body, version) => encodeInWithMatch(w, body, version, false),
    (body) => body.format === 'standard',
  ),
  codec(
    'packet_in',
    always('n17'),
    (r, { version }) => ({ format: 'nxt_packet_in', ...decodeInWithMatch(r, version, true) }),
    (w, body, version) => encodeInWithMatch(w, body, version, true),
    (body) => body.format === 'nxt_packet_in',
  ),
  codec('packet_out', always('m13'), (r, { version }) => decodeOut(r, version), encodeOut),
];
