// The daemon process from start to end: log, pidfile, control socket, switch, ready; then exit or a signal, and the
// same things in reverse.

import { mkdirSync } from 'node:fs';
import { COVERAGE_TICK_MS, coverageTick } from '../../../lib/coverage.ts';
import { UserError } from '../../../lib/errors.ts';
import { logger } from '../../../lib/log.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import { CommandRegistry } from '../../unixctl/command.ts';
import { UnixctlServer } from '../../unixctl/server.ts';
import type { RunningSwitch, StartSwitch } from '../switch.ts';
import { DaemonLog } from './log-setup.ts';
import { MemoryReporters } from './memory-report.ts';
import { EXIT_BUG } from './monitor.ts';
import type { DaemonOptions } from './options.ts';
import { Pidfile } from './pidfile.ts';
import { shellCommands, vlogCommands } from './shell-commands.ts';

const log = logger('daemon');

/** A switch that does not let go is left behind after this. */
const CLOSE_TIMEOUT_MS = 10_000;

interface Ending {
  readonly cleanup: boolean;
  /** Ended by this signal, which the process then dies of, so that its parent sees why. */
  readonly signal?: NodeJS.Signals;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #startSwitch: StartSwitch;
  readonly #log: DaemonLog;
  readonly #commands = new CommandRegistry();
  readonly #memory = new MemoryReporters();
  #pidfile: Pidfile | undefined;
  #unixctl: UnixctlServer | undefined;
  #switch: RunningSwitch | undefined;
  #ending: Ending | undefined;
  #end: (ending: Ending) => void = () => {};

  /** Opens the log. Throws UserError for wrong log flags. */
  constructor(options: DaemonOptions, startSwitch: StartSwitch) {
    this.#options = options;
    this.#startSwitch = startSwitch;
    this.#log = new DaemonLog(options.log);
  }

  /**
   * Runs the daemon to its end; `ready` is called once it serves. Resolves when everything is released; rejects with
   * UserError when it cannot start, after releasing what it had taken.
   */
  async run(ready: () => void): Promise<Ending> {
    const ended = new Promise<Ending>((resolve) => {
      this.#end = (ending) => {
        this.#ending ??= ending;
        resolve(this.#ending);
      };
    });
    this.#handleSignals();
    this.#handleBugs();
    try {
      await this.#start();
      if (!this.#ending) await this.#becomeReady(ready);
      return await ended;
    } finally {
      await this.#release(this.#ending?.cleanup ?? false);
    }
  }

  async #start(): Promise<void> {
    const { paths, pidfile, overwritePidfile, unixctl } = this.#options;
    makeFolder(paths.rundir);
    const requestExit = (cleanup: boolean) => this.#end({ cleanup });
    if (pidfile !== undefined) this.#pidfile = Pidfile.create(pidfile, overwritePidfile);
    this.#commands.register(...shellCommands(this.#memory, requestExit), ...vlogCommands(this.#log));
    if (unixctl !== undefined) this.#unixctl = await UnixctlServer.listen(unixctl, this.#commands);
    setInterval(coverageTick, COVERAGE_TICK_MS).unref();
    const services = { commands: this.#commands, memory: this.#memory, requestExit };
    this.#switch = await this.#startSwitch(this.#options, services);
  }

  async #becomeReady(ready: () => void): Promise<void> {
    if (this.#options.detach) {
      if (this.#options.chdir) process.chdir('/');
      await this.#log.leaveConsole();
    }
    ready();
  }

  #handleSignals(): void {
    const names = { SIGTERM: '15 (Terminated)', SIGINT: '2 (Interrupt)' } as const;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        log.info(`terminating with signal ${names[signal]}`);
        this.#end({ cleanup: false, signal });
      });
    }
    process.on('SIGHUP', () => this.#log.openFile());
    // A reader of our output that went away is no reason to end.
    process.on('SIGPIPE', () => {});
  }

  /** Nothing is known of the state after an exception that nobody caught: say what it was, leave no files, end. */
  #handleBugs(): void {
    const die = (error: unknown) => {
      log.emer(`uncaught exception: ${error instanceof Error ? error.stack : String(error)}`);
      this.#log.vlog.flush();
      this.#pidfile?.remove();
      process.exit(EXIT_BUG);
    };
    process.on('uncaughtException', die);
    process.on('unhandledRejection', die);
  }

  async #release(cleanup: boolean): Promise<void> {
    await Promise.race([this.#switch?.close(cleanup), overdue()]);
    await this.#unixctl?.close();
    this.#pidfile?.remove();
    await this.#log.vlog.close();
  }
}

async function overdue(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
  log.err(`the switch did not stop within ${CLOSE_TIMEOUT_MS / 1000} seconds`);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UserError(`${path}: cannot create the folder (${systemErrorText(error)})`);
  }
}
