// Command-line options as GNU getopt_long(3) takes them, because that is what Open vSwitch's programs use: long
// names may be abbreviated while they stay unique, short ones may be joined, and the error texts are the C library's.

import { UserError } from './errors.ts';

export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** Whether the option takes an argument; absent means none. */
  readonly argument?: 'required' | 'optional';
}

export interface ParsedOption {
  readonly name: string;
  readonly value: string | undefined;
}

export interface ParsedArguments {
  /** In the order given. */
  readonly options: readonly ParsedOption[];
  readonly positional: readonly string[];
}

export interface GetoptSettings {
  /** Options may follow positional arguments (the default); otherwise the first of those ends the options. */
  readonly permute?: boolean;
}

/** Splits `args` into options and positional arguments. Throws UserError in the C library's words. */
export function getopt(
  args: readonly string[],
  specs: readonly OptionSpec[],
  { permute = true }: GetoptSettings = {},
): ParsedArguments {
  const options: ParsedOption[] = [];
  const positional: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === '--') return { options, positional: [...positional, ...args.slice(i + 1)] };
    if (!word.startsWith('-') || word === '-') {
      if (!permute) return { options, positional: args.slice(i) };
      positional.push(word);
    } else if (word.startsWith('--')) {
      i += takeLong(word, args[i + 1], specs, options);
    } else {
      i += takeShort(word, args[i + 1], specs, options);
    }
  }
  return { options, positional };
}

/** Takes `--name[=value]`; returns how many further words it used up. */
function takeLong(
  word: string,
  next: string | undefined,
  specs: readonly OptionSpec[],
  options: ParsedOption[],
): number {
  const equals = word.indexOf('=');
  const typed = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const spec = findLong(typed, word, specs);
  const value = equals < 0 ? undefined : word.slice(equals + 1);
  if (value !== undefined && !spec.argument) throw new UserError(`option '--${spec.name}' doesn't allow an argument`);
  const takesNext = value === undefined && spec.argument === 'required';
  if (takesNext && next === undefined) throw new UserError(`option '--${spec.name}' requires an argument`);
  options.push({ name: spec.name, value: takesNext ? next : value });
  return takesNext ? 1 : 0;
}

function findLong(typed: string, word: string, specs: readonly OptionSpec[]): OptionSpec {
  const exact = specs.find((spec) => spec.name === typed);
  if (exact) return exact;
  const candidates = specs.filter((spec) => spec.name.startsWith(typed));
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length === 0) throw new UserError(`unrecognized option '${word}'`);
  const names = candidates.map((spec) => `'--${spec.name}'`).join(' ');
  throw new UserError(`option '${word}' is ambiguous; possibilities: ${names}`);
}

/** Takes `-abc`, where the argument of a letter is the rest of the word, or the next word when it must have one. */
function takeShort(
  word: string,
  next: string | undefined,
  specs: readonly OptionSpec[],
  options: ParsedOption[],
): number {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const spec = specs.find((candidate) => candidate.short === letter);
    if (!spec) throw new UserError(`invalid option -- '${letter}'`);
    const rest = at + 1 < word.length ? word.slice(at + 1) : undefined;
    if (!spec.argument) {
      options.push({ name: spec.name, value: undefined });
      continue;
    }
    if (rest !== undefined || spec.argument === 'optional') {
      options.push({ name: spec.name, value: rest });
      return 0;
    }
    if (next === undefined) throw new UserError(`option requires an argument -- '${letter}'`);
    options.push({ name: spec.name, value: next });
    return 1;
  }
  return 0;
}
