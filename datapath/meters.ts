// Meters and port policers as the control thread keeps them: records in the heap (datapath/layout/meter.ts) that are
// published whole, replaced whole, and freed once no thread can be counting on them.

import { UserError } from '../lib/errors.ts';
import type { Arena } from './arena/arena.ts';
import type { Heap } from './arena/heap.ts';
import { NONE, type Offset, toOffset } from './arena/offset.ts';
import type { Quiescence } from './arena/quiesce.ts';
import type { DpMeterBand, DpMeterStats, OdpPort } from './dpif.ts';
import { PORT_POLICER } from './layout/flow.ts';
import { METER_TABLE, PORT_MAX, PORT_SIZE, PORT_TABLE } from './layout/memory-map.ts';
import {
  BAND_ACTION,
  BAND_BYTES,
  BAND_DEPTH,
  BAND_DROP,
  BAND_DSCP_REMARK,
  BAND_PACKETS,
  BAND_PRECEDENCE,
  BAND_RATE,
  BAND_SIZE,
  BAND_TOKENS,
  BAND_UNIT,
  METER_BAND_COUNT,
  METER_BANDS,
  METER_BYTES,
  METER_MAX,
  METER_PACKETS,
  TOKENS_BIT,
  TOKENS_PACKET,
  UNIT_KBITS,
  UNIT_PACKETS,
} from './layout/meter.ts';

/** Tokens of a packet or a kbit. */
const TOKENS_UNIT = 1_000_000n;
/** A bucket holds at least what comes in this time, in microseconds: time only moves on between two poll() calls. */
const DEPTH_US_MIN = 2000n;

/** Of a charge: so much of the rate. */
const CHARGE_US_MAX = 1_000_000n;

export class Meters {
  readonly #arena: Arena;
  readonly #heap: Heap;
  readonly #quiescence: Quiescence;
  readonly #free: number[] = [];
  #next = 0;

  constructor(arena: Arena, heap: Heap, quiescence: Quiescence) {
    this.#arena = arena;
    this.#heap = heap;
    this.#quiescence = quiescence;
  }

  /** A new meter's id; undefined when there is no room for it. */
  add(bands: readonly DpMeterBand[]): number | undefined {
    const id = this.#free.at(-1) ?? this.#next;
    if (id >= METER_MAX) return undefined;
    try {
      this.set(id, bands);
    } catch (error) {
      // The heap is full.
      if (error instanceof UserError) return undefined;
      throw error;
    }
    if (this.#free.pop() === undefined) this.#next++;
    return id;
  }

  set(id: number, bands: readonly DpMeterBand[]): void {
    this.#publish(METER_TABLE + id * 4, this.#write(bands));
  }

  delete(id: number): void {
    this.#publish(METER_TABLE + id * 4, NONE);
    this.#quiescence.defer(() => this.#free.push(id));
  }

  police(odpPort: OdpPort, bands: readonly DpMeterBand[]): void {
    if (odpPort >= PORT_MAX) return;
    const slot = PORT_TABLE + odpPort * PORT_SIZE + PORT_POLICER;
    this.#publish(slot, bands.length === 0 ? NONE : this.#write(bands));
  }

  stats(id: number): DpMeterStats {
    const { u32 } = this.#arena.views;
    const at = u32[(METER_TABLE + id * 4) >> 2]!;
    if (at === 0) return { packets: 0n, bytes: 0n, bands: [] };
    const bands = Array.from({ length: u32[(at + METER_BAND_COUNT) >> 2]! }, (_, i) => {
      const band = at + METER_BANDS + i * BAND_SIZE;
      return { packets: this.#count(band + BAND_PACKETS), bytes: this.#count(band + BAND_BYTES) };
    });
    return { packets: this.#count(at + METER_PACKETS), bytes: this.#count(at + METER_BYTES), bands };
  }

  /**
   * Takes away what a card let pass while it had to hold packets back, since `more` is what it counted in the time: the rate is
   * that of both together. Nobody waits longer than a second for it.
   */
  charge(id: number, { packets, bytes, bands }: DpMeterStats): void {
    const { u32, u64 } = this.#arena.views;
    const at = u32[(METER_TABLE + id * 4) >> 2]!;
    if (at === 0) return;
    for (const [i, { packets: exceeding }] of bands.entries()) {
      const band = at + METER_BANDS + i * BAND_SIZE;
      if (exceeding === 0n || i >= u32[(at + METER_BAND_COUNT) >> 2]!) continue;
      const isKbits = u32[(band + BAND_UNIT) >> 2] === UNIT_KBITS;
      const rate = u64[(band + BAND_RATE) >> 3]!;
      // Each packet is counted by the highest rate alone that it was above.
      const held = bands.filter((_, j) => u64[(at + METER_BANDS + j * BAND_SIZE + BAND_RATE) >> 3]! >= rate);
      const passed = held.reduce((left, one) => left - (isKbits ? one.bytes : one.packets), isKbits ? bytes : packets);
      const cost = passed * (isKbits ? 8n * BigInt(TOKENS_BIT) : BigInt(TOKENS_PACKET));
      const most = rate * CHARGE_US_MAX;
      if (cost > 0n) Atomics.sub(u64, (band + BAND_TOKENS) >> 3, cost < most ? cost : most);
    }
  }

  #count(at: number): bigint {
    return Atomics.load(this.#arena.views.u64, at >> 3);
  }

  #publish(slot: number, record: Offset): void {
    const { u32 } = this.#arena.views;
    const old = u32[slot >> 2]!;
    Atomics.store(u32, slot >> 2, record);
    if (old !== 0) this.#quiescence.defer(() => this.#heap.free(toOffset(old)));
  }

  #write(bands: readonly DpMeterBand[]): Offset {
    const at = this.#heap.alloc(METER_BANDS + bands.length * BAND_SIZE);
    this.#arena.views.u32[(at + METER_BAND_COUNT) >> 2] = bands.length;
    bands.forEach((band, i) => {
      this.#writeBand(at + METER_BANDS + i * BAND_SIZE, band);
    });
    return at;
  }

  /** Buckets begin full. */
  #writeBand(at: number, { rate, unit, burst, type, precLevel }: DpMeterBand): void {
    const { u32, u64 } = this.#arena.views;
    const asked = BigInt(burst) * TOKENS_UNIT;
    const least = BigInt(rate) * DEPTH_US_MIN;
    const depth = asked > least ? asked : least;
    u64[(at + BAND_TOKENS) >> 3] = depth;
    u64[(at + BAND_RATE) >> 3] = BigInt(rate);
    u64[(at + BAND_DEPTH) >> 3] = depth;
    u32[(at + BAND_UNIT) >> 2] = unit === 'kbits' ? UNIT_KBITS : UNIT_PACKETS;
    u32[(at + BAND_ACTION) >> 2] = type === 'drop' ? BAND_DROP : BAND_DSCP_REMARK;
    u32[(at + BAND_PRECEDENCE) >> 2] = precLevel;
  }
}
