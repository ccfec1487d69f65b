// The Geneve option that each tun_metadata field of a bridge stands for. A refused change changes nothing.

import type { Field } from '../model/field.ts';
import { OfError } from '../model/flow-mod.ts';
import type { OfMessage, TlvMapping, TlvTableMod } from '../model/messages.ts';
import {
  OPTION_SPACE_MAX,
  releaseSlot,
  type TunMetadataFields,
  takeSlot,
  tunMetadataField,
  withDeletedFields,
} from '../model/tun-metadata.ts';

const sameOption = (a: TlvMapping, b: TlvMapping): boolean =>
  a.optionClass === b.optionClass && a.optionType === b.optionType;

export class TlvTable {
  #mappings: readonly TlvMapping[] = [];
  readonly #fields = new Map<number, Field>();

  /** By field. */
  get mappings(): readonly TlvMapping[] {
    return this.#mappings;
  }

  /** What the mappings make known, for decoding messages. An option without bytes makes no field. */
  get fields(): TunMetadataFields {
    return this.#fields;
  }

  /** `inUse` are the fields that flows name. Throws OfError NXTTMFC_*, TABLE_FULL also for what other bridges map otherwise. */
  change({ command, mappings }: TlvTableMod, inUse: ReadonlySet<number>): void {
    if (command === 'add') {
      const next = mappings.reduce(withMapping, this.#mappings).toSorted((a, b) => a.index - b.index);
      this.#takeSlots(mappings);
      this.#mappings = next;
      return;
    }
    // What is not mapped like this needs no deleting.
    const isGone = (one: TlvMapping) =>
      command === 'clear' || mappings.some((other) => sameOption(one, other) && one.index === other.index);
    if (this.#mappings.some((one) => isGone(one) && inUse.has(one.index))) throw new OfError('NXTTMFC_INVALID_TLV_DEL');
    for (const { index } of this.#mappings.filter(isGone)) this.#release(index);
    this.#mappings = this.#mappings.filter((one) => !isGone(one));
  }

  /** All or none. */
  #takeSlots(mappings: readonly TlvMapping[]): void {
    for (const [done, { index, optionLength }] of mappings.entries()) {
      if (optionLength === 0) continue;
      const field = takeSlot(index, optionLength);
      if (field) {
        this.#fields.set(index, field);
        continue;
      }
      for (const { index: taken } of mappings.slice(0, done)) this.#release(taken);
      throw new OfError('NXTTMFC_TABLE_FULL');
    }
  }

  #release(index: number): void {
    const field = this.#fields.get(index);
    if (field) releaseSlot(field);
    this.#fields.delete(index);
  }

  /** When the bridge goes. */
  close(): void {
    for (const index of [...this.#fields.keys()]) this.#release(index);
    this.#mappings = [];
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
    if (!this.#mappings.some((one) => one.index === index)) throw new OfError('NXFMFC_INVALID_TLV_FIELD');
    // Of an option without bytes there is only something to delete.
    return this.#fields.get(index) ?? tunMetadataField(index, 0);
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
