import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../../lib/errors.ts';
import { type LogRecord, setLogSink } from '../../../lib/log.ts';
import type { Json } from '../../../src/json-rpc/json.ts';
import { replaceFile } from '../../../src/ovsdb/log/log-file.ts';
import { encodeRecord } from '../../../src/ovsdb/log/record.ts';
import * as ops from '../../../src/ovsdb/ops.ts';
import { schemaToJson } from '../../../src/ovsdb/schema.ts';
import { databaseSchema } from '../../../src/ovsdb/schema-notation.ts';
import { startOvsdbServer } from '../../../src/ovsdb/server/server.ts';
import { OPEN_VSWITCH_SCHEMA } from '../../../src/ovsdb/vswitch-schema.ts';
import { type TestServer, testServer } from '../../support/ovsdb-server.ts';

let server: TestServer;
let warnings: LogRecord[];
beforeEach(async () => {
  warnings = [];
  setLogSink((record) => record.level === 'warn' && warnings.push(record));
  server = await testServer();
});
afterEach(async () => {
  setLogSink(() => {});
  await server.close();
});

const addQos = async (...types: string[]) => {
  const client = await server.client();
  for (const type of types)
    await client.transact(ops.insert('QoS', { type, external_ids: ops.stringMap({ a: type }) }));
};
const select = (table: string, columns: string[]) => ({ op: 'select', table, where: [], columns });
async function qosTypes(): Promise<string[]> {
  const [result] = await (await server.client()).transact(select('QoS', ['type']));
  return (result!['rows'] as { type: string }[]).map(({ type }) => type).sort();
}
const files = () => readdirSync(server.folder).sort();

describe('the database file', () => {
  it('keeps what was answered, over restarts and changes of every kind', async () => {
    await addQos('a', 'b', 'c');
    const client = await server.client();
    await client.transact(ops.remove('QoS', [['type', '==', 'a']]));
    await client.transact(
      ops.mutate('QoS', [['type', '==', 'b']], [['external_ids', 'insert', ops.stringMap({ k: 'v' })]]),
    );
    await client.transact(ops.mutate('QoS', [['type', '==', 'b']], [['external_ids', 'delete', ops.set(['a'])]]));
    await client.transact(ops.insert('Open_vSwitch', { statistics: ops.stringMap({ load: '1' }), next_cfg: 3 }));
    server = await server.restart();
    const [qos, root] = await (await server.client()).transact(
      select('QoS', ['type', 'external_ids']),
      select('Open_vSwitch', ['next_cfg', 'statistics']),
    );
    expect(qos?.['rows']).toHaveLength(2);
    expect(qos?.['rows']).toContainEqual({ type: 'b', external_ids: ['map', [['k', 'v']]] });
    // Ephemeral columns do not outlive the server.
    expect(root?.['rows']).toEqual([{ next_cfg: 3, statistics: ['map', []] }]);
  });

  it.each([
    ['cut short', (file: string) => truncateSync(file, statSync(file).size - 5)],
    [
      'overwritten',
      (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replace('"type":"b"', '"type":"X"')),
    ],
    ['followed by anything', (file: string) => appendFileSync(file, Buffer.alloc(300, 0))],
  ])('%s: is cut at the last whole record with one warning, the rest kept aside', async (_, damage) => {
    await addQos('a', 'b');
    await server.server.close();
    damage(server.file);
    const size = statSync(server.file).size;
    server = await testServer({}, server.folder);
    expect((await qosTypes())[0]).toBe('a');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.text).toMatch(/at offset \d+; cut off there, the rest is kept in/);
    const kept = files().find((name) => name.includes('.corrupt-'))!;
    expect(statSync(server.file).size + statSync(join(server.folder, kept)).size).toBe(size);
    await addQos('later');
    server = await server.restart();
    expect(await qosTypes()).toContain('later');
    expect(warnings).toHaveLength(1);
  });

  it('that is no database is refused and left alone', async () => {
    const open = (file: string) => startOvsdbServer({ file });
    for (const content of ['', 'hello', 'OVSDB CLUSTER 5 0000000000000000000000000000000000000000\n12345']) {
      const file = join(server.folder, 'other.db');
      writeFileSync(file, content);
      await expect(open(file)).rejects.toThrow(UserError);
      expect(readFileSync(file, 'utf8')).toBe(content);
    }
    const other = join(server.folder, 'name.db');
    replaceFile(other, [schemaToJson(databaseSchema('Other', '1.0.0', '', {}))]);
    await expect(open(other)).rejects.toThrow(/holds database "Other", expected "Open_vSwitch"/);
  });

  it('with a whole record that does not fit is refused, not cut', async () => {
    await server.server.close();
    appendFileSync(server.file, encodeRecord({ Nope: {} }));
    const before = readFileSync(server.file);
    await expect(startOvsdbServer({ file: server.file })).rejects.toThrow(/does not fit the database/);
    expect(readFileSync(server.file)).toEqual(before);
    truncateSync(server.file, before.length - encodeRecord({ Nope: {} }).length);
    server = await testServer({}, server.folder);
  });

  it('is served once at a time', async () => {
    await expect(startOvsdbServer({ file: server.file })).rejects.toThrow(/already served by this process/);
    expect(existsSync(join(server.folder, '.conf.db.~lock~'))).toBe(true);
    server = await server.restart();
  });

  it('of an older schema is converted, and the old one kept', async () => {
    await server.server.close();
    const old = databaseSchema('Open_vSwitch', '1.0.0', '12 34', {
      Gone: { isRoot: true, columns: { name: 'string' } },
      QoS: { isRoot: true, columns: { type: 'string', gone: 'string', other_config: 'string' } },
    });
    const [a, b] = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'];
    const rows: Json = {
      QoS: { [a]: { type: 'linux-htb', gone: 'x', other_config: 'y' } },
      Gone: { [b]: { name: 'z' } },
    };
    replaceFile(server.file, [schemaToJson(old), rows]);
    server = await testServer({}, server.folder);
    const [result] = await (await server.client()).transact(select('QoS', ['_uuid', 'type', 'other_config']));
    expect(result?.['rows']).toEqual([{ _uuid: ['uuid', a], type: 'linux-htb', other_config: ['map', []] }]);
    expect(files()).toContain('conf.db.backup1.0.0-12-34');
    await addQos('b');
    server = await server.restart();
    expect(await qosTypes()).toEqual(['b', 'linux-htb']);
  });

  it('compacts to one record while transactions go on', async () => {
    for (let i = 0; i < 50; i++) await addQos(`t${i}`);
    const before = statSync(server.file).size;
    const compaction = server.server.compact();
    await addQos('meanwhile');
    await compaction;
    await addQos('after');
    expect(statSync(server.file).size).toBeLessThan(before);
    expect(readFileSync(server.file, 'latin1').match(/^OVSDB JSON/gm)).toHaveLength(4);
    const types = await qosTypes();
    expect(types).toHaveLength(52);
    server = await server.restart();
    expect(await qosTypes()).toEqual(types);
    expect(files()).toEqual(['.conf.db.~lock~', 'conf.db']);
  });

  it('starts as the schema alone', () => {
    expect(readFileSync(server.file)).toEqual(encodeRecord(schemaToJson(OPEN_VSWITCH_SCHEMA)));
  });
});
