// The Geneve option that each tun_metadata field of a bridge stands for. A refused change changes nothing.

import type { Field } from '../model/field.ts';
import { OfError } from '../model/flow-mod.ts';
import type { OfMessage, TlvMapping, TlvTableMod } from '../model/messages.ts';
import { tunMetadataField, withDeletedFields } from '../model/tun-metadata.ts';

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

  /**
   * The message with the fields that a flow's actions name as they are mapped; throws OfError when one is not. Those of
   * groups and packet-outs are not looked at.
   */
  resolve(message: OfMessage): OfMessage {
    if (message.type !== 'flow_mod') return message;
    const actions = withDeletedFields(message.mod.actions, (index) => this.#mapped(index));
    return actions === message.mod.actions ? message : { ...message, mod: { ...message.mod, actions } };
  }

  #mapped(index: number): Field {
    const mapping = this.#mappings.find((one) => one.index === index);
    if (!mapping) throw new OfError('NXFMFC_INVALID_TLV_FIELD');
    return tunMetadataField(index, mapping.optionLength);
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
