import { describe, expect, it } from 'vitest';
import { MacTable } from '../../../ofproto/mac-learning.ts';

const mac = (n: number) => Uint8Array.of(0, 0, 0, 0, n >> 8, n & 255);

describe('MacTable', () => {
  it('learn() says whether it was news', () => {
    const table = new MacTable<number>();
    expect(table.learn(0, mac(1), 1, 0)).toBe(true);
    expect(table.learn(0, mac(1), 1, 1)).toBe(false);
    expect(table.learn(5, mac(1), 2, 1)).toBe(true);
    expect(table.learn(0, mac(1), 3, 2)).toBe(true);
    expect([table.lookup(0, mac(1)), table.lookup(5, mac(1)), table.lookup(6, mac(1))]).toEqual([3, 2, undefined]);
  });

  it('forgets addresses that were not seen for the aging time', () => {
    const table = new MacTable<number>();
    table.configure({ agingTimeMs: 1000 });
    table.learn(0, mac(1), 1, 0);
    table.learn(0, mac(2), 1, 500);
    expect(table.expire(999)).toBe(false);
    expect(table.expire(1000)).toBe(true);
    expect(table.entries().map((entry) => entry.mac[5])).toEqual([2]);
  });

  it('when full, drops the oldest address of the port that has most', () => {
    const table = new MacTable<number>();
    table.configure({ maxEntries: 4 });
    table.learn(0, mac(100), 9, 0);
    for (let i = 1; i <= 50; i++) table.learn(0, mac(i), 1, i);
    expect(table.size).toBe(4);
    expect(table.lookup(0, mac(100))).toBe(9);
    expect(table.lookup(0, mac(50))).toBe(1);
  });

  it('drops the oldest in the order in which they were last seen, also after moves', () => {
    const table = new MacTable<number>();
    table.configure({ maxEntries: 4 });
    for (const [i, port] of [1, 1, 1, 2].entries()) table.learn(0, mac(i), port, i);
    // 0 was seen again, 1 moved to port 2 and back: 2 is the oldest of port 1.
    table.learn(0, mac(0), 1, 10);
    table.learn(0, mac(1), 2, 11);
    table.learn(0, mac(1), 1, 12);
    const left = () => table.entries().map((entry) => entry.mac[5]);
    table.learn(0, mac(4), 2, 20);
    expect(left()).toEqual([3, 0, 1, 4]);
    table.learn(0, mac(5), 1, 21);
    expect(left()).toEqual([3, 1, 4, 5]);
    expect(table.stats).toMatchObject({ learned: 6, evicted: 2, moved: 2 });
  });

  it('flushPort() leaves the others', () => {
    const table = new MacTable<number>();
    table.learn(0, mac(1), 1, 0);
    table.learn(0, mac(2), 2, 0);
    expect(table.flushPort(1)).toBe(true);
    expect([table.lookup(0, mac(1)), table.lookup(0, mac(2))]).toEqual([undefined, 2]);
    expect(table.flushPort(1)).toBe(false);
  });

  it('static entries neither move, age, go with a flush nor make room', () => {
    const table = new MacTable<number>();
    table.configure({ agingTimeMs: 1000, maxEntries: 2 });
    table.learn(0, mac(1), 1, 0);
    expect(table.addStatic(0, mac(1), 2)).toMatchObject({ port: 1, isStatic: false });
    expect(table.addStatic(0, mac(1), 2)).toBeUndefined();
    expect(table.learn(0, mac(1), 3, 5)).toBe(false);
    table.addStatic(0, mac(2), 2);
    expect(table.learn(0, mac(3), 3, 5)).toBe(false);
    table.expire(5000);
    table.flush();
    expect(table.entries().map(({ port }) => port)).toEqual([2, 2]);
    expect([table.deleteStatic(0, mac(2)), table.deleteStatic(0, mac(2))]).toEqual([true, false]);
    expect(table.flushPort(2)).toBe(true);
    expect(table.size).toBe(0);
  });
});
