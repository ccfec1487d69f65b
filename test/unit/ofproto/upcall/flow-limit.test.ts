import { expect, it } from 'vitest';
import { FlowLimit } from '../../../../ofproto/upcall/flow-limit.ts';

it('grows within a few rounds to what a round affords, and never beyond the configured limit', () => {
  const limit = new FlowLimit();
  expect(limit.current).toBe(10_000);
  limit.adapt(1, 1000);
  expect(limit.current).toBe(10_000);
  for (let round = 0; round < 3; round++) limit.adapt(limit.current / 1000, limit.current);
  expect(limit.current).toBe(200_000);
  limit.adapt(900, 100_000);
  expect(limit.current).toBe(200_000);
});

it('shrinks when rounds take long', () => {
  const limit = new FlowLimit();
  limit.adapt(1400, 10_000);
  expect(limit.current).toBe(7500);
  limit.adapt(5000, 10_000);
  expect(limit.current).toBe(1500);
  limit.adapt(60_000, 10_000);
  expect(limit.current).toBe(1000);
});

it('finds its way back from a small configured limit', () => {
  const limit = new FlowLimit();
  limit.max = 1000;
  limit.adapt(10, 1000);
  expect(limit.current).toBe(1000);
  limit.max = 200_000;
  for (let round = 0; round < 5; round++) limit.adapt(limit.current / 1000, limit.current);
  expect(limit.current).toBe(200_000);
});

it('is crowded only when the limit cannot grow', () => {
  const limit = new FlowLimit();
  expect(limit.isCrowded(10_000)).toBe(false);
  for (let round = 0; round < 5; round++) limit.adapt(limit.current / 1000, limit.current);
  expect(limit.isCrowded(199_999)).toBe(false);
  expect(limit.isCrowded(200_000)).toBe(true);

  const slow = new FlowLimit();
  // A round of 10,000 takes 1.2 s: no more can be afforded.
  slow.adapt(1200, 10_000);
  expect(slow.current).toBe(10_000);
  expect(slow.isCrowded(10_000)).toBe(true);
});
