// tun_metadata0 to tun_metadata63 (ovs-fields(7), "Geneve Fields"): fields of no packet here, for there are no tunnels, that
// actions may name where a bridge's TLV table maps them.

import type { OfAction } from './actions.ts';
import type { Field } from './field.ts';
import { FIELDS, fieldOf } from './fields.ts';

export const TUN_METADATA_FIELDS = 64;
/** Bytes of a field that may be mapped to any option, which is how clients that do not know the table name it. */
const SIZE_MAX = 124;
/** NXM_NX_TUN_METADATA0. */
const FIRST_NUMBER = 40;
const PREFIX = 'tun_metadata';

/** The field as long as the option that is mapped to it. */
export function tunMetadataField(index: number, size = SIZE_MAX): Field {
  return fieldOf(
    {
      name: `${PREFIX}${index}`,
      size,
      offset: 0,
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
    const field = replace(Number(action.field.name.slice(PREFIX.length)), action.field);
    return field === action.field ? action : { ...action, field };
  }
  if (action.type !== 'write_actions' && action.type !== 'clone') return action;
  const nested = withDeletedFields(action.actions, replace);
  return nested === action.actions ? action : { ...action, actions: nested };
}

/** Which tun_metadata fields the actions delete, nested ones too. */
export function deletedFields(actions: readonly OfAction[]): number[] {
  const found: number[] = [];
  withDeletedFields(actions, (index, field) => {
    found.push(index);
    return field;
  });
  return found;
}
