// Flow and aggregate statistics: OpenFlow 1.0, Nicira's NXST_FLOW and NXST_AGGREGATE on it, and OpenFlow 1.3.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import type { FlowStatsEntry, FlowStatsRequest } from '../model/flow-mod.ts';
import { type FlowFormat, OFP10_VERSION, OFP13_VERSION } from '../model/messages.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { type Codec, codec, entry, listCodec, type WireIds } from './codec.ts';
import {
  decodeDuration,
  decodeFlowFlags,
  decodeNxMatch,
  encodeDuration,
  encodeFlowFlags,
  matchHasVlan,
} from './flow-mods.ts';
import { decodeInstructions, encodeInstructions } from './instructions.ts';
import { decodeMatch10, encodeMatch10 } from './match10.ts';
import { decodeMatch13, encodeMatch13, encodeOxm } from './oxm.ts';

const V10 = OFP10_VERSION;
const V13 = OFP13_VERSION;
const NO_COOKIE = { cookie: 0n, cookieMask: 0n, outGroup: OFPP.ANY } as const;

function decodeRequest10(r: Reader): FlowStatsRequest {
  const match = decodeMatch10(r);
  const tableId = r.u8();
  r.skip(1);
  return { tableId, match, outPort: portFrom16(r.u16()), ...NO_COOKIE };
}

function encodeRequest10(w: Writer, request: FlowStatsRequest): void {
  encodeMatch10(w, request.match);
  w.u8(request.tableId).zeros(1).u16(portTo16(request.outPort));
}

function decodeNxRequest(r: Reader): FlowStatsRequest {
  const outPort = portFrom16(r.u16());
  const matchLen = r.u16();
  const tableId = r.u8();
  r.skip(3);
  return { tableId, outPort, outGroup: OFPP.ANY, ...decodeNxMatch(r, matchLen) };
}

function encodeNxRequest(w: Writer, request: FlowStatsRequest): void {
  w.u16(portTo16(request.outPort));
  const lengthAt = w.size;
  w.u16(0).u8(request.tableId).zeros(3);
  const start = w.size;
  encodeOxm(w, request.match, V10, request);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
}

function decodeRequest13(r: Reader): FlowStatsRequest {
  const tableId = r.u8();
  r.skip(3);
  const out = { outPort: r.u32(), outGroup: r.u32() };
  r.skip(4);
  const [cookie, cookieMask] = [r.u64(), r.u64()];
  return { tableId, ...out, cookie: cookie & cookieMask, cookieMask, match: decodeMatch13(r) };
}

function encodeRequest13(w: Writer, request: FlowStatsRequest): void {
  w.u8(request.tableId).zeros(3).u32(request.outPort).u32(request.outGroup).zeros(4);
  w.u64(request.cookie).u64(request.cookieMask);
  encodeMatch13(w, request.match, V13);
}

const NO_FLAGS = decodeFlowFlags(0, V10);

