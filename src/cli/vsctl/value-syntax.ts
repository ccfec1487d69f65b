// Values as people type them to ovs-vsctl and as it prints them (ovs-vsctl(8), "Database Values"): atoms, sets in
// [brackets], maps in {braces}, "@name" for a row that another command of the same chain makes.

import { UserError } from '../../../lib/errors.ts';
import { type Atom, type BaseType, checkAtom, isUuid } from '../../ovsdb/atom.ts';
import { type ColumnType, type Datum, isMap, mapOf, setOf, typeText } from '../../ovsdb/datum.ts';
import { OvsdbError } from '../../ovsdb/errors.ts';

/** Gives "@name" its uuid and remembers how it is referred to. */
export type SymbolResolver = (name: string, reference: 'strong' | 'weak') => string;

const DELIMITERS = ':=, []{}!<>';

export interface Token {
  readonly text: string;
  /** Where the token ends. */
  readonly end: number;
}

function isDelimiter(char: string | undefined): boolean {
  return char !== undefined && DELIMITERS.includes(char);
}

/** The token at `start`: a quoted string with its quotes, one delimiter, or everything up to the next delimiter. */
export function takeToken(text: string, start: number): Token {
  let end = start;
  if (text[start] === '"') {
    for (end++; end < text.length && text[end] !== '"'; end++) if (text[end] === '\\') end++;
    for (end++; end < text.length && !isDelimiter(text[end]); end++);
    end = Math.min(end, text.length);
  } else if (isDelimiter(text[start])) {
    end++;
  } else {
    while (end < text.length && !isDelimiter(text[end])) end++;
  }
  return { text: text.slice(start, end), end };
}

const TRUE = ['true', 'yes', 'on', '1'];
const FALSE = ['false', 'no', 'off', '0'];

/** Reads one atom. Throws UserError in Open vSwitch's words. */
export function parseAtom(text: string, base: BaseType, symbols?: SymbolResolver): Atom {
  const [first, last] = parseRange(text, base, symbols);
  if (last !== undefined) throw new UserError(`"${text}" is not a valid integer`);
  return first;
}

/** Reads one atom, or the first and last of `5-8` where integers may be given so. */
function parseRange(text: string, base: BaseType, symbols?: SymbolResolver): [Atom, Atom?] {
  if (text === '') throw new UserError('An empty string is not valid as input; use "" to represent the empty string');
  if (base.type === 'integer') return parseIntegers(text, base);
  const atom = parseOther(text, base, symbols);
  checkConstraints(atom, base);
  return [atom];
}

function parseOther(text: string, base: BaseType, symbols?: SymbolResolver): Atom {
  switch (base.type) {
    case 'real':
      if (!Number.isFinite(Number(text))) throw new UserError(`"${text}" is not a valid real number`);
      return Number(text);
    case 'boolean':
      if (TRUE.includes(text)) return true;
      if (FALSE.includes(text)) return false;
      throw new UserError(`"${text}" is not a valid boolean (use "true" or "false")`);
    case 'uuid':
      if (text.startsWith('@') && symbols) return symbols(text, base.refType ?? 'strong');
      if (!isUuid(text)) throw new UserError(`"${text}" is not a valid UUID`);
      return text.toLowerCase();
    default:
      return text.startsWith('"') ? unquote(text) : text;
  }
}

function parseIntegers(text: string, base: BaseType): [Atom, Atom?] {
  const [, first, last] = /^([-+]?\d+)(?:-([-+]?\d+))?$/.exec(text) ?? [];
  if (first === undefined) throw new UserError(`"${text}" is not a valid integer or range`);
  checkConstraints(Number(first), base);
  if (last === undefined) return [Number(first)];
  if (Number(last) < Number(first)) {
    throw new UserError(`"${text}" is not a valid range. Range end cannot be before start.`);
  }
  checkConstraints(Number(last), base);
  return [Number(first), Number(last)];
}

function checkConstraints(atom: Atom, base: BaseType): void {
  try {
    checkAtom(atom, base);
  } catch (error) {
    throw error instanceof OvsdbError ? new UserError(`${error.code}: ${error.message}`) : error;
  }
}

