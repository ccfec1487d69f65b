import { describe, expect, it } from 'vitest';
import { othersShare, parseCpuTicks, parseProcessTicks } from '../../../../bench/harness/interference.ts';

describe('parseCpuTicks()', () => {
  it('tells busy, idle and stolen time apart', () => {
    expect(parseCpuTicks('cpu  10 1 5 100 4 1 1 8 0 0\ncpu0 1\n')).toEqual({ busy: 18, steal: 8, total: 130 });
  });
});

describe('parseProcessTicks()', () => {
  it('finds user and system time behind any process name', () => {
    expect(parseProcessTicks('7 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 40 2 0 0')).toBe(42);
  });
});

describe('othersShare()', () => {
  const sample = (busy: number, steal: number, total: number, ours: number) => ({ cpu: { busy, steal, total }, ours });

  it('is what was busy or stolen but not ours, in cores', () => {
    expect(othersShare(sample(0, 0, 0, 0), sample(150, 10, 200, 140), 2)).toBeCloseTo(0.2);
    expect(othersShare(sample(0, 0, 0, 0), sample(100, 0, 200, 105), 2)).toBe(0);
    expect(othersShare(sample(5, 0, 9, 0), sample(5, 0, 9, 0), 2)).toBe(0);
  });
});
