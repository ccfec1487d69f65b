// Mutations (RFC 7047, 5.1 <mutation>): arithmetic on numbers, insertion into and deletion from sets and maps.
import { must } from '../../../lib/assert.ts';
import { isArray, type Json } from '../../json-rpc/json.ts';
import { type Atom, checkAtom, type NamedUuids } from '../atom.ts';
import {
  type ColumnType,
  checkCount,
  type Datum,
  datumFromJson,
  findKey,
  isScalar,
  mapOf,
  setOf,
  typeText,
} from '../datum.ts';
import { constraintViolation, OvsdbError, syntaxError } from '../errors.ts';
import type { TableSchema } from '../schema.ts';
import { requireColumn } from './parse.ts';

export interface Mutation {
  readonly column: string;
  /** The column's new value. Throws OvsdbError. */
  readonly apply: (value: Datum) => Datum;
}

type Arithmetic = (a: number, b: number) => number;

function divisor(b: number): number {
  if (b === 0) throw new OvsdbError('domain error', 'Division by zero.');
  return b;
}

const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  '+=': (a, b) => a + b,
  '-=': (a, b) => a - b,
  '*=': (a, b) => a * b,
  '/=': (a, b) => a / divisor(b),
  '%=': (a, b) => a % divisor(b),
};

/** Reads one <mutation>. Throws OvsdbError. */
export function parseMutation(table: TableSchema, json: Json, named?: NamedUuids): Mutation {
  const [name, mutator, argument] = isArray(json) ? json : [];
  if (!isArray(json) || json.length !== 3 || typeof name !== 'string' || typeof mutator !== 'string') {
    throw syntaxError(json, 'Parse error in mutation.');
  }
  const { type, mutable } = requireColumn(table, name, json);
  if (!mutable) {
    throw new OvsdbError(
      'constraint violation',
      `Cannot mutate immutable column ${name} in table ${table.name}.`,
      json,
    );
  }
  const apply = mutatorOf(type, mutator, argument ?? null, named);
  if (apply) return { column: name, apply };
  const what = `column ${name} of type ${typeText(type)}`;
  throw syntaxError(json, `Type mismatch: "${mutator}" operator may not be applied to ${what}.`);
}

function mutatorOf(type: ColumnType, mutator: string, json: Json, named?: NamedUuids): Mutation['apply'] | undefined {
  if (mutator === 'insert') {
    if (isScalar(type)) return undefined;
    const argument = datumFromJson(json, { ...type, min: 0 }, named);
    return (value) => counted(insertInto(value, argument), type);
  }
  if (mutator === 'delete') {
    if (isScalar(type)) return undefined;
    const argument = deletionArgument(type, json, named);
    return (value) => counted(deleteFrom(value, argument), type);
  }
  const compute = Object.hasOwn(ARITHMETIC, mutator) ? ARITHMETIC[mutator] : undefined;
  if (!compute) throw new OvsdbError('unknown mutator', `No mutator named ${mutator}.`);
  const { key } = type;
  if ((key.type !== 'integer' && key.type !== 'real') || type.value) return undefined;
  const argument = datumFromJson(json, { key: { type: key.type }, min: 1, max: 1 }).keys[0] as number;
  return (value) => calculate(value, type, mutator, (a) => compute(a, argument));
}

/** Keys alone may be deleted from a map, whatever their values: what is no map is read as a set of keys. */
function deletionArgument(type: ColumnType, json: Json, named?: NamedUuids): Datum {
  const relaxed: ColumnType = { ...type, min: 0, max: Infinity };
  if (!type.value) return datumFromJson(json, relaxed, named);
  try {
    return datumFromJson(json, relaxed, named);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    return datumFromJson(json, { key: type.key, min: 0, max: Infinity }, named);
  }
}

function calculate(value: Datum, type: ColumnType, mutator: string, compute: (a: number) => number): Datum {
  const results = value.keys.map((atom) => {
    const exact = compute(atom as number);
    const result = type.key.type === 'integer' ? Math.trunc(exact) + 0 : exact;
    if (type.key.type === 'integer' ? !Number.isSafeInteger(result) : !Number.isFinite(result)) {
      throw new OvsdbError('range error', `Result of "${mutator}" operation is out of range.`);
    }
    checkAtom(result, type.key);
    return result;
  });
  const datum = setOf(results);
  if (datum.keys.length !== results.length) {
    throw constraintViolation(`Result of "${mutator}" operation contains duplicates.`);
  }
  return datum;
}

/** A key that is in a map already keeps its value. */
function insertInto(value: Datum, more: Datum): Datum {
  if (!value.values) return setOf([...value.keys, ...more.keys]);
  const map = new Map<Atom, Atom>(value.keys.map((key, i) => [key, must(value.values?.[i])]));
  more.keys.forEach((key, i) => {
    if (!map.has(key)) map.set(key, must(more.values?.[i]));
  });
  return mapOf(map);
}

function deleteFrom(value: Datum, less: Datum): Datum {
  const stays = value.keys.map((key, i) => {
    const at = findKey(less, key);
    return at < 0 || (less.values !== undefined && less.values[at] !== value.values?.[i]);
  });
  const keys = value.keys.filter((_, i) => stays[i]);
  return value.values ? { keys, values: value.values.filter((_, i) => stays[i]) } : { keys };
}

function counted(datum: Datum, type: ColumnType): Datum {
  checkCount(datum, type);
  return datum;
}
