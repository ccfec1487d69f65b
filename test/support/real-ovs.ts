// A private Open vSwitch: ovsdb-server and ovs-vswitchd with dummy ports in a directory of their own, as the oracle that
// weft's answers are compared with; and the real command line tools, for either switch.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with `rundir` as OVS_RUNDIR. Does not throw for a failing exit code. */
export function runTool(rundir: string, file: string, args: readonly string[], input = ''): Promise<Output> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, OVS_RUNDIR: rundir, OVS_LOGDIR: rundir, OVS_DBDIR: rundir, OVS_SYSCONFDIR: rundir };
    const child = execFile(file, args, { env, timeout: 60_000, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
    // A tool that reads no input ends while it is being written.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Starts a tool that runs until stopped (`ovs-ofctl monitor`) and collects what it prints. */
export function watchTool(rundir: string, file: string, args: readonly string[]): { text: () => string; stop(): void } {
  const child = spawn(file, args, { env: { ...process.env, OVS_RUNDIR: rundir }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return { text: () => text, stop: () => child.kill() };
}

export class RealOvs {
  readonly rundir: string;

  private constructor(rundir: string) {
    this.rundir = rundir;
  }

  /** Starts both daemons on an empty database, or one that says what this `ovsdb-tool transact` makes it say. */
  static async start(transaction?: string): Promise<RealOvs> {
    const ovs = new RealOvs(mkdtempSync(join(tmpdir(), 'weft-oracle-')));
    const { rundir } = ovs;
    const database = join(rundir, 'conf.db');
    const daemon = ['--detach', '--no-chdir', '--pidfile', '-vconsole:off', '--log-file'];
    await ovs.must('ovsdb-tool', 'create', database, SCHEMA);
    if (transaction !== undefined) await ovs.must('ovsdb-tool', 'transact', database, transaction);
    await ovs.must('ovsdb-server', database, `--remote=punix:${rundir}/db.sock`, ...daemon);
    await ovs.must('ovs-vsctl', '--no-wait', 'init');
    const flags = ['--enable-dummy=override', '--disable-system', '--disable-system-route'];
    await ovs.must('ovs-vswitchd', `unix:${rundir}/db.sock`, ...flags, ...daemon);
    return ovs;
  }

  /** Runs a tool; throws with what it printed when it fails. */
  async must(file: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runTool(this.rundir, file, args);
    if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit ${code}: ${stderr}`);
    return stdout;
  }

  appctl(...args: string[]): Promise<string> {
    const pid = readFileSync(join(this.rundir, 'ovs-vswitchd.pid'), 'utf8').trim();
    return this.must('ovs-appctl', '-t', join(this.rundir, `ovs-vswitchd.${pid}.ctl`), ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of ['ovs-vswitchd', 'ovsdb-server']) {
      const pid = Number(readFileSync(join(this.rundir, `${name}.pid`), 'utf8'));
      if (isAlive(pid)) process.kill(pid);
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    rmSync(this.rundir, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
