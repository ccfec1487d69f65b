#!/usr/bin/env node
// weft-appctl: runs a command in a daemon through its control socket, as ovs-appctl does.

import { closeSync, openSync, readFileSync } from 'node:fs';
import { UserError } from '../../lib/errors.ts';
import { getopt, type OptionSpec, type ParsedOption } from '../../lib/getopt.ts';
import { logger } from '../../lib/log.ts';
import { systemErrorText } from '../../lib/system-error.ts';
import { resolvePaths } from '../daemon/process/paths.ts';
import { DAEMON_NAME, programName, versionText } from '../daemon/process/program.ts';
import { ConnectionLost } from '../json-rpc/peer.ts';
import { type UnixctlReply, unixctlCall } from '../unixctl/client.ts';
import { dieAfter, parseTimeout, setUpCliLog } from './cli-log.ts';

const NAME = programName();
const unixctlLog = logger('unixctl');
const pidfileLog = logger('daemon_unix');

const SPECS: readonly OptionSpec[] = [
  { name: 'target', short: 't', argument: 'required' },
  { name: 'help', short: 'h' },
  { name: 'option', short: 'o' },
  { name: 'version', short: 'V' },
  { name: 'timeout', short: 'T', argument: 'required' },
  { name: 'rundir', argument: 'required' },
  { name: 'verbose', short: 'v', argument: 'optional' },
  { name: 'log-file', argument: 'optional' },
  { name: 'syslog-method', argument: 'required' },
  { name: 'syslog-target', argument: 'required' },
];

const HELP = `${NAME}, for querying and controlling a running switch daemon
usage: ${NAME} [TARGET] COMMAND [ARG...]
Targets:
  -t, --target=TARGET  name of a daemon's pidfile, its process ID, or its control socket's path
Common commands:
  list-commands      list the commands that the target knows
  version            print the target's version
  vlog/list          list current logging levels
  vlog/list-pattern  list the logging pattern of each destination
  vlog/set [SPEC]    set logging levels: module, destination (syslog, console, file)
                     and level (off, emer, err, warn, info, dbg), separated by colons
  vlog/reopen        make the target open its log file again
Other options:
  --rundir=DIR       look for pidfiles and sockets in DIR
  --timeout=SECS     wait at most SECS seconds for a response
  -h, --help         print this help
  -V, --version      print the version`;

interface Settings {
  readonly target: string;
  readonly rundir: string;
}

/** Reads the options and sets up the log; undefined when that failed and said so. */
async function readOptions(options: readonly ParsedOption[]): Promise<Settings | undefined> {
  const values = new Map(options.map(({ name, value }) => [name, value]));
  const hasLog = await setUpCliLog(NAME, {
    verbose: options.filter(({ name }) => name === 'verbose').map(({ value }) => value ?? 'dbg'),
    logFile: values.get('log-file'),
    syslogMethod: values.get('syslog-method'),
    syslogTarget: values.get('syslog-target'),
  });
  if (!hasLog) return undefined;
  const timeout = values.get('timeout') ?? process.env['OVS_CTL_TIMEOUT'];
  if (timeout !== undefined) dieAfter(parseTimeout(timeout, '-T or --timeout'));
  return {
    target: values.get('target') ?? DAEMON_NAME,
    rundir: resolvePaths(process.env, values.get('rundir')).rundir,
  };
}

/** The control socket's path. Throws UserError when no live process stands behind `target`. */
async function socketOf({ target, rundir }: Settings): Promise<string> {
  if (target.startsWith('/')) return target;
  const pidfile = `${rundir}/${target}.pid`;
  const pid = await readPidfile(pidfile, /^\d+$/.test(target));
  return pid === undefined ? `${rundir}/${DAEMON_NAME}.${target}.ctl` : `${rundir}/${target}.${pid}.ctl`;
}

/** The pid in a pidfile whose process holds its lock; undefined when there is none and that is all right. */
async function readPidfile(path: string, optional: boolean): Promise<number | undefined> {
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const text = systemErrorText(error);
    pidfileLog.warn(`${path}: open: ${text}`);
    throw new UserError(`cannot read pidfile "${path}" (${text})`);
  }
  const { fileLockOwner } = await import('../../lib/syscalls/process.ts');
  const owner = fileLockOwner(fd);
  const pid = Number.parseInt(readFileSync(fd, 'utf8'), 10);
  closeSync(fd);
  if (owner === undefined || owner !== pid) throw new UserError(`cannot read pidfile "${path}" (No such process)`);
  return pid;
}

async function call(path: string, command: string, args: readonly string[]): Promise<UnixctlReply> {
  try {
    return await unixctlCall(path, command, args);
  } catch (error) {
    if (error instanceof ConnectionLost) {
      unixctlLog.warn(`error communicating with unix:${path}: End of file`);
      throw new UserError(`${path}: transaction error (End of file)`);
    }
    unixctlLog.warn(`failed to connect to ${path}`);
    throw new UserError(`cannot connect to "${path}" (${systemErrorText(error)})`);
  }
}

/** Runs the tool; returns its exit status. */
async function main(args: readonly string[]): Promise<number> {
  const { options, positional } = getopt(args, SPECS, { permute: false });
  for (const { name } of options) {
    const text = name === 'help' ? HELP : name === 'version' ? versionText(NAME) : undefined;
    if (name === 'option') printOptions();
    else if (text !== undefined) process.stdout.write(`${text}\n`);
    if (name === 'option' || text !== undefined) return 0;
  }
  const settings = await readOptions(options);
  if (!settings) return 1;
  const [command, ...commandArgs] = positional;
  if (command === undefined) {
    throw new UserError('at least one non-option argument is required (use --help for help)');
  }
  const reply = await call(await socketOf(settings), command, commandArgs);
  if (reply.ok) {
    process.stdout.write(reply.text);
    return 0;
  }
  process.stderr.write(`${reply.text}${NAME}: ${settings.target}: server returned an error\n`);
  return 2;
}

/** The options in the form that shell completion reads. */
function printOptions(): void {
  for (const { name, short, argument } of SPECS) {
    const shown = argument === 'required' ? 'ARG' : argument === 'optional' ? '[ARG]' : '';
    process.stdout.write(`--${name}${shown && `=${shown}`}\n`);
    if (short !== undefined) process.stdout.write(`-${short} ${shown}\n`);
  }
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    const text = error instanceof UserError ? error.message : String(error instanceof Error ? error.stack : error);
    process.stderr.write(`${NAME}: ${text}\n`);
    process.exitCode = 1;
  },
);
