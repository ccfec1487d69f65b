// The card's meters: those of the card's own datapath, by the switch's numbers.

import type { DpMeterStats } from '../../dpif.ts';
import type { EswitchDpif } from '../../eswitch.ts';
import type { HardwareMeter, NicCapabilities } from '../provider.ts';

export class CardMeters {
  readonly #dpif: EswitchDpif;
  readonly #owner: { readonly capabilities: NicCapabilities };
  readonly #meters = new Map<number, number>();

  constructor(dpif: EswitchDpif, owner: { readonly capabilities: NicCapabilities }) {
    this.#dpif = dpif;
    this.#owner = owner;
  }

  get size(): number {
    return this.#meters.size;
  }

  /** The datapath's number of a meter. */
  of(id: number): number | undefined {
    return this.#meters.get(id);
  }

  async set(meters: readonly HardwareMeter[]): Promise<(string | undefined)[]> {
    const answers = meters.map((meter) => this.#set(meter));
    await this.#dpif.barrier();
    return answers;
  }

  #set({ id, bands }: HardwareMeter): string | undefined {
    const { max, bandMax } = this.#owner.capabilities.meters;
    if (bands.length > bandMax) return `${bands.length} bands: at most ${bandMax}`;
    const known = this.#meters.get(id);
    if (known !== undefined) {
      this.#dpif.meterSet(known, bands);
      return undefined;
    }
    const made = this.#meters.size < max ? this.#dpif.meterAdd(bands) : undefined;
    if (made === undefined) return 'no meters are left';
    this.#meters.set(id, made);
    return undefined;
  }

  remove(ids: readonly number[]): (DpMeterStats | undefined)[] {
    const counts = this.query(ids);
    for (const id of ids) {
      const known = this.#meters.get(id);
      if (known !== undefined) this.#dpif.meterDel(known);
      this.#meters.delete(id);
    }
    return counts;
  }

  query(ids: readonly number[]): (DpMeterStats | undefined)[] {
    return ids.map((id) => {
      const known = this.#meters.get(id);
      return known === undefined ? undefined : this.#dpif.meterStats(known);
    });
  }
}
