import { describe, expect, it } from 'vitest';
import { compareAtoms } from '../../../src/ovsdb/atom.ts';
import {
  applyDiff,
  type ColumnType,
  datumFromJson,
  datumToJson,
  defaultDatum,
  diffDatums,
  equalDatums,
  mapOf,
  setOf,
} from '../../../src/ovsdb/datum.ts';
import { map } from '../../../src/ovsdb/ops.ts';

const strings: ColumnType = { key: { type: 'string' }, min: 0, max: Infinity };
const vlans: ColumnType = { key: { type: 'integer', minInteger: 0, maxInteger: 4095 }, min: 0, max: 3 };
const ids: ColumnType = { key: { type: 'string' }, value: { type: 'string' }, min: 0, max: Infinity };
const ref: ColumnType = { key: { type: 'uuid' }, min: 1, max: 1 };
const U = '12345678-1234-1234-1234-1234567890ab';

describe('datums', () => {
  it('datumFromJson() and datumToJson() are inverse, in sorted order', () => {
    expect(datumToJson(datumFromJson(['set', ['b', 'a']], strings), strings)).toEqual(['set', ['a', 'b']]);
    expect(datumToJson(datumFromJson('a', strings), strings)).toBe('a');
    expect(datumToJson(datumFromJson(['set', []], vlans), vlans)).toEqual(['set', []]);
    expect(
      datumToJson(
        datumFromJson(
          [
            'map',
            [
              ['b', '2'],
              ['a', '1'],
            ],
          ],
          ids,
        ),
        ids,
      ),
    ).toEqual([
      'map',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ]);
    expect(datumToJson(datumFromJson(['uuid', U.toUpperCase()], ref), ref)).toEqual(['uuid', U]);
    expect(datumFromJson(['named-uuid', 'x'], ref, () => U).keys).toEqual([U]);
    expect(datumToJson(defaultDatum(ref), ref)).toEqual(['uuid', '00000000-0000-0000-0000-000000000000']);
  });

  it('datumFromJson() refuses wrong types, counts, ranges and duplicates', () => {
    const twice = map([
      ['a', '1'],
      ['a', '2'],
    ]);
    const wrong: [unknown, ColumnType, string][] = [
      [1, strings, 'syntax error'],
      [['set', ['a', 'a']], strings, 'ovsdb error'],
      [twice, ids, 'ovsdb error'],
      [4096, vlans, 'constraint violation'],
      [['set', [1, 2, 3, 4]], vlans, 'syntax error'],
      [1.5, vlans, 'syntax error'],
      [2 ** 60, { key: { type: 'integer' }, min: 1, max: 1 }, 'range error'],
      [['set', []], ref, 'syntax error'],
      ['a\0b', strings, 'syntax error'],
      ['\ud800', strings, 'syntax error'],
      [['uuid', 'x'], ref, 'syntax error'],
      [{}, strings, 'syntax error'],
    ];
    for (const [json, type, code] of wrong) {
      expect(() => datumFromJson(json as never, type), JSON.stringify(json)).toThrow(expect.objectContaining({ code }));
    }
  });

  it('applyDiff() undoes diffDatums() for sets and maps', () => {
    const sets = [[], ['a'], ['a', 'b'], ['b', 'c', 'd']].map((keys) => setOf(keys));
    for (const a of sets) for (const b of sets) expect(equalDatums(applyDiff(a, diffDatums(a, b)), b)).toBe(true);
    const maps = [
      [],
      [['a', '1']],
      [
        ['a', '2'],
        ['b', '1'],
      ],
      [['c', '3']],
    ].map((pairs) => mapOf(pairs as [string, string][]));
    for (const a of maps) for (const b of maps) expect(equalDatums(applyDiff(a, diffDatums(a, b)), b)).toBe(true);
  });

  it('compareAtoms() orders text by code point', () => {
    expect(['\u{1f600}', 'z', '\uffee', 'a'].sort(compareAtoms)).toEqual(['a', 'z', '\uffee', '\u{1f600}']);
    expect([10, -1, 9].sort(compareAtoms)).toEqual([-1, 9, 10]);
  });
});
