// The schema of _Server, the database in which an OVSDB server tells about itself and the databases that it serves
// (ovsdb-server(5)).
import { databaseSchema } from './schema-notation.ts';

export const SERVER_SCHEMA = databaseSchema('_Server', '1.2.0', '3009684573 744', {
  Database: {
    isRoot: true,
    columns: {
      name: 'string',
      model: '{clustered|relay|standalone}',
      connected: 'boolean',
      leader: 'boolean',
      schema: 'string?',
      cid: 'uuid?',
      sid: 'uuid?',
      index: 'integer?',
    },
  },
});
