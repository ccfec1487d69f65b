// Meters (datapath/layout/meter.ts): whether a packet exceeds a rate. Time stands still while a thread polls, so tokens come
// once for each poll() call and thread, whoever is first: about every millisecond, like Open vSwitch's.

import {
  BAND_ACTION,
  BAND_BYTES,
  BAND_DEPTH,
  BAND_DROP,
  BAND_PACKETS,
  BAND_PRECEDENCE,
  BAND_RATE,
  BAND_SIZE,
  BAND_TOKENS,
  BAND_UNIT,
  FILL_US_MAX,
  METER_BAND_COUNT,
  METER_BANDS,
  METER_BYTES,
  METER_FILLED_US,
  METER_PACKETS,
  TOKENS_BIT,
  TOKENS_PACKET,
  UNIT_KBITS,
} from '../layout/meter.ts';
import { METER_TABLE } from '../layout/memory-map.ts';
import { setDscp } from './set-header.ts';
import { Packet, Thread } from './views.ts';

const NO_BAND: u32 = 0;

/** False when the packet is to be dropped. A meter that is gone lets everything pass. */
export function meterPacket(t: Thread, p: Packet, id: u32): bool {
  const meter = atomic.load<u32>(METER_TABLE + (id << 2));
  if (meter == 0) return true;
  const band = exceededBand(t, meter, p.len);
  if (band == NO_BAND) return true;
  if (load<u32>(band, BAND_ACTION) == BAND_DROP) return false;
  raiseDropPrecedence(p, load<u32>(band, BAND_PRECEDENCE));
  return true;
}

/** Counts a packet of `size` bytes. The band with the highest rate that it exceeds, or NO_BAND. */
export function exceededBand(t: Thread, meter: u32, size: u32): u32 {
  atomic.add<u64>(meter + METER_PACKETS, 1);
  atomic.add<u64>(meter + METER_BYTES, <u64>size);
  fill(t, meter);
  const end = meter + METER_BANDS + load<u32>(meter, METER_BAND_COUNT) * BAND_SIZE;
  let exceeded = NO_BAND;
  let highest: u64 = 0;
  for (let band = meter + METER_BANDS; band < end; band += BAND_SIZE) {
    const kbits = load<u32>(band, BAND_UNIT) == UNIT_KBITS;
    const cost: i64 = kbits ? ((<i64>size) << 3) * TOKENS_BIT : TOKENS_PACKET;
    if (atomic.sub<i64>(band + BAND_TOKENS, cost) >= cost) continue;
    atomic.add<i64>(band + BAND_TOKENS, cost);
    const rate = load<u64>(band, BAND_RATE);
    if (exceeded != NO_BAND && rate < highest) continue;
    exceeded = band;
    highest = rate;
  }
  if (exceeded != NO_BAND) {
    atomic.add<u64>(exceeded + BAND_PACKETS, 1);
    atomic.add<u64>(exceeded + BAND_BYTES, <u64>size);
  }
  return exceeded;
}

/** Adds the tokens of the time since the last thread did. */
function fill(t: Thread, meter: u32): void {
  const now = t.nowUs;
  const last = atomic.load<u64>(meter + METER_FILLED_US);
  // Two threads may see the same time pass: one of them adds its tokens.
  if (now <= last || atomic.cmpxchg<u64>(meter + METER_FILLED_US, last, now) != last) return;
  const passed = min<u64>(now - last, FILL_US_MAX);
  const end = meter + METER_BANDS + load<u32>(meter, METER_BAND_COUNT) * BAND_SIZE;
  for (let band = meter + METER_BANDS; band < end; band += BAND_SIZE) {
    const more = <i64>(passed * load<u64>(band, BAND_RATE));
    const tokens = atomic.add<i64>(band + BAND_TOKENS, more) + more;
    const over = tokens - load<i64>(band, BAND_DEPTH);
    if (over > 0) atomic.sub<i64>(band + BAND_TOKENS, over);
  }
}

/** Packets of a burst that may go on: the first that exceeds the port's rate ends it. */
export function policeBurst(t: Thread, meter: u32, first: Packet, n: u32, stride: u32): u32 {
  let at = changetype<u32>(first);
  for (let i: u32 = 0; i < n; i++, at += stride) {
    if (exceededBand(t, meter, changetype<Packet>(at).len) != NO_BAND) return i;
  }
  return n;
}

/** Assured forwarding (RFC 2597): DSCP = class 3 bits, drop precedence 2 bits, 0. Other code points have no precedence. */
function raiseDropPrecedence(p: Packet, by: u32): void {
  const dscp = dscpOf(p);
  const afClass = dscp >> 3;
  const precedence = (dscp >> 1) & 3;
  if (dscp & 1 || afClass < 1 || afClass > 4 || precedence == 0) return;
  setDscp(p, (afClass << 3) | (min<u32>(3, precedence + by) << 1));
}

function dscpOf(p: Packet): u32 {
  const ip = p.data + p.l3;
  if (p.l4 == 0) return 0;
  if (p.ethType == 0x0800) return <u32>load<u8>(ip, 1) >> 2;
  return p.ethType == 0x86dd ? <u32>(bswap<u16>(load<u16>(ip)) >> 6) & 0x3f : 0;
}
