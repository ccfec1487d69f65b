// Commands of weft-vsctl: their description, and how a command line is cut into a chain of them.

import { UserError } from '../../../lib/errors.ts';
import type { OptionSpec, ParsedOption } from '../../../lib/getopt.ts';
import type { Table } from '../table-format.ts';
import type { SwitchModel } from './switch-model.ts';
import type { SymbolTable } from './symbols.ts';
import type { Transaction } from './transaction.ts';

/** What a command works on. */
export interface Context {
  readonly transaction: Transaction;
  readonly model: SwitchModel;
  readonly symbols: SymbolTable;
  /** The command's options; a value where the option takes one. */
  readonly options: ReadonlyMap<string, string | undefined>;
  readonly args: readonly string[];
  /** Names of the interfaces that this run adds and the daemon has to report on. */
  readonly addedInterfaces: Set<string>;
}

/** What a command prints. */
export type Output =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly table: Table }
  /** The uuid that the server gives to a row of this run, by its temporary uuid. */
  | { readonly kind: 'inserted'; readonly uuid: string };

/** Runs when `wait-until` finds its condition unmet: everything starts again once the database changes. */
export class NotYet extends Error {
  override readonly name = 'NotYet';
}

/** Ends the run with this status after the transaction, without a message: `br-exists`. */
export class ExitStatus extends Error {
  override readonly name = 'ExitStatus';
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.status = status;
  }
}

export interface CommandSpec {
  readonly name: string;
  /** Arguments as --commands prints them for shell completion. */
  readonly usage: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  /** `--may-exist`, `--columns=` (takes a value). */
  readonly options?: readonly string[];
  readonly changes: boolean;
  run(context: Context): Output | undefined;
}

export interface Invocation {
  readonly command: CommandSpec;
  readonly options: ReadonlyMap<string, string | undefined>;
  readonly args: readonly string[];
}

/** The commands' options as getopt() takes them, for those that stand before the first command. */
export function commandOptionSpecs(commands: readonly CommandSpec[]): OptionSpec[] {
  const all = new Set(commands.flatMap((command) => command.options ?? []));
  return [...all].map((text) =>
    text.endsWith('=') ? { name: text.slice(2, -1), argument: 'required' } : { name: text.slice(2) },
  );
}

/** Cuts the words after the global options into commands at each `--`. Throws UserError. */
export function parseChain(
  commands: ReadonlyMap<string, CommandSpec>,
  firstOptions: readonly ParsedOption[],
  words: readonly string[],
): Invocation[] {
  const groups: string[][] = [[]];
  for (const word of words) {
    if (word === '--') groups.push([]);
    else groups.at(-1)!.push(word);
  }
  const leading = firstOptions.map(({ name, value }) => [`--${name}`, value] as const);
  const chain: Invocation[] = [];
  for (const group of groups) {
    const options = chain.length === 0 ? leading : [];
    if (group.length > 0 || (chain.length === 0 && options.length > 0)) {
      chain.push(parseCommand(commands, options, group));
    }
  }
  if (chain.length === 0) throw new UserError('missing command name (use --help for help)');
  return chain;
}

function parseCommand(
  commands: ReadonlyMap<string, CommandSpec>,
  leading: readonly (readonly [string, string | undefined])[],
  words: readonly string[],
): Invocation {
  const options = new Map<string, string | undefined>();
  for (const [name, value] of leading) if (!options.has(name)) options.set(name, value);
  let at = 0;
  for (; words[at]?.startsWith('-'); at++) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(words[at]!) ?? [];
    if (options.has(name)) throw new UserError(`'${words[at]}' option specified multiple times`);
    options.set(name, value);
  }
  const name = words[at];
  if (name === undefined) throw new UserError('missing command name (use --help for help)');
  const command = commands.get(name);
  if (!command) throw new UserError(`unknown command '${name}'; use --help for help`);
  checkOptions(command, options);
  const args = words.slice(at + 1);
  checkCount(command, args);
  return { command, options, args };
}

function checkOptions(
  { name, options: known = [] }: CommandSpec,
  given: ReadonlyMap<string, string | undefined>,
): void {
  for (const [option, value] of given) {
    if (known.includes(`${option}=`)) {
      if (value === undefined) throw new UserError(`missing argument to '${option}' option on '${name}' command`);
    } else if (!known.includes(option)) {
      throw new UserError(`'${name}' command has no '${option}' option`);
    } else if (value !== undefined) {
      throw new UserError(`'${option}' option on '${name}' does not accept an argument`);
    }
  }
}

function checkCount({ name, minArgs, maxArgs }: CommandSpec, args: readonly string[]): void {
  if (args.length < minArgs) throw new UserError(`'${name}' command requires at least ${minArgs} arguments`);
  if (args.length <= maxArgs) return;
  const hint = args.some((arg) => arg.startsWith('-'))
    ? ' (note that options must precede command names and follow a "--" argument)'
    : '';
  throw new UserError(`'${name}' command takes at most ${maxArgs} arguments${hint}`);
}
