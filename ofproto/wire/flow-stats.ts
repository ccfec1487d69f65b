// Flow and aggregate statistics: OpenFlow 1.0, Nicira's NXST_FLOW and NXST_AGGREGATE on it, 1.1 to 1.4, and 1.5, which
// counts in OXS.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import type { FlowStatsEntry, FlowStatsRequest } from '../model/flow-mod.ts';
import {
  type FlowFormat,
  OFP10_VERSION,
  OFP11_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  OFP15_VERSION,
} from '../model/messages.ts';
import { glanceAt } from '../model/minimask.ts';
import { hintsOf } from './action-encoder.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { type Codec, codec, during, entry, listCodec, since, type WireId, type WireIds } from './codec.ts';
import { decodeDuration, encodeDuration } from './durations.ts';
import { decodeFlowFlags, decodeNxMatch, encodeFlowFlags } from './flow-mods.ts';
import { decodeInstructions, encodeInstructions } from './instructions.ts';
import { decodeMatch10, encodeMatch10 } from './match10.ts';
import { decodeMatch } from './oxm.ts';
import { encodeMatch, encodeOxm, encodeOxmMatch } from './oxm-encode.ts';
import { decodeOxs, encodeOxs } from './oxs.ts';
import { checkPort } from './port-numbers.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;
const V15 = OFP15_VERSION;
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

function decodeRequest11(r: Reader): FlowStatsRequest {
  const tableId = r.u8();
  r.skip(3);
  const out = { outPort: r.u32(), outGroup: r.u32() };
  r.skip(4);
  const [cookie, cookieMask] = [r.u64(), r.u64()];
  checkPort(out.outPort, 'OFPBAC_BAD_OUT_PORT');
  const match = decodeMatch(r);
  // Open vSwitch does not look at what follows.
  r.rest();
  return { tableId, ...out, cookie: cookie & cookieMask, cookieMask, match };
}

function encodeRequest11(w: Writer, request: FlowStatsRequest, version: number): void {
  w.u8(request.tableId).zeros(3).u32(request.outPort).u32(request.outGroup).zeros(4);
  w.u64(request.cookie).u64(request.cookieMask);
  encodeMatch(w, request.match, version);
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
    encodeMatch10(w, glanceAt(flow.match));
    encodeDuration(w, flow.durationMs);
    w.u16(flow.priority).u16(flow.idleTimeout).u16(flow.hardTimeout).zeros(6);
    w.u64(flow.cookie).u64(flow.packets).u64(flow.bytes);
    encodeActions(w, flow.actions, V10, hintsOf(flow.match));
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
    encodeActions(w, flow.actions, V10, hintsOf(flow.match));
  });
}

