// The _Server database: what this server says about the databases that it serves (ovsdb-server(5)).
import { randomUUID } from 'node:crypto';
import { canonicalText } from '../../json-rpc/json.ts';
import { scalar } from '../datum.ts';
import { Database } from '../engine/table.ts';
import { type DatabaseSchema, schemaToJson } from '../schema.ts';
import { SERVER_SCHEMA } from '../server-schema.ts';
import { ServedDatabase } from './served-database.ts';

/** Makes _Server with a row for each of `schemas` and for itself: all standalone, always connected, always leader. */
export function selfDatabase(schemas: readonly DatabaseSchema[], nowMs: () => number): ServedDatabase {
  const served = new ServedDatabase(new Database(SERVER_SCHEMA), undefined, nowMs);
  served.change((transaction) => {
    const table = served.database.table('Database');
    for (const schema of [...schemas, SERVER_SCHEMA]) {
      const columns = {
        name: schema.name,
        model: 'standalone',
        connected: true,
        leader: true,
        schema: canonicalText(schemaToJson(schema)),
      };
      const row = Object.entries(columns).map(([name, value]) => [name, scalar(value)] as const);
      transaction.insert(table, randomUUID(), new Map(row));
    }
  });
  return served;
}
