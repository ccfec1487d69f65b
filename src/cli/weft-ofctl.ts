#!/usr/bin/env node
// weft-ofctl: looks at and programs an OpenFlow switch, with ovs-ofctl's commands, syntax and output.

import { UserError } from '../../lib/errors.ts';
import { getopt } from '../../lib/getopt.ts';
import { programName, versionText } from '../daemon/process/program.ts';
import { dieAfter, setUpCliLog } from './cli-log.ts';
import { ErrorReply } from './ofctl/client.ts';
import { errorText } from './ofctl/commands/connection.ts';
import { COMMANDS, READ_WRITE } from './ofctl/commands/index.ts';
import { CommandContext } from './ofctl/context.ts';
import { OPTION_SPECS, readSettings, readTimeout } from './ofctl/settings.ts';

const NAME = programName();

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { usage }]) => `  ${name} ${usage}`);
  return `${NAME}: OpenFlow switch management utility
usage: ${NAME} [OPTIONS] COMMAND [ARG...]

Commands:
${commands.join('\n')}

SWITCH is a bridge's name, the path of its socket, unix:PATH or tcp:HOST[:PORT].

Options:
  -O, --protocols=VERSIONS    OpenFlow versions to use (default: OpenFlow10; up to OpenFlow15)
  -F, --flow-format=FORMAT    flow format on OpenFlow 1.0 (openflow10, nxm, any)
  -P, --packet-in-format=FRMT packet-in format of monitor
  --strict                    mod-flows, del-flows: match the flow exactly
  --bundle                    make changes all at once, or none
  --read-only                 refuse commands that change something
  --may-create                mod-group: add a group that is not there
  --readd                     replace-flows: replace flows that have not changed too
  --sort[=FIELD], --rsort[=FIELD]  dump-flows: sort by priority or FIELD
  --names, --no-names         show ports and tables by name or by number
  --no-stats                  dump-flows: leave out the statistics
  --timestamp                 monitor, snoop: print times
  -t, --timeout=SECS          give up after SECS seconds
  --rundir=DIR                look for bridges' sockets in DIR
  -v, --verbose[=SPEC]        set logging levels
  -h, --help                  print this help
  -V, --version               print the version
`;
}

async function run(words: readonly string[]): Promise<number> {
  const { options, positional } = getopt(words, OPTION_SPECS);
  const has = (name: string) => options.some((option) => option.name === name);
  if (has('help')) return printed(help());
  if (has('version')) return printed(`${versionText(NAME)}\nOpenFlow versions 0x1, 0x4\n`);
  const value = (name: string) => options.findLast((option) => option.name === name)?.value;
  const verbose = options.filter(({ name }) => name === 'verbose').map((option) => option.value ?? 'dbg');
  await setUpCliLog(NAME, {
    // People want to know that a flow is not what they wrote.
    verbose: ['ofp_match:console:info', ...verbose],
    logFile: value('log-file'),
    syslogMethod: value('syslog-method'),
    syslogTarget: value('syslog-target'),
  });
  const timeout = readTimeout(options);
  if (timeout !== undefined) dieAfter(timeout);
  const [name, ...args] = positional;
  const command = commandOf(name, args);
  const settings = readSettings(name === 'bundle' ? [...options, { name: 'bundle', value: undefined }] : options);
  if (settings.readOnly && READ_WRITE.has(name!))
    throw new UserError(`'${name}' command does not work in read only mode`);
  return (await command.run(new CommandContext(settings), args)) ?? 0;
}

function printed(text: string): number {
  process.stdout.write(text);
  return 0;
}

function commandOf(name: string | undefined, args: readonly string[]) {
  if (name === undefined) throw new UserError('missing command name; use --help for help');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UserError(`unknown command '${name}'; use --help for help`);
  if (args.length < command.min) throw new UserError(`'${name}' command requires at least ${command.min} arguments`);
  if (args.length > command.max) throw new UserError(`'${name}' command takes at most ${command.max} arguments`);
  return command;
}

/** Errors that a user can act on are said in one line; a refusal by the switch is shown as it came. */
async function main(): Promise<void> {
  try {
    process.exitCode = await run(process.argv.slice(2));
  } catch (error) {
    if (error instanceof ErrorReply) process.stderr.write(errorText(error));
    else if (error instanceof UserError) process.stderr.write(`${NAME}: ${error.message}\n`);
    else throw error;
    process.exitCode = 1;
  }
}

await main();
