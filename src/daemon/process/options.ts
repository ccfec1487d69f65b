// weftd's command line: ovs-vswitchd's flags (ovs-vswitchd(8)), --rundir and --log-format.

import { join } from 'node:path';
import { UserError } from '../../../lib/errors.ts';
import { getopt, type OptionSpec } from '../../../lib/getopt.ts';
import type { LogFormat } from './log-outputs.ts';
import type { LogOptions } from './log-setup.ts';
import { inFolder, type Paths, resolvePaths } from './paths.ts';
import { DAEMON_NAME } from './program.ts';

/** What --enable-dummy asks for: dummy ports beside the others, or in place of the named or of all other types. */
export type DummyMode = 'off' | 'on' | 'override' | 'system';

export interface DaemonOptions {
  readonly paths: Paths;
  /** DATABASE argument; undefined: a server that answers on db.sock, else the embedded one. */
  readonly remote: string | undefined;
  readonly dummy: DummyMode;
  /** --disable-system: no datapath or port that touches the kernel. */
  readonly disableSystem: boolean;
  /** --disable-system-route: the kernel's routes are not looked at. */
  readonly disableSystemRoute: boolean;
  /** NUMA node of each CPU, in CPU order; empty: ask the machine. */
  readonly dummyNuma: readonly number[];
  readonly lockMemory: boolean;
  readonly detach: boolean;
  readonly monitor: boolean;
  readonly chdir: boolean;
  /** Undefined: none. */
  readonly pidfile: string | undefined;
  readonly overwritePidfile: boolean;
  /** Undefined: `--unixctl=none`. */
  readonly unixctl: string | undefined;
  readonly log: LogOptions;
}

export type Invocation =
  | { readonly kind: 'run'; readonly options: DaemonOptions }
  | { readonly kind: 'help'; readonly options: DaemonOptions }
  | { readonly kind: 'version' };

const SPECS: readonly OptionSpec[] = [
  { name: 'help', short: 'h' },
  { name: 'version', short: 'V' },
  { name: 'mlockall' },
  { name: 'unixctl', argument: 'required' },
  { name: 'enable-dummy', argument: 'optional' },
  { name: 'disable-system' },
  { name: 'disable-system-route' },
  { name: 'dummy-numa', argument: 'required' },
  { name: 'detach' },
  { name: 'monitor' },
  { name: 'no-chdir' },
  { name: 'no-self-confinement' },
  { name: 'pidfile', argument: 'optional' },
  { name: 'overwrite-pidfile' },
  { name: 'user', argument: 'required' },
  { name: 'verbose', short: 'v', argument: 'optional' },
  { name: 'log-file', argument: 'optional' },
  { name: 'log-format', argument: 'required' },
  { name: 'syslog-method', argument: 'required' },
  { name: 'syslog-target', argument: 'required' },
  { name: 'rundir', argument: 'required' },
  { name: 'private-key', short: 'p', argument: 'required' },
  { name: 'certificate', short: 'c', argument: 'required' },
  { name: 'ca-cert', short: 'C', argument: 'required' },
  { name: 'peer-ca-cert', argument: 'required' },
  { name: 'bootstrap-ca-cert', argument: 'required' },
  { name: 'ssl-protocols', argument: 'required' },
  { name: 'ssl-ciphers', argument: 'required' },
];

const TLS = new Set([
  'private-key',
  'certificate',
  'ca-cert',
  'peer-ca-cert',
  'bootstrap-ca-cert',
  'ssl-protocols',
  'ssl-ciphers',
]);

/** What the flags say, last one first; flags given several times keep every value. */
class Flags {
  readonly #values = new Map<string, (string | undefined)[]>();

