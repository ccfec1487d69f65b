// Queues of ports: their configuration (a message of its own up to 1.3, statistics later) and their statistics.

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OFPP } from '../model/actions.ts';
import { portFrom16, portTo16 } from '../model/fields.ts';
import {
  OFP10_VERSION,
  OFP11_VERSION,
  OFP13_VERSION,
  OFP14_VERSION,
  type QueueConfig,
  type QueueStats,
} from '../model/messages.ts';
import { always, type Codec, codec, during, listCodec, since } from './codec.ts';
import { checkPort, decodePortNumber, encodePortNumber } from './port-numbers.ts';
import { decodeProperties, encodeProperty } from './properties.ts';

const V10 = OFP10_VERSION;
const V11 = OFP11_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;

/** Rates in tenths of a percent; anything above 1000 means "not set". */
const RATES = { minRate: 1, maxRate: 2 } as const;
const RATE_UNSET = 0xffff;

/** Every queue. */
export const OFPQ_ALL = 0xffffffff;

interface PortAndQueue {
  readonly ofPort: number;
  readonly queueId: number;
}

function decodeWanted(r: Reader, version: number): PortAndQueue {
  if (version !== V10) return { ofPort: checkPort(r.u32(), 'OFPBAC_BAD_OUT_PORT'), queueId: r.u32() };
  const ofPort = portFrom16(r.u16());
  r.skip(2);
  // 1.0 names every port OFPP_ALL here (5.3.5 of its specification), later versions OFPP_ANY.
  return { ofPort: ofPort === OFPP.ALL ? OFPP.ANY : ofPort, queueId: r.u32() };
}

function encodeWanted(w: Writer, { ofPort, queueId }: PortAndQueue, version: number): void {
  if (version === V10)
    w.u16(portTo16(ofPort === OFPP.ANY ? OFPP.ALL : ofPort))
      .zeros(2)
      .u32(queueId);
  else w.u32(ofPort).u32(queueId);
}

const seconds = (r: Reader): number => {
  const [whole, nanoseconds] = [r.u32(), r.u32()];
  return whole === 0xffffffff ? -1 : whole * 1000 + nanoseconds / 1e6;
};

function putSeconds(w: Writer, ms: number): void {
  if (ms < 0) w.u32(0xffffffff).u32(0xffffffff);
  else w.u32(Math.floor(ms / 1000)).u32(Math.floor((ms % 1000) * 1e6));
}

const counter = (r: Reader): bigint => BigInt.asIntN(64, r.u64());
const counters = (r: Reader) => ({ txBytes: counter(r), txPackets: counter(r), txErrors: counter(r) });
const putCounters = (w: Writer, stats: QueueStats): Writer =>
  w
    .u64(BigInt.asUintN(64, stats.txBytes))
    .u64(BigInt.asUintN(64, stats.txPackets))
    .u64(BigInt.asUintN(64, stats.txErrors));

/** 1.4+: length u16 | pad 6 | port u32 | queue u32 | counters | duration | properties. */
function decodeStats(list: Reader, version: number): QueueStats {
  if (version >= V14) {
    const r = list.sub(Math.max(48, list.peek16(0)));
    r.skip(8);
    const head = { ofPort: r.u32(), queueId: r.u32(), ...counters(r), durationMs: seconds(r) };
    r.rest();
    return head;
  }
  const ofPort = decodePortNumber(list, version);
  if (version === V10) list.skip(2);
  const head = { ofPort, queueId: list.u32(), ...counters(list) };
  return { ...head, durationMs: version >= V13 ? seconds(list) : -1 };
}

function encodeStats(w: Writer, stats: QueueStats, version: number): void {
  if (version >= V14) {
    putSeconds(putCounters(w.u16(48).zeros(6).u32(stats.ofPort).u32(stats.queueId), stats), stats.durationMs);
    return;
  }
  encodePortNumber(w, stats.ofPort, version);
  if (version === V10) w.zeros(2);
  putCounters(w.u32(stats.queueId), stats);
  if (version >= V13) putSeconds(w, stats.durationMs);
}

type Rates = Pick<QueueConfig, 'minRate' | 'maxRate'>;

