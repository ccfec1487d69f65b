import { describe, expect, it } from 'vitest';
import { type DaemonOptions, parseOptions } from '../../../../src/daemon/process/options.ts';

const env = { OVS_RUNDIR: '/r', OVS_LOGDIR: '/l', OVS_DBDIR: '/d' };

function options(...args: string[]): DaemonOptions {
  const invocation = parseOptions(args, env);
  if (invocation.kind !== 'run') throw new Error(invocation.kind);
  return invocation.options;
}

describe('parseOptions()', () => {
  it("takes ovs-ctl's command line", () => {
    const parsed = options(
      ...['unix:/r/db.sock', '-vconsole:emer', '-vsyslog:err', '-vfile:info', '--mlockall', '--no-chdir'],
      ...['--log-file=/l/x.log', '--pidfile=/r/x.pid', '--detach', '--monitor'],
    );
    expect(parsed).toMatchObject({
      remote: 'unix:/r/db.sock',
      lockMemory: true,
      chdir: false,
      detach: true,
      monitor: true,
      pidfile: '/r/x.pid',
      unixctl: `/r/ovs-vswitchd.${process.pid}.ctl`,
    });
    expect(parsed.log).toMatchObject({
      verbose: ['console:emer', 'syslog:err', 'file:info'],
      logFile: '/l/x.log',
    });
  });

  it('places files by environment, and in --rundir', () => {
    expect(options('--pidfile', '--log-file').pidfile).toBe('/r/ovs-vswitchd.pid');
    expect(options('--log-file').log.logFile).toBe('/l/ovs-vswitchd.log');
    expect(options('--rundir', '/tmp/x', '--unixctl=a.ctl').unixctl).toBe('/tmp/x/a.ctl');
    expect(options('--unixctl=none').unixctl).toBeUndefined();
    expect(options().pidfile).toBeUndefined();
  });

  it('reads the dummy flags', () => {
    const parsed = options('--enable-dummy=override', '--disable-system', '--dummy-numa', '0,0,1,1');
    expect(parsed).toMatchObject({ dummy: 'override', disableSystem: true, dummyNuma: [0, 0, 1, 1] });
    expect(options('--enable-dummy').dummy).toBe('on');
  });

  it.each([
    [['--foo'], "unrecognized option '--foo'"],
    [['a', 'b'], 'at most one non-option argument accepted; use --help for usage'],
    [['--enable-dummy=foo'], 'foo: unknown dummy level'],
    [['--dummy-numa=x'], '--dummy-numa: expected NUMA nodes separated by commas, not "x"'],
    [['--log-format=xml'], '--log-format: expected json or text, not "xml"'],
    [['-p', 'key.pem'], '--private-key: TLS connections are not supported'],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args, env)).toThrow(message);
  });
});