function decodeEntry10(list: Reader): FlowStatsEntry {
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  r.skip(1);
  const match = decodeMatch10(r);
  const durationMs = decodeDuration(r);
  const times = { priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  r.skip(6);
  const counts = { cookie: r.u64(), packets: r.u64(), bytes: r.u64() };
  const ages = { idleAgeMs: -1, hardAgeMs: -1, importance: 0, flags: NO_FLAGS };
  return { tableId, match, durationMs, ...times, ...counts, ...ages, actions: decodeActions(r, V10) };
}

/** Writes an entry whose first u16 is its length. */
function framed(w: Writer, body: () => void): void {
  const start = w.size;
  w.u16(0);
  body();
  w.patch16(start, w.size - start);
}

function encodeEntry10(w: Writer, flow: FlowStatsEntry): void {
  framed(w, () => {
    w.u8(flow.tableId).zeros(1);
    encodeMatch10(w, flow.match);
    encodeDuration(w, flow.durationMs);
    w.u16(flow.priority).u16(flow.idleTimeout).u16(flow.hardTimeout).zeros(6);
    w.u64(flow.cookie).u64(flow.packets).u64(flow.bytes);
    encodeActions(w, flow.actions, V10, matchHasVlan(flow.match));
  });
}

/** NXST_FLOW's ages: whole seconds plus one, 0 unknown, at most 65535. */
const ageOf = (coded: number): number => (coded === 0 ? -1 : (coded - 1) * 1000);
const codeAge = (ms: number): number => (ms < 0 ? 0 : Math.min(65535, Math.floor(ms / 1000) + 1));

function decodeNxEntry(list: Reader): FlowStatsEntry {
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  r.skip(1);
  const durationMs = decodeDuration(r);
  const times = { priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  const matchLen = r.u16();
  const idleAgeMs = ageOf(r.u16());
  const hard = r.u16();
  // An unknown hard age means that the flow was never changed: it is as old as the flow.
  const hardAgeMs = hard === 0 ? durationMs : ageOf(hard);
  const counts = { cookie: r.u64(), packets: r.u64(), bytes: r.u64() };
  const { match } = decodeNxMatch(r, matchLen);
  const rest = { importance: 0, flags: NO_FLAGS, actions: decodeActions(r, V10) };
  return { tableId, match, durationMs, ...times, idleAgeMs, hardAgeMs, ...counts, ...rest };
}

function encodeNxEntry(w: Writer, flow: FlowStatsEntry): void {
  framed(w, () => {
    w.u8(flow.tableId).zeros(1);
    encodeDuration(w, flow.durationMs);
    w.u16(flow.priority).u16(flow.idleTimeout).u16(flow.hardTimeout);
    const lengthAt = w.size;
    w.u16(0).u16(codeAge(flow.idleAgeMs)).u16(codeAge(flow.hardAgeMs));
    w.u64(flow.cookie).u64(flow.packets).u64(flow.bytes);
    const start = w.size;
    encodeOxm(w, flow.match, V10);
    w.patch16(lengthAt, w.size - start);
    w.pad(8, start);
    encodeActions(w, flow.actions, V10, matchHasVlan(flow.match));
  });
}

function decodeEntry13(list: Reader): FlowStatsEntry {
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  r.skip(1);
  const durationMs = decodeDuration(r);
  const times = { priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  const flags = decodeFlowFlags(r.u16(), V13);
  r.skip(4);
  const counts = { cookie: r.u64(), packets: r.u64(), bytes: r.u64() };
  const match = decodeMatch13(r);
  const rest = { importance: 0, flags, idleAgeMs: -1, hardAgeMs: -1, actions: decodeInstructions(r, V13) };
  return { tableId, match, durationMs, ...times, ...counts, ...rest };
}

function encodeEntry13(w: Writer, flow: FlowStatsEntry): void {
  framed(w, () => {
    w.u8(flow.tableId).zeros(1);
    encodeDuration(w, flow.durationMs);
    w.u16(flow.priority).u16(flow.idleTimeout).u16(flow.hardTimeout);
    w.u16(encodeFlowFlags(flow.flags, V13)).zeros(4);
    w.u64(flow.cookie).u64(flow.packets).u64(flow.bytes);
    encodeMatch13(w, flow.match, V13);
    encodeInstructions(w, flow.actions, V13, matchHasVlan(flow.match));
  });
}

interface Aggregate {
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly flows: number;
}

function decodeAggregate(r: Reader): Aggregate {
  const counts = { packets: r.u64(), bytes: r.u64(), flows: r.u32() };
  r.skip(4);
  return counts;
}

const encodeAggregate = (w: Writer, body: Aggregate) => w.u64(body.packets).u64(body.bytes).u32(body.flows).zeros(4);

interface Form {
  readonly format: FlowFormat;
  readonly ids: (kind: 'flow' | 'aggregate', reply: boolean) => WireIds;
  readonly decodeRequest: (r: Reader) => FlowStatsRequest;
  readonly encodeRequest: (w: Writer, request: FlowStatsRequest) => void;
  readonly decodeEntry: (r: Reader) => FlowStatsEntry;
  readonly encodeEntry: (w: Writer, flow: FlowStatsEntry) => void;
}

const FORMS: readonly Form[] = [
  {
    format: 'standard',
    ids: (kind, reply) => ({ [V10]: `${reply ? 'r' : 'q'}${kind === 'flow' ? 1 : 2}` }),
    decodeRequest: decodeRequest10,
    encodeRequest: encodeRequest10,
    decodeEntry: decodeEntry10,
    encodeEntry: encodeEntry10,
  },
  {
    format: 'nxm',
    ids: (kind, reply) => ({ [V10]: `${reply ? 'rn' : 'qn'}${kind === 'flow' ? 0 : 1}` }),
    decodeRequest: decodeNxRequest,
    encodeRequest: encodeNxRequest,
    decodeEntry: decodeNxEntry,
    encodeEntry: encodeNxEntry,
  },
  {
    format: 'standard',
    ids: (kind, reply) => ({ [V13]: `${reply ? 'r' : 'q'}${kind === 'flow' ? 1 : 2}` }),
    decodeRequest: decodeRequest13,
    encodeRequest: encodeRequest13,
    decodeEntry: decodeEntry13,
    encodeEntry: encodeEntry13,
  },
];

function codecsOf(form: Form): Codec[] {
  const { format } = form;
  const fits = (version: FlowFormat) => version === format;
  const requests = (['flow_stats_request', 'aggregate_request'] as const).map((of) =>
    codec(
      of,
      form.ids(of === 'flow_stats_request' ? 'flow' : 'aggregate', false),
      (r) => ({ format, request: form.decodeRequest(r) }),
      (w, body) => form.encodeRequest(w, body.request),
      (body) => fits(body.format),
    ),
  );
  return [
    ...requests,
    listCodec({
      of: 'flow_stats_reply',
      ids: form.ids('flow', true),
      decodeItem: form.decodeEntry,
      encodeItem: form.encodeEntry,
      items: (body) => body.flows,
      body: (flows, more) => ({ format, flows, more }),
      when: (body) => fits(body.format),
    }),
    codec(
      'aggregate_reply',
      form.ids('aggregate', true),
      (r, { more }) => ({ format, more, ...decodeAggregate(r) }),
      encodeAggregate,
      (body) => fits(body.format),
    ),
  ];
}

export const FLOW_STATS_CODECS: readonly Codec[] = FORMS.flatMap(codecsOf);
