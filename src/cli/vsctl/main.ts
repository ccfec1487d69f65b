// weft-vsctl as a function of its arguments, environment and output streams.

import { UserError } from '../../../lib/errors.ts';
import { getopt, type ParsedOption } from '../../../lib/getopt.ts';
import { logger } from '../../../lib/log.ts';
import { OVS_VERSION, weftVersion } from '../../daemon/process/program.ts';
import { dieAfter, setUpCliLog } from '../cli-log.ts';
import { BRIDGE_COMMANDS } from './bridge-commands.ts';
import { type CommandSpec, commandOptionSpecs, parseChain } from './command.ts';
import { CONNECTION_COMMANDS } from './connection-commands.ts';
import { DATABASE_COMMANDS } from './database-commands.ts';
import { helpText } from './help.ts';
import { GLOBAL_OPTIONS, readOptions } from './options.ts';
import { PORT_COMMANDS } from './port-commands.ts';
import { runChain } from './run.ts';
import { SWITCH_COMMANDS } from './switch-commands.ts';

const log = logger('vsctl');
/** The schema whose tables and names this tool knows. */
const SCHEMA_VERSION = '8.3.1';

const COMMANDS: readonly CommandSpec[] = [
  ...SWITCH_COMMANDS,
  ...BRIDGE_COMMANDS,
  ...PORT_COMMANDS,
  ...CONNECTION_COMMANDS,
  ...DATABASE_COMMANDS,
];

const COMMANDS_BY_NAME = new Map(COMMANDS.map((command) => [command.name, command]));

/** What surrounds a run: tests give their own. */
export interface VsctlEnvironment {
  /** The program's name in messages. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  write(text: string): void;
  writeError(text: string): void;
}

/** What --help, --version, --commands and --options print; undefined when none was given. */
function information(name: string, names: ReadonlySet<string>): string | undefined {
  if (names.has('help')) return helpText(name);
  if (names.has('version'))
    return `${name} (Open vSwitch) ${OVS_VERSION}\nDB Schema ${SCHEMA_VERSION}\nweft ${weftVersion()}`;
  if (names.has('commands')) {
    const options = (command: CommandSpec) => (command.options ?? []).map((option) => `[${option}] `).join('');
    return COMMANDS.map((command) => `${options(command)},${command.name},${command.usage}`).join('\n');
  }
  if (!names.has('options')) return undefined;
  return GLOBAL_OPTIONS.flatMap(({ name, short, argument }) => {
    const suffix = argument ? 'ARG' : '';
    return [`--${name}${suffix && '='}${suffix}`, ...(short ? [`-${short}${suffix && ' '}${suffix}`] : [])];
  }).join('\n');
}

/** Runs the tool; resolves to its exit status. Every error has been written out by then. */
export async function vsctl(args: readonly string[], around: VsctlEnvironment): Promise<number> {
  const complain = (text: string) => around.writeError(`${around.name}: ${text}\n`);
  try {
    return await main(args, around, complain);
  } catch (error) {
    complain(error instanceof UserError ? error.message : String(error instanceof Error ? error.stack : error));
    return 1;
  }
}

async function main(
  args: readonly string[],
  { name, env, write, writeError }: VsctlEnvironment,
  complain: (text: string) => void,
): Promise<number> {
  const parsed = getopt(args, [...GLOBAL_OPTIONS, ...commandOptionSpecs(COMMANDS)], { permute: false });
  const asked = information(name, new Set(parsed.options.map((option) => option.name)));
  if (asked !== undefined) {
    write(`${asked}\n`);
    return 0;
  }
  const isGlobal = (option: ParsedOption) => GLOBAL_OPTIONS.some((spec) => spec.name === option.name);
  const options = readOptions(parsed.options.filter(isGlobal), env);
  if (!(await setUpCliLog(name, options.log, writeError))) return 1;
  const leading = parsed.options.filter((option) => !isGlobal(option));
  const chain = parseChain(COMMANDS_BY_NAME, leading, parsed.positional);
  const called = `${name} ${args.join(' ')}`;
  if (chain.some(({ command }) => command.changes)) log.info(`Called as ${called}`);
  else log.dbg(`Called as ${called}`);
  const callOff = options.timeoutSeconds === undefined ? () => {} : dieAfter(options.timeoutSeconds);
  try {
    return await runChain(chain, options, { comment: `${name}: ${called}`, write, complain });
  } finally {
    callOff();
  }
}
