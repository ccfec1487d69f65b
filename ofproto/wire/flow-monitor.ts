// Flow monitors: requests to be told about flows, and the updates. Three forms: Nicira's (1.0 to 1.2), ONF's extension of
// 1.3, which has the same fields in another order, and OpenFlow 1.4's own (7.3.5.18).

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP, type OfAction } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import type { Match } from '../model/flow.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type FlowMonitorCommand,
  type FlowMonitorRequest,
  type FlowUpdate,
  OFP10_VERSION,
  OFP12_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  OFPFMF,
} from '../model/messages.ts';
import { hintsOf } from './action-encoder.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { type Codec, codec, during, emptyCodec, entry, listCodec, since } from './codec.ts';
import { decodeNxMatch } from './flow-mods.ts';
import { decodeInstructions, encodeInstructions } from './instructions.ts';
import { decodeMatch } from './oxm.ts';
import { encodeMatch, encodeOxm } from './oxm-encode.ts';

const V10 = OFP10_VERSION;
const V12 = OFP12_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;

/** OFPFMF_* of 1.4 is NXFMF_* but for the connection's own changes: bit 6, where Open vSwitch expects it. */
const OWN_14 = 0x40;
const CHANGES = OFPFMF.ADD | OFPFMF.DELETE | OFPFMF.MODIFY;

function checkFlags(flags: number): number {
  if (flags & ~OFPFMF.ALL || (flags & CHANGES) === 0) throw new OfError('OFPMOFC_BAD_FLAGS');
  return flags;
}

function mustBeZero(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw new OfError('NXBRC_MUST_BE_ZERO');
}

/** What the older forms leave out. */
const ADDS = { command: 'add', outGroup: OFPP.ANY } as const;

function decodeNxRequest(r: Reader): FlowMonitorRequest {
  const head = { id: r.u32(), flags: checkFlags(r.u16()), outPort: portFrom16(r.u16()) };
  const matchLen = r.u16();
  const tableId = r.u8();
  mustBeZero(r.take(5));
  return { ...ADDS, ...head, tableId, match: decodeNxMatch(r, matchLen).match };
}

function encodeNxRequest(w: Writer, request: FlowMonitorRequest): void {
  w.u32(request.id).u16(request.flags).u16(portTo16(request.outPort));
  const lengthAt = w.size;
  w.u16(0).u8(request.tableId).zeros(5);
  const start = w.size;
  encodeOxm(w, request.match, V10);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
}

function decodeOnfRequest(r: Reader): FlowMonitorRequest {
  const head = { id: r.u32(), flags: checkFlags(r.u16()) };
  r.skip(2);
  const outPort = r.u32();
  const tableId = r.u8();
  mustBeZero(r.take(3));
  return { ...ADDS, ...head, outPort, tableId, match: decodeMatch(r) };
}

function encodeOnfRequest(w: Writer, request: FlowMonitorRequest): void {
  w.u32(request.id).u16(request.flags);
  const lengthAt = w.size;
  w.u16(0).u32(request.outPort).u8(request.tableId).zeros(3);
  encodeMeasuredMatch(w, request.match, lengthAt, V13);
}

/** A whole `struct ofp_match`, its length without padding noted at `lengthAt`. */
function encodeMeasuredMatch(w: Writer, match: Match, lengthAt: number, version: number): void {
  const scratch = w.size;
  w.u16(1).u16(0);
  encodeOxm(w, match, version);
  const length = w.size - scratch;
  w.patch16(scratch + 2, length);
  w.patch16(lengthAt, length);
  w.pad(8, scratch);
}

const COMMANDS: readonly FlowMonitorCommand[] = ['add', 'modify', 'delete'];

function decodeRequest14(r: Reader): FlowMonitorRequest {
  const head = { id: r.u32(), outPort: r.u32(), outGroup: r.u32() };
  const bits = r.u16();
  const tableId = r.u8();
  const command = COMMANDS[r.u8()];
  if (!command) throw new OfError('OFPMOFC_BAD_COMMAND');
  if (bits & OFPFMF.OWN) throw new OfError('OFPMOFC_BAD_FLAGS');
  const flags = checkFlags((bits & ~OWN_14) | (bits & OWN_14 ? OFPFMF.OWN : 0));
  return { ...head, flags, tableId, command, match: decodeMatch(r) };
}

function encodeRequest14(w: Writer, request: FlowMonitorRequest, version: number): void {
  const flags = (request.flags & ~OFPFMF.OWN) | (request.flags & OFPFMF.OWN ? OWN_14 : 0);
  w.u32(request.id).u32(request.outPort).u32(request.outGroup).u16(flags);
  w.u8(request.tableId).u8(COMMANDS.indexOf(request.command));
  encodeMatch(w, request.match, version);
}

type FullUpdate = Extract<FlowUpdate, { readonly match: Match }>;

const EVENTS_OLD = ['added', 'deleted', 'modified', 'abbrev'] as const;
const EVENTS_14 = ['initial', 'added', 'deleted', 'modified', 'abbrev', 'paused', 'resumed'] as const;

