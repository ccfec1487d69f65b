// weftd's process shell under the real ovs-appctl: flags, pidfile lock, log, control socket, detach, monitor, end.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const weftd = join(root, 'dist/src/weftd.js');

let dir: string;
let env: NodeJS.ProcessEnv;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, ...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(file, args, { env, encoding: 'utf8', timeout: 20_000 });
  return { status, stdout, stderr };
}

const daemon = (...args: string[]) => run(process.execPath, weftd, ...args);
const appctl = (...args: string[]) => run('ovs-appctl', '--timeout=10', ...args);
const pid = () => Number(readFileSync(join(dir, 'ovs-vswitchd.pid'), 'utf8'));
const logText = () => readFileSync(join(dir, 'ovs-vswitchd.log'), 'utf8');

async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never happened: ${what}`);
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-daemon-'));
  env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSLOG_METHOD: 'null' };
});

afterEach(async () => {
  if (existsSync(join(dir, 'ovs-vswitchd.pid'))) appctl('exit');
  await eventually('the daemon ended', () => !existsSync(join(dir, 'ovs-vswitchd.pid')));
  rmSync(dir, { recursive: true, force: true });
});

describe('weftd --detach', () => {
  it('is found, asked and ended by the real ovs-appctl', async () => {
    const started = daemon('--detach', '--no-chdir', '--pidfile', '--log-file', '-vconsole:off');
    expect(started).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(existsSync(join(dir, `ovs-vswitchd.${pid()}.ctl`))).toBe(true);
    expect(appctl('version').stdout).toBe('ovs-vswitchd (Open vSwitch) 3.1.0\n');
    expect(appctl('-t', 'ovs-vswitchd', 'list-commands').stdout).toMatch(/^ {2}exit {20}\[--cleanup\]$/m);
    expect(appctl('vlog/list').stdout).toMatch(/^bridge +OFF +INFO +INFO$/m);
    expect(appctl('vlog/set', 'bridge:file:dbg').status).toBe(0);
    expect(appctl('vlog/list').stdout).toMatch(/^bridge +OFF +INFO +DBG$/m);
    expect(appctl('no/such')).toEqual({
      status: 2,
      stdout: '',
      stderr:
        '"no/such" is not a valid command (use "list-commands" to see a list of valid commands)\n' +
        'ovs-appctl: ovs-vswitchd: server returned an error\n',
    });
    expect(appctl('exit').status).toBe(0);
    await eventually('files removed', () => readdirSync(dir).every((name) => !/\.(pid|ctl)$/.test(name)));
    expect(logText()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\|00001\|vlog\|INFO\|opened log file /);
    expect(logText()).not.toMatch(/\|(WARN|ERR|EMER)\|/);
  });

  it('says why the log cannot be opened again', () => {
    expect(daemon('--detach', '--pidfile', '--log-file', '-vconsole:off').status).toBe(0);
    const file = join(dir, 'ovs-vswitchd.log');
    rmSync(file);
    mkdirSync(file);
    expect(appctl('vlog/reopen').stderr).toContain('Is a directory\n');
    rmSync(file, { recursive: true });
    expect(appctl('vlog/reopen').status).toBe(0);
    expect(logText()).toContain('opened log file');
  });

  it('refuses to start beside a live daemon, and takes a dead one’s pidfile', () => {
    writeFileSync(join(dir, 'ovs-vswitchd.pid'), '1\n');
    expect(daemon('--detach', '--pidfile', '-vconsole:off').status).toBe(0);
    expect(pid()).not.toBe(1);
    const second = daemon('--detach', '--pidfile', '-vconsole:off');
    expect(second).toEqual({
      status: 1,
      stdout: '',
      stderr: `weftd: ${dir}/ovs-vswitchd.pid: already running as pid ${pid()}, aborting\n`,
    });
    expect(appctl('version').status).toBe(0);
    expect(readdirSync(dir).filter((name) => name.endsWith('.ctl'))).toHaveLength(1);
  });

  it('prints the reason and exits 1 when the daemon cannot start', () => {
    expect(daemon('--detach', '--unixctl=/no/such/folder/x.ctl')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'weftd: /no/such/folder/x.ctl: could not initialize control socket (No such file or directory)\n',
    });
  });

  it('writes to a new file after vlog/reopen, and to none after vlog/close', async () => {
    daemon('--detach', '--pidfile', '--log-file', '-vconsole:off');
    execFileSync('mv', [join(dir, 'ovs-vswitchd.log'), join(dir, 'old.log')]);
    expect(appctl('vlog/reopen').status).toBe(0);
    await eventually('a new log file', () => existsSync(join(dir, 'ovs-vswitchd.log')) && logText().includes('opened'));
    expect(appctl('vlog/close').status).toBe(0);
    rmSync(join(dir, 'ovs-vswitchd.log'));
    process.kill(pid(), 'SIGHUP');
    await eventually('SIGHUP opens it again', () => existsSync(join(dir, 'ovs-vswitchd.log')));
  });

  it('goes on when its log is on a full disk', () => {
    expect(daemon('--detach', '--pidfile', '--log-file=/dev/full', '-vconsole:off', '-vfile:dbg').status).toBe(0);
    for (let i = 0; i < 20; i++) expect(appctl('version').status).toBe(0);
  });
});

describe('weftd --monitor', () => {
  it('restarts the daemon after a crash, and ends with it on exit', async () => {
    const started = daemon('--detach', '--monitor', '--pidfile', '--log-file', '-vconsole:off');
    expect(started).toEqual({ status: 0, stdout: '', stderr: '' });
    const first = pid();
    process.kill(first, 'SIGSEGV');
    await eventually('a second daemon', () => appctl('version').status === 0 && pid() !== first);
    expect(logText()).toMatch(/daemon_unix\(monitor\)\|ERR\|1 crashes: pid \d+ died, killed \(SIGSEGV\), restarting/);
    expect(appctl('exit').status).toBe(0);
    await eventually('the monitor ended', () =>
      /monitor\)\|INFO\|pid \d+ died, exit status 0, exiting/.test(logText()),
    );
  });
});

describe('weftd in the foreground', () => {
  it('logs JSON when asked, and dies of SIGTERM after cleaning up', async () => {
    const child = spawn(process.execPath, [weftd, '--pidfile', '--log-format', 'json'], { env });
    let stderr = '';
    child.stderr.on('data', (bytes) => (stderr += String(bytes)));
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    await eventually('it answers', () => appctl('version').status === 0);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ code: null, signal: 'SIGTERM' });
    const last = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ level: 'info', module: 'daemon', msg: 'terminating with signal 15 (Terminated)' });
    expect(readdirSync(dir).filter((name) => !name.includes('conf.db'))).toEqual([]);
  });
});
