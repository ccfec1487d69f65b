import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../lib/clock.ts';
import { PacketInLimiter } from '../../../../ofproto/connmgr/packet-in-limiter.ts';

describe('PacketInLimiter', () => {
  it('lets a burst pass, then the rate', () => {
    const clock = new VirtualClock();
    const limiter = new PacketInLimiter(clock, { perSecond: 100, burst: 10 });
    let sent = 0;
    for (let i = 0; i < 15; i++) limiter.submit('miss', 1, () => sent++);
    expect(sent).toBe(10);
    clock.warp(20);
    expect(sent).toBe(12);
    clock.warp(1000);
    expect(sent).toBe(15);
    expect(limiter.counters()).toMatchObject({
      'packet-in-miss-bypassed': '10',
      'packet-in-miss-queued': '5',
      'packet-in-miss-dropped': '0',
      'packet-in-miss-backlog': '0',
      'packet-in-action-bypassed': '0',
    });
  });

  it('limits misses and actions apart', () => {
    const limiter = new PacketInLimiter(new VirtualClock(), { perSecond: 100, burst: 1 });
    let sent = 0;
    limiter.submit('miss', 1, () => sent++);
    limiter.submit('action', 1, () => sent++);
    expect(sent).toBe(2);
  });

  it("a storm on one port costs that port's packets, and ports take turns", () => {
    const clock = new VirtualClock();
    const limiter = new PacketInLimiter(clock, { perSecond: 100, burst: 10 });
    const sent: number[] = [];
    for (let i = 0; i < 10; i++) limiter.submit('miss', 9, () => {});
    for (let i = 0; i < 100; i++) limiter.submit('miss', 1, () => sent.push(1));
    for (let i = 0; i < 3; i++) limiter.submit('miss', 2, () => sent.push(2));
    clock.warp(1000);
    expect(sent).toEqual([1, 2, 1, 2, 1, 2, 1, 1, 1, 1]);
    expect(limiter.counters()['packet-in-miss-dropped']).toBe('93');
  });
});
