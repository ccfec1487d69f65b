// Tables of values as Open vSwitch's database tools print them: list, table, json, csv and html (ovs-vsctl(8),
// "Table Formatting Options").

import { UserError } from '../../lib/errors.ts';
import type { Json } from '../json-rpc/json.ts';
import { canonicalText, isArray, isObject } from '../json-rpc/json.ts';

export const TABLE_FORMATS = ['list', 'table', 'json', 'csv', 'html'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];
export const CELL_FORMATS = ['string', 'bare', 'json'] as const;
export type CellFormat = (typeof CELL_FORMATS)[number];

export interface TableStyle {
  readonly format: TableFormat;
  readonly data: CellFormat;
  readonly headings: boolean;
  /** Indented JSON. */
  readonly pretty: boolean;
  /** Characters of a column in the `table` format that are shown; 0: all. */
  readonly maxColumnWidth: number;
}

/** One value in the forms that a style may ask for. */
export interface Cell {
  readonly string: string;
  readonly bare: string;
  readonly json: Json;
}

export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Reads a --format argument. Throws UserError. */
export function parseTableFormat(text: string): TableFormat {
  const format = TABLE_FORMATS.find((name) => name === text);
  if (!format) throw new UserError(`unknown output format "${text}"`);
  return format;
}

/** Reads a --data argument. Throws UserError. */
export function parseCellFormat(text: string): CellFormat {
  const format = CELL_FORMATS.find((name) => name === text);
  if (!format) throw new UserError(`unknown data format "${text}"`);
  return format;
}

/** Formats the tables of one run of a tool: blank lines stand between them, not before the first. */
export class TableFormatter {
  readonly #style: TableStyle;
  #isFirst = true;

  constructor(style: TableStyle) {
    this.#style = style;
  }

  /** The text of `table`, ending in a newline unless it is empty. */
  format(table: Table): string {
    switch (this.#style.format) {
      case 'list':
        return this.#list(table);
      case 'table':
        return this.#separator() + this.#columns(table);
      case 'csv':
        return this.#separator() + this.#csv(table);
      case 'html':
        return this.#html(table);
      case 'json':
        return this.#json(table);
    }
  }

  #text(cell: Cell): string {
    return this.#style.data === 'json' ? canonicalText(cell.json) : cell[this.#style.data];
  }

  #separator(): string {
    const separator = this.#isFirst ? '' : '\n';
    this.#isFirst = false;
    return separator;
  }

  #list({ headings, rows }: Table): string {
    const blocks = rows.map((row) => {
      const lines = row.map((cell, i) => {
        const heading = this.#style.headings ? `${headings[i]?.padEnd(20)}: ` : '';
        return `${heading}${this.#text(cell)}\n`;
      });
      return this.#separator() + lines.join('');
    });
    return blocks.join('');
  }

  #columns({ headings, rows }: Table): string {
    const cells = rows.map((row) => row.map((cell) => this.#text(cell)));
    const shown = this.#style.headings ? [headings, ...cells] : cells;
    const limit = this.#style.maxColumnWidth || Number.POSITIVE_INFINITY;
    const widths = headings.map((_, i) => Math.min(limit, Math.max(0, ...shown.map((row) => lengthOf(row[i])))));
    const line = (row: readonly string[]) =>
      `${row
        .map((text, i) => [...text].slice(0, widths[i]).join('').padEnd(widths[i]!))
        .join(' ')
        .trimEnd()}\n`;
    const lines = cells.map(line);
    if (this.#style.headings) lines.unshift(line(headings), line(widths.map((width) => '-'.repeat(width))));
    return lines.join('');
  }

  #csv({ headings, rows }: Table): string {
    const cells = rows.map((row) => row.map((cell) => this.#text(cell)));
    const shown = this.#style.headings ? [headings, ...cells] : cells;
    return shown.map((row) => `${row.map(csvCell).join(',')}\n`).join('');
  }

  #html({ headings, rows }: Table): string {
    const row = (cells: readonly string[]) => `  <tr>\n${cells.map((cell) => `    ${cell}\n`).join('')}  </tr>\n`;
    const head = this.#style.headings ? row(headings.map((name) => `<th>${htmlText(name)}</th>`)) : '';
    const body = rows.map((cells) =>
      row(cells.map((cell, i) => `<td>${htmlCell(this.#text(cell), headings[i] === '_uuid')}</td>`)),
    );
    return `<table border=1>\n${head}${body.join('')}</table>\n`;
  }

  #json({ headings, rows }: Table): string {
    const json = { data: rows.map((row) => row.map((cell) => cell.json)), headings };
    return `${this.#style.pretty ? prettyText(json, 0) : canonicalText(json)}\n`;
  }
}

function lengthOf(text: string | undefined): number {
  return [...(text ?? '')].length;
}

function csvCell(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const UUIDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function htmlText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);
}

/** A row's own uuid becomes an anchor, every other one a link to it. */
function htmlCell(text: string, isOwnUuid: boolean): string {
  const attribute = (uuid: string) => (isOwnUuid ? `name="${uuid}"` : `href="#${uuid}"`);
  return htmlText(text).replace(UUIDS, (uuid) => `<a ${attribute(uuid)}>${uuid.slice(0, 8)}</a>`);
}

/** JSON on many lines, keys sorted, closing brackets where their last member ends. */
function prettyText(value: Json, depth: number): string {
  const indent = '  '.repeat(depth + 1);
  if (isArray(value)) {
    if (value.length === 0) return '[]';
    return `[\n${value.map((item) => indent + prettyText(item, depth + 1)).join(',\n')}]`;
  }
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${indent}${JSON.stringify(key)}: ${prettyText(value[key] ?? null, depth + 1)}`);
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}}`;
}
