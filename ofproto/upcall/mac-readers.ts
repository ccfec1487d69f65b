// Which megaflows asked for an address in a MAC table. Bridges share the list: an address that is news to one of them is
// at worst looked at once too often in another.

export class MacReaders<User> {
  readonly #users = new Map<number, Set<User>>();

  add(user: User, macs: readonly number[]): void {
    for (const mac of macs) {
      const users = this.#users.get(mac);
      if (users) users.add(user);
      else this.#users.set(mac, new Set([user]));
    }
  }

  remove(user: User, macs: readonly number[]): void {
    for (const mac of macs) {
      const users = this.#users.get(mac);
      if (users?.delete(user) && users.size === 0) this.#users.delete(mac);
    }
  }

  of(mac: number): Iterable<User> {
    return this.#users.get(mac) ?? [];
  }
}
