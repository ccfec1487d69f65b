// weft-vsctl beside the real ovs-vsctl: the same command lines on two real ovsdb-servers must print the same, end with
// the same status and leave the same database.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { vsctl } from '../../src/cli/vsctl/main.ts';

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, '../../dist/src/cli/weft-vsctl.js');

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A private ovsdb-server, and a real ovs-vswitchd when asked for. */
class Database {
  readonly dir = mkdtempSync(join(tmpdir(), 'weft-vsctl-'));
  readonly env = {
    ...process.env,
    OVS_RUNDIR: this.dir,
    OVS_LOGDIR: this.dir,
    OVS_DBDIR: this.dir,
    OVS_SYSLOG_METHOD: 'null',
  };
  #hasSwitch = false;

  constructor() {
    this.run('ovsdb-tool', 'create', 'conf.db', '/usr/share/openvswitch/vswitch.ovsschema');
    this.run('ovsdb-server', 'conf.db', '--remote=punix:db.sock', '--pidfile', '--detach', '-vconsole:off');
  }

  run(file: string, ...args: string[]): string {
    return execFileSync(file, args, { cwd: this.dir, env: this.env, encoding: 'utf8', timeout: 20_000 });
  }

  startSwitch(): void {
    this.run('ovs-vsctl', '--no-wait', 'init');
    const flags = ['--enable-dummy=override', '--disable-system', '--disable-system-route'];
    this.run('ovs-vswitchd', ...flags, '--pidfile', '--detach', '-vconsole:off');
    this.#hasSwitch = true;
  }

  close(): void {
    if (this.#hasSwitch) this.run('ovs-appctl', 'exit');
    this.run('ovs-appctl', '-t', 'ovsdb-server', 'exit');
    rmSync(this.dir, { recursive: true, force: true });
  }

  real(args: readonly string[]): Outcome {
    const options = { cwd: this.dir, env: this.env, encoding: 'utf8', timeout: 20_000 } as const;
    const { status, stdout, stderr } = spawnSync('ovs-vsctl', args, options);
    return { status, stdout, stderr };
  }

  async weft(args: readonly string[]): Promise<Outcome> {
    let stdout = '';
    let stderr = '';
    const status = await vsctl(args, {
      name: 'ovs-vsctl',
      env: this.env,
      write: (text) => (stdout += text),
      writeError: (text) => (stderr += text),
    });
    return { status, stdout, stderr };
  }
}

/** Splits a line as a shell does, with both kinds of quotes and backslashes. */
function words(line: string): string[] {
  const found: string[] = [];
  for (const [token] of line.matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g)) {
    found.push(
      token.replace(
        /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g,
        (_all, double?: string, single?: string, escaped?: string) =>
          double !== undefined ? double.replace(/\\(["\\])/g, '$1') : (single ?? escaped ?? ''),
      ),
    );
  }
  return found;
}

/** What may differ between two databases: uuids, times, the order of rows, and of characters in lists of uuids. */
function normal(line: string, text: string, dir: string): string {
  const plain = text
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replace(/(<a (?:name|href)="#?UUID">)[0-9a-f]{8}/g, '$1UUID')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
    .replaceAll(dir, 'RUNDIR');
  if (!/\b(list|find|show)\b/.test(line)) return plain;
  if (/json/.test(line)) return [...plain].sort().join('');
  return plain
    .split(/table|csv|html|show|no-headings|bare/.test(line) ? '\n' : /\n\n|\n$/)
    .sort()
    .join('\n');
}

describe('weft-vsctl and ovs-vsctl', () => {
  let databases: Database[] = [];

  beforeEach(() => {
    databases = [new Database(), new Database()];
  });
  afterEach(() => {
    for (const database of databases) database.close();
  });

  it.each(['everyday.txt', 'corners.txt'])('do the same with every line of %s', async (file) => {
    let [real, weft] = databases as [Database, Database];
    for (const line of readFileSync(join(here, 'vsctl', file), 'utf8').split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      if (line === '!fresh') {
        for (const database of databases) database.close();
        databases = [new Database(), new Database()];
        [real, weft] = databases as [Database, Database];
        continue;
      }
      const args = ['--no-wait', ...words(line)];
      const [expected, got] = [real.real(args), await weft.weft(args)];
      const shape = ({ status, stdout, stderr }: Outcome, { dir }: Database) => ({
        line,
        status,
        stdout: normal(line, stdout, dir),
        stderr: normal('', stderr, dir),
      });
      expect(shape(got, weft)).toEqual(shape(expected, real));
    }
  });

  it('wait for the daemon, and report interfaces that did not come up', async () => {
    const [real, weft] = databases as [Database, Database];
    for (const database of databases) database.startSwitch();
    const lines = [
      'add-br br0',
      'add-port br0 p1',
      'get interface p1 ofport',
      'add-port br0 bad -- set interface bad type=nosuchtype',
      'add-port br0 pp -- set interface pp type=patch -- add-port br0 p9',
      'add-br br1 -- set bridge br1 datapath_type=nosuch',
      '--may-exist add-port br0 p1',
      'set interface p1 type=patch',
      'get interface p1 ofport error',
      'get open . cur_cfg next_cfg',
    ];
    for (const line of lines) {
      const [expected, got] = [real.real(words(line)), await weft.weft(words(line))];
      const shape = (outcome: Outcome, { dir }: Database) => ({
        line,
        ...outcome,
        stderr: outcome.stderr.replaceAll(dir, 'RUNDIR'),
      });
      expect(shape(got, weft)).toEqual(shape(expected, real));
    }
  });

  it('change the database at the same time without losing a port', async () => {
    const [, weft] = databases as [Database, Database];
    await weft.weft(['--no-wait', 'add-br', 'br0']);
    const names = Array.from({ length: 20 }, (_, i) => `p${i + 10}`);
    const outcomes = await Promise.all(names.map((name) => weft.weft(['--no-wait', 'add-port', 'br0', name])));
    expect(outcomes.filter(({ status }) => status !== 0)).toEqual([]);
    expect(weft.real(['list-ports', 'br0']).stdout).toBe(names.map((name) => `${name}\n`).join(''));
  });

  it('end by SIGALRM when --timeout passes', () => {
    const [, weft] = databases as [Database, Database];
    const { signal, stderr } = spawnSync(process.execPath, [built, '--timeout=1', 'add-br', 'br0'], {
      env: weft.env,
      encoding: 'utf8',
    });
    expect(signal).toBe('SIGALRM');
    expect(stderr).toMatch(/\|fatal_signal\|WARN\|terminating with signal 14 \(Alarm clock\)\n$/);
  });
});
