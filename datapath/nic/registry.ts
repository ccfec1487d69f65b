// The cards that are there, by name. Who drives one adds it; ports and the offload engine find it here, and a port whose
// card is missing waits for it.

import { UserError } from '../../lib/errors.ts';
import type { NicProvider } from './provider.ts';

export class NicRegistry {
  readonly #cards = new Map<string, NicProvider>();
  readonly #listeners = new Set<() => void>();

  /** Throws UserError when another card has the name. */
  add(card: NicProvider): void {
    if (this.#cards.has(card.name)) throw new UserError(`there is a NIC named ${card.name} already`);
    this.#cards.set(card.name, card);
    this.#tell();
  }

  /** Ports of the card give up their functions; who removes it closes it afterwards. */
  remove(card: NicProvider): void {
    if (this.#cards.get(card.name) !== card) return;
    this.#cards.delete(card.name);
    this.#tell();
  }

  get(name: string): NicProvider | undefined {
    return this.#cards.get(name);
  }

  list(): readonly NicProvider[] {
    return [...this.#cards.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A card can do now what it refused before: ports that wait try again. */
  retry(): void {
    this.#tell();
  }

  /** Called after cards came or went, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
