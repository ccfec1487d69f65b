// Megaflows that are not worth translating again after a change, but go: those of a bridge that is gone, and all when what
// their packets' keys were made of has changed.

export class Outdated<Owner extends object> {
  /** Changes before this one are what they were made under. */
  #version = 0;
  readonly #owners = new WeakSet<Owner>();

  /** What was made before change `version`; only of `owner` when one is given. */
  add(version: number, owner?: Owner): void {
    if (owner) this.#owners.add(owner);
    else this.#version = version;
  }

  has({ version, owner }: { readonly version: number; readonly owner: Owner }): boolean {
    return version < this.#version || this.#owners.has(owner);
  }
}