function unquote(text: string): string {
  if (text.length < 2 || !text.endsWith('"')) throw new UserError(`${text}: missing quote at end of quoted string`);
  const wrong = /\\(?:u(?![0-9a-fA-F]{4})|[^"\\/bfnrtu])/.exec(text.slice(1, -1));
  if (wrong) throw new UserError(`${text}: bad escape ${wrong[0]}`);
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError(`${text}: bad character in quoted string`);
  }
}

/** Largest range of integers that one argument may spell out. */
const RANGE_MAX = 65536;

/** Reads a whole column's value. Throws UserError. */
export function parseDatum(text: string, type: ColumnType, symbols?: SymbolResolver): Datum {
  const reader = new DatumReader(text, type, symbols);
  return reader.read();
}

class DatumReader {
  readonly #text: string;
  readonly #type: ColumnType;
  readonly #symbols: SymbolResolver | undefined;
  #at = 0;

  constructor(text: string, type: ColumnType, symbols: SymbolResolver | undefined) {
    this.#text = text;
    this.#type = type;
    this.#symbols = symbols;
  }

  read(): Datum {
    const isMapType = isMap(this.#type);
    const [open, close] = isMapType ? ['{', '}'] : ['[', ']'];
    this.#skipSpaces();
    const isClosed = this.#char === open;
    if (isClosed) this.#skip(1);
    const keys: Atom[] = [];
    const pairs: [Atom, Atom][] = [];
    while (this.#char !== undefined && !(isClosed && this.#char === close)) {
      if (isDelimiter(this.#char)) this.#fail(`unexpected "${this.#char}" parsing ${typeText(this.#type)}`);
      this.#element(keys, pairs);
      this.#skipSpaces();
      if (this.#char === ',') this.#skip(1);
    }
    if (isClosed) this.#end(close!);
    return this.#finish(keys, pairs);
  }

  get #char(): string | undefined {
    return this.#text[this.#at];
  }

  /** `from`: where the text that the message quotes begins. */
  #fail(message: string, from = 0): never {
    throw new UserError(`${this.#text.slice(from)}: ${message}`);
  }

  #skip(count: number): void {
    this.#at += count;
    this.#skipSpaces();
  }

  #skipSpaces(): void {
    while (this.#char === ' ') this.#at++;
  }

  #atomToken(): string {
    const token = takeToken(this.#text, this.#at);
    this.#at = token.end;
    return token.text;
  }

  #element(keys: Atom[], pairs: [Atom, Atom][]): void {
    const { key, value } = this.#type;
    const start = this.#at;
    const [first, last] = parseRange(this.#atomToken(), key, this.#symbols);
    if (value) {
      this.#skipSpaces();
      // At the end of the text Open vSwitch's message ends where the unexpected character would stand.
      if (this.#char !== '=') this.#fail(`syntax error at "${this.#char ? `${this.#char}" expecting "="` : ''}`, start);
      this.#skip(1);
      pairs.push([first, parseAtom(this.#atomToken(), value, this.#symbols)]);
      keys.push(first);
      return;
    }
    if (Number(last ?? first) - Number(first) >= RANGE_MAX) this.#fail(`a range has at most ${RANGE_MAX} elements`);
    keys.push(first);
    if (last === undefined) return;
    for (let atom = Number(first) + 1; atom <= Number(last); atom++) keys.push(atom);
  }

  #end(close: string): void {
    if (this.#char !== close) this.#fail(`missing "${close}" at end of data`);
    this.#skip(1);
    if (this.#char !== undefined) this.#fail(`trailing garbage after "${close}"`);
  }

  #finish(keys: Atom[], pairs: [Atom, Atom][]): Datum {
    const { min, max } = this.#type;
    const counted = (limit: string) =>
      `${keys.length} ${isMap(this.#type) ? 'pair(s)' : 'value(s)'} specified but the ${limit}`;
    if (keys.length < min) this.#fail(counted(`minimum number is ${min}`));
    if (keys.length > max) this.#fail(counted(`maximum number is ${max}`));
    if (new Set(keys).size !== keys.length) {
      this.#fail(isMap(this.#type) ? 'map contains duplicate key' : 'set contains duplicate value');
    }
    return isMap(this.#type) ? mapOf(pairs) : setOf(keys);
  }
}

/** The value without brackets and quotes: `--data=bare`. */
export function bareText(datum: Datum): string {
  return datum.keys.map((key, i) => (datum.values ? `${key}=${datum.values[i]}` : String(key))).join(' ');
}
