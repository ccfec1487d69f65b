// COLUMN[:KEY]=VALUE arguments, to set and to compare (ovs-vsctl(8), "Database Commands": find, set, wait-until).

import { UserError } from '../../../lib/errors.ts';
import { type Atom, compareAtoms } from '../../ovsdb/atom.ts';
import {
  type ColumnType,
  type Datum,
  equalDatums,
  excludesAll,
  findKey,
  includesAll,
  isMap,
} from '../../ovsdb/datum.ts';
import type { ColumnSchema, TableSchema } from '../../ovsdb/schema.ts';
import { columnValue, findColumn } from './naming.ts';
import type { Row } from './transaction.ts';
import { parseAtom, parseDatum, type SymbolResolver, takeToken } from './value-syntax.ts';

export interface ColumnArgument {
  readonly column: ColumnSchema;
  /** As typed; undefined without `:KEY`. */
  readonly key: string | undefined;
  /** Empty for an argument that has none. */
  readonly operator: string;
  readonly value: string;
}

const OPERATORS = ['=', '!=', '<', '>', '<=', '>=', '{=}', '{!=}', '{<}', '{>}', '{<=}', '{>=}', '{in}', '{not-in}'];

/** Reads COLUMN[:KEY], then one of `operators` with a value when there are any. Throws UserError. */
function parseArgument(
  text: string,
  table: TableSchema,
  operators: readonly string[],
  withUuid: boolean,
): ColumnArgument {
  const name = takeToken(text, 0);
  if (name.text === '' || name.text === ':') throw new UserError(`${text}: missing column name`);
  const column = findColumn(table, name.text, withUuid);
  let at = name.end;
  let key: string | undefined;
  if (text[at] === ':') {
    const token = at + 1 < text.length && text[at + 1] !== '=' ? takeToken(text, at + 1) : { text: '', end: at + 1 };
    key = token.text;
    at = token.end;
  }
  const rest = text.slice(at);
  if (operators.length === 0) {
    if (rest !== '') throw new UserError(`${text}: trailing garbage "${rest}" in argument`);
    return { column, key, operator: '', value: '' };
  }
  const operator = [...operators].sort((a, b) => b.length - a.length).find((each) => rest.startsWith(each));
  if (operator === undefined || rest.length === operator.length) {
    throw new UserError(`${text}: argument does not end in ${alternatives(operators)} followed by a value.`);
  }
  return { column, key, operator, value: rest.slice(operator.length) };
}

function alternatives(operators: readonly string[]): string {
  const quoted = operators.map((operator) => `"${operator}"`);
  return quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(', ')}, or ${quoted.at(-1)}`;
}

/** COLUMN[:KEY] */
export function parseColumn(text: string, table: TableSchema): ColumnArgument {
  return parseArgument(text, table, [], true);
}

/** COLUMN[:KEY]=VALUE */
export function parseSetting(text: string, table: TableSchema): ColumnArgument {
  return parseArgument(text, table, ['='], false);
}

export type Condition = (row: Row) => boolean;

const ORDER_TESTS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '>': (order) => order > 0,
  '<=': (order) => order <= 0,
  '>=': (order) => order >= 0,
};

const SET_TESTS: Readonly<Record<string, (have: Datum, want: Datum) => boolean>> = {
  '{=}': (have, want) => equalDatums(have, want),
  '{!=}': (have, want) => !equalDatums(have, want),
  '{<}': (have, want) => have.keys.length < want.keys.length && includesAll(want, have),
  '{>}': (have, want) => have.keys.length > want.keys.length && includesAll(have, want),
  '{<=}': (have, want) => includesAll(want, have),
  '{>=}': (have, want) => includesAll(have, want),
  '{in}': (have, want) => includesAll(want, have),
  '{not-in}': (have, want) => excludesAll(have, want),
};

/** Reads COLUMN[:KEY]OPERATOR VALUE into a test of a row. Throws UserError. */
export function parseCondition(text: string, table: TableSchema, symbols: SymbolResolver): Condition {
  const argument = parseArgument(text, table, OPERATORS, true);
  return argument.key === undefined ? wholeCondition(argument, symbols) : keyCondition(argument, argument.key, symbols);
}

function wholeCondition({ column, operator, value }: ColumnArgument, symbols: SymbolResolver): Condition {
  const setTest = SET_TESTS[operator];
  if (setTest) {
    const many: ColumnType = { ...column.type, min: 0, max: Number.POSITIVE_INFINITY };
    const want = parseDatum(value, many, symbols);
    return (row) => setTest(columnValue(row, column), want);
  }
  const want = parseDatum(value, column.type, symbols);
  const test = ORDER_TESTS[operator]!;
  return (row) => test(compareDatums(columnValue(row, column), want));
}

function keyCondition(
  { column, operator, value }: ColumnArgument,
  keyText: string,
  symbols: SymbolResolver,
): Condition {
  const { type } = column;
  if (!isMap(type)) throw new UserError(`cannot specify key to check for non-map column ${column.name}`);
  const key = parseAtom(keyText, type.key, symbols);
  const found = (row: Row): Atom | undefined => {
    const datum = columnValue(row, column);
    const at = findKey(datum, key);
    return at < 0 ? undefined : datum.values?.[at];
  };
  const setTest = SET_TESTS[operator];
  if (setTest) {
    const want = parseDatum(value, { key: type.value, min: 0, max: Number.POSITIVE_INFINITY }, symbols);
    return (row) => {
      const have = found(row);
      return setTest({ keys: have === undefined ? [] : [have] }, want);
    };
  }
  const want = parseAtom(value, type.value, symbols);
  const test = ORDER_TESTS[operator]!;
  return (row) => {
    const have = found(row);
    return have !== undefined && test(compareAtoms(have, want));
  };
}

/** Fewer elements come first, then the first different key decides, then the first different value. */
function compareDatums(a: Datum, b: Datum): number {
  if (a.keys.length !== b.keys.length) return a.keys.length - b.keys.length;
  return firstDifference(a.keys, b.keys) || firstDifference(a.values ?? [], b.values ?? []);
}

function firstDifference(a: readonly Atom[], b: readonly Atom[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = compareAtoms(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return 0;
}
