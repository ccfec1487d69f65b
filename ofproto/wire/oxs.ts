// Statistics of OpenFlow 1.5 as OXS fields: `class u16 (0x8002) | field 7 | reserved 1 | length u8`, value; the list has
// a header of its own and is padded like a match (OpenFlow 1.5, 7.2.4).

import type { Reader, Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import { decodeDuration, encodeDuration } from './durations.ts';

const OFPXSC_OPENFLOW_BASIC = 0x8002;
const OFPXST_OFB_DURATION = 0;
const OFPXST_OFB_IDLE_TIME = 1;
const OFPXST_OFB_FLOW_COUNT = 3;
const OFPXST_OFB_PACKET_COUNT = 4;
const OFPXST_OFB_BYTE_COUNT = 5;

/** What a list may say; members left out are not in it. */
export interface OxsStats {
  readonly durationMs?: number;
  readonly idleAgeMs?: number;
  readonly flows?: number;
  readonly packets?: bigint;
  readonly bytes?: bigint;
}

/** Reads a list with its header and padding. Throws OfError OFPBRC_BAD_LEN. */
export function decodeOxs(list: Reader): OxsStats {
  const start = list.offset;
  list.skip(2);
  const length = list.u16();
  if (length < 4 || length - 4 > list.remaining) throw new OfError('OFPBRC_BAD_LEN');
  const r = list.sub(length - 4);
  list.skip(Math.min(list.remaining, -(list.offset - start) & 7));
  const stats: { -readonly [K in keyof OxsStats]: OxsStats[K] } = {};
  while (r.remaining > 0) {
    const [oxsClass, field, size] = [r.u16(), r.u8() >> 1, r.u8()];
    const value = r.sub(size);
    if (oxsClass !== OFPXSC_OPENFLOW_BASIC) continue;
    if (field === OFPXST_OFB_DURATION) stats.durationMs = decodeDuration(value);
    else if (field === OFPXST_OFB_IDLE_TIME) stats.idleAgeMs = decodeDuration(value);
    else if (field === OFPXST_OFB_FLOW_COUNT) stats.flows = value.u32();
    else if (field === OFPXST_OFB_PACKET_COUNT) stats.packets = value.u64();
    else if (field === OFPXST_OFB_BYTE_COUNT) stats.bytes = value.u64();
  }
  return stats;
}

/** Writes the members that are given. */
export function encodeOxs(w: Writer, stats: OxsStats): void {
  const start = w.size;
  w.u16(0).u16(0);
  const field = (number: number, size: number) =>
    w
      .u16(OFPXSC_OPENFLOW_BASIC)
      .u8(number << 1)
      .u8(size);
  if (stats.durationMs !== undefined) encodeDuration(field(OFPXST_OFB_DURATION, 8), stats.durationMs);
  if (stats.idleAgeMs !== undefined)
    field(OFPXST_OFB_IDLE_TIME, 8)
      .u32(Math.floor(stats.idleAgeMs / 1000))
      .u32(0);
  if (stats.packets !== undefined) field(OFPXST_OFB_PACKET_COUNT, 8).u64(stats.packets);
  if (stats.bytes !== undefined) field(OFPXST_OFB_BYTE_COUNT, 8).u64(stats.bytes);
  if (stats.flows !== undefined) field(OFPXST_OFB_FLOW_COUNT, 4).u32(stats.flows);
  w.patch16(start + 2, w.size - start);
  w.pad(8, start);
}
