import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { schemaFromJson, schemaToJson } from '../../../src/ovsdb/schema.ts';
import { SERVER_SCHEMA } from '../../../src/ovsdb/server-schema.ts';
import { OPEN_VSWITCH_SCHEMA } from '../../../src/ovsdb/vswitch-schema.ts';

const INSTALLED = '/usr/share/openvswitch/vswitch.ovsschema';

describe('schemas', () => {
  it('schemaFromJson() and schemaToJson() are inverse', () => {
    for (const schema of [OPEN_VSWITCH_SCHEMA, SERVER_SCHEMA]) {
      expect(schemaFromJson(schemaToJson(schema))).toEqual(schema);
    }
  });

  it('Open_vSwitch has the tables and columns that clients look for', () => {
    const { tables } = OPEN_VSWITCH_SCHEMA;
    expect(tables.size).toBe(19);
    expect(tables.get('Open_vSwitch')).toMatchObject({ isRoot: true, maxRows: 1 });
    expect(tables.get('Port')?.columns.get('tag')?.type).toEqual({
      key: { type: 'integer', minInteger: 0, maxInteger: 4095 },
      min: 0,
      max: 1,
    });
  });

  it.runIf(existsSync(INSTALLED))('Open_vSwitch equals the schema that Open vSwitch installs', () => {
    const installed = schemaFromJson(JSON.parse(readFileSync(INSTALLED, 'utf8')));
    expect(schemaToJson(OPEN_VSWITCH_SCHEMA)).toEqual(schemaToJson(installed));
  });

  it('schemaFromJson() refuses what is no schema', () => {
    const table = (column: unknown, extra = {}) => ({ name: 'D', tables: { T: { columns: { c: column }, ...extra } } });
    const wrong: unknown[] = [
      1,
      {},
      { name: 'D', tables: { _T: { columns: {} } } },
      table({}),
      table({ type: 'text' }),
      table({ type: { key: 'string', min: 2 } }),
      table({ type: { key: 'string', max: 0 } }),
      table({ type: { key: { type: 'uuid', refTable: 'Nowhere' } } }),
      table({ type: 'string', ephemeral: true }, { indexes: [['c']] }),
    ];
    for (const json of wrong) {
      expect(() => schemaFromJson(json as never), JSON.stringify(json)).toThrow(
        expect.objectContaining({ code: 'syntax error' }),
      );
    }
  });
});
