// Global options of weft-vsctl, as ovs-vsctl has them.

import { UserError } from '../../../lib/errors.ts';
import type { OptionSpec, ParsedOption } from '../../../lib/getopt.ts';
import { resolvePaths } from '../../daemon/process/paths.ts';
import { type CliLogOptions, parseTimeout } from '../cli-log.ts';
import { parseCellFormat, parseTableFormat, type TableStyle } from '../table-format.ts';

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: 'db', argument: 'required' },
  { name: 'no-syslog' },
  { name: 'no-wait' },
  { name: 'dry-run' },
  { name: 'oneline' },
  { name: 'timeout', short: 't', argument: 'required' },
  { name: 'retry' },
  { name: 'help', short: 'h' },
  { name: 'commands' },
  { name: 'options' },
  { name: 'leader-only' },
  { name: 'no-leader-only' },
  { name: 'shuffle-remotes' },
  { name: 'no-shuffle-remotes' },
  { name: 'version', short: 'V' },
  { name: 'verbose', short: 'v', argument: 'optional' },
  { name: 'log-file', argument: 'optional' },
  { name: 'syslog-method', argument: 'required' },
  { name: 'syslog-target', argument: 'required' },
  { name: 'format', short: 'f', argument: 'required' },
  { name: 'data', short: 'd', argument: 'required' },
  { name: 'no-headings' },
  { name: 'pretty' },
  { name: 'bare' },
  { name: 'max-column-width', argument: 'required' },
  { name: 'private-key', short: 'p', argument: 'required' },
  { name: 'certificate', short: 'c', argument: 'required' },
  { name: 'ca-cert', short: 'C', argument: 'required' },
  { name: 'ssl-protocols', argument: 'required' },
  { name: 'ssl-ciphers', argument: 'required' },
  { name: 'bootstrap-ca-cert', argument: 'required' },
  { name: 'peer-ca-cert', argument: 'required' },
];

const TLS = GLOBAL_OPTIONS.slice(-7).map((spec) => spec.name);

export interface VsctlOptions {
  readonly db: string;
  readonly wait: boolean;
  readonly retry: boolean;
  readonly dryRun: boolean;
  readonly oneline: boolean;
  readonly timeoutSeconds: number | undefined;
  readonly style: TableStyle;
  readonly log: CliLogOptions;
  /** Where the daemon's log is: what a user is told to look at. */
  readonly logdir: string;
}

/** Reads the global options. Throws UserError. */
export function readOptions(options: readonly ParsedOption[], env: NodeJS.ProcessEnv): VsctlOptions {
  const values = new Map(options.map(({ name, value }) => [name, value]));
  const tls = TLS.find((name) => values.has(name));
  if (tls !== undefined) throw new UserError(`--${tls}: TLS connections are not supported`);
  const { rundir, logdir } = resolvePaths(env);
  const timeout = values.get('timeout') ?? env['OVS_CTL_TIMEOUT'];
  return {
    db: values.get('db') ?? `unix:${rundir}/db.sock`,
    wait: !values.has('no-wait'),
    retry: values.has('retry'),
    dryRun: values.has('dry-run'),
    oneline: values.has('oneline'),
    timeoutSeconds: timeout === undefined ? undefined : parseTimeout(timeout, '-t or --timeout'),
    style: readStyle(options),
    logdir,
    log: {
      verbose: [
        ...options.filter(({ name }) => name === 'verbose').map(({ value }) => value ?? 'dbg'),
        ...(values.has('no-syslog') ? ['vsctl:syslog:warn'] : []),
      ],
      logFile: values.get('log-file'),
      syslogMethod: values.get('syslog-method') ?? env['OVS_SYSLOG_METHOD'] ?? 'libc',
      syslogTarget: values.get('syslog-target'),
    },
  };
}

/** In the order given, because --bare stands for three others. */
function readStyle(options: readonly ParsedOption[]): TableStyle {
  let style: TableStyle = { format: 'list', data: 'string', headings: true, pretty: false, maxColumnWidth: 0 };
  for (const { name, value = '' } of options) {
    if (name === 'format') style = { ...style, format: parseTableFormat(value) };
    else if (name === 'data') style = { ...style, data: parseCellFormat(value) };
    else if (name === 'no-headings') style = { ...style, headings: false };
    else if (name === 'pretty') style = { ...style, pretty: true };
    else if (name === 'bare') style = { ...style, format: 'list', data: 'bare', headings: false };
    else if (name === 'max-column-width') style = { ...style, maxColumnWidth: parseWidth(value) };
  }
  return style;
}

function parseWidth(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UserError(`--max-column-width: expected a number of characters, not "${text}"`);
}
