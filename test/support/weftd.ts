// A weftd of the build in a folder of its own, and Open vSwitch's real tools pointed at it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The package's folder, from the sources as from what the build makes of them. */
const above = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const root = basename(above) === 'dist' ? dirname(above) : above;
const START_TIMEOUT_MS = 30_000;
const TOOL_TIMEOUT_MS = 60_000;

export interface WeftdOptions {
  /** Extra command-line words: flags, a DB remote. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folder to run in, removed at the end; one is made when absent. */
  readonly dir?: string;
  /** Words in front of the command: `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

export class Weftd {
  readonly dir: string;
  readonly #options: WeftdOptions;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(options: WeftdOptions = {}) {
    this.#options = options;
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), 'weftd-'));
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What it printed, its log included. */
  get output(): string {
    return this.#output;
  }

  get env(): NodeJS.ProcessEnv {
    const { dir } = this;
    const own = { OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSLOG_METHOD: 'null' };
    return { ...process.env, ...own, ...this.#options.env };
  }

  /** Starts the daemon; resolves when its control socket and its database ('': none) answer. */
  async start(database = join(this.dir, 'db.sock')): Promise<void> {
    const words = [process.execPath, join(root, 'dist/src/weftd.js'), '--pidfile', '--overwrite-pidfile'];
    const [file, ...args] = [...(this.#options.prefix ?? []), ...words, ...(this.#options.args ?? [])];
    const child = spawn(file!, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text) => (this.#output += text));
    child.stderr.on('data', (text) => (this.#output += text));
    this.#child = child;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.#answers(database))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`weftd did not start:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Runs a tool; its standard output without the last newline. Rejects when it fails. */
  async tool(file: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(file, args, { env: this.env, timeout: TOOL_TIMEOUT_MS });
    return stdout.trimEnd();
  }
  /** One ovs-vsctl command line; words are split at spaces. */
  vsctl(line: string): Promise<string> {
    return this.tool('ovs-vsctl', '--timeout=30', ...line.split(' '));
  }
  ofctl(...args: string[]): Promise<string> {
    return this.tool('ovs-ofctl', ...args);
  }
  appctl(...args: string[]): Promise<string> {
    return this.tool('ovs-appctl', '--timeout=30', ...args);
  }

  /** Ends the process with a signal and waits for it. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends the daemon with everything it made, and removes its folder. */
  async close(): Promise<void> {
    try {
      await this.appctl('exit', '--cleanup');
      await this.kill('SIGCONT');
    } catch {
      await this.kill('SIGKILL');
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #answers(database: string): Promise<boolean> {
    const pidfile = join(this.dir, 'ovs-vswitchd.pid');
    if (!existsSync(pidfile)) return false;
    const pid = readFileSync(pidfile, 'utf8').trim();
    const control = await canConnect(join(this.dir, `ovs-vswitchd.${pid}.ctl`));
    return control && (database === '' || (await canConnect(database)));
  }
}

/** True when somebody accepts connections on a UNIX socket. */
export function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
