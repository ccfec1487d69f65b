import { describe, expect, it } from 'vitest';
import { TlvTable } from '../../../../ofproto/connmgr/tlv-table.ts';
import type { OfAction } from '../../../../ofproto/model/actions.ts';
import { newFlowMod } from '../../../../ofproto/model/flow-mod.ts';
import { deletedFields, tunMetadataByName } from '../../../../ofproto/model/tun-metadata.ts';

const MAPPING = { optionClass: 0xffff, optionType: 0, optionLength: 4, index: 3 };
const remove = (name: string): OfAction => ({ type: 'delete_field', field: tunMetadataByName(name)! });
const flowMod = (...actions: OfAction[]) =>
  ({ type: 'flow_mod', xid: 1, format: 'standard', mod: { ...newFlowMod('add'), actions } }) as const;

describe('TlvTable', () => {
  it('takes actions on mapped fields only, nested ones too', () => {
    const table = new TlvTable();
    const nested: OfAction = { type: 'clone', actions: [remove('tun_metadata3')] };
    expect(() => table.resolve(flowMod(nested))).toThrow('NXFMFC_INVALID_TLV_FIELD');
    table.change({ command: 'add', mappings: [MAPPING] }, new Set());
    expect(table.resolve(flowMod(nested))).toMatchObject({
      mod: { actions: [{ actions: [{ field: { name: 'tun_metadata3', size: 4 } }] }] },
    });
    expect(() => table.resolve(flowMod(remove('tun_metadata4')))).toThrow('NXFMFC_INVALID_TLV_FIELD');
  });

  it('keeps a mapping that flows use', () => {
    const table = new TlvTable();
    table.change({ command: 'add', mappings: [MAPPING] }, new Set());
    const inUse = new Set(deletedFields([remove('tun_metadata3')]));
    expect(() => table.change({ command: 'clear', mappings: [] }, inUse)).toThrow('NXTTMFC_INVALID_TLV_DEL');
    expect(() => table.change({ command: 'delete', mappings: [MAPPING] }, inUse)).toThrow('NXTTMFC_INVALID_TLV_DEL');
    table.change({ command: 'delete', mappings: [{ ...MAPPING, index: 4 }] }, inUse);
    expect(table.mappings).toEqual([MAPPING]);
    table.change({ command: 'clear', mappings: [] }, new Set([4]));
    expect(table.mappings).toEqual([]);
  });
});
