// --monitor: a parent that starts the daemon again when it crashes, and ends with it when it was told to.
//
// A crash is a signal that a programming error or V8 itself raises, or the exit status that weftd uses for its own
// bugs. Everything else (exit, SIGTERM, SIGKILL, a wrong flag) is somebody's will: then the monitor ends too.

import type { ChildProcess } from 'node:child_process';
import { systemClock } from '../../../lib/clock.ts';
import { logger } from '../../../lib/log.ts';
import { endText, spawnRole } from './role.ts';

const log = logger('daemon_unix');

/** Exit status of a daemon that ended because of a bug of ours (EX_SOFTWARE of sysexits.h). */
export const EXIT_BUG = 70;

const CRASH_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set([
  'SIGABRT',
  'SIGALRM',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGPIPE',
  'SIGSEGV',
  'SIGTRAP',
  'SIGXCPU',
  'SIGXFSZ',
]);
/** Restarts are at least this far apart. */
const RESTART_INTERVAL_MS = 10_000;

/** True when a daemon that ended like this should run again. */
export function isCrash(code: number | null, signal: NodeJS.Signals | null): boolean {
  return signal ? CRASH_SIGNALS.has(signal) : code === EXIT_BUG;
}

export interface MonitorEvents {
  /** The first daemon is ready. */
  ready(): void;
  /** The daemon ended and will not run again; the monitor ends in the same way. */
  ended(code: number | null, signal: NodeJS.Signals | null): void;
}

export class Monitor {
  readonly #program: string;
  readonly #events: MonitorEvents;
  #child: ChildProcess | undefined;
  #crashes = 0;
  #startedMs = Number.NEGATIVE_INFINITY;
  #isReady = false;

  constructor(program: string, events: MonitorEvents) {
    this.#program = program;
    this.#events = events;
  }

  start(): void {
    this.#startedMs = systemClock.nowMs();
    const child = spawnRole('daemon', false, () => this.#ready());
    this.#child = child;
    child.once('error', (error) => {
      log.err(`cannot start the daemon: ${error.message}`);
      this.#events.ended(1, null);
    });
    child.once('exit', (code, signal) => this.#ended(child.pid, code, signal));
  }

  /** Passes a signal on; what the daemon makes of it decides about the monitor. */
  forward(signal: NodeJS.Signals): void {
    if (this.#child) this.#child.kill(signal);
    else this.#events.ended(null, signal);
  }

  #ready(): void {
    process.title = `${this.#program}: monitoring pid ${this.#child?.pid} (${this.#health()})`;
    if (!this.#isReady) this.#events.ready();
    this.#isReady = true;
  }

  #health(): string {
    return this.#crashes === 0 ? 'healthy' : `${this.#crashes} crashes`;
  }

  #ended(pid: number | undefined, code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    const how = `pid ${pid} died, ${endText(code, signal)}`;
    // Before the first daemon was ready there is nothing to restore, and a launcher waits for the verdict.
    if (!this.#isReady || !isCrash(code, signal)) {
      if (this.#isReady) log.info(`${how}, exiting`);
      this.#events.ended(code, signal);
      return;
    }
    this.#crashes++;
    log.err(`${this.#crashes} crashes: ${how}, restarting`);
    const waitMs = this.#startedMs + RESTART_INTERVAL_MS - systemClock.nowMs();
    if (this.#crashes === 1 || waitMs <= 0) {
      this.start();
      return;
    }
    log.warn(`restarting in ${Math.ceil(waitMs / 1000)} seconds, because the last start was that close`);
    setTimeout(() => this.start(), waitMs);
  }
}