  add(name: string, value: string | undefined): void {
    this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value given last; undefined also when the flag had none. */
  last(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  all(name: string): readonly (string | undefined)[] {
    return this.#values.get(name) ?? [];
  }
}

/** Reads the command line. Throws UserError that says what was wrong and what was expected. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): Invocation {
  const { options, positional } = getopt(args, SPECS);
  const flags = new Flags();
  for (const { name, value } of options) {
    if (name === 'version') return { kind: 'version' };
    refuse(name);
    flags.add(name, value);
  }
  if (positional.length > 1 && !flags.has('help')) {
    throw new UserError('at most one non-option argument accepted; use --help for usage');
  }
  return { kind: flags.has('help') ? 'help' : 'run', options: build(flags, positional[0], env) };
}

function refuse(name: string): void {
  if (TLS.has(name)) throw new UserError(`--${name}: TLS connections are not supported`);
  if (name === 'user') throw new UserError('--user: not supported; start the daemon as the user it is to run as');
}

function build(flags: Flags, remote: string | undefined, env: NodeJS.ProcessEnv): DaemonOptions {
  const paths = resolvePaths(env, flags.last('rundir'));
  const unixctl = flags.last('unixctl') ?? `${DAEMON_NAME}.${process.pid}.ctl`;
  const pidfile = inFolder(paths.rundir, flags.last('pidfile') ?? `${DAEMON_NAME}.pid`);
  return {
    paths,
    remote,
    dummy: dummyMode(flags),
    disableSystem: flags.has('disable-system'),
    disableSystemRoute: flags.has('disable-system-route'),
    dummyNuma: numaNodes(flags.last('dummy-numa')),
    lockMemory: flags.has('mlockall'),
    detach: flags.has('detach'),
    monitor: flags.has('monitor'),
    chdir: !flags.has('no-chdir'),
    pidfile: flags.has('pidfile') ? pidfile : undefined,
    overwritePidfile: flags.has('overwrite-pidfile'),
    unixctl: unixctl === 'none' ? undefined : inFolder(paths.rundir, unixctl),
    log: logOptions(flags, paths, env),
  };
}

function dummyMode(flags: Flags): DummyMode {
  if (!flags.has('enable-dummy')) return 'off';
  const level = flags.last('enable-dummy') ?? '';
  if (level === '') return 'on';
  if (level === 'override' || level === 'system') return level;
  throw new UserError(`${level}: unknown dummy level`);
}

function numaNodes(text: string | undefined): number[] {
  if (text === undefined || text === '') return [];
  const nodes = text.split(',').map(Number);
  if (nodes.every((node) => Number.isInteger(node) && node >= 0)) return nodes;
  throw new UserError(`--dummy-numa: expected NUMA nodes separated by commas, not "${text}"`);
}

function logOptions(flags: Flags, paths: Paths, env: NodeJS.ProcessEnv): LogOptions {
  const file = flags.last('log-file') ?? join(paths.logdir, `${DAEMON_NAME}.log`);
  return {
    verbose: flags.all('verbose').map((spec) => spec ?? ''),
    logFile: flags.has('log-file') ? inFolder(process.cwd(), file) : undefined,
    logFormat: logFormat(flags.last('log-format') ?? 'text'),
    syslogMethod: flags.last('syslog-method') ?? env['OVS_SYSLOG_METHOD'] ?? 'libc',
    syslogTarget: flags.last('syslog-target'),
  };
}

function logFormat(text: string): LogFormat {
  if (text === 'json' || text === 'text') return text;
  throw new UserError(`--log-format: expected json or text, not "${text}"`);
}

/** The text of --help. */
export function helpText(name: string, { paths }: DaemonOptions): string {
  return `${name}: userspace packet switch, in ovs-vswitchd's place
usage: ${name} [OPTIONS] [DATABASE]
where DATABASE is where ovsdb-server listens: unix:FILE or tcp:HOST:PORT.
Without it, ${name} uses the server that answers on ${join(paths.rundir, 'db.sock')},
or serves the database ${join(paths.dbdir, 'conf.db')} there itself.

Daemon options:
  --detach                run in background, return when ready
  --monitor               restart the daemon when it crashes
  --no-chdir              do not chdir to '/'
  --pidfile[=FILE]        create pidfile (default: ${join(paths.rundir, `${DAEMON_NAME}.pid`)})
  --overwrite-pidfile     with --pidfile, start even if already running
  --rundir=DIR            keep sockets, pidfile and database in DIR
  --mlockall              keep packet memory out of swap

Logging options:
  -vSPEC, --verbose=SPEC  set logging levels
  -v, --verbose           set maximum verbosity level
  --log-file[=FILE]       log to FILE (default: ${join(paths.logdir, `${DAEMON_NAME}.log`)})
  --log-format=FORMAT     text (default) or json
  --syslog-method=METHOD  libc, null, unix:FILE or udp:IP:PORT
  --syslog-target=IP:PORT also send syslog messages to IP:PORT over UDP

Options for tests:
  --enable-dummy[=LEVEL]  offer dummy ports and datapaths (LEVEL: override, system)
  --disable-system        leave the kernel's interfaces alone
  --disable-system-route  leave the kernel's routes alone
  --dummy-numa=NODES      pretend these NUMA nodes, one a CPU

Other options:
  --unixctl=SOCKET        override default control socket name, or none
  -h, --help              display this help message
  -V, --version           display version information`;
}
