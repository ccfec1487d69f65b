// Child processes of the harness: started here, and ended on every way out, an interrupt too.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { UserError } from '../../lib/errors.ts';

const RUN_TIMEOUT_MS = 60_000;
const OUTPUT_MAX = 64 * 1024 * 1024;
const STOP_TIMEOUT_MS = 5000;
const OUTPUT_KEPT = 4000;

export interface CommandLine {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A running child with the end of what it said. */
export class Child {
  readonly process: ChildProcess;
  readonly name: string;
  #output = '';

  constructor(name: string, command: CommandLine, logFile?: string) {
    this.name = name;
    this.process = spawn(command.file, [...command.args], {
      env: command.env ?? process.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT);
      if (logFile) appendFileSync(logFile, chunk);
    };
    this.process.stderr?.on('data', keep);
    this.process.stdout?.on('data', keep);
    // A child that is gone shows in `exited`; writing to it must not bring the harness down.
    this.process.stdin?.on('error', () => {});
    this.process.on('error', (error) => keep(Buffer.from(error.message)));
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  get exited(): boolean {
    return this.process.pid === undefined || this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** The last output, for an error message. */
  get output(): string {
    return this.#output.trim();
  }

  /** Asks the child to end, and kills it when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.exited) return;
    const gone = new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }
}

/** Everything that must be undone: run in reverse order, once, whatever ends the harness. */
export class Cleanup {
  readonly #steps: (() => Promise<void> | void)[] = [];
  readonly #children = new Set<Child>();

  constructor() {
    // Last resort, synchronous: nothing of ours outlives this process.
    process.on('exit', () => {
      for (const child of this.#children) if (!child.exited) child.process.kill('SIGKILL');
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        void this.run().finally(() => process.exit(128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 1)));
      });
    }
  }

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  spawn(name: string, command: CommandLine, logFile?: string): Child {
    const child = new Child(name, command, logFile);
    this.#children.add(child);
    child.process.once('exit', () => this.#children.delete(child));
    return child;
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`cleaning up: ${(error as Error).message}\n`);
      }
    }
    await Promise.all([...this.#children].map((child) => child.stop()));
  }
}

/** Runs a command to its end and returns its output; throws UserError with what it said when it fails. */
export function runCommand(command: CommandLine): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: command.env ?? process.env, timeout: RUN_TIMEOUT_MS, maxBuffer: OUTPUT_MAX };
    execFile(command.file, [...command.args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = (stderr || stdout || error.message).trim();
      reject(new UserError(`${[command.file, ...command.args].join(' ')}: ${said}`));
    });
  });
}

/** Waits until `ready` says so; throws UserError naming `what` after `timeoutMs`. */
export async function waitFor(what: string, timeoutMs: number, ready: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await ready())) {
    if (performance.now() > deadlineMs) throw new UserError(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
