// "@name" in a chain of commands: stands for a row that `--id=@name create` makes, or `--id=@name get` picks.

import { randomUUID } from 'node:crypto';
import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import type { SymbolResolver } from './value-syntax.ts';

const log = logger('vsctl');

interface SymbolState {
  uuid: string;
  isCreated: boolean;
  /** A reference that keeps the row in the database, or its table needs none. */
  isHeld: boolean;
  isReferenced: boolean;
}

export class SymbolTable {
  readonly #symbols = new Map<string, SymbolState>();

  /** Gives a name that a value refers to its uuid. */
  readonly resolve: SymbolResolver = (name, reference) => {
    const symbol = this.#symbol(name);
    if (reference === 'strong') symbol.isHeld = true;
    symbol.isReferenced = true;
    return symbol.uuid;
  };

  #symbol(name: string): SymbolState {
    const known = this.#symbols.get(name);
    if (known) return known;
    const symbol = { uuid: randomUUID(), isCreated: false, isHeld: false, isReferenced: false };
    this.#symbols.set(name, symbol);
    return symbol;
  }

  /** Declares the row that --id names; returns its uuid. `existing` is the uuid of a row that is there already. */
  declare(name: string, isHeld: boolean, existing?: string): string {
    if (!name.startsWith('@')) throw new UserError(`row id "${name}" does not begin with "@"`);
    const symbol = this.#symbol(name);
    if (symbol.isCreated) throw new UserError(`row id "${name}" may only be specified on one --id option`);
    symbol.isCreated = true;
    symbol.isHeld ||= isHeld;
    if (existing !== undefined) symbol.uuid = existing;
    return symbol.uuid;
  }

  /** Throws UserError for a name that nothing declared; warns of rows that will not stay. */
  check(): void {
    for (const [name, symbol] of this.#symbols) {
      if (!symbol.isCreated) {
        throw new UserError(
          `row id "${name}" is referenced but never created (e.g. with "-- --id=${name} create ...")`,
        );
      }
      if (symbol.isHeld) continue;
      const how = symbol.isReferenced ? 'only a weak reference' : 'no reference';
      log.warn(
        `row id "${name}" was created but ${how} to it was inserted, so it will not actually appear in the database`,
      );
    }
  }
}
