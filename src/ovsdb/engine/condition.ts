// Conditions of "where" members (RFC 7047, 5.1 <condition>; the booleans true and false are Open vSwitch's).
import { isArray, type Json } from '../../json-rpc/json.ts';
import { compareAtoms, type NamedUuids } from '../atom.ts';
import {
  type ColumnType,
  type Datum,
  datumFromJson,
  equalDatums,
  excludesAll,
  includesAll,
  isScalar,
  typeText,
} from '../datum.ts';
import { OvsdbError, syntaxError } from '../errors.ts';
import type { TableSchema } from '../schema.ts';
import { requireColumn } from './parse.ts';
import { columnValue, type Row } from './table.ts';

type Test = (value: Datum, argument: Datum) => boolean;

/** Ordering compares single numbers; an optional column without a value is never less or greater. */
const ordered =
  (holds: (order: number) => boolean): Test =>
  (value, argument) =>
    value.keys.length === 1 && argument.keys.length === 1 && holds(compareAtoms(value.keys[0]!, argument.keys[0]!));

const TESTS: Readonly<Record<string, Test>> = {
  '<': ordered((order) => order < 0),
  '<=': ordered((order) => order <= 0),
  '>': ordered((order) => order > 0),
  '>=': ordered((order) => order >= 0),
  '==': (value, argument) => equalDatums(value, argument),
  '!=': (value, argument) => !equalDatums(value, argument),
  includes: (value, argument) => includesAll(value, argument),
  excludes: (value, argument) => excludesAll(value, argument),
};

export interface Clause {
  readonly column: string;
  readonly operator: string;
  readonly test: Test;
  readonly argument: Datum;
}

export type Condition = readonly (Clause | boolean)[];

/** Reads a "where" array. Throws OvsdbError. */
export function parseCondition(table: TableSchema, json: readonly Json[], named?: NamedUuids): Condition {
  return json.map((clause) => (typeof clause === 'boolean' ? clause : parseClause(table, clause, named)));
}

function parseClause(table: TableSchema, json: Json, named?: NamedUuids): Clause {
  const [name, operator, argument] = isArray(json) ? json : [];
  if (!isArray(json) || json.length !== 3 || typeof name !== 'string' || typeof operator !== 'string') {
    throw syntaxError(json, 'Parse error in condition.');
  }
  const column = requireColumn(table, name, json);
  const test = Object.hasOwn(TESTS, operator) ? TESTS[operator] : undefined;
  if (!test) throw new OvsdbError('unknown function', `No function named ${operator}.`);
  const type = argumentType(column.type, operator);
  if (!type) {
    const where = isScalar(column.type) ? 'column' : `column ${name} of`;
    const text = isScalar(column.type) ? `column ${name} of type` : `${where} type`;
    throw syntaxError(
      json,
      `Type mismatch: "${operator}" operator may not be applied to ${text} ${typeText(column.type)}.`,
    );
  }
  return { column: name, operator, test, argument: datumFromJson(argument ?? null, type, named) };
}

/** The type of a function's argument, undefined where the function does not apply to the column. */
function argumentType(type: ColumnType, operator: string): ColumnType | undefined {
  if (operator.startsWith('<') || operator.startsWith('>')) {
    const numeric = type.key.type === 'integer' || type.key.type === 'real';
    return numeric && !type.value && type.max === 1 ? { ...type, min: 1 } : undefined;
  }
  if (isScalar(type)) return type;
  if (operator === 'includes') return { ...type, min: 0 };
  return operator === 'excludes' ? { ...type, min: 0, max: Infinity } : type;
}

function holds(clause: Clause | boolean, row: Row): boolean {
  return typeof clause === 'boolean' ? clause : clause.test(columnValue(row, clause.column), clause.argument);
}

/** True when every clause holds, as in operations. */
export function matchesAll(condition: Condition, row: Row): boolean {
  return condition.every((clause) => holds(clause, row));
}

/** True when some clause holds or there is none, as in monitors (ovsdb-server(7), 4.1.12). */
export function matchesAny(condition: Condition, row: Row): boolean {
  return condition.length === 0 || condition.some((clause) => holds(clause, row));
}

/** The one row that a condition can match because it says `_uuid == X`. */
export function onlyUuid(condition: Condition): string | undefined {
  for (const clause of condition) {
    if (typeof clause !== 'boolean' && clause.column === '_uuid' && clause.operator === '==') {
      return String(clause.argument.keys[0]);
    }
  }
  return undefined;
}
