// The Geneve option that each tun_metadata field of a bridge stands for. A refused change changes nothing.

import { OfError } from '../model/flow-mod.ts';
import type { OfMessage, TlvMapping, TlvTableMod } from '../model/messages.ts';
import { deletedFields } from '../model/tun-metadata.ts';

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

  /** `inUse` are the fields that flows name. Throws OfError NXTTMFC_*. */
  change({ command, mappings }: TlvTableMod, inUse: ReadonlySet<number>): void {
    if (command === 'add') {
      this.#mappings = mappings.reduce(withMapping, this.#mappings).toSorted((a, b) => a.index - b.index);
      return;
    }
    // What is not mapped like this needs no deleting.
    const isGone = (one: TlvMapping) =>
      command === 'clear' || mappings.some((other) => sameOption(one, other) && one.index === other.index);
    if (this.#mappings.some((one) => isGone(one) && inUse.has(one.index))) throw new OfError('NXTTMFC_INVALID_TLV_DEL');
    this.#mappings = this.#mappings.filter((one) => !isGone(one));
  }

  /** Throws OfError when a flow's actions name a field that is not mapped; those of groups are not looked at. */
  check(message: OfMessage): void {
    for (const index of message.type === 'flow_mod' ? deletedFields(message.mod.actions) : []) {
      if (!this.#mappings.some((one) => one.index === index)) throw new OfError('NXFMFC_INVALID_TLV_FIELD');
    }
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
