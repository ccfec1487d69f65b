import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../lib/clock.ts';
import { logger, setLogSink } from '../../../lib/log.ts';
import { rateLimited, setUnlimited } from '../../../lib/log-rate-limit.ts';

describe('rateLimited()', () => {
  afterEach(() => setLogSink(() => {}));

  it('passes a burst, then says how many it dropped', () => {
    const lines: string[] = [];
    setLogSink((record) => lines.push(`${record.level} ${record.text}`));
    const clock = new VirtualClock();
    const log = rateLimited(logger('test_rate'), { perMinute: 60, burst: 2 }, clock);
    for (let i = 0; i < 5; i++) log.warn(`message ${i}`);
    clock.warp(3000);
    log.warn('later');
    expect(lines).toEqual([
      'warn message 0',
      'warn message 1',
      'warn Dropped 3 log messages in last 3 seconds (most recently, 3 seconds ago) due to excessive rate',
      'warn later',
    ]);
  });

  it('passes everything of a module that is unlimited', () => {
    let count = 0;
    setLogSink(() => count++);
    const log = rateLimited(logger('test_unlimited'), { burst: 1 }, new VirtualClock());
    setUnlimited('test_unlimited', true);
    for (let i = 0; i < 5; i++) log.info('again');
    setUnlimited('test_unlimited', false);
    expect(count).toBe(5);
  });
});
