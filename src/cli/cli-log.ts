// Logging of the command-line tools: warnings to standard error in Open vSwitch's format, more with -v.

import { appendFileSync, existsSync, writeSync } from 'node:fs';
import { UserError } from '../../lib/errors.ts';
import { logger, setLogSink } from '../../lib/log.ts';
import { systemErrorText } from '../../lib/system-error.ts';
import { type LogOutput, Vlog } from '../daemon/process/vlog.ts';

const log = logger('vlog');

/** What a tool's -v, --log-file and --syslog-method say. */
export interface CliLogOptions {
  readonly verbose: readonly string[];
  readonly logFile?: string | undefined;
  /** Absent: nothing goes to syslogd. */
  readonly syslogMethod?: string | undefined;
  readonly syslogTarget?: string | undefined;
}

/** A tool writes little and then ends, so its outputs write at once. */
function lines(write: (text: string) => unknown): LogOutput {
  return { write: (_record, text) => write(`${text()}\n`), flush: () => {}, close: async () => {} };
}

/**
 * Sets up the log of the tool `program`; warnings go to `writeError` in lines. Throws UserError for a bad -v. False
 * when the log file cannot be opened, which a warning then says.
 */
export async function setUpCliLog(
  program: string,
  options: CliLogOptions,
  writeError = (text: string): unknown => writeSync(2, text),
): Promise<boolean> {
  const vlog = new Vlog(program, 'warn');
  for (const spec of options.verbose) applyVerbose(vlog, spec);
  void vlog.setOutput('console', lines(writeError));
  const { logFile, syslogMethod, syslogTarget } = options;
  if (syslogMethod !== undefined && (syslogMethod !== 'libc' || existsSync('/dev/log'))) {
    // Loaded here because it brings the foreign-function library, which most runs of a tool never need.
    const { syslogOutput } = await import('../daemon/process/log-syslog.ts');
    void vlog.setOutput('syslog', syslogOutput(vlog, syslogMethod, syslogTarget));
  }
  setLogSink(vlog.sink);
  return logFile === undefined || openLogFile(vlog, logFile);
}

function applyVerbose(vlog: Vlog, spec: string): void {
  try {
    vlog.applySpec(spec);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`processing "${spec}": ${error.message}`);
  }
}

function openLogFile(vlog: Vlog, path: string): boolean {
  try {
    appendFileSync(path, '');
    void vlog.setOutput(
      'file',
      lines((text) => appendFileSync(path, text)),
    );
    log.info(`opened log file ${path}`);
    return true;
  } catch (error) {
    log.warn(`failed to open ${path} for logging: ${systemErrorText(error)}`);
    return false;
  }
}

/** Ends the process when `seconds` have passed, by the signal that Open vSwitch's tools die of; returns what calls it off. */
export function dieAfter(seconds: number): () => void {
  const timer = setTimeout(() => {
    logger('fatal_signal').warn('terminating with signal 14 (Alarm clock)');
    process.kill(process.pid, 'SIGALRM');
  }, seconds * 1000);
  timer.unref();
  return () => clearTimeout(timer);
}

/** The seconds of a timeout option. Throws UserError. */
export function parseTimeout(text: string, option: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= 0x7fffffff) return seconds;
  throw new UserError(`value ${text} on ${option} is invalid`);
}
