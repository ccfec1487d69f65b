import { afterEach, describe, expect, it } from 'vitest';
import { TlvTable } from '../../../../ofproto/connmgr/tlv-table.ts';
import type { OfAction } from '../../../../ofproto/model/actions.ts';
import { newFlowMod } from '../../../../ofproto/model/flow-mod.ts';
import { namedTunMetadata, tunMetadataByName } from '../../../../ofproto/model/tun-metadata.ts';

const MAPPING = { optionClass: 0xffff, optionType: 0, optionLength: 4, index: 3 };
const remove = (name: string): OfAction => ({ type: 'delete_field', field: tunMetadataByName(name)! });
const flowMod = (...actions: OfAction[]) =>
  ({ type: 'flow_mod', xid: 1, format: 'standard', mod: { ...newFlowMod('add'), actions } }) as const;

describe('TlvTable', () => {
  const tables: TlvTable[] = [];
  const newTable = () => {
    const table = new TlvTable();
    tables.push(table);
    return table;
  };
  afterEach(() => {
    for (const table of tables.splice(0)) table.close();
  });

  it('takes actions on mapped fields only, nested ones too', () => {
    const table = newTable();
    const nested: OfAction = { type: 'clone', actions: [remove('tun_metadata3')] };
    expect(() => table.resolve(flowMod(nested))).toThrow('NXFMFC_INVALID_TLV_FIELD');
    table.change({ command: 'add', mappings: [MAPPING] }, new Set());
    expect(table.resolve(flowMod(nested))).toMatchObject({
      mod: { actions: [{ actions: [{ field: { name: 'tun_metadata3', size: 4 } }] }] },
    });
    expect(() => table.resolve(flowMod(remove('tun_metadata4')))).toThrow('NXFMFC_INVALID_TLV_FIELD');
  });

  it('keeps a mapping that flows use', () => {
    const table = newTable();
    table.change({ command: 'add', mappings: [MAPPING] }, new Set());
    const inUse = new Set(namedTunMetadata([remove('tun_metadata3')]));
    expect(() => table.change({ command: 'clear', mappings: [] }, inUse)).toThrow('NXTTMFC_INVALID_TLV_DEL');
    expect(() => table.change({ command: 'delete', mappings: [MAPPING] }, inUse)).toThrow('NXTTMFC_INVALID_TLV_DEL');
    table.change({ command: 'delete', mappings: [{ ...MAPPING, index: 4 }] }, inUse);
    expect(table.mappings).toEqual([MAPPING]);
    table.change({ command: 'clear', mappings: [] }, new Set([4]));
    expect(table.mappings).toEqual([]);
  });

  it('makes fields known, or none of a change that has no room', () => {
    const table = newTable();
    const long = [4, 5].map((index) => ({ optionClass: 1, optionType: index, optionLength: 124, index }));
    table.change({ command: 'add', mappings: [MAPPING, ...long] }, new Set());
    expect([...table.fields.values()].map(({ name, size }) => [name, size])).toEqual([
      ['tun_metadata3', 4],
      ['tun_metadata4', 124],
      ['tun_metadata5', 124],
    ]);
    // Another bridge may map the same alike.
    const other = newTable();
    other.change({ command: 'add', mappings: long }, new Set());
    const more = [MAPPING, { optionClass: 2, optionType: 2, optionLength: 8, index: 6 }];
    expect(() => other.change({ command: 'add', mappings: more }, new Set())).toThrow('NXTTMFC_TABLE_FULL');
    expect([...other.fields.keys()]).toEqual([4, 5]);
    expect(other.mappings).toEqual(long);
  });
});
