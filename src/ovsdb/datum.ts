// Datums: a column's value (RFC 7047, 5.1 <value>): an optional or single atom, a set of atoms, or a map.
//
// All are one immutable shape: keys in ascending order without duplicates and, for a map, the values in the keys'
// order. A scalar is a set of one.
import { isArray, type Json } from '../json-rpc/json.ts';
import {
  type Atom,
  atomFromJson,
  atomText,
  atomToJson,
  type BaseType,
  compareAtoms,
  defaultAtom,
  type NamedUuids,
} from './atom.ts';
import { OvsdbError, syntaxError } from './errors.ts';

/** <type> of RFC 7047 section 3.2. */
export interface ColumnType {
  readonly key: BaseType;
  /** Present for maps. */
  readonly value?: BaseType;
  readonly min: 0 | 1;
  /** Infinity where the schema says "unlimited". */
  readonly max: number;
}

export interface Datum {
  readonly keys: readonly Atom[];
  readonly values?: readonly Atom[];
}

export const EMPTY_SET: Datum = { keys: [] };
export const EMPTY_MAP: Datum = { keys: [], values: [] };

export function isMap(type: ColumnType): type is ColumnType & { value: BaseType } {
  return type.value !== undefined;
}

/** `type` without its constraints: for values that were judged when they were written. */
export function unconstrained({ key, value }: ColumnType): ColumnType {
  return { key: { type: key.type }, ...(value ? { value: { type: value.type } } : {}), min: 0, max: Infinity };
}

/** True for sets and maps, whose changes are written and sent as differences; others as their new value. */
export function changesAsDiff(type: ColumnType): boolean {
  return type.value !== undefined || type.max > 1;
}

/** What says that a column of `type` went from `old` to `datum`. */
export function changeOf(type: ColumnType, old: Datum, datum: Datum): Datum {
  return changesAsDiff(type) ? diffDatums(old, datum) : datum;
}

/** The inverse of changeOf(). */
export function applyChange(type: ColumnType, old: Datum, change: Datum): Datum {
  return changesAsDiff(type) ? applyDiff(old, change) : change;
}

export function isScalar(type: ColumnType): boolean {
  return type.value === undefined && type.min === 1 && type.max === 1;
}

/** What a column holds when an insert does not name it (RFC 7047, 5.2.1). */
export function defaultDatum(type: ColumnType): Datum {
  if (type.min === 0) return isMap(type) ? EMPTY_MAP : EMPTY_SET;
  const keys = [defaultAtom(type.key.type)];
  return isMap(type) ? { keys, values: [defaultAtom(type.value.type)] } : { keys };
}

export function isDefaultDatum(datum: Datum, type: ColumnType): boolean {
  return equalDatums(datum, defaultDatum(type));
}

/** A set of `atoms`, which may be unordered and hold duplicates. */
export function setOf(atoms: Iterable<Atom>): Datum {
  return { keys: sortedUnique([...atoms]) };
}

/** A map of `pairs`, whose keys must differ. */
export function mapOf(pairs: Iterable<readonly [Atom, Atom]>): Datum {
  const sorted = [...pairs].sort((a, b) => compareAtoms(a[0], b[0]));
  return { keys: sorted.map((pair) => pair[0]), values: sorted.map((pair) => pair[1]) };
}

export function scalar(atom: Atom): Datum {
  return { keys: [atom] };
}

function sortedUnique(atoms: Atom[]): Atom[] {
  atoms.sort(compareAtoms);
  return atoms.filter((atom, i) => i === 0 || atom !== atoms[i - 1]);
}

