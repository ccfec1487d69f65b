// Megaflows that one walk has to translate again: at once where software forwards them; where a card does, after its counters
// were read, so that what it forwarded so far is counted for the rules that it was forwarded by.

import type { DpFlow, Offload } from '../../datapath/dpif.ts';
import { inSlices } from '../../lib/slices.ts';

export class Renewals<U extends { readonly dpFlow: DpFlow }> {
  readonly #offload: Offload;
  readonly #renew: (ukey: U) => void;
  readonly #inCards: U[] = [];

  constructor(offload: Offload, renew: (ukey: U) => void) {
    this.#offload = offload;
    this.#renew = renew;
  }

  add(ukey: U): void {
    if (this.#offload.holds(ukey.dpFlow)) this.#inCards.push(ukey);
    else this.#renew(ukey);
  }

  /** Resolves to the milliseconds of work that was left. */
  async finish(): Promise<number> {
    if (this.#inCards.length === 0) return 0;
    await this.#offload.refresh(this.#inCards.map(({ dpFlow }) => dpFlow));
    return inSlices(this.#inCards, this.#renew);
  }
}
