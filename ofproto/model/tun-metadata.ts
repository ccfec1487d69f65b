// tun_metadata0 to tun_metadata63 (ovs-fields(7), "Geneve Fields"), which matches and actions may name where a bridge's TLV
// table maps them. There are no tunnels, so no packet comes with one; actions that write one give it a value for as long as
// the packet is translated.
//
// A mapped field has a slot, with a place among a Flow's options and a bit that says that the option is there. Slots are the
// process's: bridges that map a field alike share one, so that a match alone tells what it is about. A field that is mapped
// by no bridge has none (tlvSlot -1), and a place in no Flow.

import type { OfAction } from './actions.ts';
import type { Field } from './field.ts';
import { FIELDS, fieldOf } from './fields.ts';
import { FLOW_TUN_METADATA, FLOW_TUN_METADATA_PRESENT, type Flow, type Match } from './flow.ts';

export const TUN_METADATA_FIELDS = 64;
/** Bytes of a field that may be mapped to any option, which is how clients that do not know the table name it. */
export const OPTION_SIZE_MAX = 124;
/** Bytes that all mapped options may have together. */
export const OPTION_SPACE_MAX = 256;
/** NXM_NX_TUN_METADATA0. */
const FIRST_NUMBER = 40;
const PREFIX = 'tun_metadata';

/** A field that has no place in a Flow unless it is given a slot. */
export function tunMetadataField(index: number, size = OPTION_SIZE_MAX, tlvSlot = -1, place = 0): Field {
  return fieldOf(
    {
      name: `${PREFIX}${index}`,
      size,
      offset: FLOW_TUN_METADATA + place,
      tlvSlot,
      format: 'hexadecimal',
      nxm: [`NXM_NX_TUN_METADATA${index}`, FIRST_NUMBER + index],
    },
    FIELDS.length + index,
  );
}

const fields: readonly Field[] = Array.from({ length: TUN_METADATA_FIELDS }, (_, index) => tunMetadataField(index));

export function tunMetadataByName(name: string): Field | undefined {
  return fields.find((field) => field.name === name || field.nxmName === name);
}

/** Of a field of tunnel metadata, its number: that of `tun_metadata3` is 3. */
export const tunMetadataIndex = ({ index }: Field): number => index - FIELDS.length;

/** Which of the 64 it is, -1 for a header of another class. */
export function tunMetadataNumber(nxm: number): number {
  const number = ((nxm >>> 9) & 0x7f) - FIRST_NUMBER;
  return nxm >>> 16 === 1 && number >= 0 && number < TUN_METADATA_FIELDS ? number : -1;
}

interface Slot {
  readonly field: Field;
  bridges: number;
}
const slots: (Slot | undefined)[] = new Array(TUN_METADATA_FIELDS).fill(undefined);

/** The field with an option of that size, for one bridge more; undefined when there is no room for it. */
export function takeSlot(index: number, size: number): Field | undefined {
  const known = slots.find((slot) => slot && tunMetadataIndex(slot.field) === index && slot.field.size === size);
  if (known) {
    known.bridges++;
    return known.field;
  }
  const [number, place] = [slots.indexOf(undefined), roomFor(size)];
  if (number < 0 || place === undefined) return undefined;
  const field = tunMetadataField(index, size, number, place);
  slots[number] = { field, bridges: 1 };
  return field;
}

/** What one bridge does not map any more. */
export function releaseSlot({ tlvSlot }: Field): void {
  const slot = slots[tlvSlot];
  if (slot && --slot.bridges === 0) slots[tlvSlot] = undefined;
}

/** The first place with so many bytes free. */
function roomFor(size: number): number | undefined {
  let place = 0;
  const used = slots.filter((slot) => slot !== undefined).map(({ field }) => field);
  for (const { offset, size: taken } of used.toSorted((a, b) => a.offset - b.offset)) {
    if (offset - FLOW_TUN_METADATA - place >= size) break;
    place = offset - FLOW_TUN_METADATA + taken;
  }
  return place + size <= OPTION_SPACE_MAX ? place : undefined;
}

