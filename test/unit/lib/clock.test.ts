import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../lib/clock.ts';

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
});
