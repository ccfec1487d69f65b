// Meters on the wire (OpenFlow 1.3.5, 7.3.4.4 and 7.3.5.9 to 7.3.5.11).
//
//   meter-mod   command u16 | flags u16 | meter u32 | bands
//   band        type u16 | length u16 | rate u32 | burst u32 | drop: pad 4, dscp_remark: level u8, pad 3

import { Reader, type Writer } from '../../lib/cursors.ts';
import { OfError } from '../model/flow-mod.ts';
import {
  type Counts,
  type MeterBand,
  type MeterCommand,
  type MeterConfig,
  type MeterMod,
  type MeterStats,
  OFPMF,
} from '../model/groups.ts';
import { entry } from './codec.ts';
import { decodeDuration, encodeDuration } from './durations.ts';

const COMMANDS: readonly MeterCommand[] = ['add', 'modify', 'delete'];
const BAND_TYPES: readonly (readonly [type: MeterBand['type'], number: number])[] = [
  ['drop', 1],
  ['dscp_remark', 2],
];
const BAND_SIZE = 16;

export function decodeMeterMod(r: Reader): MeterMod {
  const command = COMMANDS[r.u16()];
  if (!command) throw new OfError('OFPMMFC_BAD_COMMAND');
  const flags = r.u16();
  const meterId = r.u32();
  if (command === 'delete') {
    r.rest();
    return { command, flags: 0, meterId, bands: [] };
  }
  const known = OFPMF.KBPS | OFPMF.PKTPS | OFPMF.BURST | OFPMF.STATS;
  const units = flags & (OFPMF.KBPS | OFPMF.PKTPS);
  if ((flags & ~known) !== 0 || units === (OFPMF.KBPS | OFPMF.PKTPS)) throw new OfError('OFPMMFC_BAD_FLAGS');
  return { command, flags: units === 0 ? flags | OFPMF.KBPS : flags, meterId, bands: decodeBands(r) };
}

function decodeBands(r: Reader): MeterBand[] {
  const bands: MeterBand[] = [];
  while (r.remaining > 0) {
    if (r.remaining < 12) throw new OfError('OFPBRC_BAD_LEN');
    const number = r.peek16(0);
    const length = r.peek16(2);
    if (length < BAND_SIZE || length > r.remaining) throw new OfError('OFPBRC_BAD_LEN');
    const body = new Reader(r.take(length), 'OFPBRC_BAD_LEN');
    body.skip(4);
    const type = BAND_TYPES.find(([, known]) => known === number)?.[0];
    if (!type) throw new OfError('OFPMMFC_BAD_BAND');
    const [rate, burst] = [body.u32(), body.u32()];
    const precLevel = type === 'dscp_remark' ? body.u8() : 0;
    // Whether or not OFPMF_BURST says so; none is a second's worth.
    bands.push({ type, rate, burst: burst === 0 ? rate : burst, precLevel });
  }
  return bands;
}

function encodeBands(w: Writer, bands: readonly MeterBand[]): void {
  for (const { type, rate, burst, precLevel } of bands) {
    w.u16(BAND_TYPES.find(([known]) => known === type)![1])
      .u16(BAND_SIZE)
      .u32(rate)
      .u32(burst)
      .u8(precLevel)
      .zeros(3);
  }
}

export function encodeMeterMod(w: Writer, mod: MeterMod): void {
  w.u16(COMMANDS.indexOf(mod.command)).u16(mod.flags).u32(mod.meterId);
  encodeBands(w, mod.bands);
}

export function decodeMeterConfig(r: Reader): MeterConfig {
  const body = entry(r);
  body.skip(2);
  const flags = body.u16();
  return { flags, meterId: body.u32(), bands: decodeBands(body) };
}

export function encodeMeterConfig(w: Writer, meter: MeterConfig): void {
  const start = w.size;
  w.u16(0).u16(meter.flags).u32(meter.meterId);
  encodeBands(w, meter.bands);
  w.patch16(start, w.size - start);
}

const counts = (r: Reader): Counts => ({ packets: r.u64(), bytes: r.u64() });

/** Here the length is not the first member. */
export function decodeMeterStats(r: Reader): MeterStats {
  const length = r.peek16(4);
  const body = new Reader(r.take(Math.max(length, 40)), 'OFPBRC_BAD_LEN');
  const meterId = body.u32();
  body.skip(8);
  const flowCount = body.u32();
  const totals = counts(body);
  const durationMs = decodeDuration(body);
  const bands: Counts[] = [];
  while (body.remaining > 0) bands.push(counts(body));
  return { meterId, flowCount, ...totals, durationMs, bands };
}

export function encodeMeterStats(w: Writer, stats: MeterStats): void {
  const start = w.size;
  w.u32(stats.meterId).u16(0).zeros(6).u32(stats.flowCount).u64(stats.packets).u64(stats.bytes);
  encodeDuration(w, stats.durationMs);
  for (const { packets, bytes } of stats.bands) w.u64(packets).u64(bytes);
  w.patch16(start + 4, w.size - start);
}
