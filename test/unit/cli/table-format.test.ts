import { describe, expect, it } from 'vitest';
import { type Cell, type Table, TableFormatter, type TableStyle } from '../../../src/cli/table-format.ts';

const cell = (string: string, bare: string, json: Cell['json']): Cell => ({ string, bare, json });
const uuid = '01234567-89ab-cdef-0123-456789abcdef';
const table: Table = {
  headings: ['_uuid', 'name', 'tag'],
  rows: [
    [cell(uuid, uuid, ['uuid', uuid]), cell('"a b"', 'a b', 'a b'), cell('[]', '', ['set', []])],
    [cell(uuid, uuid, ['uuid', uuid]), cell('p1', 'p1', 'p1'), cell('[1, 2]', '1 2', ['set', [1, 2]])],
  ],
};
const style: TableStyle = { format: 'list', data: 'string', headings: true, pretty: false, maxColumnWidth: 0 };

function format(change: Partial<TableStyle>, ...tables: Table[]): string {
  const formatter = new TableFormatter({ ...style, ...change });
  return (tables.length === 0 ? [table] : tables).map((each) => formatter.format(each)).join('');
}

describe('TableFormatter', () => {
  it('list: a line per value, a blank line between rows', () => {
    expect(format({})).toBe(
      `_uuid               : ${uuid}\nname                : "a b"\ntag                 : []\n\n` +
        `_uuid               : ${uuid}\nname                : p1\ntag                 : [1, 2]\n`,
    );
    expect(format({ data: 'bare', headings: false })).toBe(`${uuid}\na b\n\n\n${uuid}\np1\n1 2\n`);
  });

  it('table: columns as wide as their values, no spaces at the ends of lines', () => {
    expect(format({ format: 'table', maxColumnWidth: 4 })).toBe(
      '_uui name tag\n---- ---- ----\n0123 "a b []\n0123 p1   [1,\n',
    );
    expect(format({ format: 'table', data: 'bare' }, table, { headings: ['x'], rows: [] })).toBe(
      `_uuid${' '.repeat(32)}name tag\n${'-'.repeat(36)} ---- ---\n${uuid} a b\n${uuid} p1   1 2\n\nx\n-\n`,
    );
  });

  it('csv: quotes what has commas and quotes', () => {
    expect(format({ format: 'csv' })).toBe(`_uuid,name,tag\n${uuid},"""a b""",[]\n${uuid},p1,"[1, 2]"\n`);
  });

  it('json: keys sorted, on one line or indented', () => {
    const small = { headings: ['n'], rows: [[cell('1', '1', 1)]] };
    expect(format({ format: 'json' }, small)).toBe('{"data":[[1]],"headings":["n"]}\n');
    expect(format({ format: 'json', pretty: true }, small)).toBe(
      '{\n  "data": [\n    [\n      1]],\n  "headings": [\n    "n"]}\n',
    );
  });

  it('html: escapes text and links uuids', () => {
    const linked = { headings: ['_uuid', 'ref'], rows: [[table.rows[0]![0]!, cell(`<${uuid}>`, '', '')]] };
    const html = format({ format: 'html', headings: false }, linked);
    expect(html).toContain(`<td><a name="${uuid}">01234567</a></td>`);
    expect(html).toContain(`<td>&lt;<a href="#${uuid}">01234567</a>&gt;</td>`);
  });
});
