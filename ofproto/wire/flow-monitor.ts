// Nicira's flow monitor on OpenFlow 1.0: requests to be told about rules, and the updates.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import { OfError } from '../model/flow-mod.ts';
import { type FlowMonitorRequest, type FlowUpdate, OFP10_VERSION } from '../model/messages.ts';
import { hintsOf } from './action-encoder.ts';
import { decodeActions, encodeActions } from './actions.ts';
import { type Codec, codec, emptyCodec, entry, listCodec } from './codec.ts';
import { decodeNxMatch } from './flow-mods.ts';
import { encodeOxm } from './oxm.ts';

const V10 = OFP10_VERSION;

/** NXFMF_* bits that exist. */
const FLAGS_KNOWN = 0x3f;
const EVENTS = ['added', 'deleted', 'modified', 'abbrev'] as const;

function decodeRequest(r: Reader): FlowMonitorRequest {
  const head = { id: r.u32(), flags: r.u16(), outPort: portFrom16(r.u16()) };
  const matchLen = r.u16();
  const tableId = r.u8();
  if (head.flags & ~FLAGS_KNOWN) throw new OfError('NXBRC_FM_BAD_EVENT');
  if (r.take(5).some((byte) => byte !== 0)) throw new OfError('NXBRC_MUST_BE_ZERO');
  return { ...head, tableId, match: decodeNxMatch(r, matchLen).match };
}

function encodeRequest(w: Writer, request: FlowMonitorRequest): void {
  w.u32(request.id).u16(request.flags).u16(portTo16(request.outPort));
  const lengthAt = w.size;
  w.u16(0).u8(request.tableId).zeros(5);
  const start = w.size;
  encodeOxm(w, request.match, V10);
  w.patch16(lengthAt, w.size - start);
  w.pad(8, start);
}

function decodeUpdate(list: Reader): FlowUpdate {
  const r = entry(list);
  r.skip(2);
  const event = EVENTS[r.u16()];
  if (!event) throw new OfError('NXBRC_FM_BAD_EVENT');
  if (event === 'abbrev') return { event, xid: r.u32() };
  const head = { reason: r.u16(), priority: r.u16(), idleTimeout: r.u16(), hardTimeout: r.u16() };
  const matchLen = r.u16();
  const tableId = r.u8();
  r.skip(1);
  const cookie = r.u64();
  const { match } = decodeNxMatch(r, matchLen);
  return { event, ...head, tableId, cookie, match, actions: decodeActions(r, V10) };
}

function encodeUpdate(w: Writer, update: FlowUpdate): void {
  const start = w.size;
  w.u16(0).u16(EVENTS.indexOf(update.event));
  if (update.event === 'abbrev') {
    w.u32(update.xid);
  } else {
    w.u16(update.reason).u16(update.priority).u16(update.idleTimeout).u16(update.hardTimeout);
    const lengthAt = w.size;
    w.u16(0).u8(update.tableId).zeros(1).u64(update.cookie);
    const matchAt = w.size;
    encodeOxm(w, update.match, V10);
    w.patch16(lengthAt, w.size - matchAt);
    w.pad(8, matchAt);
    encodeActions(w, update.actions, V10, hintsOf(update.match));
  }
  w.patch16(start, w.size - start);
}

export const FLOW_MONITOR_CODECS: readonly Codec[] = [
  listCodec({
    of: 'flow_monitor_request',
    ids: { [V10]: 'qn2' },
    decodeItem: decodeRequest,
    encodeItem: encodeRequest,
    items: (body) => body.monitors,
    body: (monitors) => ({ monitors }),
  }),
  listCodec({
    of: 'flow_monitor_reply',
    ids: { [V10]: 'rn2' },
    decodeItem: decodeUpdate,
    encodeItem: encodeUpdate,
    items: (body) => body.updates,
    body: (updates, more) => ({ updates, more }),
  }),
  codec(
    'flow_monitor_cancel',
    { [V10]: 'n21' },
    (r) => ({ id: r.u32() }),
    (w, body) => w.u32(body.id),
  ),
  emptyCodec('flow_monitor_paused', { [V10]: 'n22' }),
  emptyCodec('flow_monitor_resumed', { [V10]: 'n23' }),
];
