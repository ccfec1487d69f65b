// Commands of the control socket: what `ovs-appctl` lists and runs.

import { UserError } from '../../lib/errors.ts';

export interface Command {
  /** `dpctl/dump-flows` */
  readonly name: string;
  /** Arguments as list-commands shows them: `[-m] [dp]`. */
  readonly usage: string;
  readonly minArgs: number;
  /** Infinity for any number. */
  readonly maxArgs: number;
  /** list-commands does not show it: an older name. */
  readonly isHidden?: boolean;
  /** Returns the reply's text, with or without its last newline. Throws UserError with what the user did wrong. */
  handler(args: readonly string[]): string | Promise<string>;
}

/** A command in one line. */
export function command(
  name: string,
  usage: string,
  [minArgs, maxArgs]: readonly [min: number, max: number],
  handler: Command['handler'],
): Command {
  return { name, usage, minArgs, maxArgs, handler };
}

export class CommandRegistry {
  readonly #commands = new Map<string, Command>();

  constructor() {
    this.register({
      name: 'list-commands',
      usage: '',
      minArgs: 0,
      maxArgs: 0,
      handler: () => this.#list(),
    });
  }

  /** Adds commands; one of the same name takes the older one's place. */
  register(...commands: readonly Command[]): void {
    for (const command of commands) this.#commands.set(command.name, command);
  }

  /** Runs a command. Rejects with UserError when it does not exist, is called wrongly or fails. */
  async run(name: string, args: readonly string[]): Promise<string> {
    const command = this.#commands.get(name);
    if (!command) {
      throw new UserError(`"${name}" is not a valid command (use "list-commands" to see a list of valid commands)`);
    }
    if (args.length < command.minArgs) {
      throw new UserError(`"${name}" command requires at least ${command.minArgs} arguments`);
    }
    if (args.length > command.maxArgs) {
      throw new UserError(`"${name}" command takes at most ${command.maxArgs} arguments`);
    }
    return await command.handler(args);
  }

  #list(): string {
    const shown = [...this.#commands.values()].filter(({ isHidden }) => !isHidden);
    const lines = shown.map(({ name, usage }) => `  ${name.padEnd(23)} ${usage}`).sort();
    return ['The available commands are:', ...lines].join('\n');
  }
}