/** Whether the mask says something of any option: cheap, for loops over many matches. */
export const hasTunMetadata = ({ bytes }: Flow): boolean => {
  for (let at = FLOW_TUN_METADATA_PRESENT; at < FLOW_TUN_METADATA; at++) if (bytes[at] !== 0) return true;
  return false;
};

/** The fields that a match says something of, in the order of their numbers. */
export function matchedTunMetadata({ mask }: Match): Field[] {
  if (!hasTunMetadata(mask)) return [];
  const found: Field[] = [];
  for (const slot of slots) if (slot && isPresent(mask, slot.field)) found.push(slot.field);
  return found.sort((a, b) => a.index - b.index);
}

const isPresent = ({ bytes }: Flow, { tlvSlot }: Field): boolean =>
  (bytes[FLOW_TUN_METADATA_PRESENT + (tlvSlot >> 3)]! & (1 << (tlvSlot & 7))) !== 0;

/** delete_field: from here on the option is not there. What it was can still be read, as in Open vSwitch. */
export function deleteTunMetadata({ bytes }: Flow, { tlvSlot }: Field): void {
  if (tlvSlot < 0) return;
  bytes[FLOW_TUN_METADATA_PRESENT + (tlvSlot >> 3)]! &= ~(1 << (tlvSlot & 7));
}

/** The mapped fields, by their numbers. */
export type TunMetadataFields = ReadonlyMap<number, Field>;

const NONE: TunMetadataFields = new Map();
let mapped = NONE;
let uses = 0;

/** What `decode` returns, with these fields known while it runs. */
export function withTunMetadata<T>(fields: TunMetadataFields | undefined, decode: () => T): T {
  if (!fields || fields.size === 0) return decode();
  mapped = fields;
  try {
    return decode();
  } finally {
    mapped = NONE;
  }
}

/** The field with that NXM header, if the message at hand is for a bridge that maps it. */
export function mappedTunMetadata(nxm: number): Field | undefined {
  const field = mapped === NONE ? undefined : mapped.get(tunMetadataNumber(nxm));
  if (field) uses++;
  return field;
}

/** Grows with each field that was found mapped: what is decoded meanwhile means nothing to another bridge. */
export const tunMetadataUses = (): number => uses;

/** The field with that NXM header; its has-mask bit and length are not looked at. */
export function tunMetadataByHeader(nxm: number): Field | undefined {
  return fields.find((field) => field.nxm >>> 9 === nxm >>> 9);
}

/** `actions` with the fields that delete_field names replaced, in nested ones too; the same list when there are none. */
export function withDeletedFields(
  actions: readonly OfAction[],
  replace: (index: number, field: Field) => Field,
): readonly OfAction[] {
  if (!actions.some(({ type }) => type === 'delete_field' || type === 'write_actions' || type === 'clone'))
    return actions;
  let isSame = true;
  const replaced = actions.map((action): OfAction => {
    const other = withDeletedField(action, replace);
    if (other !== action) isSame = false;
    return other;
  });
  return isSame ? actions : replaced;
}

function withDeletedField(action: OfAction, replace: (index: number, field: Field) => Field): OfAction {
  if (action.type === 'delete_field') {
    const field = replace(tunMetadataIndex(action.field), action.field);
    return field === action.field ? action : { ...action, field };
  }
  if (action.type !== 'write_actions' && action.type !== 'clone') return action;
  const nested = withDeletedFields(action.actions, replace);
  return nested === action.actions ? action : { ...action, actions: nested };
}

/** The numbers of the fields of tunnel metadata that the actions name, nested ones and parts of them too. */
export function namedTunMetadata(actions: readonly OfAction[]): number[] {
  const found: number[] = [];
  collect(actions, found);
  return found;
}

function collect(part: unknown, found: number[]): void {
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return;
  if ('tlvSlot' in part) {
    const field = part as Field;
    if (field.index >= FIELDS.length) found.push(tunMetadataIndex(field));
    return;
  }
  for (const inner of Object.values(part)) collect(inner, found);
}
