// weft-appctl beside the real ovs-appctl, both asking a running weftd.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dist = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'dist/src');
const dir = mkdtempSync(join(tmpdir(), 'weft-appctl-'));
const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSLOG_METHOD: 'null' };

function run(file: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(file, args, { env, encoding: 'utf8', timeout: 20_000 });
  const plain = stderr.replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME').replaceAll('weft-appctl:', 'ovs-appctl:');
  return { status, stdout, stderr: plain.replace(/: weft-appctl/g, ': ovs-appctl') };
}
const weft = (...args: string[]) => run(process.execPath, [join(dist, 'cli/weft-appctl.js'), ...args]);
const real = (...args: string[]) => run('ovs-appctl', args);

describe('weft-appctl and ovs-appctl', () => {
  beforeAll(() => {
    expect(run(process.execPath, [join(dist, 'weftd.js'), '--detach', '--pidfile', '-vconsole:off']).status).toBe(0);
    writeFileSync(join(dir, 'stale.pid'), '4194000\n');
  });
  afterAll(() => {
    real('exit');
    rmSync(dir, { recursive: true, force: true });
  });

  it.each([
    [['version']],
    [['list-commands']],
    [['vlog/list-pattern']],
    [['--timeout=5', '-t', 'ovs-vswitchd', 'vlog/list']],
    [['vlog/set', 'bridge:file:warn', 'nosuch']],
    [['nosuch/command']],
    [['version', 'x']],
    [['version', '-V']],
    [['version', '--', 'x']],
    [['coverage/read-counter']],
    [['-t', 'nosuch', 'version']],
    [['-t', 'stale', 'version']],
    [['-t', '/nosuch.ctl', 'version']],
    [['-t', '', 'version']],
    [[]],
    [['-T', 'x', 'version']],
    [['-T', '0', 'version']],
    [['-T']],
    [['--foo']],
    [['--t', 'x']],
    [['-vnosuch', 'version']],
  ])('do the same with %j', (args) => {
    expect(weft(...args)).toEqual(real(...args));
  });

  it('weft-appctl also takes a process ID', () => {
    const pid = Number(spawnSync('cat', [join(dir, 'ovs-vswitchd.pid')], { encoding: 'utf8' }).stdout);
    expect(weft('-t', String(pid), 'version')).toEqual(real('version'));
  });
});
