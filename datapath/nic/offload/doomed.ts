// Copies that a card has to take out, in the order in which that was said, and who waits for it.

import type { Copy } from './entry.ts';

export class Doomed {
  readonly #copies = new Set<Copy>();
  #last = 0;
  #waiters: { doom: number; resolve: () => void }[] = [];

  get size(): number {
    return this.#copies.size;
  }

  has(copy: Copy): boolean {
    return this.#copies.has(copy);
  }

  add(copy: Copy): void {
    copy.doom = ++this.#last;
    this.#copies.add(copy);
    copy.entry.leaving.add(copy);
  }

  /** It is out. */
  delete(copy: Copy): void {
    this.#copies.delete(copy);
    copy.entry.leaving.delete(copy);
  }

  /** Some are in the card, and not on their way there. */
  get hasWritten(): boolean {
    for (const { handle } of this.#copies) if (handle !== undefined) return true;
    return false;
  }

  /** Of those the first ones. */
  first(count: number): Copy[] {
    const copies: Copy[] = [];
    for (const copy of this.#copies) {
      if (copies.length === count) break;
      if (copy.handle !== undefined) copies.push(copy);
    }
    return copies;
  }

  /** The card has forgotten all that it had a handle for. */
  forget(): void {
    for (const copy of this.#copies) if (copy.handle !== undefined) this.delete(copy);
  }

  /** Resolves when all that was added so far is out, as far as wake() is told. */
  settled(): Promise<void> {
    const doom = this.#last;
    return new Promise((resolve) => this.#waiters.push({ doom, resolve }));
  }

  /** Looks who need not wait any more; nobody has to for a card that is out of order. */
  wake(isOutOfOrder: boolean): void {
    const [first] = this.#copies;
    const oldest = first && !isOutOfOrder ? first.doom : Number.POSITIVE_INFINITY;
    const ready = this.#waiters.filter(({ doom }) => doom < oldest);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter(({ doom }) => doom >= oldest);
    for (const { resolve } of ready) resolve();
  }
}