function decodeRates(r: Reader): Rates {
  const rates: { minRate?: number; maxRate?: number } = {};
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    const name = (Object.keys(RATES) as (keyof typeof RATES)[]).find((one) => RATES[one] === type);
    if (!name) continue;
    // Up to 1.3 padding comes first.
    if (value.remaining >= 8) value.skip(4);
    const rate = value.u16();
    value.rest();
    if (rate <= 1000) rates[name] = rate;
  }
  return rates;
}

function encodeRates(w: Writer, queue: QueueConfig, version: number): void {
  for (const [name, type] of Object.entries(RATES) as [keyof typeof RATES, number][]) {
    const rate = queue[name];
    if (rate === undefined) continue;
    if (version >= V14) encodeProperty(w, type, (p) => p.u16(rate ?? RATE_UNSET).zeros(2));
    else encodeProperty(w, type, (p) => p.zeros(4).u16(rate).zeros(6));
  }
}

/** 1.0, 1.1: queue u32 | length u16 | pad 2; 1.2, 1.3: queue u32 | port u32 | length u16 | pad 6; 1.4+: port first. */
function decodeConfig(list: Reader, version: number): QueueConfig {
  const lengthAt = version <= V11 ? 4 : 8;
  const r = list.sub(Math.max(lengthAt + 4, list.peek16(lengthAt)));
  const [first, second] = version <= V11 ? [OFPP.ANY, r.u32()] : [r.u32(), r.u32()];
  const [ofPort, queueId] = version >= V14 || version <= V11 ? [first, second] : [second, first];
  r.skip(version <= V11 ? 4 : 8);
  return { ofPort, queueId, ...decodeRates(r) };
}

function encodeConfig(w: Writer, queue: QueueConfig, version: number): void {
  const start = w.size;
  if (version <= V11) w.u32(queue.queueId);
  else if (version < V14) w.u32(queue.queueId).u32(queue.ofPort);
  else w.u32(queue.ofPort).u32(queue.queueId);
  const lengthAt = w.size;
  w.u16(0).zeros(version <= V11 ? 2 : 6);
  encodeRates(w, queue, version);
  w.patch16(lengthAt, w.size - start);
}

export const QUEUE_CODECS: readonly Codec[] = [
  codec('queue_stats_request', always('q5'), (r, { version }) => decodeWanted(r, version), encodeWanted),
  listCodec({
    of: 'queue_stats_reply',
    ids: always('r5'),
    decodeItem: decodeStats,
    encodeItem: encodeStats,
    items: (body) => body.queues,
    body: (queues, more) => ({ queues, more }),
  }),
  codec(
    'queue_config_request',
    { ...during(V11, V13, 'm22'), [V10]: 'm20' },
    (r, { version }) => {
      const ofPort = decodePortNumber(r, version);
      if (version !== V10) checkPort(ofPort, 'OFPBAC_BAD_OUT_PORT');
      r.skip(version === V10 ? 2 : 4);
      return { ofPort, queueId: OFPQ_ALL };
    },
    (w, { ofPort }, version) => encodePortNumber(w, ofPort, version).zeros(version === V10 ? 2 : 4),
  ),
  codec('queue_config_request', since(V14, 'q15'), (r, { version }) => decodeWanted(r, version), encodeWanted),
  codec(
    'queue_config_reply',
    { ...during(V11, V13, 'm23'), [V10]: 'm21' },
    (r, { version }) => {
      const ofPort = decodePortNumber(r, version);
      r.skip(version === V10 ? 6 : 4);
      const queues: QueueConfig[] = [];
      while (r.remaining > 0) queues.push(decodeConfig(r, version));
      return { more: false, ofPort, queues: queues.map((queue) => (version <= V11 ? { ...queue, ofPort } : queue)) };
    },
    (w, { ofPort, queues }, version) => {
      encodePortNumber(w, ofPort, version).zeros(version === V10 ? 6 : 4);
      for (const queue of queues) encodeConfig(w, queue, version);
    },
  ),
  listCodec({
    of: 'queue_config_reply',
    ids: since(V14, 'r15'),
    decodeItem: decodeConfig,
    encodeItem: encodeConfig,
    items: (body) => body.queues,
    body: (queues, more) => ({ ofPort: queues[0]?.ofPort ?? OFPP.ANY, queues, more }),
  }),
];
