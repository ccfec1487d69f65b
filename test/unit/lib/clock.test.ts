import { describe, expect, it } from 'vitest';
import { MachineClock, VirtualClock } from '../../../lib/clock.ts';

describe('VirtualClock', () => {
  it('warp() runs timers in due order and stops at its target', () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push(`b@${clock.nowMs()}`));
    clock.after(10, () => {
      ran.push(`a@${clock.nowMs()}`);
      clock.after(5, () => ran.push(`nested@${clock.nowMs()}`));
    });
    clock.warp(15);
    expect(ran).toEqual(['a@10', 'nested@15']);
    clock.warp(5);
    expect(ran.at(-1)).toBe('b@20');
  });

  it('after() can be cancelled', () => {
    const clock = new VirtualClock();
    let ran = false;
    clock.after(1, () => (ran = true))();
    clock.warp(10);
    expect(ran).toBe(false);
  });

  it('warp() comes to its end past timers for what rounding left of a delay', () => {
    const clock = new VirtualClock(12_345_678.9);
    let times = 0;
    const again = () => clock.after(1e-10, () => ++times < 1_000_000 && again());
    again();
    clock.warp(1);
    expect(times).toBeLessThan(2000);
  });
});

describe('MachineClock', () => {
  it('stop() keeps pending timers for warp(), which runs them in steps', async () => {
    const clock = new MachineClock();
    const ran: string[] = [];
    clock.after(60_000, () => ran.push('late'));
    const cancel = clock.after(60_000, () => ran.push('cancelled'));
    clock.stop();
    const stoppedMs = clock.nowMs();
    clock.after(500, () => ran.push(`step@${Math.round(clock.nowMs() - stoppedMs)}`));
    cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(clock.nowMs()).toBe(stoppedMs);
    await clock.warp(1000, 100);
    expect(ran).toEqual(['step@500']);
    await clock.warp(60_000, 1000);
    expect(ran).toEqual(['step@500', 'late']);
  });
});
