import { describe, expect, it } from 'vitest';
import { parseAtom, parseDatum, takeToken } from '../../../../src/cli/vsctl/value-syntax.ts';
import { type ColumnType, datumText } from '../../../../src/ovsdb/datum.ts';

const unlimited = Number.POSITIVE_INFINITY;
const text: ColumnType = { key: { type: 'string' }, min: 1, max: 1 };
const vlans: ColumnType = { key: { type: 'integer', minInteger: 0, maxInteger: 4095 }, min: 0, max: 4096 };
const pairs: ColumnType = { key: { type: 'string' }, value: { type: 'string' }, min: 0, max: unlimited };
const mirrors: ColumnType = { key: { type: 'uuid', refTable: 'Mirror', refType: 'strong' }, min: 0, max: unlimited };

describe('parseDatum()', () => {
  it.each([
    ['1,2 3', vlans, '[1, 2, 3]'],
    ['[ 7 , 5-6,]', vlans, '[5, 6, 7]'],
    ['', vlans, '[]'],
    ['{b="x y", a=1}', pairs, '{a="1", b="x y"}'],
    ['a=b', pairs, '{a=b}'],
    ['"a\\n\\"b\\""', text, '"a\\n\\"b\\""'],
    ['true', text, '"true"'],
    ['br-int.1', text, 'br-int.1'],
    ['01234567-89ab-cdef-0123-456789abcdef', text, '"01234567-89ab-cdef-0123-456789abcdef"'],
  ])('reads %j and prints it as ovs-vsctl does', (typed, type, printed) => {
    expect(datumText(parseDatum(typed, type), type)).toBe(printed);
  });

  it.each([
    ['1,1', vlans, '1,1: set contains duplicate value'],
    ['4096', vlans, 'constraint violation: 4096 is not in the valid range 0 to 4095 (inclusive)'],
    ['8-5', vlans, '"8-5" is not a valid range. Range end cannot be before start.'],
    ['[1', vlans, '[1: missing "]" at end of data'],
    ['[1]x', vlans, '[1]x: trailing garbage after "]"'],
    ['{1}', vlans, '{1}: unexpected "{" parsing set of up to 4096 integers'],
    ['a b', text, 'a b: 2 value(s) specified but the maximum number is 1'],
    ['a', pairs, 'a: syntax error at "'],
    ['a=b c', pairs, 'c: syntax error at "'],
    ['{a=b,a=c}', pairs, '{a=b,a=c}: map contains duplicate key'],
    ['"x', text, '"x: missing quote at end of quoted string'],
    ['"\\q"', text, '"\\q": bad escape \\q'],
    ['@a', vlans, '"@a" is not a valid integer or range'],
  ])('refuses %j', (typed, type, message) => {
    expect(() => parseDatum(typed, type)).toThrow(message);
  });

  it('resolves @names of rows, saying how they are referred to', () => {
    const seen: string[] = [];
    const datum = parseDatum('@a,@b', mirrors, (name, reference) => `${seen.push(`${name} ${reference}`)}`);
    expect(seen).toEqual(['@a strong', '@b strong']);
    expect(datum.keys).toEqual(['1', '2']);
  });

  it('does not spell out absurd ranges', () => {
    const many: ColumnType = { key: { type: 'integer' }, min: 0, max: unlimited };
    expect(() => parseDatum('0-4000000000', many)).toThrow('a range has at most 65536 elements');
  });
});

describe('parseAtom()', () => {
  it('takes the words for booleans', () => {
    expect(['true', 'yes', 'on', '1'].map((word) => parseAtom(word, { type: 'boolean' }))).not.toContain(false);
    expect(() => parseAtom('TRUE', { type: 'boolean' })).toThrow('"TRUE" is not a valid boolean');
  });

  it('refuses the empty string unless it is quoted', () => {
    expect(() => parseAtom('', { type: 'string' })).toThrow('An empty string is not valid as input');
    expect(parseAtom('""', { type: 'string' })).toBe('');
  });
});

describe('takeToken()', () => {
  it.each([
    ['abc:def', 'abc'],
    [':x', ':'],
    ['"a:b"=c', '"a:b"'],
    ['"a\\":b', '"a\\":b'],
    ['', ''],
  ])('cuts %j', (typed, token) => {
    expect(takeToken(typed, 0).text).toBe(token);
  });
});
