// tun_metadata0 to tun_metadata63 (ovs-fields(7), "Geneve Fields"): fields of no packet here, for there are no tunnels, that
// actions may name where a bridge's TLV table maps them.

import type { OfAction } from './actions.ts';
import type { Field } from './field.ts';
import { FIELDS, fieldOf } from './fields.ts';

export const TUN_METADATA_FIELDS = 64;
/** An option's bytes at most. */
const SIZE = 124;
/** NXM_NX_TUN_METADATA0. */
const FIRST_NUMBER = 40;

const fields: readonly Field[] = Array.from({ length: TUN_METADATA_FIELDS }, (_, index) =>
  fieldOf(
    {
      name: `tun_metadata${index}`,
      size: SIZE,
      offset: 0,
      format: 'hexadecimal',
      nxm: [`NXM_NX_TUN_METADATA${index}`, FIRST_NUMBER + index],
    },
    FIELDS.length + index,
  ),
);

export function tunMetadataByName(name: string): Field | undefined {
  return fields.find((field) => field.name === name || field.nxmName === name);
}

/** The field with that NXM header; its has-mask bit and length are not looked at. */
export function tunMetadataByHeader(nxm: number): Field | undefined {
  return fields.find((field) => field.nxm >>> 9 === nxm >>> 9);
}

/** Which tun_metadata fields the actions delete, nested ones too. */
export function* deletedFields(actions: readonly OfAction[]): Generator<number> {
  for (const action of actions) {
    if (action.type === 'delete_field') yield fields.indexOf(action.field);
    else if (action.type === 'write_actions' || action.type === 'clone') yield* deletedFields(action.actions);
  }
}
