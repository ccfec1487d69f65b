// The Geneve option that each tun_metadata field of a bridge stands for. A refused change changes nothing.

import { OfError } from '../model/flow-mod.ts';
import type { TlvMapping, TlvTableMod } from '../model/messages.ts';

/** Bytes that all mapped options may have together. */
export const OPTION_SPACE_MAX = 256;

const sameOption = (a: TlvMapping, b: TlvMapping): boolean =>
  a.optionClass === b.optionClass && a.optionType === b.optionType;

export class TlvTable {
  #mappings: readonly TlvMapping[] = [];

  /** By field. */
  get mappings(): readonly TlvMapping[] {
    return this.#mappings;
  }

  /** Throws OfError NXTTMFC_*. */
  change({ command, mappings }: TlvTableMod): void {
    if (command === 'clear') this.#mappings = [];
    else if (command === 'delete') this.#delete(mappings);
    else this.#mappings = mappings.reduce(withMapping, this.#mappings).toSorted((a, b) => a.index - b.index);
  }

  /** What is not mapped like this needs no deleting. */
  #delete(gone: readonly TlvMapping[]): void {
    const stays = (one: TlvMapping) => !gone.some((other) => sameOption(one, other) && one.index === other.index);
    this.#mappings = this.#mappings.filter(stays);
  }
}

function withMapping(table: readonly TlvMapping[], added: TlvMapping): readonly TlvMapping[] {
  if (table.some(({ index }) => index === added.index)) throw new OfError('NXTTMFC_ALREADY_MAPPED');
  if (table.some((one) => sameOption(one, added))) throw new OfError('NXTTMFC_DUP_ENTRY');
  const next = [...table, added];
  if (next.reduce((sum, { optionLength }) => sum + optionLength, 0) > OPTION_SPACE_MAX) {
    throw new OfError('NXTTMFC_TABLE_FULL');
  }
  return next;
}