function decodeUpdateOld(list: Reader, version: number): FlowUpdate {
  const r = entry(list);
  r.skip(2);
  const event = EVENTS_OLD[r.u16()];
  if (!event) throw new OfError('NXBRC_FM_BAD_EVENT');
  if (event === 'abbrev') return { event, xid: r.u32() };
  const head = { reason: r.u16(), priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  const matchLen = r.u16();
  const tableId = r.u8();
  r.skip(1);
  const cookie = r.u64();
  const match = version === V13 ? decodeMatch(r) : decodeNxMatch(r, matchLen).match;
  return { event, ...head, tableId, cookie, match, actions: decodeDoings(r, version) };
}

function decodeDoings(r: Reader, version: number): OfAction[] {
  return version === V10 ? decodeActions(r, V10) : decodeInstructions(r, version);
}

function encodeDoings(w: Writer, { actions, match }: FullUpdate, version: number): void {
  if (version === V10) encodeActions(w, actions, V10, hintsOf(match));
  else encodeInstructions(w, actions, version, hintsOf(match));
}

function encodeUpdateOld(w: Writer, update: FlowUpdate, version: number): void {
  const start = w.size;
  if (update.event === 'paused' || update.event === 'resumed') return;
  const event = update.event === 'initial' ? 'added' : update.event;
  w.u16(0).u16(EVENTS_OLD.indexOf(event));
  if (update.event === 'abbrev') {
    w.u32(update.xid);
  } else {
    w.u16(update.reason).u16(update.priority).u16(update.idleTimeout).u16(update.hardTimeout);
    const lengthAt = w.size;
    w.u16(0).u8(update.tableId).zeros(1).u64(update.cookie);
    if (version === V13) encodeMeasuredMatch(w, update.match, lengthAt, V13);
    else encodeNxMatch(w, update.match, lengthAt);
    encodeDoings(w, update, version);
  }
  w.patch16(start, w.size - start);
}

function encodeNxMatch(w: Writer, match: Match, lengthAt: number): void {
  const start = w.size;
  encodeOxm(w, match, V10);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
}

function decodeUpdate14(list: Reader, version: number): FlowUpdate {
  const r = entry(list);
  r.skip(2);
  const event = EVENTS_14[r.u16()];
  if (!event) throw new OfError('NXBRC_FM_BAD_EVENT');
  if (event === 'abbrev') return { event, xid: r.u32() };
  if (event === 'paused' || event === 'resumed') return { event };
  const head = { tableId: r.u8(), reason: r.u8(), idleTimeout: r.u16(), hardTimeout: r.u16(), priority: r.u16() };
  r.skip(4);
  const cookie = r.u64();
  return { event, ...head, cookie, match: decodeMatch(r), actions: decodeDoings(r, version) };
}

function encodeUpdate14(w: Writer, update: FlowUpdate, version: number): void {
  const start = w.size;
  w.u16(0).u16(EVENTS_14.indexOf(update.event));
  if (update.event === 'abbrev') {
    w.u32(update.xid);
  } else if (update.event === 'paused' || update.event === 'resumed') {
    w.zeros(4);
  } else {
    w.u8(update.tableId).u8(update.reason).u16(update.idleTimeout).u16(update.hardTimeout).u16(update.priority);
    w.zeros(4).u64(update.cookie);
    encodeMatch(w, update.match, version);
    encodeDoings(w, update, version);
  }
  w.patch16(start, w.size - start);
}

const requestList = { items: (body: { monitors: readonly FlowMonitorRequest[] }) => body.monitors };
const replyList = { items: (body: { updates: readonly FlowUpdate[] }) => body.updates };
const requestBody = (monitors: FlowMonitorRequest[]) => ({ monitors });
const replyBody = (updates: FlowUpdate[], more: boolean) => ({ updates, more });

const REQUEST_CODECS: readonly Codec[] = [
  listCodec({
    of: 'flow_monitor_request',
    ids: during(V10, V12, 'qn2'),
    decodeItem: decodeNxRequest,
    encodeItem: encodeNxRequest,
    ...requestList,
    body: requestBody,
  }),
  listCodec({
    of: 'flow_monitor_request',
    ids: { [V13]: 'qo1870' },
    decodeItem: decodeOnfRequest,
    encodeItem: encodeOnfRequest,
    ...requestList,
    body: requestBody,
  }),
  listCodec({
    of: 'flow_monitor_request',
    ids: since(V14, 'q16'),
    decodeItem: decodeRequest14,
    encodeItem: encodeRequest14,
    ...requestList,
    body: requestBody,
  }),
];

const REPLY_CODECS: readonly Codec[] = [
  listCodec({
    of: 'flow_monitor_reply',
    ids: { ...during(V10, V12, 'rn2'), [V13]: 'ro1870' },
    decodeItem: decodeUpdateOld,
    encodeItem: encodeUpdateOld,
    ...replyList,
    body: replyBody,
  }),
  listCodec({
    of: 'flow_monitor_reply',
    ids: since(V14, 'r16'),
    decodeItem: decodeUpdate14,
    encodeItem: encodeUpdate14,
    ...replyList,
    body: replyBody,
  }),
];

export const FLOW_MONITOR_CODECS: readonly Codec[] = [
  ...REQUEST_CODECS,
  ...REPLY_CODECS,
  codec(
    'flow_monitor_cancel',
    { ...during(V10, V12, 'n21'), [V13]: 'o1870' },
    (r) => ({ id: r.u32() }),
    (w, body) => w.u32(body.id),
  ),
  emptyCodec('flow_monitor_paused', { ...during(V10, V12, 'n22'), [V13]: 'o1871' }),
  emptyCodec('flow_monitor_resumed', { ...during(V10, V12, 'n23'), [V13]: 'o1872' }),
];
