// Counters of a flow's outputs, of flows whose own counters do not tell what each output was given. A counter is a meter
// without bands, before the output. One that cuts frames needs two, since how much it cuts depends on the frame: of those
// that are longer, all have the length that is left.

import type { DpAction } from '../../dpif.ts';
import type { EswitchDpif } from '../../eswitch.ts';
import { growthOf, isSameForAll, sentBy } from '../offload/outputs.ts';
import type { OutputCounts } from '../provider.ts';

interface Counter {
  /** The datapath's number of the meter that counts whole frames. */
  readonly whole: number;
  /** Of those that are cut, and what is left of each. */
  readonly cut?: { readonly meter: number; readonly bytes: number };
}

/** What a trunc action left of the packet as it is now. */
interface Cut {
  bytes: number;
}

export class OutputCounters {
  readonly #dpif: EswitchDpif;
  readonly #counters: Counter[] = [];
  /** Made, and not used yet. */
  #spare: number[];

  private constructor(dpif: EswitchDpif, meters: number[]) {
    this.#dpif = dpif;
    this.#spare = meters;
  }

  /** Undefined where the flow's counters say it all; `full` when there are no counters left. */
  static for(dpif: EswitchDpif, actions: readonly DpAction[]): OutputCounters | undefined | 'full' {
    if (isSameForAll(actions)) return undefined;
    const meters: number[] = [];
    for (let needed = 2 * sentBy(actions).length; needed > 0; needed--) {
      const meter = dpif.meterAdd([]);
      if (meter === undefined) {
        for (const made of meters) dpif.meterDel(made);
        return 'full';
      }
      meters.push(meter);
    }
    return new OutputCounters(dpif, meters);
  }

  /** `actions` with the counters; once. */
  counting(actions: readonly DpAction[]): DpAction[] {
    const counted = this.#counting(actions);
    for (const meter of this.#spare) this.#dpif.meterDel(meter);
    this.#spare = [];
    return counted;
  }

  #counting(actions: readonly DpAction[], before?: Cut): DpAction[] {
    let cut = before && { ...before };
    return actions.flatMap((action, i): DpAction[] => {
      if (action.type === 'output') {
        const counted = cut ? this.#cutOutput(action, cut.bytes) : [this.#whole(), action];
        // An output ends the cut, one within lists does so there only.
        const goesOn = cut !== undefined && i + 1 < actions.length;
        cut = undefined;
        return goesOn ? [...counted, UNCUT] : counted;
      }
      if (action.type === 'trunc') cut = { bytes: action.maxLen };
      else if (cut) cut.bytes += growthOf(action);
      if (action.type === 'check_pkt_len') {
        const [greater, lessEqual] = [action.greater, action.lessEqual].map((list) => this.#counting(list, cut));
        return [{ ...action, greater: greater!, lessEqual: lessEqual! }];
      }
      return ['actions' in action ? { ...action, actions: this.#counting(action.actions, cut) } : action];
    });
  }

  #whole(): DpAction {
    const whole = this.#spare.pop()!;
    this.#counters.push({ whole });
    return { type: 'meter', id: whole };
  }

  /** The packet is cut already: the lists of check_pkt_len only count, and send it. */
  #cutOutput(output: DpAction, bytes: number): DpAction[] {
    const [whole, meter] = [this.#spare.pop()!, this.#spare.pop()!];
    this.#counters.push({ whole, cut: { meter, bytes } });
    const counted = (id: number): DpAction[] => [{ type: 'meter', id }, output];
    return [{ type: 'check_pkt_len', size: bytes, greater: counted(meter), lessEqual: counted(whole) }];
  }

  counts(): OutputCounts[] {
    return this.#counters.map(({ whole, cut }) => {
      const { packets, bytes } = this.#dpif.meterStats(whole);
      const shorter = cut && this.#dpif.meterStats(cut.meter).packets;
      if (shorter === undefined) return { packets, bytes };
      return { packets: packets + shorter, bytes: bytes + shorter * BigInt(cut!.bytes) };
    });
  }

  close(): void {
    for (const { whole, cut } of this.#counters) {
      this.#dpif.meterDel(whole);
      if (cut) this.#dpif.meterDel(cut.meter);
    }
  }
}

const UNCUT: DpAction = { type: 'trunc', maxLen: 0xffffffff };
