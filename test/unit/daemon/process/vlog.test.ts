import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../../lib/log.ts';
import { type Destination, Vlog } from '../../../../src/daemon/process/vlog.ts';

function capture(vlog: Vlog, destination: Destination): string[] {
  const lines: string[] = [];
  void vlog.setOutput(destination, {
    write: (_record, text) => lines.push(text()),
    flush: () => {},
    close: async () => {},
  });
  return lines;
}

const record = (level: LogRecord['level'], module = 'bridge'): LogRecord => ({
  timeMs: Date.UTC(2026, 0, 31, 12, 0, 0, 7),
  module,
  level,
  text: 'hello',
});

describe('Vlog', () => {
  it("writes Open vSwitch's lines, numbering what any destination takes", () => {
    const vlog = new Vlog('ovs-vswitchd', 'warn');
    const file = capture(vlog, 'file');
    const console = capture(vlog, 'console');
    vlog.sink(record('dbg'));
    vlog.sink(record('info'));
    vlog.sink(record('warn', 'dpif'));
    expect(file).toEqual([
      '2026-01-31T12:00:00.007Z|00001|bridge|INFO|hello',
      '2026-01-31T12:00:00.007Z|00002|dpif|WARN|hello',
    ]);
    expect(console).toEqual(['2026-01-31T12:00:00Z|00002|dpif|WARN|hello']);
  });

  it('sets levels by module and destination in any order and case', () => {
    const vlog = new Vlog('ovs-vswitchd', 'info');
    vlog.applySpec('file:WARN,bridge');
    expect(vlog.level('bridge', 'file')).toBe('warn');
    expect(vlog.level('bridge', 'console')).toBe('info');
    vlog.applySpec('ANY:file:dbg');
    expect(vlog.level('bridge', 'file')).toBe('dbg');
    expect(vlog.level('dpif_netdev', 'file')).toBe('dbg');
    vlog.applySpec('');
    expect(vlog.level('dpif_netdev', 'syslog')).toBe('dbg');
  });

  it.each([
    ['bogus', 'no destination, level, or module "bogus"'],
    ['bridge:dpif', 'cannot specify multiple modules'],
    ['file:console', 'cannot specify multiple destinations'],
    ['dbg:warn', 'cannot specify multiple levels'],
    ['PATTERN', 'missing destination'],
    ['PATTERN:tape:x', 'unknown destination "tape"'],
    ['FACILITY:moon', 'invalid facility'],
  ])('refuses %j', (spec, message) => {
    expect(() => new Vlog('x', 'info').applySpec(spec)).toThrow(message);
  });

  it('expands patterns', () => {
    const vlog = new Vlog('ovs-vswitchd', 'info', 'monitor');
    const lines = capture(vlog, 'file');
    vlog.applySpec('PATTERN:file:%A|%B|%-6p|%4N|%t%T|%D{%H:%M:%S.##}|%%|%q');
    vlog.applySpec('FACILITY:local0');
    vlog.sink(record('err'));
    expect(lines).toEqual(['ovs-vswitchd|131|ERR   |   1|monitor(monitor)|12:00:00.00|%|%q']);
  });
});
