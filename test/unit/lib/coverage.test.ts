import { describe, expect, it } from 'vitest';
import { coverage, coverageText, coverageTick, coverageTotal } from '../../../lib/coverage.ts';

describe('coverage counters', () => {
  it('show rates over five seconds, a minute and an hour', () => {
    const counter = coverage('test_event');
    coverage('test_never');
    counter.inc(20);
    coverageTick();
    counter.inc(10);
    coverageTick();
    const text = coverageText();
    expect(text).toContain(
      'test_event                 2.0/sec     0.500/sec        0.0083/sec   total: 30\n1 events never hit',
    );
    expect(coverageTotal('test_event')).toBe(30);
    expect(coverageTotal('no_such')).toBeUndefined();
  });

  it('forget what is older than a minute and an hour', () => {
    const counter = coverage('test_old');
    counter.inc(3600);
    for (let i = 0; i < 13; i++) coverageTick();
    expect(coverageText()).toMatch(/test_old +0\.0\/sec +0\.000\/sec +1\.0000\/sec/);
    for (let i = 0; i < 12 * 60; i++) coverageTick();
    expect(coverageText()).toMatch(/test_old +0\.0\/sec +0\.000\/sec +0\.0000\/sec/);
  });
});
