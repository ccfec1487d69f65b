import { describe, expect, it } from 'vitest';
import { planRam, txStride } from '../../../../bench/guest/ram.ts';

describe('planRam()', () => {
  it('keeps rings on pages of their own and buffers after them', () => {
    const plan = planRam(1024, 64, 1024);
    const starts = [plan.rx.desc, plan.rx.avail, plan.rx.used, plan.tx.desc, plan.tx.avail, plan.tx.used];
    for (const start of starts) expect(start % 4096).toBe(0);
    expect(plan.txBuffers).toBeGreaterThan(plan.rxBuffers);
    expect(plan.size % (2 * 1024 * 1024)).toBe(0);
    expect(plan.txBuffers + 1024 * plan.txStride).toBeLessThanOrEqual(plan.size);
  });

  it('refuses a pool that no RAM holds', () => {
    expect(() => planRam(1024, 1500, 1_000_000)).toThrow('use fewer flows');
  });
});

describe('txStride()', () => {
  it('leaves room for a whole last vector store', () => {
    expect(txStride(64)).toBe(128);
    expect(txStride(65)).toBe(192);
    expect(txStride(1500)).toBe(1600);
  });
});
