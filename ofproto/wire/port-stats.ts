// Port statistics.
//
//   1.0        port u16 | pad 6 | 12 counters u64
//   1.1, 1.2   port u32 | pad 4 | 12 counters; 1.3 adds a duration
//   1.4+       length u16 | pad 2 | port u32 | duration | 8 counters | properties: Ethernet's 4 counters, Intel's

import type { Reader, Writer } from '../../lib/cursors.ts';
import { type OfPortStats, PORT_COUNTERS, type PortCounter } from '../model/flow-mod.ts';
import { OFP10_VERSION, OFP13_VERSION, OFP14_VERSION } from '../model/messages.ts';
import { always, type Codec, codec, entry, listCodec } from './codec.ts';
import { decodeDuration } from './durations.ts';
import { checkPort, decodePortNumber, encodePortNumber } from './port-numbers.ts';
import { decodeProperties, encodeProperty, PROP_EXPERIMENTER } from './properties.ts';

const V10 = OFP10_VERSION;
const V13 = OFP13_VERSION;
const V14 = OFP14_VERSION;

type Counters = Record<PortCounter, bigint>;

/** All ones is "unknown". Those of Ethernet are a property of their own from 1.4 on. */
const BASIC = PORT_COUNTERS.slice(0, 8);
const ETHERNET = PORT_COUNTERS.slice(8);

const OFPPSPT_ETHERNET = 0;
const INTEL_VENDOR_ID = 0x0000aa01;
const INTEL_PORT_STATS_RFC2819 = 1;
const INTEL_PORT_STATS_CUSTOM = 2;
/** Counters of RFC 2819 (packets by size, broadcasts, ...), which none of our ports has. */
const RFC2819_COUNTERS = 21;

const UNKNOWN = 0xffffffffffffffffn;
const counter = (value: bigint): bigint => BigInt.asIntN(64, value);

function decodeCounters(r: Reader, names: readonly PortCounter[]): Partial<Counters> {
  return Object.fromEntries(names.map((name) => [name, counter(r.u64())]));
}

function encodeCounters(w: Writer, names: readonly PortCounter[], stats: OfPortStats): void {
  for (const name of names) w.u64(BigInt.asUintN(64, stats[name]));
}

/** Unknown is all ones in both parts. */
function decodeAge(r: Reader): number {
  const ms = decodeDuration(r);
  return ms >= 0xffffffff * 1000 ? -1 : ms;
}

function encodeAge(w: Writer, ms: number): void {
  if (ms < 0) w.u64(UNKNOWN);
  else w.u32(Math.floor(ms / 1000)).u32(Math.round((ms % 1000) * 1e6));
}

function decodeStats(list: Reader, version: number): OfPortStats {
  if (version >= V14) return decodeStats14(entry(list));
  const { ofPort } = decodePortRequest(list, version);
  const counters = decodeCounters(list, PORT_COUNTERS) as Counters;
  return { ofPort, ...counters, durationMs: version >= V13 ? decodeAge(list) : -1 };
}

function decodeStats14(r: Reader): OfPortStats {
  r.skip(4);
  const head = { ofPort: r.u32(), durationMs: decodeAge(r) };
  let counters = decodeCounters(r, BASIC);
  let custom: OfPortStats['custom'];
  const unknown = { rxFrameErr: -1n, rxOverErr: -1n, rxCrcErr: -1n, collisions: -1n };
  for (const { type, value } of decodeProperties(r, 'OFPBPC_BAD_LEN')) {
    if (type === PROP_EXPERIMENTER) custom = decodeCustom(value) ?? custom;
    if (type !== OFPPSPT_ETHERNET) continue;
    value.skip(4);
    counters = { ...counters, ...decodeCounters(value, ETHERNET) };
  }
  return { ...head, ...unknown, ...(counters as Counters), ...(custom && { custom }) };
}

/** experimenter u32 | type u32 | pad 2 | count u16 | entries: length u8, name, counter u64 */
function decodeCustom(r: Reader): OfPortStats['custom'] {
  if (r.remaining < 12 || r.u32() !== INTEL_VENDOR_ID || r.u32() !== INTEL_PORT_STATS_CUSTOM) return undefined;
  r.skip(2);
  return Array.from({ length: r.u16() }, () => [r.text(r.u8()), r.u64()] as const);
}

function encodeCustom(w: Writer, custom: NonNullable<OfPortStats['custom']>): void {
  w.u32(INTEL_VENDOR_ID).u32(INTEL_PORT_STATS_CUSTOM).zeros(2).u16(custom.length);
  for (const [name, value] of custom) {
    const text = Buffer.from(name, 'latin1').subarray(0, 255);
    w.u8(text.length).put(text).u64(value);
  }
}

function encodeStats(w: Writer, stats: OfPortStats, version: number): void {
  if (version >= V14) {
    encodeStats14(w, stats);
    return;
  }
  encodePortRequest(w, stats, version);
  encodeCounters(w, PORT_COUNTERS, stats);
  if (version >= V13) encodeAge(w, stats.durationMs);
}

function encodeStats14(w: Writer, stats: OfPortStats): void {
  const start = w.size;
  w.u16(0).zeros(2).u32(stats.ofPort);
  encodeAge(w, stats.durationMs);
  encodeCounters(w, BASIC, stats);
  encodeProperty(w, OFPPSPT_ETHERNET, (p) => encodeCounters(p.zeros(4), ETHERNET, stats));
  encodeProperty(w, PROP_EXPERIMENTER, (p) => {
    p.u32(INTEL_VENDOR_ID).u32(INTEL_PORT_STATS_RFC2819).zeros(4);
    for (let i = 0; i < RFC2819_COUNTERS; i++) p.u64(UNKNOWN);
  });
  const { custom } = stats;
  if (custom) encodeProperty(w, PROP_EXPERIMENTER, (p) => encodeCustom(p, custom));
  w.patch16(start, w.size - start);
}

function decodePortRequest(r: Reader, version: number): { ofPort: number } {
  const ofPort = decodePortNumber(r, version);
  r.skip(version === V10 ? 6 : 4);
  return { ofPort };
}

/** A port number and padding to 8 bytes. */
function encodePortRequest(w: Writer, { ofPort }: { readonly ofPort: number }, version: number): void {
  encodePortNumber(w, ofPort, version).zeros(version === V10 ? 6 : 4);
}

export const PORT_STATS_CODECS: readonly Codec[] = [
  codec(
    'port_stats_request',
    always('q4'),
    (r, { version }) => {
      const request = decodePortRequest(r, version);
      checkPort(request.ofPort, 'OFPBAC_BAD_OUT_PORT');
      return request;
    },
    encodePortRequest,
  ),
  listCodec({
    of: 'port_stats_reply',
    ids: always('r4'),
    decodeItem: decodeStats,
    encodeItem: encodeStats,
    items: (body) => body.ports,
    body: (ports, more) => ({ ports, more }),
  }),
];
