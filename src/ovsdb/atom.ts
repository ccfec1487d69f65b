// Atoms: the single values of RFC 7047 section 5.1 (<atom>), their types with constraints (<base-type>, section 3.2),
// JSON in and out, and their order.
//
// An atom is a JavaScript primitive: integer and real are numbers, a uuid is its lower-case text. What a string means
// (string or uuid) its column's type says.
import { isArray, type Json } from '../json-rpc/json.ts';
import { constraintViolation, OvsdbError, syntaxError } from './errors.ts';

export type Atom = string | number | boolean;
export type AtomicType = 'integer' | 'real' | 'boolean' | 'string' | 'uuid';

export const ATOMIC_TYPES: readonly AtomicType[] = ['integer', 'real', 'boolean', 'string', 'uuid'];

/** A type of one atom with its constraints; bounds that are not given are infinite. */
export interface BaseType {
  readonly type: AtomicType;
  /** Allowed values, sorted. */
  readonly enum?: readonly Atom[];
  readonly minInteger?: number;
  readonly maxInteger?: number;
  readonly minReal?: number;
  readonly maxReal?: number;
  /** In characters. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly refTable?: string;
  /** Only with refTable; strong when absent. */
  readonly refType?: 'strong' | 'weak';
}

export const ZERO_UUID = '00000000-0000-0000-0000-000000000000';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const ID = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** <id> of RFC 7047 section 3.1. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** Turns the name of a row that this transaction inserts into its uuid. */
export type NamedUuids = (name: string) => string;

const DEFAULTS = { integer: 0, real: 0, boolean: false, string: '', uuid: ZERO_UUID } as const;

export function defaultAtom(type: AtomicType): Atom {
  return DEFAULTS[type];
}

/** Orders two atoms of one type: numbers by value, strings by code point, false before true, uuids by their bits. */
export function compareAtoms(a: Atom, b: Atom): number {
  if (a === b) return 0;
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  return a < b ? -1 : 1;
}

/** UTF-16 order is code point order except that surrogates sort below U+E000..U+FFFF: lift them above. */
function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return lift(x) - lift(y);
  }
  return a.length - b.length;
}

function lift(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export function atomToJson(atom: Atom, type: AtomicType): Json {
  return type === 'uuid' ? ['uuid', atom as string] : atom;
}

/** Reads an <atom> of `base`; checks its constraints. Throws OvsdbError. */
export function atomFromJson(json: Json, base: BaseType, named?: NamedUuids): Atom {
  const atom = parseAtom(json, base.type, named);
  checkAtom(atom, base);
  return atom;
}

function parseAtom(json: Json, type: AtomicType, named?: NamedUuids): Atom {
  switch (type) {
    case 'integer':
      if (typeof json !== 'number' || !Number.isInteger(json)) break;
      return exactInteger(json);
    case 'real':
      if (typeof json === 'number' && Number.isFinite(json)) return json + 0;
      break;
    case 'boolean':
      if (typeof json === 'boolean') return json;
      break;
    case 'string':
      if (typeof json === 'string') return checkText(json);
      break;
    case 'uuid':
      return parseUuid(json, named);
  }
  throw syntaxError(json, `expected ${type}`);
}

/** The values that a JSON number keeps exactly on its way through this process; -0 becomes 0. */
function exactInteger(value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new OvsdbError('range error', `integer ${value} is outside of the supported range -(2^53-1) to 2^53-1`);
  }
  return value + 0;
}

/** Text that survives the log's UTF-8 and every client's C strings. */
function checkText(text: string): string {
  if (text.includes('\0')) throw syntaxError(text, 'null bytes are not supported in strings');
  if (/[\ud800-\udfff]/.test(text) && !/^(?:[^\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])*$/.test(text)) {
    throw syntaxError(text, 'string contains half of a surrogate pair');
  }
  return text;
}

function parseUuid(json: Json, named?: NamedUuids): string {
  if (!isArray(json) || json.length !== 2) throw syntaxError(json, 'expected ["uuid", <string>]');
  const [tag, value] = json;
  if (tag === 'uuid' && typeof value === 'string') {
    if (isUuid(value)) return value.toLowerCase();
    throw syntaxError(json, `"${value}" is not a valid UUID`);
  }
  if (named && tag === 'named-uuid' && typeof value === 'string') return named(value);
  throw syntaxError(json, 'expected ["uuid", <string>]');
}

/** Throws OvsdbError (`constraint violation`) when `atom` breaks a constraint of `base`. */
export function checkAtom(atom: Atom, base: BaseType): void {
  if (base.enum) {
    if (base.enum.includes(atom)) return;
    const text = (each: Atom) => atomText(each, base.type);
    throw constraintViolation(`${text(atom)} is not one of the allowed values ([${base.enum.map(text).join(', ')}])`);
  }
  if (base.type === 'integer') checkRange(atom as number, base.minInteger, base.maxInteger);
  else if (base.type === 'real') checkRange(atom as number, base.minReal, base.maxReal);
  else if (base.type === 'string') checkLength(atom as string, base);
}

function checkRange(value: number, min = -Infinity, max = Infinity): void {
  if (value >= min && value <= max) return;
  if (min !== -Infinity && max !== Infinity) {
    throw constraintViolation(`${value} is not in the valid range ${min} to ${max} (inclusive)`);
  }
  throw constraintViolation(
    min !== -Infinity
      ? `${value} is less than minimum allowed value ${min}`
      : `${value} is greater than maximum allowed value ${max}`,
  );
}

function checkLength(text: string, { minLength = 0, maxLength = Infinity }: BaseType): void {
  if (minLength === 0 && maxLength === Infinity) return;
  const length = [...text].length;
  if (length < minLength) {
    throw constraintViolation(`"${text}" length ${length} is less than minimum allowed length ${minLength}`);
  }
  if (length > maxLength) {
    throw constraintViolation(`"${text}" length ${length} is greater than maximum allowed length ${maxLength}`);
  }
}

const PLAIN_TEXT = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const UUID_START = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

/** An atom as tools print it: a string that would read as another kind of value is quoted. */
export function atomText(atom: Atom, type: AtomicType): string {
  if (typeof atom !== 'string' || type === 'uuid') return String(atom);
  const isPlain = PLAIN_TEXT.test(atom) && atom !== 'true' && atom !== 'false' && !UUID_START.test(atom);
  return isPlain ? atom : JSON.stringify(atom);
}
