// Flow-removed messages: OpenFlow 1.0's, Nicira's NXM form on it, and those of 1.1 to 1.4 and of 1.5.

import type { Reader, Writer } from '../../lib/cursors.ts';
import type { FlowRemoved, FlowRemovedReason } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP11_VERSION, OFP14_VERSION, OFP15_VERSION } from '../model/messages.ts';
import { always, type Codec, codec, during } from './codec.ts';
import { decodeDuration, encodeDuration } from './durations.ts';
import { decodeFlowFlags, decodeNxMatch } from './flow-mods.ts';
import { decodeMatch10, encodeMatch10 } from './match10.ts';
import { decodeMatch } from './oxm.ts';
import { encodeMatch, encodeOxm } from './oxm-encode.ts';
import { decodeOxs, encodeOxs } from './oxs.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V14 = OFP14_VERSION;
const V15 = OFP15_VERSION;
const ANY_TABLE = 255;

/** OFPRR_* by number. */
const REASONS: readonly FlowRemovedReason[] = [
  'idle_timeout',
  'hard_timeout',
  'delete',
  'group_delete',
  'meter_delete',
  'eviction',
];

function reasonOf(number: number): FlowRemovedReason {
  return REASONS[number] ?? 'delete';
}

/** Versions up to 1.3 have the first four reasons at most: an evicted flow was deleted. */
function reasonNumber({ reason }: FlowRemoved, version: number): number {
  const number = REASONS.indexOf(reason);
  const last = version >= V14 ? 5 : version === V10 ? 2 : 3;
  return number > last ? 2 : number;
}

/** Members of FlowRemoved that no version transmits. */
const UNSAID = {
  importance: 0,
  flags: decodeFlowFlags(0, V10),
  actions: [],
  idleAgeMs: -1,
  hardAgeMs: -1,
} as const;

function decodeRemoved10(r: Reader): FlowRemoved {
  const match = decodeMatch10(r);
  const head = { cookie: r.u64(), priority: r.u16(), reason: reasonOf(r.u8()) };
  r.skip(1);
  const durationMs = decodeDuration(r);
  const idleTimeout = r.u16();
  r.skip(2);
  const counts = { packets: r.u64(), bytes: r.u64() };
  return { ...UNSAID, match, ...head, durationMs, idleTimeout, hardTimeout: 0, tableId: ANY_TABLE, ...counts };
}

function encodeRemoved10(w: Writer, body: FlowRemoved): void {
  encodeMatch10(w, body.match);
  w.u64(body.cookie).u16(body.priority).u8(reasonNumber(body, V10)).zeros(1);
  encodeDuration(w, body.durationMs);
  w.u16(body.idleTimeout).zeros(2).u64(body.packets).u64(body.bytes);
}

/** NXT_FLOW_REMOVED has the table plus one, 0 for unknown. */
function decodeNxRemoved(r: Reader): FlowRemoved {
  const head = { cookie: r.u64(), priority: r.u16(), reason: reasonOf(r.u8()), tableId: (r.u8() - 1) & 0xff };
  const durationMs = decodeDuration(r);
  const idleTimeout = r.u16();
  const matchLen = r.u16();
  const counts = { packets: r.u64(), bytes: r.u64() };
  const { match } = decodeNxMatch(r, matchLen);
  return { ...UNSAID, match, ...head, durationMs, idleTimeout, hardTimeout: 0, ...counts };
}

function encodeNxRemoved(w: Writer, body: FlowRemoved, version: number): void {
  w.u64(body.cookie)
    .u16(body.priority)
    .u8(reasonNumber(body, version))
    .u8((body.tableId + 1) & 0xff);
  encodeDuration(w, body.durationMs);
  w.u16(body.idleTimeout);
  const lengthAt = w.size;
  w.u16(0).u64(body.packets).u64(body.bytes);
  const start = w.size;
  encodeOxm(w, body.match, V10);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
}

function decodeRemoved11(r: Reader): FlowRemoved {
  const head = { cookie: r.u64(), priority: r.u16(), reason: reasonOf(r.u8()), tableId: r.u8() };
  const durationMs = decodeDuration(r);
  const rest = { idleTimeout: r.u16(), hardTimeout: r.u16(), packets: r.u64(), bytes: r.u64() };
  return { ...UNSAID, ...head, durationMs, ...rest, match: decodeMatch(r) };
}

function encodeRemoved11(w: Writer, body: FlowRemoved, version: number): void {
  w.u64(body.cookie).u16(body.priority).u8(reasonNumber(body, version)).u8(body.tableId);
  encodeDuration(w, body.durationMs);
  w.u16(body.idleTimeout).u16(body.hardTimeout).u64(body.packets).u64(body.bytes);
  encodeMatch(w, body.match, version);
}

/** 1.5: table u8 | reason u8 | priority u16 | idle u16 | hard u16 | cookie u64 | match | OXS. */
function decodeRemoved15(r: Reader): FlowRemoved {
  const head = { tableId: r.u8(), reason: reasonOf(r.u8()), priority: r.u16() };
  const times = { idleTimeout: r.u16(), hardTimeout: r.u16(), cookie: r.u64() };
  const match = decodeMatch(r);
  const { durationMs = 0, packets = 0n, bytes = 0n } = decodeOxs(r);
  return { ...UNSAID, ...head, ...times, match, durationMs, packets, bytes };
}

function encodeRemoved15(w: Writer, body: FlowRemoved, version: number): void {
  w.u8(body.tableId).u8(reasonNumber(body, version)).u16(body.priority);
  w.u16(body.idleTimeout).u16(body.hardTimeout).u64(body.cookie);
  encodeMatch(w, body.match, version);
  encodeOxs(w, { durationMs: body.durationMs, packets: body.packets, bytes: body.bytes });
}

const standard = (body: { readonly format: string }): boolean => body.format === 'standard';

export const FLOW_REMOVED_CODECS: readonly Codec[] = [
  codec(
    'flow_removed',
    { [V10]: 'm11' },
    (r) => ({ format: 'standard', removed: decodeRemoved10(r) }),
    (w, body) => encodeRemoved10(w, body.removed),
    standard,
  ),
  codec(
    'flow_removed',
    always('n14'),
    (r) => ({ format: 'nxm', removed: decodeNxRemoved(r) }),
    (w, body, version) => encodeNxRemoved(w, body.removed, version),
    (body) => body.format === 'nxm',
  ),
  codec(
    'flow_removed',
    during(V11, V14, 'm11'),
    (r) => ({ format: 'standard', removed: decodeRemoved11(r) }),
    (w, body, version) => encodeRemoved11(w, body.removed, version),
    standard,
  ),
  codec(
    'flow_removed',
    { [V15]: 'm11' },
    (r) => ({ format: 'standard', removed: decodeRemoved15(r) }),
    (w, body, version) => encodeRemoved15(w, body.removed, version),
    standard,
  ),
];
