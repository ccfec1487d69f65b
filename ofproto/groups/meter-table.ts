// The meters of one bridge (OpenFlow 1.3.5, 6.5 "Meter Table Modification Messages"), each with a meter of the datapath
// that enforces it. OFPM_CONTROLLER limits what goes to the controllers.

import type { Dpif, DpMeterBand } from '../../datapath/dpif.ts';
import { OfError } from '../model/flow-mod.ts';
import { type MeterConfig, type MeterMod, type MeterStats, OFPM, OFPMF } from '../model/groups.ts';

/** What meter features say. */
export const METER_FEATURES = {
  maxMeters: 262_144,
  /** OFPMBT_DROP and OFPMBT_DSCP_REMARK, by bit. */
  bandTypes: (1 << 1) | (1 << 2),
  capabilities: OFPMF.KBPS | OFPMF.PKTPS | OFPMF.BURST | OFPMF.STATS,
  maxBands: 8,
  maxColor: 0,
} as const;

interface Meter {
  config: MeterConfig;
  /** The datapath's number. */
  readonly dpMeter: number;
  readonly createdMs: number;
}

export class MeterTable {
  readonly #dpif: Dpif;
  readonly #meters = new Map<number, Meter>();

  constructor(dpif: Dpif) {
    this.#dpif = dpif;
  }

  /** The datapath's number of a meter. */
  dpMeter(meterId: number): number | undefined {
    return this.#meters.get(meterId)?.dpMeter;
  }

  /** Carries out `mod`; returns the meters that are gone. Throws OfError, having changed nothing. */
  apply(mod: MeterMod, nowMs: number): number[] {
    const { meterId } = mod;
    if (mod.command === 'delete') return this.#delete(meterId);
    if (meterId === 0 || (meterId > OFPM.MAX && !VIRTUAL.has(meterId))) throw new OfError('OFPMMFC_INVALID_METER');
    const known = this.#meters.get(meterId);
    if (mod.command === 'add' && known) throw new OfError('OFPMMFC_METER_EXISTS');
    if (mod.command === 'modify' && !known) throw new OfError('OFPMMFC_UNKNOWN_METER');
    const { length: bandCount } = mod.bands;
    if (bandCount === 0 || bandCount > METER_FEATURES.maxBands) throw new OfError('OFPMMFC_OUT_OF_BANDS');
    if (!known) this.#add(mod, nowMs);
    else this.#modify(mod, known);
    return [];
  }

  #add(mod: MeterMod, nowMs: number): void {
    const dpMeter = this.#dpif.meterAdd(dpBands(mod));
    if (dpMeter === undefined) throw new OfError('OFPMMFC_OUT_OF_METERS');
    this.#meters.set(mod.meterId, { config: configOf(mod), dpMeter, createdMs: nowMs });
  }

  #modify(mod: MeterMod, known: Meter): void {
    this.#dpif.meterSet(known.dpMeter, dpBands(mod));
    known.config = configOf(mod);
  }

  /** One that is not there is no error. */
  #delete(meterId: number): number[] {
    const ids = this.#select(meterId);
    for (const id of ids) {
      this.#dpif.meterDel(this.#meters.get(id)!.dpMeter);
      this.#meters.delete(id);
    }
    return ids;
  }

  #select(meterId: number): number[] {
    if (meterId === OFPM.ALL) return [...this.#meters.keys()].sort((a, b) => a - b);
    return this.#meters.has(meterId) ? [meterId] : [];
  }

  /** Throws OfError OFPMMFC_UNKNOWN_METER. */
  configs(meterId: number): MeterConfig[] {
    return this.#known(meterId).map((id) => this.#meters.get(id)!.config);
  }

  /** `flowCount`: flows that name the meter. Throws OfError OFPMMFC_UNKNOWN_METER. */
  stats(meterId: number, flowCount: (meterId: number) => number, nowMs: number): MeterStats[] {
    return this.#known(meterId).map((id) => {
      const { dpMeter, createdMs } = this.#meters.get(id)!;
      const { packets, bytes, bands } = this.#dpif.meterStats(dpMeter);
      const durationMs = Math.max(0, Math.floor(nowMs - createdMs));
      return { meterId: id, flowCount: flowCount(id), packets, bytes, durationMs, bands };
    });
  }

  #known(meterId: number): number[] {
    const ids = this.#select(meterId);
    if (ids.length === 0 && meterId !== OFPM.ALL) throw new OfError('OFPMMFC_UNKNOWN_METER');
    return ids;
  }

  close(): void {
    this.#delete(OFPM.ALL);
  }
}

const VIRTUAL: ReadonlySet<number> = new Set([OFPM.SLOWPATH, OFPM.CONTROLLER]);

const configOf = ({ meterId, flags, bands }: MeterMod): MeterConfig => ({ meterId, flags, bands });

/** Without the burst flag a second's worth may come at once, as in Open vSwitch. */
function dpBands({ flags, bands }: MeterMod): DpMeterBand[] {
  return bands.map(({ type, rate, burst, precLevel }) => ({
    rate,
    unit: flags & OFPMF.PKTPS ? 'packets' : 'kbits',
    burst: flags & OFPMF.BURST && burst > 0 ? burst : rate,
    type,
    precLevel,
  }));
}
