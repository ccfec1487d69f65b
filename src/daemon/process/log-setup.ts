// Builds the daemon's log from its flags: -v, --log-file, --log-format, --syslog-method.

import { UserError } from '../../../lib/errors.ts';
import { logger, setLogSink } from '../../../lib/log.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import { consoleOutput, fileOutput, type LogFormat } from './log-outputs.ts';
import { syslogOutput } from './log-syslog.ts';
import { DAEMON_NAME } from './program.ts';
import { Vlog } from './vlog.ts';

const log = logger('vlog');

export interface LogOptions {
  /** -v arguments in order; each was checked by parse. */
  readonly verbose: readonly string[];
  readonly logFile: string | undefined;
  readonly logFormat: LogFormat;
  /** libc, null, unix:FILE or udp:IP:PORT. */
  readonly syslogMethod: string;
  /** HOST:PORT of one more syslogd. */
  readonly syslogTarget: string | undefined;
}

/** The daemon's log: levels and outputs, and the log file that can be closed and opened again. */
export class DaemonLog {
  readonly vlog: Vlog;
  readonly #options: LogOptions;

  constructor(options: LogOptions, subprogram = '') {
    this.#options = options;
    this.vlog = new Vlog(DAEMON_NAME, 'info', subprogram);
    for (const spec of options.verbose) this.#applySpec(spec);
    void this.vlog.setOutput('console', consoleOutput(options.logFormat, process.stderr.isTTY === true));
    void this.vlog.setOutput('syslog', syslogOutput(this.vlog, options.syslogMethod, options.syslogTarget));
    setLogSink(this.vlog.sink);
    if (options.logFile !== undefined) this.openFile();
  }

  #applySpec(spec: string): void {
    try {
      this.vlog.applySpec(spec);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`processing "${spec}": ${error.message}`);
    }
  }

  /**
   * Opens (again) the log file, if one was asked for: after this the old one can be moved or removed. Returns why that
   * failed.
   */
  openFile(): string | undefined {
    const { logFile, logFormat } = this.#options;
    if (logFile === undefined) return undefined;
    if (this.vlog.hasOutput('file')) log.info('closing log file');
    try {
      void this.vlog.setOutput('file', fileOutput(logFile, logFormat));
      log.info(`opened log file ${logFile}`);
      return undefined;
    } catch (error) {
      void this.vlog.setOutput('file', undefined);
      const reason = systemErrorText(error);
      log.warn(`failed to open ${logFile} for logging: ${reason}`);
      return reason;
    }
  }

  closeFile(): void {
    if (!this.vlog.hasOutput('file')) return;
    log.info('closing log file');
    void this.vlog.setOutput('file', undefined);
  }

  /** Ends logging to standard error; resolves when what was logged is there. */
  async leaveConsole(): Promise<void> {
    await this.vlog.setOutput('console', undefined);
    this.vlog.setLevel(undefined, 'console', 'off');
  }
}