/** 1.3 came with flags, 1.4 with importance; what is unsaid was padding before. */
function decodeEntry11(list: Reader, version: number): FlowStatsEntry {
  const r = entry(list);
  r.skip(2);
  const tableId = r.u8();
  r.skip(1);
  const durationMs = decodeDuration(r);
  const times = { priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  const flagBits = r.u16();
  const flags = decodeFlowFlags(version >= V13 ? flagBits : 0, version);
  const importance = r.u16();
  r.skip(2);
  const counts = { cookie: r.u64(), packets: r.u64(), bytes: r.u64() };
  const match = decodeMatch(r);
  const ages = { importance: version >= V14 ? importance : 0, idleAgeMs: -1, hardAgeMs: -1 };
  return { tableId, match, durationMs, ...times, flags, ...counts, ...ages, actions: decodeInstructions(r, version) };
}

function encodeEntry11(w: Writer, flow: FlowStatsEntry, version: number): void {
  framed(w, () => {
    w.u8(flow.tableId).zeros(1);
    encodeDuration(w, flow.durationMs);
    w.u16(flow.priority).u16(flow.idleTimeout).u16(flow.hardTimeout);
    w.u16(version >= V13 ? encodeFlowFlags(flow.flags, version) : 0);
    w.u16(version >= V14 ? flow.importance : 0).zeros(2);
    w.u64(flow.cookie).u64(flow.packets).u64(flow.bytes);
    encodeOxmMatch(w, flow.match, version);
    encodeInstructions(w, flow.actions, version, hintsOf(flow.match));
  });
}

/** length u16 | pad 2 | table u8 | reason u8 | priority u16 | idle u16 | hard u16 | flags u16 | importance u16 | cookie. */
function decodeEntry15(list: Reader, version: number): FlowStatsEntry {
  const r = entry(list);
  r.skip(4);
  const tableId = r.u8();
  r.skip(1);
  const times = { priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  const head = { flags: decodeFlowFlags(r.u16(), version), importance: r.u16(), cookie: r.u64() };
  const match = decodeMatch(r);
  const { durationMs = 0, idleAgeMs = -1, packets = 0n, bytes = 0n } = decodeOxs(r);
  const stats = { durationMs, idleAgeMs, hardAgeMs: -1, packets, bytes };
  return { tableId, match, ...times, ...head, ...stats, actions: decodeInstructions(r, version) };
}

function encodeEntry15(w: Writer, flow: FlowStatsEntry, version: number): void {
  framed(w, () => {
    w.zeros(2).u8(flow.tableId).zeros(1).u16(flow.priority).u16(flow.idleTimeout).u16(flow.hardTimeout);
    w.u16(encodeFlowFlags(flow.flags, version)).u16(flow.importance).u64(flow.cookie);
    encodeOxmMatch(w, flow.match, version);
    const { durationMs, idleAgeMs, packets, bytes } = flow;
    encodeOxs(w, { durationMs, ...(idleAgeMs >= 0 && { idleAgeMs }), packets, bytes });
    encodeInstructions(w, flow.actions, version, hintsOf(flow.match));
  });
}

interface Aggregate {
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly flows: number;
}

function decodeAggregate(r: Reader, version: number): Aggregate {
  if (version >= V15) {
    const { packets = 0n, bytes = 0n, flows = 0 } = decodeOxs(r);
    return { packets, bytes, flows };
  }
  const counts = { packets: r.u64(), bytes: r.u64(), flows: r.u32() };
  r.skip(4);
  return counts;
}

function encodeAggregate(w: Writer, { packets, bytes, flows }: Aggregate, version: number): void {
  if (version >= V15) encodeOxs(w, { packets, bytes, flows });
  else w.u64(packets).u64(bytes).u32(flows).zeros(4);
}

/** One way to ask for flows, and one to list them. */
interface Form {
  readonly format: FlowFormat;
  readonly ids: (id: number, reply: boolean) => WireIds;
  readonly decodeRequest: (r: Reader) => FlowStatsRequest;
  readonly encodeRequest: (w: Writer, request: FlowStatsRequest, version: number) => void;
  readonly replies: readonly EntryForm[];
}

interface EntryForm {
  readonly first: number;
  readonly last: number;
  readonly decode: (r: Reader, version: number) => FlowStatsEntry;
  readonly encode: (w: Writer, flow: FlowStatsEntry, version: number) => void;
}

/** OFPST_FLOW and OFPST_AGGREGATE; Nicira's NXST_FLOW and NXST_AGGREGATE are one less. */
const OFPST_FLOW = 1;
const OFPST_AGGREGATE = 2;

const FORMS: readonly Form[] = [
  {
    format: 'standard',
    ids: (id, reply) => ({ [V10]: `${reply ? 'r' : 'q'}${id}` as WireId }),
    decodeRequest: decodeRequest10,
    encodeRequest: encodeRequest10,
    replies: [{ first: V10, last: V10, decode: decodeEntry10, encode: encodeEntry10 }],
  },
  {
    format: 'nxm',
    ids: (id, reply) => ({ [V10]: `${reply ? 'rn' : 'qn'}${id - 1}` as WireId }),
    decodeRequest: decodeNxRequest,
    encodeRequest: encodeNxRequest,
    replies: [{ first: V10, last: V10, decode: decodeNxEntry, encode: encodeNxEntry }],
  },
  {
    format: 'standard',
    ids: (id, reply) => since(V11, `${reply ? 'r' : 'q'}${id}`),
    decodeRequest: decodeRequest11,
    encodeRequest: encodeRequest11,
    replies: [
      { first: V11, last: V14, decode: decodeEntry11, encode: encodeEntry11 },
      { first: V15, last: V15, decode: decodeEntry15, encode: encodeEntry15 },
    ],
  },
];

function codecsOf(form: Form): Codec[] {
  const { format } = form;
  const fits = (body: { readonly format: FlowFormat }) => body.format === format;
  const requests = (['flow_stats_request', 'aggregate_request'] as const).map((of) =>
    codec(
      of,
      form.ids(of === 'flow_stats_request' ? OFPST_FLOW : OFPST_AGGREGATE, false),
      (r) => ({ format, request: form.decodeRequest(r) }),
      (w, body, version) => form.encodeRequest(w, body.request, version),
      fits,
    ),
  );
  const flowIds = form.ids(OFPST_FLOW, true);
  const replies = form.replies.map(({ first, last, decode, encode }) =>
    listCodec({
      of: 'flow_stats_reply',
      ids: during(first, last, flowIds[first]!),
      decodeItem: decode,
      encodeItem: encode,
      items: (body) => body.flows,
      body: (flows, more) => ({ format, flows, more }),
      when: fits,
    }),
  );
  const aggregate = codec(
    'aggregate_reply',
    form.ids(OFPST_AGGREGATE, true),
    (r, { version, more }) => ({ format, more, ...decodeAggregate(r, version) }),
    encodeAggregate,
    fits,
  );
  return [...requests, ...replies, aggregate];
}

export const FLOW_STATS_CODECS: readonly Codec[] = FORMS.flatMap(codecsOf);
