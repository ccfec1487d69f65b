// JSON texts in pieces, and OVSDB operations, mutated from sound ones.
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../lib/errors.ts';
import { JsonFramer } from '../../src/json-rpc/framer.ts';
import type { Json, JsonObject } from '../../src/json-rpc/json.ts';
import { classify } from '../../src/json-rpc/peer.ts';
import { execute, WaitUnmet } from '../../src/ovsdb/engine/execute.ts';
import { Database } from '../../src/ovsdb/engine/table.ts';
import { OPEN_VSWITCH_SCHEMA } from '../../src/ovsdb/vswitch-schema.ts';
import { fuzz, mutateBytes, mutateText, survives } from '../support/fuzz.ts';

const OPERATIONS: readonly Json[] = [
  { op: 'insert', table: 'Bridge', row: { name: 'br0', ports: ['set', [['named-uuid', 'p']]] }, 'uuid-name': 'b' },
  { op: 'insert', table: 'Port', row: { name: 'p', tag: 5, trunks: ['set', [1, 2, 3]] }, 'uuid-name': 'p' },
  { op: 'insert', table: 'Interface', row: { name: 'i', options: ['map', [['a', 'b']]], ofport_request: 3 } },
  { op: 'update', table: 'Bridge', where: [['name', '==', 'br0']], row: { fail_mode: 'secure' } },
  { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
  { op: 'mutate', table: 'Bridge', where: [], mutations: [['external_ids', 'insert', ['map', [['k', 'v']]]]] },
  { op: 'select', table: 'Interface', where: [['ofport_request', '<=', 4]], columns: ['name', '_uuid'] },
  { op: 'delete', table: 'Port', where: [['_uuid', 'includes', ['uuid', '11111111-2222-3333-4444-555555555555']]] },
  { op: 'wait', table: 'Bridge', timeout: 0, where: [], columns: ['name'], until: '!=', rows: [{ name: 'x' }] },
  { op: 'commit', durable: true },
  { op: 'comment', comment: 'text' },
  { op: 'assert', lock: 'l' },
];
const WORDS = [
  ...[
    '"op"',
    '"table"',
    '"where"',
    '"row"',
    '"set"',
    '"map"',
    '"uuid"',
    '"named-uuid"',
    '"Bridge"',
    '"_version"',
    '[]',
  ],
  ...['{}', 'null', 'true', '1e400', '-0', '1.5', '["set",[]]', '"\\u0000"', '"__proto__"', '"constructor"'],
];

const CONTEXT = { holdsLock: () => false, waitedMs: 0 };

describe('JSON-RPC', () => {
  const corpus = OPERATIONS.map((operation, id) =>
    Buffer.from(JSON.stringify({ method: 'transact', params: ['Open_vSwitch', operation], id })),
  );

  it('the framer takes any bytes in any pieces', () =>
    fuzz((random) => {
      const framer = new JsonFramer({ depthMax: 100, sizeMax: 4096 });
      const bytes = mutateBytes(random, Buffer.concat([random.pick(corpus), random.pick(corpus)]), random.pick(corpus));
      for (let start = 0; start < bytes.length; ) {
        const end = start + 1 + random.below(64);
        const piece = bytes.subarray(start, end);
        const deliver = (message: JsonObject) => survives(() => classify(message), ProtocolError);
        if (!survives(() => framer.push(piece, deliver), ProtocolError)) return;
        start = end;
      }
    }));
});

describe('OVSDB', () => {
  const database = new Database(OPEN_VSWITCH_SCHEMA);

  it('every operation has a result or an error', () =>
    fuzz((random) => {
      const sound = Array.from({ length: 1 + random.below(3) }, () => random.pick(OPERATIONS));
      let operations: Json;
      try {
        operations = JSON.parse(mutateText(random, JSON.stringify(sound), WORDS)) as Json;
      } catch {
        return;
      }
      if (!Array.isArray(operations)) return;
      survives(() => expect(execute(database, operations, CONTEXT).results.length).toBeGreaterThan(-1), WaitUnmet);
    }));
});