/** Where `key` is, or would go, in the sorted `keys`. */
function lowerBound(keys: readonly Atom[], key: Atom): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAtoms(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of `key`, or -1. */
export function findKey(datum: Datum, key: Atom): number {
  const i = lowerBound(datum.keys, key);
  return i < datum.keys.length && datum.keys[i] === key ? i : -1;
}

export function equalDatums(a: Datum, b: Datum): boolean {
  return a === b || (equalAtoms(a.keys, b.keys) && equalAtoms(a.values ?? [], b.values ?? []));
}

function equalAtoms(a: readonly Atom[], b: readonly Atom[]): boolean {
  return a.length === b.length && a.every((atom, i) => atom === b[i]);
}

/** True when every element (key-value pair in a map) of `a` is in `b`. */
export function includesAll(b: Datum, a: Datum): boolean {
  return a.keys.every((key, i) => hasPair(b, key, a.values?.[i]));
}

/** True when no element of `a` is in `b`. */
export function excludesAll(b: Datum, a: Datum): boolean {
  return a.keys.every((key, i) => !hasPair(b, key, a.values?.[i]));
}

function hasPair(datum: Datum, key: Atom, value: Atom | undefined): boolean {
  const i = findKey(datum, key);
  return i >= 0 && (value === undefined || datum.values?.[i] === value);
}

/** <value>: a bare atom for exactly one element of a set, else ["set", ...] or ["map", ...]. */
export function datumToJson(datum: Datum, type: ColumnType): Json {
  const key = type.key.type;
  if (type.value) {
    const value = type.value.type;
    const pairs = datum.keys.map((atom, i) => [atomToJson(atom, key), atomToJson(datum.values![i]!, value)]);
    return ['map', pairs];
  }
  if (datum.keys.length === 1) return atomToJson(datum.keys[0]!, key);
  return ['set', datum.keys.map((atom) => atomToJson(atom, key))];
}

/** Reads a <value> of `type`, checking constraints and the number of elements. Throws OvsdbError. */
export function datumFromJson(json: Json, type: ColumnType, named?: NamedUuids): Datum {
  return isMap(type) ? parseMap(json, type, named) : parseSet(json, type, named);
}

function parseMap(json: Json, type: ColumnType & { value: BaseType }, named?: NamedUuids): Datum {
  if (!isArray(json) || json[0] !== 'map' || json.length !== 2 || !isArray(json[1])) {
    throw syntaxError(json, 'expected ["map", <array>]');
  }
  checkParsedCount(json, json[1].length, type);
  const map = new Map<Atom, Atom>();
  for (const pair of json[1]) {
    if (!isArray(pair) || pair.length !== 2) throw syntaxError(pair, 'expected 2-element array');
    const key = atomFromJson(pair[0]!, type.key, named);
    if (map.has(key)) throw new OvsdbError('ovsdb error', 'map contains duplicate key');
    map.set(key, atomFromJson(pair[1]!, type.value, named));
  }
  return mapOf(map);
}

function parseSet(json: Json, type: ColumnType, named?: NamedUuids): Datum {
  if (!isArray(json) || json[0] !== 'set') return { keys: [atomFromJson(json, type.key, named)] };
  if (json.length !== 2 || !isArray(json[1])) throw syntaxError(json, 'expected ["set", <array>]');
  checkParsedCount(json, json[1].length, type);
  const atoms = json[1].map((item) => atomFromJson(item, type.key, named));
  const keys = sortedUnique(atoms);
  if (keys.length !== json[1].length) throw new OvsdbError('ovsdb error', 'set contains duplicate');
  return { keys };
}

function checkParsedCount(json: Json, count: number, type: ColumnType): void {
  if (count >= type.min && count <= type.max) return;
  throw syntaxError(json, countText(count, type));
}

/** Throws OvsdbError when a column of `type` cannot hold this number of elements. */
export function checkCount(datum: Datum, type: ColumnType): void {
  const count = datum.keys.length;
  if (count >= type.min && count <= type.max) return;
  throw new OvsdbError('constraint violation', `Attempted to store ${count} elements in ${typeText(type)}.`);
}

function countText(count: number, { min, max, value }: ColumnType): string {
  const what = value ? 'map' : 'set';
  if (min === 1 && max === 1) return `${what} must have exactly one member but ${count} are present`;
  // "unlimited" is sent as a number here, because that is what clients' users know from ovsdb-server.
  return `${what} must have ${min} to ${max === Infinity ? 0xffffffff : max} members but ${count} are present`;
}

/** A type as error texts name it: `string`, `set of up to 4096 integers`, `map of (string, string) pairs`. */
export function typeText(type: ColumnType): string {
  const { key, value, min, max } = type;
  if (isScalar(type)) return key.type;
  const range = max === Infinity ? (min === 1 ? '1 or more ' : '') : min === 1 ? `1 to ${max} ` : `up to ${max} `;
  return value ? `map of ${range}(${key.type}, ${value.type}) pairs` : `set of ${range}${key.type}s`;
}

/** What changes `from` into `to`: for a set the elements that are in one only, for a map the pairs that differ. */
export function diffDatums(from: Datum, to: Datum): Datum {
  const pairs: [Atom, Atom][] = [];
  const keys: Atom[] = [];
  const add = (key: Atom, value: Atom | undefined) => {
    keys.push(key);
    pairs.push([key, value ?? 0]);
  };
  from.keys.forEach((key, i) => {
    const at = findKey(to, key);
    if (at < 0) add(key, from.values?.[i]);
    else if (from.values && from.values[i] !== to.values![at]) add(key, to.values![at]);
  });
  to.keys.forEach((key, i) => {
    if (findKey(from, key) < 0) add(key, to.values?.[i]);
  });
  return from.values ? mapOf(pairs) : setOf(keys);
}

/** The inverse of diffDatums(): a pair that is there exactly goes, a key with another value changes, others come. */
export function applyDiff(datum: Datum, diff: Datum): Datum {
  if (!datum.values) {
    const keys = new Set(datum.keys);
    for (const key of diff.keys) if (!keys.delete(key)) keys.add(key);
    return setOf(keys);
  }
  const map = new Map<Atom, Atom>(datum.keys.map((key, i) => [key, datum.values![i]!]));
  diff.keys.forEach((key, i) => {
    const value = diff.values?.[i] ?? 0;
    if (map.get(key) === value) map.delete(key);
    else map.set(key, value);
  });
  return mapOf(map);
}

/** The datum as tools print it: `atom`, `[a, b]`, `{k=v, ...}`. */
export function datumText(datum: Datum, type: ColumnType): string {
  const { key, value, max } = type;
  const items = datum.keys.map((atom, i) =>
    value ? `${atomText(atom, key.type)}=${atomText(datum.values![i]!, value.type)}` : atomText(atom, key.type),
  );
  if (value) return `{${items.join(', ')}}`;
  return max > 1 || items.length === 0 ? `[${items.join(', ')}]` : items.join('');
}
