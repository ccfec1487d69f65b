// Which megaflows asked for an address in a MAC table. Bridges share the list: an address that is news to one of them is
// at worst looked at once too often in another.

const NOBODY: readonly never[] = [];

export class MacReaders<User extends object> {
  /** Most addresses have one: a flood of new ones would make as many sets. */
  readonly #users = new Map<number, User | Set<User>>();

  add(user: User, macs: readonly number[]): void {
    for (const mac of macs) {
      const users = this.#users.get(mac);
      if (users instanceof Set) users.add(user);
      else if (users === undefined) this.#users.set(mac, user);
      else if (users !== user) this.#users.set(mac, new Set([users, user]));
    }
  }

  remove(user: User, macs: readonly number[]): void {
    for (const mac of macs) {
      const users = this.#users.get(mac);
      if (users === user || (users instanceof Set && users.delete(user) && users.size === 0)) this.#users.delete(mac);
    }
  }

  of(mac: number): Iterable<User> {
    const users = this.#users.get(mac);
    if (users === undefined) return NOBODY;
    return users instanceof Set ? users : [users];
  }
}
