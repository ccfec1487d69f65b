// A short notation for schemas that are part of the program: one line per column, expanded to the typed schema.
//
//     column: TYPE [immutable] [ephemeral]
//     TYPE  = BASE[=BASE][COUNT]          a second BASE makes a map
//     BASE  = integer | integer[MIN..MAX] | boolean | string | uuid | real | {a|b|c} (string enum)
//           | ->Table (strong reference) | ~>Table (weak reference)
//     COUNT = ? (0 or 1) | * (0 or more) | + (1 or more) | *N (0 to N); none: exactly 1
import { assert, must } from '../../lib/assert.ts';
import { type AtomicType, type BaseType, compareAtoms } from './atom.ts';
import type { ColumnType } from './datum.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from './schema.ts';

export interface TableNotation {
  readonly columns: Readonly<Record<string, string>>;
  readonly isRoot?: boolean;
  readonly maxRows?: number;
  readonly indexes?: readonly (readonly string[])[];
}

const TYPE = /^(?<key>[^=?*+]+)(?:=(?<value>[^=?*+]+))?(?<count>\?|\+|\*\d*)?$/;

export function databaseSchema(
  name: string,
  version: string,
  cksum: string,
  tables: Readonly<Record<string, TableNotation>>,
): DatabaseSchema {
  const expanded = Object.entries(tables).map(([key, notation]) => [key, expandTable(key, notation)] as const);
  return { name, version, cksum, tables: new Map(expanded) };
}

function expandTable(name: string, notation: TableNotation): TableSchema {
  return {
    name,
    columns: new Map(Object.entries(notation.columns).map(([column, text]) => [column, expandColumn(column, text)])),
    maxRows: notation.maxRows ?? Infinity,
    isRoot: notation.isRoot ?? false,
    indexes: notation.indexes ?? [],
  };
}

function expandColumn(name: string, text: string): ColumnSchema {
  const [type, ...flags] = text.split(' ');
  return {
    name,
    type: expandType(must(type)),
    mutable: !flags.includes('immutable'),
    ephemeral: flags.includes('ephemeral'),
  };
}

function expandType(text: string): ColumnType {
  const groups = TYPE.exec(text)?.groups;
  assert(groups?.['key'] !== undefined, `bad type notation ${text}`);
  const { key, value, count = '' } = groups;
  const limit = count.startsWith('*') && count.length > 1 ? Number(count.slice(1)) : Infinity;
  return {
    key: expandBase(must(key)),
    ...(value === undefined ? {} : { value: expandBase(value) }),
    min: count === '' || count === '+' ? 1 : 0,
    max: count === '' || count === '?' ? 1 : limit,
  };
}

function expandBase(text: string): BaseType {
  if (text.startsWith('->')) return { type: 'uuid', refTable: text.slice(2) };
  if (text.startsWith('~>')) return { type: 'uuid', refTable: text.slice(2), refType: 'weak' };
  if (text.startsWith('{')) return { type: 'string', enum: text.slice(1, -1).split('|').sort(compareAtoms) };
  const [, min, max] = /^integer\[(-?\d*)\.\.(-?\d*)\]$/.exec(text) ?? [];
  if (min === undefined || max === undefined) return { type: text as AtomicType };
  return {
    type: 'integer',
    ...(min === '' ? {} : { minInteger: Number(min) }),
    ...(max === '' ? {} : { maxInteger: Number(max) }),
  };
}
